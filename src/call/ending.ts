import type { EndReason } from './inputs.ts';
import { hangUp, setTimer } from './leg.ts';
import { isOver, type CallDraft, type Leg } from './state.ts';

/** A goodbye that has not ended the call by then has gone wrong. */
const WRAP_UP_MS = 20_000;

/** Ends every leg; the first reason stands. */
export function end(d: CallDraft, reason: EndReason): void {
  d.s.endReason ??= reason;
  d.fx.push({ type: 'dialogue', input: { type: 'close' } });
  for (const leg of Object.values(d.s.legs)) hangUp(d, leg);
}

/** A polite end: the dialogue says its line and signals the hangup; a guard ends the call if it cannot. */
export function wrapUp(d: CallDraft, leg: Leg, reason: 'max_duration' | 'drain'): void {
  if (isOver(leg) || leg.phase === 'speaking') return;
  d.s.endReason ??= reason;
  d.fx.push({ type: 'dialogue', input: { type: 'wrapUp', reason } });
  setTimer(d, leg.name, 'wrapUp', WRAP_UP_MS);
}

/** The gateway closes. A pair that talks to each other does not need it. */
export function onDrain(d: CallDraft, leg: Leg, now: boolean): void {
  if (leg.phase === 'bridged') return;
  if (now || !leg.answered) end(d, 'drain');
  else wrapUp(d, leg, 'drain');
}

/** Closes the books once every leg is down. */
export function finishIfOver(d: CallDraft): void {
  const legs = Object.values(d.s.legs);
  if (d.s.finished || legs.length === 0 || legs.some((leg) => leg.phase !== 'ended')) return;
  const reason = d.s.endReason ?? 'error';
  d.s.endReason = reason;
  d.s.finished = true;
  d.s.status = 'ended';
  const durationMs = d.s.answeredAt === undefined ? 0 : Math.round(d.t - d.s.answeredAt);
  d.fx.push({
    type: 'event',
    event: {
      type: 'call.ended',
      data: {
        reason,
        durationMs,
        ...(d.s.hangupCause === undefined ? {} : { cause: d.s.hangupCause }),
        ...(d.s.sipCode === undefined ? {} : { sipCode: d.s.sipCode }),
        ...(d.s.endDetail === undefined ? {} : { detail: d.s.endDetail }),
      },
    },
  });
  d.fx.push({ type: 'finished', reason });
}
