import type { TelnyxEvent } from '../telnyx/events.ts';
import type { EndReason } from './inputs.ts';
import { consultedOutcome, onConsultedWebhook } from './attended.ts';
import { onDetection } from './answering-machine.ts';
import { learnIds, notReached } from './dialling.ts';
import { answer, hangUp, onAnswered, onLegEnded, onStreamFailed } from './leg.ts';
import { currentTarget, isConsulted, isOver, isTarget, type CallDraft, type Leg, type Transfer } from './state.ts';
import { joinTarget, onBridged, outcomeOf, transferFailed } from './transfer.ts';

/** What Telnyx tells about a leg; it may be the first that is heard of it. */
export function onWebhook(d: CallDraft, name: Leg['name'], leg: Leg | undefined, event: TelnyxEvent): void {
  const known = leg && learnIds(d, leg, event);
  if (!known) {
    // Telnyx' webhooks overtake each other: any of them may be the first we hear of a target.
    if (event.type === 'call.initiated' || isTarget(name)) onInitiated(d, name, event);
    const joined = d.s.legs[name];
    if (joined && event.type !== 'call.initiated') onWebhook(d, name, joined, event);
    return;
  }
  if (isConsulted(known) && onConsultedWebhook(d, known, event)) return;
  switch (event.type) {
    case 'call.initiated':
      return; // a repeat
    case 'call.answered':
      onAnswered(d, known);
      return;
    case 'call.bridged':
      // Not of a target that was given up: another transfer may be under way.
      if (d.s.transfer && mayBeThrough(d.s.transfer) && !isOver(known)) onBridged(d);
      return;
    case 'call.hangup':
      onHangup(d, known, event);
      return;
    case 'streaming.failed':
      if (!isTarget(name)) onStreamFailed(d, known);
      return;
    case 'call.machine.detection.ended':
    case 'call.machine.greeting.ended':
      if (!isTarget(name)) onDetection(d, known, event);
      return;
    case 'call.speak.ended':
      if (known.phase === 'speaking') hangUp(d, known);
      return;
    default:
      return; // heard, journaled, nothing to decide
  }
}

/** Only we put the two of an attended transfer together. */
function mayBeThrough({ attended }: Transfer): boolean {
  return !attended || attended.step === 'bridging';
}

/** A new leg of this call: the one that rang us, or the target of our transfer. */
function onInitiated(d: CallDraft, name: Leg['name'], event: TelnyxEvent): void {
  const leg: Leg = {
    name,
    phase: 'ringing',
    callControlId: event.callControlId,
    callLegId: event.callLegId,
    callSessionId: event.callSessionId,
    answered: false,
    epoch: 0,
    socket: 'none',
    restores: 0,
    restoresTotal: 0,
  };
  d.s.legs = { ...d.s.legs, [name]: leg };
  if (isTarget(name)) {
    joinTarget(d, leg);
    return;
  }
  d.fx.push({
    type: 'event',
    event: { type: 'call.created', data: { direction: d.s.direction, from: d.s.from, to: d.s.to, agent: d.s.agent } },
  });
  answer(d, leg);
}

function onHangup(d: CallDraft, leg: Leg, event: Extract<TelnyxEvent, { type: 'call.hangup' }>): void {
  if (leg.phase === 'ended') return;
  if (!isTarget(leg.name)) {
    d.s.hangupCause = event.cause;
    d.s.sipCode = event.sipCode;
    d.s.endReason ??= endReasonOf(leg, event);
  }
  const reached = leg.phase === 'bridged';
  const step = d.s.transfer?.attended?.step;
  // A target we hung up ourselves belongs to a transfer that has failed already.
  const awaited = isTarget(leg.name) && !isOver(leg) && currentTarget(d.s)?.name === leg.name;
  onLegEnded(d, leg);
  if (awaited && !reached && d.s.transfer) transferFailed(d, consultedOutcome(leg, step) ?? outcomeOf(event));
}

function endReasonOf(leg: Leg, event: Extract<TelnyxEvent, { type: 'call.hangup' }>): EndReason {
  if (leg.phase === 'bridged') return 'transferred';
  if (leg.name === 'callee' && !leg.answered) return notReached(event);
  return event.cause === 'time_limit' ? 'max_duration' : 'caller_hangup';
}
