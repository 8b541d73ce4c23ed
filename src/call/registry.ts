import { randomSeed, createIds } from '../core/ids.ts';
import { maskNumber, type Log } from '../core/log.ts';
import type { Clock } from '../core/clock.ts';
import { LandlineError } from '../core/errors.ts';
import type { AgentConfig } from '../agent/options.ts';
import { fixedLines } from '../agent/lines.ts';
import type { TelnyxApi } from '../telnyx/commands.ts';
import type { TelnyxEvent } from '../telnyx/events.ts';
import type { LegName } from './inputs.ts';
import { dialInput, outboundState, type OutboundCall } from './outbound-call.ts';
import type { CallPorts } from './ports.ts';
import { callerOf } from './callers.ts';
import { route, type RejectReason } from './route.ts';
import type { Routing } from './routing.ts';
import { Session } from './session.ts';
import type { SessionOptions } from './session-options.ts';
import { readLegState } from './telnyx-command.ts';
import { declaredCodec, type CallLimits } from './state.ts';

/** An agent ready to take calls. */
export interface ReadyAgent {
  readonly config: AgentConfig;
  readonly limits: CallLimits;
}

export interface RegistryOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly telnyx: TelnyxApi;
  readonly routing: Routing;
  readonly agents: ReadonlyMap<string, ReadyAgent>;
  readonly maxConcurrentCalls: number;
  /** A call was turned away before it was answered; for the metric. */
  readonly rejected?: (reason: RejectReason) => void;
  /** `L16`: wideband on every call, whatever the far side offers. */
  readonly codec: 'g711' | 'L16';
  /** Opens a new call's journal and gives what its session needs. */
  open(callId: string, seed: string, agent: string, registry: CallRegistry): CallPorts;
}

/** What a webhook led to, for the HTTP answer and the metrics. */
export type WebhookVerdict = 'taken' | 'unknown' | 'ended' | 'rejected' | 'draining';

export interface MediaTicket {
  readonly session: Session;
  readonly leg: LegName;
  readonly epoch: number;
}

/** Ended legs are remembered at least this long, so that a late `call.initiated` is not answered. */
const TOMBSTONE_MS = 15 * 60_000;
const MAX_TOMBSTONES = 50_000;
/** Pause before a leg that would not be hung up is asked about and told again. */
const STRAY_RETRY_MS = 5_000;

/** All live calls of this process: finds the call a webhook or socket belongs to, and begins new ones. */
export class CallRegistry {
  readonly #options: RegistryOptions;
  readonly #sessions = new Map<string, Session>();
  /** Leg and session ids of calls that are over -> when. */
  readonly #tombstones = new Map<string, number>();
  readonly #tickets = new Map<string, MediaTicket>();
  #draining = false;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  get sessions(): ReadonlyMap<string, Session> {
    return this.#sessions;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** As many calls talk to us as may; those that were passed on do not count. */
  get full(): boolean {
    let talking = 0;
    for (const { state, talkingLeg } of this.#sessions.values()) {
      // Who waits for a turn to dial takes nothing from anybody yet.
      const isIdle = talkingLeg?.phase === 'bridged' || talkingLeg?.phase === 'queued';
      if (!state.overflow && !isIdle) talking++;
    }
    return talking >= this.#options.maxConcurrentCalls;
  }

  /** From now on no new call is taken. */
  drain(): void {
    this.#draining = true;
  }

  /** One verified, first-time webhook. @param onJournaled runs when it is on file; at once when nothing is written. */
  webhook(event: TelnyxEvent, onJournaled: () => void): WebhookVerdict {
    const found = this.#find(event);
    if (found) {
      const { session, leg } = found;
      session.post({ type: 'webhook', leg, event }, onJournaled);
      return 'taken';
    }
    const verdict = this.#stranger(event, onJournaled);
    if (verdict !== 'taken') onJournaled();
    return verdict;
  }

  /** Does this event belong to a call that is up? */
  knows(event: TelnyxEvent): boolean {
    return this.#find(event) !== undefined;
  }

  /** The live call whose leg this event is about. */
  callOf(event: TelnyxEvent): string | undefined {
    return this.#find(event)?.session.callId;
  }

  /** Begins a call out; {@link Dialer} has checked everything. */
  dial(call: OutboundCall): Session {
    const agent = this.#options.agents.get(call.agent);
    if (!agent) throw new LandlineError('internal_error', 'a call out needs an agent');
    const state = outboundState(call, agent, this.#options.codec);
    const session = this.#begin({ callId: call.callId, seed: randomSeed(), config: agent.config, state });
    session.post(dialInput(call));
    return session;
  }

  /** Makes `token` good for one upgrade; the leg's earlier tokens are void. */
  expectMedia(token: string, ticket: MediaTicket): void {
    for (const [old, { session, leg }] of this.#tickets) {
      if (session === ticket.session && leg === ticket.leg) this.#tickets.delete(old);
    }
    this.#tickets.set(token, ticket);
  }

  /** Takes a media token; undefined when it is not good (unknown, used, superseded, its call over). */
  redeem(token: string): MediaTicket | undefined {
    const ticket = this.#tickets.get(token);
    this.#tickets.delete(token);
    return ticket;
  }

  /** A call after a restart goes on. */
  adopt(session: Session): void {
    this.#sessions.set(session.callId, session);
  }

  forget(session: Session): void {
    this.#sessions.delete(session.callId);
    // A leg of it may still come up, with nothing but our own mark on it.
    if (session.state.direction === 'outbound') this.#bury(session.callId);
    for (const [token, ticket] of this.#tickets) if (ticket.session === session) this.#tickets.delete(token);
    for (const leg of Object.values(session.state.legs)) {
      this.#bury(leg.callControlId);
      this.#bury(leg.callLegId);
      this.#bury(leg.callSessionId);
    }
  }

  #find(event: TelnyxEvent): { session: Session; leg: LegName } | undefined {
    for (const session of this.#sessions.values()) {
      const leg = session.legOf(event.callControlId, event.callLegId);
      if (leg) return { session, leg };
    }
    const dialled = this.#dialled(event);
    if (dialled) return dialled;
    if (event.callSessionId === undefined || !tellsOfTarget(event) || this.#isOver(event)) return undefined;
    for (const session of this.#sessions.values()) {
      if (!Object.values(session.state.legs).some((leg) => leg.callSessionId === event.callSessionId)) continue;
      // The end of a leg that nobody waits for is only remembered.
      if (event.type !== 'call.hangup' || session.state.transfer) return { session, leg: session.nextTargetName() };
    }
    return undefined;
  }

  /** A leg that we have dialled and whose ids we do not know yet, by the mark that we gave it. */
  #dialled(event: TelnyxEvent): { session: Session; leg: LegName } | undefined {
    const mark = readLegState(event.clientState);
    const session = mark && this.#sessions.get(mark.call);
    const leg = mark && session?.state.legs[mark.leg];
    if (!session || leg?.callControlId !== '' || this.#isOver(event)) return undefined;
    return { session, leg: leg.name };
  }

  /** Is this a leg that we have dialled, of a call that has another one by that name or is over? */
  #isDouble(event: TelnyxEvent): boolean {
    const mark = readLegState(event.clientState);
    if (!mark || !tellsOfTarget(event)) return false;
    return this.#isBuried(mark.call) || this.#sessions.get(mark.call)?.state.legs[mark.leg] !== undefined;
  }

  /** An event of no live call. */
  #stranger(event: TelnyxEvent, onJournaled: () => void): WebhookVerdict {
    const { log } = this.#options;
    if (event.type === 'call.hangup') {
      this.#bury(event.callControlId);
      this.#bury(event.callLegId);
      return 'ended';
    }
    if (this.#isOver(event)) return 'ended';
    if ((tellsOfTarget(event) && this.#isBuried(event.callSessionId)) || this.#isDouble(event)) {
      // A leg of a call that ended meanwhile: nobody is there to talk to it.
      log.warn({}, 'a leg of an ended call came up; hung up');
      this.#bury(event.callControlId);
      this.#bury(event.callLegId);
      this.#orderDown(event.callControlId);
      return 'ended';
    }
    if (event.type === 'call.initiated' && event.direction === 'incoming') return this.#inbound(event, onJournaled);
    log.debug({ event: event.type === 'other' ? event.eventType : event.type }, 'webhook for no live call');
    return 'unknown';
  }

  /** A leg that no call owns: told to hang up until it is gone, while this process takes calls. */
  #orderDown(callControlId: string): void {
    const { clock, telnyx } = this.#options;
    telnyx.send(callControlId, createIds(randomSeed()).uuid('command'), { name: 'hangup' }, (outcome) => {
      if (outcome.ok || outcome.kind === 'gone' || this.#draining) return;
      clock.after(STRAY_RETRY_MS, () => {
        void telnyx.status(callControlId).then((status) => {
          if (!status.known || status.isAlive) this.#orderDown(callControlId);
        });
      });
    });
  }

  #inbound(event: TelnyxEvent & { type: 'call.initiated' }, onJournaled: () => void): WebhookVerdict {
    if (this.#draining) return 'draining';
    const { routing, agents, log, clock, maxConcurrentCalls: limit } = this.#options;
    const decision = route(
      { from: event.from, to: event.to ?? '', wallMs: clock.wall() },
      {
        routing,
        agents,
        callsOf: (caller) => this.#callsOf(caller),
        // Calls that are only passed on cost little, but not nothing.
        load: !this.full ? 'free' : this.#sessions.size < 2 * limit ? 'full' : 'over',
        hasFallback: ({ config }) => fallbackOf(config) !== undefined,
      },
    );
    if ('reject' in decision) {
      const { reject, cause, why } = decision;
      this.#options.rejected?.(reject);
      const parties = { from: maskNumber(event.from), to: maskNumber(event.to) };
      log.warn({ ...parties, reason: reject, ...(reject === 'full' ? { limit } : {}) }, `call rejected: ${why}`);
      this.#reject(event, cause);
      return 'rejected';
    }
    const { name, agent, overflow } = decision;
    const fallback = fallbackOf(agent.config);
    if (overflow) log.warn({ limit, target: fallback?.target }, 'gateway is full: call goes to the fallback target');
    if (decision.afterHours) log.info({ agent: name }, 'call after hours');
    const seed = randomSeed();
    const callId = `call_${createIds(seed).hex('call')}`;
    const session = this.#begin({
      callId,
      seed,
      config: agent.config,
      state: {
        direction: 'inbound',
        from: event.from ?? 'anonymous',
        to: event.to ?? '',
        agent: name,
        status: 'ringing',
        limits: agent.limits,
        failureLine: fixedLines(agent.config.language).failure,
        declared: this.#options.codec === 'L16' ? 'L16' : declaredCodec(event.offeredCodecs),
        overflow,
        fallback,
        legs: {},
        transfer: undefined,
        answeredAt: undefined,
        endReason: undefined,
        hangupCause: undefined,
        sipCode: undefined,
        finished: false,
      },
    });
    session.post({ type: 'webhook', leg: 'caller', event }, onJournaled);
    return 'taken';
  }

  #begin(options: Omit<SessionOptions, 'ports'>): Session {
    const ports = this.#options.open(options.callId, options.seed, options.state.agent, this);
    const session = new Session({ ...options, ports });
    this.#sessions.set(options.callId, session);
    return session;
  }

  /** Live calls that this caller has made to us. */
  #callsOf(caller: string): number {
    let count = 0;
    for (const { state } of this.#sessions.values()) {
      if (state.direction === 'inbound' && callerOf(state.from) === caller) count++;
    }
    return count;
  }

  #reject(event: TelnyxEvent, cause: 'CALL_REJECTED' | 'USER_BUSY'): void {
    this.#bury(event.callControlId);
    this.#bury(event.callLegId);
    const commandId = createIds(randomSeed()).uuid('command');
    this.#options.telnyx.send(event.callControlId, commandId, { name: 'reject', cause }, (outcome) => {
      if (!outcome.ok && outcome.kind !== 'gone') this.#options.log.warn({ outcome: outcome.message }, 'reject failed');
    });
  }

  #bury(id: string | undefined): void {
    if (id === undefined || id === '') return;
    const now = this.#options.clock.mono();
    this.#tombstones.delete(id);
    this.#tombstones.set(id, now);
    for (const [old, at] of this.#tombstones) {
      if (this.#tombstones.size <= MAX_TOMBSTONES && now - at < TOMBSTONE_MS) break;
      this.#tombstones.delete(old);
    }
  }

  #isBuried(id: string | undefined): boolean {
    return id !== undefined && this.#tombstones.has(id);
  }

  #isOver(event: TelnyxEvent): boolean {
    return this.#isBuried(event.callControlId) || this.#isBuried(event.callLegId);
  }
}

/** May this be the first that is heard of a leg we had Telnyx dial? Webhooks overtake each other. */
function tellsOfTarget(event: TelnyxEvent): boolean {
  if (event.type === 'call.initiated') return event.direction === 'outgoing';
  return event.type === 'call.answered' || event.type === 'call.bridged' || event.type === 'call.hangup';
}

/** Where calls of this agent go that we cannot serve. */
export function fallbackOf(config: AgentConfig): { readonly target: string; readonly to: string } | undefined {
  const { fallbackTarget, transferTargets } = config;
  const to = fallbackTarget === undefined ? undefined : transferTargets[fallbackTarget];
  return fallbackTarget === undefined || to === undefined ? undefined : { target: fallbackTarget, to };
}
