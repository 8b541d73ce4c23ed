import type { ActiveCall, CommandOutcome, LegSearch } from '../telnyx/commands.ts';
import type { TelnyxEvent } from '../telnyx/events.ts';
import { end } from './ending.ts';
import type { CallInput, CallCommand, EndReason } from './inputs.ts';
import { cancelTimers, hangUp, onAnswered, onLegEnded, restore, sendHangup, setStatus, setTimer } from './leg.ts';
import { isOver, updateLeg, type CallDraft, type Leg } from './state.ts';
import { outcomeOf } from './transfer.ts';

/** Telnyx ends what rings too long itself; when its word is lost, we do. */
const RING_GRACE_MS = 10_000;
/** A dial whose outcome is unknown may come up a moment later: Telnyx is asked twice. */
const LOST_RETRY_MS = 5_000;
const ASK_IN_VAIN = 2;
const ABANDONED_MS = 10_000;
/** With one leg more for a transfer, still within the destinations' usual limit of a call. */
const MAX_TURNED_AWAY = 3;
/** When Telnyx limits us and does not say for how long. */
const TURNED_AWAY_MS = 2_000;

/** What the far side of a dialled leg says by not answering; the rest is `error`. */
const NOT_REACHED: Readonly<Record<string, EndReason>> = { no_answer: 'no_answer', busy: 'busy', rejected: 'rejected' };

/** A call out begins: it is told of, and waits for its turn. */
export function onDial(d: CallDraft, input: Extract<CallInput, { type: 'dial' }>): void {
  if (d.s.legs[input.leg]) return;
  const leg: Leg = {
    name: input.leg,
    phase: 'queued',
    callControlId: '',
    callLegId: undefined,
    callSessionId: undefined,
    answered: false,
    epoch: 0,
    socket: 'none',
    restores: 0,
    restoresTotal: 0,
  };
  d.s.legs = { ...d.s.legs, [leg.name]: leg };
  const { direction, from, to, agent, metadata = {} } = d.s;
  const told = Object.keys(metadata).length === 0 ? {} : { metadata };
  d.fx.push({ type: 'event', event: { type: 'call.created', data: { direction, from, to, agent, ...told } } });
  d.fx.push({ type: 'awaitTurn', leg: leg.name, afterMs: 0 });
}

/** The turn has come: Telnyx is told to ring. */
export function onDialTurn(d: CallDraft, leg: Leg, input: Extract<CallInput, { type: 'dialTurn' }>): void {
  const { dial } = d.s;
  if (leg.phase !== 'queued' || !dial) return;
  if (input.refused !== undefined) {
    d.s.endDetail = input.refused === 'timeout' ? NO_TURN : 'The gateway closed before it could dial.';
    end(d, input.refused === 'timeout' ? 'limit' : 'drain');
    return;
  }
  const epoch = leg.epoch + 1;
  updateLeg(d, leg.name, { phase: 'dialing', epoch, socket: 'none' });
  const { machineDetection } = dial;
  const command: CallCommand = {
    name: 'dial',
    to: d.s.to,
    from: d.s.from,
    timeoutSecs: Math.round(dial.ringTimeoutMs / 1000),
    timeLimitSecs: timeLimitSecs(d.s.limits.maxDurationMs),
    epoch,
    ...(machineDetection === undefined ? {} : { machineDetection }),
  };
  d.fx.push({ type: 'command', leg: leg.name, command });
  setTimer(d, leg.name, 'ring', dial.ringTimeoutMs + RING_GRACE_MS);
}

const NO_TURN = 'Other calls out went first for too long: the limits of "outbound" did not let it be dialled in time.';

/** Contract section 7: our own timer ends the call first, with a goodbye. */
export function timeLimitSecs(maxDurationMs: number): number {
  return Math.min(14_400, Math.max(30, Math.round(maxDurationMs / 1000) + 30));
}

/** A leg that we dial is told of for the first time, by Telnyx' answer, by a webhook or by its list of calls. */
export function learnIds(d: CallDraft, leg: Leg, ids: Omit<ActiveCall, 'clientState'>): Leg {
  if (leg.callControlId !== '' || ids.callControlId === '' || leg.phase === 'ended') return leg;
  const { callControlId, callLegId, callSessionId } = ids;
  cancelTimers(d, leg.name, ['lost']);
  const phase = leg.phase === 'dialing' ? 'ringing' : leg.phase;
  const next = updateLeg(d, leg.name, { callControlId, callLegId, callSessionId, phase }) ?? leg;
  if (next.phase === 'ringing' && d.s.status === 'dialing') setStatus(d, 'ringing');
  // It was given up before it had a name.
  if (next.phase === 'ending') sendHangup(d, next);
  return next;
}

/** Telnyx' answer to a dial. */
export function onDialDone(d: CallDraft, leg: Leg, outcome: CommandOutcome): void {
  if (leg.phase === 'ended') return;
  if (outcome.ok) {
    if (outcome.leg) learnIds(d, leg, outcome.leg);
    // A repeated dial is answered without ids: the first one's webhook brings them, and if not, we ask.
    else if (leg.callControlId === '') setTimer(d, leg.name, 'lost', leg.phase === 'ending' ? 0 : LOST_RETRY_MS);
    return;
  }
  // A webhook or the audio may have told that it was carried out, though its answer was lost.
  if (leg.callControlId !== '') return;
  if (outcome.kind === 'unknown') {
    d.fx.push({ type: 'findLeg', leg: leg.name });
    return;
  }
  if (leg.phase === 'ending') {
    onLegEnded(d, leg);
    return;
  }
  if (outcome.status === 429 && d.s.dial && d.s.dial.turnedAway < MAX_TURNED_AWAY) {
    cancelTimers(d, leg.name, ['ring']);
    updateLeg(d, leg.name, { phase: 'queued' });
    d.s.dial = { ...d.s.dial, turnedAway: d.s.dial.turnedAway + 1 };
    d.fx.push({ type: 'awaitTurn', leg: leg.name, afterMs: outcome.retryAfterMs ?? TURNED_AWAY_MS });
    return;
  }
  d.s.endReason ??= outcome.status === 429 ? 'limit' : outcome.status === 403 ? 'rejected' : 'error';
  d.s.endDetail ??= refusalText(outcome);
  onLegEnded(d, leg);
}

/** Why Telnyx, or our own rules, did not dial. */
function refusalText({ code, status, message }: Extract<CommandOutcome, { ok: false }>): string {
  if (code === 'destination_not_allowed') return `The destination ${message.replace('destination_not_allowed: ', '')}.`;
  if (code === 'D38') {
    return 'Telnyx refused to dial: the Call Control application has no outbound voice profile; give it one in the Telnyx portal.';
  }
  if (status === 429)
    return 'Telnyx has too many calls from this account at the moment (429); it was tried again in vain.';
  return `Telnyx refused to dial: ${message}.`;
}

/** What Telnyx' list of calls says about a dial without a known outcome. */
export function onLegFound(d: CallDraft, leg: Leg, search: LegSearch): void {
  if (leg.callControlId !== '' || leg.phase === 'ended' || leg.phase === 'queued') return;
  if (search.known && search.leg) {
    const found = learnIds(d, leg, search.leg);
    if (isOver(found)) return;
    // It rings, or was answered, and nobody told us: its audio may never come.
    d.s.endReason ??= lostReason(d);
    d.s.endDetail ??= 'Telnyx did not say what became of the call: it was found ringing and hung up.';
    hangUp(d, found);
    return;
  }
  const asked = (d.s.dial?.askedInVain ?? 0) + (search.known ? 1 : 0);
  if (d.s.dial) d.s.dial = { ...d.s.dial, askedInVain: asked };
  if (asked < ASK_IN_VAIN) {
    setTimer(d, leg.name, 'lost', LOST_RETRY_MS);
    return;
  }
  // What comes up after this is hung up by the registry, which remembers the call.
  d.s.endReason ??= lostReason(d);
  d.s.endDetail ??= 'Telnyx did not answer the dial, and has no such call.';
  onLegEnded(d, leg);
}

function lostReason(d: CallDraft): EndReason {
  return d.s.dial?.isRecovered === true ? 'crash_recovered' : 'error';
}

/** It rang long enough; Telnyx should have said so. */
export function onRingTimeout(d: CallDraft, leg: Leg): void {
  if (leg.answered || isOver(leg)) return;
  end(d, 'no_answer');
}

/** A leg is given up that Telnyx has not named yet. */
export function abandonDial(d: CallDraft, leg: Leg): void {
  // Nothing was sent: nothing can come up.
  if (leg.phase === 'queued') {
    onLegEnded(d, leg);
    return;
  }
  updateLeg(d, leg.name, { phase: 'ending' });
  // Every attempt of the dial is over by then; what came up meanwhile is in Telnyx' list.
  setTimer(d, leg.name, 'lost', ABANDONED_MS);
}

/** Why a call out that nobody answered is over. */
export function notReached(event: Extract<TelnyxEvent, { type: 'call.hangup' }>): EndReason {
  return NOT_REACHED[outcomeOf(event)] ?? 'error';
}

/**
 * After a restart, before an answer is known: never dialled again. A leg that Telnyx has named may be talking to nobody by
 * now: asking for its stream tells, since only an answered leg gets one.
 */
export function onDialRecovered(d: CallDraft, leg: Leg): void {
  setTimer(d, leg.name, 'ring', (d.s.dial?.ringTimeoutMs ?? 0) + RING_GRACE_MS);
  if (leg.phase === 'queued') end(d, 'crash_recovered');
  else if (leg.callControlId === '') d.fx.push({ type: 'findLeg', leg: leg.name });
  else {
    const epoch = leg.epoch + 1;
    updateLeg(d, leg.name, { epoch, socket: 'none' });
    d.fx.push({ type: 'command', leg: leg.name, command: { name: 'streamingStart', epoch }, tag: PROBE });
  }
}

export const PROBE = 'probe';

/** What asking for a stream has told about a leg that was ringing when we last heard of it. */
export function onProbed(d: CallDraft, leg: Leg, outcome: CommandOutcome): void {
  if (isOver(leg)) return;
  if (outcome.ok) {
    onAnswered(d, leg);
    return;
  }
  if (leg.answered) restore(d, leg);
  // Still ringing: its stream is asked for when it is answered.
  else updateLeg(d, leg.name, { epoch: 0 });
}
