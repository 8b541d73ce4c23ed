import { cancelTimers, setTimer } from './leg.ts';
import { type CallDraft, type Leg } from './state.ts';

/** A caller who was forgotten on hold comes back to the agent. */
const HOLD_MS = 30 * 60_000;

/** The caller waits, with or without music. What is being said is said to its end when it must be. */
export function beginHold(d: CallDraft, leg: Leg, music: boolean): void {
  if (leg.phase !== 'streaming' || d.s.transfer || d.s.hold) return;
  d.s.hold = true;
  d.fx.push({ type: 'event', event: { type: 'call.updated', data: { status: d.s.status, hold: true } } });
  d.fx.push({ type: 'dialogue', input: { type: 'hold', music } });
  setTimer(d, leg.name, 'hold', HOLD_MS);
}

/** The agent is there again. */
export function endHold(d: CallDraft, leg: Leg): void {
  if (!d.s.hold) return;
  d.s.hold = false;
  cancelTimers(d, leg.name, ['hold']);
  d.fx.push({ type: 'event', event: { type: 'call.updated', data: { status: d.s.status, hold: false } } });
  d.fx.push({ type: 'dialogue', input: { type: 'unhold' } });
  // Its stream may have been lost meanwhile; it is being restored.
  if (leg.phase === 'restoring') d.fx.push({ type: 'dialogue', input: { type: 'streamDown' } });
}
