import { onAttendedRecovered } from './attended.ts';
import { onDialRecovered } from './dialling.ts';
import { announceAnswer, answer, BRIDGE_MS, restore, setTimer, TRANSFER_MS } from './leg.ts';
import { currentTarget, isOver, type CallDraft, type Leg } from './state.ts';
import { endHold } from './hold.ts';

/** After a restart: what was ringing is answered, what was talking gets a new stream. */
export function onRecovered(d: CallDraft, leg: Leg): void {
  if (leg.callControlId === '' && leg.phase === 'ending') {
    onDialRecovered(d, leg);
    return;
  }
  if (isOver(leg) || leg.phase === 'bridged') return; // what Telnyx says about each leg comes next
  if (!leg.answered) {
    if (leg.name === 'callee') onDialRecovered(d, leg);
    else answer(d, leg);
    return;
  }
  if (d.s.answeredAt === undefined) announceAnswer(d);
  setTimer(d, leg.name, 'maxDuration', d.s.limits.maxDurationMs);
  if (d.s.hold) endHold(d, leg);
  if (d.s.transfer?.attended) {
    onAttendedRecovered(d, leg);
    return;
  }
  if (!d.s.transfer) {
    restore(d, leg);
    return;
  }
  // Whether the target was reached meanwhile is unknown; Telnyx' webhooks or the timers will tell.
  setTimer(d, leg.name, 'transfer', TRANSFER_MS);
  const target = currentTarget(d.s);
  if (target?.answered && !isOver(target)) setTimer(d, target.name, 'bridge', BRIDGE_MS);
}
