import { fixedLines } from '../agent/lines.ts';
import type { AgentConfig } from '../agent/options.ts';
import type { Journal } from '../journal/reader.ts';
import type { Log } from '../core/log.ts';
import { objectOf } from '../telnyx/json-fields.ts';
import type { LegStatus, TelnyxApi } from '../telnyx/commands.ts';
import { foldFacts, type CallFacts } from './facts.ts';
import type { EndReason, LegName } from './inputs.ts';
import { dialState, type DialInput } from './outbound-call.ts';
import type { CallPorts } from './ports.ts';
import { fallbackOf, type CallRegistry, type ReadyAgent } from './registry.ts';
import { Session } from './session.ts';
import { isTarget, type CallState, type DialState } from './state.ts';

export interface RecoveryOptions {
  readonly log: Log;
  readonly telnyx: TelnyxApi;
  readonly registry: CallRegistry;
  readonly agents: ReadonlyMap<string, ReadyAgent>;
  readonly codec: 'g711' | 'L16';
  /** Milliseconds of wall time since the journal's last record. */
  wallSince(journal: Journal, facts: CallFacts): number;
  /** Continues the call's journal and gives what its session needs. */
  open(callId: string, seed: string, agent: string): CallPorts;
}

export type Recovered = 'resumed' | 'ended';

/**
 * Takes over one call whose process was killed: asks Telnyx which of its legs still live and goes on with it, or closes its
 * books with `crash_recovered`. What cannot be asked is taken as alive; the commands that follow will tell.
 */
export async function recoverCall(journal: Journal, options: RecoveryOptions): Promise<Recovered> {
  const { callId, seed } = journal.head;
  const facts = foldFacts(journal.records);
  const agent = options.agents.get(facts.agent);
  const log = options.log.child({ callId });
  const talking = facts.legs['caller'] ?? facts.legs['callee'];
  const live = Object.values(facts.legs).filter((leg) => leg.phase !== 'ended');
  // What was dialled and has no name at Telnyx yet is looked for by the call itself.
  const nameless = live.some((leg) => leg.callControlId === '');
  const up = live.filter((leg) => leg.callControlId !== '');
  const statuses = await Promise.all(
    up.map(async (leg) => ({ leg: leg.name, status: await options.telnyx.status(leg.callControlId) })),
  );
  const status: LegStatus =
    statuses.find((one) => one.leg === talking?.name)?.status ??
    (nameless ? { known: false, message: 'dialled, and not named yet' } : { known: true, isAlive: false });
  const alive = !status.known || status.isAlive;
  // Without its agent the call cannot go on: it is ended properly. Nor does one with an answering machine, whose beep is past.
  const canGoOn = alive && agent !== undefined && facts.answeredBy !== 'machine';
  const config = agent?.config ?? [...options.agents.values()][0]?.config;
  if (!config) throw new Error('recovery needs at least one agent');
  const elapsed = facts.answeredAt === undefined ? 0 : facts.t - facts.answeredAt + options.wallSince(journal, facts);
  const maxDurationMs = facts.dial?.maxDurationMs ?? agent?.limits.maxDurationMs ?? 3_600_000;
  const state: CallState = {
    direction: facts.direction,
    from: facts.from,
    to: facts.to,
    agent: facts.agent,
    status: facts.status,
    limits: { maxDurationMs: Math.max(1000, maxDurationMs - elapsed), noMediaMs: agent?.limits.noMediaMs ?? 15_000 },
    failureLine: fixedLines(config.language).failure,
    declared: options.codec === 'L16' ? 'L16' : facts.declared,
    overflow: false,
    fallback: agent && !facts.dial ? fallbackOf(agent.config) : undefined,
    ...(facts.dial ? { dial: recoveredDial(facts.dial, facts, config), metadata: facts.dial.metadata } : {}),
    legs: alive ? facts.legs : withoutDead(facts.legs, statuses),
    transfer: facts.transfer,
    hold: facts.hold,
    answeredAt: facts.answeredAt,
    endReason: canGoOn && talking?.phase !== 'ending' ? facts.endReason : (facts.endReason ?? reasonOf(facts)),
    hangupCause: undefined,
    sipCode: undefined,
    finished: false,
  };
  // Whether Telnyx got our answer is unknown: it is repeated under its first id and with its first stream URL.
  const answering = talking?.phase === 'answering' && facts.idCounts['command'] === 1;
  const bridging = facts.transfer?.attended?.step === 'bridging' && lastCommand(journal) === 'bridge';
  const session = new Session({
    callId,
    seed,
    config,
    state,
    ports: options.open(callId, seed, facts.agent),
    resumed: {
      history: facts.history,
      toolResults: facts.toolResults,
      turn: facts.turn,
      recorded: facts.recorded,
      recording: facts.recording,
      muted: facts.muted,
      seq: facts.seq,
      t: facts.t,
      samples: facts.samples,
      idCounts: answering ? {} : bridging ? lastOneAgain(facts.idCounts) : facts.idCounts,
    },
  });
  options.registry.adopt(session);
  if (facts.status === 'ended' || !talking) {
    session.discard();
    return 'ended';
  }
  const tellStatuses = (): void => {
    // The caller's last: what it means for the others is decided with theirs known.
    for (const one of statuses.toReversed()) session.post({ type: 'legStatus', ...one });
  };
  if (canGoOn) {
    log.info({ phase: talking.phase }, 'live call taken over');
    session.post({ type: 'recovered' });
    tellStatuses();
    return 'resumed';
  }
  log.info({ alive }, 'call of a killed process closed');
  tellStatuses();
  // Whatever of it is still up goes down.
  session.post({ type: 'drain', now: true });
  return 'ended';
}

/** Nobody goes on with a call whose caller has left: of a target that has left too nothing follows any more. */
function withoutDead(
  legs: CallFacts['legs'],
  statuses: readonly { readonly leg: LegName; readonly status: LegStatus }[],
): CallFacts['legs'] {
  const dead = statuses.filter(({ leg, status }) => isTarget(leg) && status.known && !status.isAlive);
  const ended = dead.flatMap(({ leg }) => {
    const known = legs[leg];
    return known ? [[leg, { ...known, phase: 'ended' } as const] as const] : [];
  });
  return { ...legs, ...Object.fromEntries(ended) };
}

function reasonOf(facts: CallFacts): EndReason {
  return facts.answeredBy === 'machine' ? 'machine' : 'crash_recovered';
}

/** Keys are not pressed again. */
function recoveredDial(dial: DialInput, facts: CallFacts, config: AgentConfig): DialState {
  const state = dialState(dial, config.voicemail !== undefined);
  return { ...state, isRecovered: true, answeredBy: facts.answeredBy, ...(facts.keysSent ? { keys: 'done' } : {}) };
}

/** Whether Telnyx got our last command is unknown: it is repeated under its first id. */
function lastOneAgain(counts: CallFacts['idCounts']): CallFacts['idCounts'] {
  return { ...counts, command: Math.max(0, (counts['command'] ?? 0) - 1) };
}

function lastCommand({ records }: Journal): unknown {
  const last = records.findLast((record) => record.k === 'fx' && record.d.type === 'command');
  return last?.k === 'fx' ? objectOf(last.d['command'])['name'] : undefined;
}
