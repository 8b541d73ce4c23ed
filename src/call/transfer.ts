import type { TelnyxEvent } from '../telnyx/events.ts';
import { cancelTimers, hangUp, restore, setStatus, setTimer, speakAndHangUp } from './leg.ts';
import { currentTarget, isOver, talkingLeg, updateLeg, type CallDraft, type Leg } from './state.ts';

/** A target's leg came up. Nobody may wait for it any more: the transfer was given up, or the caller left. */
export function joinTarget(d: CallDraft, leg: Leg): void {
  const talking = talkingLeg(d.s);
  if (!d.s.transfer || !talking || isOver(talking)) hangUp(d, leg);
  else if (talking.phase === 'bridged') updateLeg(d, leg.name, { phase: 'bridged', answered: true });
}

/** Why a target was not reached, as people are told. */
export function outcomeOf({ cause, sipCode }: Extract<TelnyxEvent, { type: 'call.hangup' }>): string {
  if (cause === 'user_busy' || sipCode === '486') return 'busy';
  if (cause === 'timeout' || cause === 'no_answer' || sipCode === '480' || sipCode === '408') return 'no_answer';
  if (cause === 'call_rejected' || sipCode === '603' || sipCode === '403') return 'rejected';
  if (cause === 'not_found' || sipCode === '404') return 'not_found';
  return 'failed';
}

/** Caller and target talk. The pair lives on its own: our audio and our rules end here. */
export function onBridged(d: CallDraft): void {
  const talking = talkingLeg(d.s);
  const { transfer } = d.s;
  if (!talking || !transfer || isOver(talking) || talking.phase === 'bridged') return;
  cancelTimers(d, talking.name, ['transfer', 'noMedia', 'maxDuration', 'wrapUp', 'media', 'start', 'restore']);
  const target = currentTarget(d.s);
  updateLeg(d, talking.name, { phase: 'bridged' });
  if (target && !isOver(target)) {
    cancelTimers(d, target.name, ['bridge']);
    updateLeg(d, target.name, { phase: 'bridged', answered: true });
  }
  d.s.endReason ??= 'transferred';
  d.fx.push({
    type: 'event',
    event: { type: 'transfer.ended', data: { target: transfer.target, outcome: 'answered' } },
  });
  setStatus(d, 'transferred');
  d.fx.push({ type: 'dialogue', input: { type: 'close' } });
  d.fx.push({ type: 'command', leg: talking.name, command: { name: 'streamingStop' } });
  // The pair lives on its own; Telnyx' call.hangup may be lost, so it is asked now and then.
  setTimer(d, talking.name, 'status', 60_000);
}

/** The target was not reached: the caller is ours again and hears about it. */
export function transferFailed(d: CallDraft, outcome: string): void {
  const { transfer } = d.s;
  const talking = talkingLeg(d.s);
  if (!transfer || talking?.phase === 'bridged') return;
  d.s.transfer = undefined;
  d.fx.push({ type: 'event', event: { type: 'transfer.ended', data: { target: transfer.target, outcome } } });
  const target = currentTarget(d.s);
  if (target && !isOver(target)) hangUp(d, target);
  if (talking?.phase !== 'transferring') return;
  cancelTimers(d, talking.name, ['transfer']);
  setStatus(d, 'active');
  if (d.s.overflow) {
    // There was no room for this call, and there is nobody to take it.
    speakAndHangUp(d, talking, d.s.failureLine, 'limit');
    return;
  }
  d.fx.push({ type: 'dialogue', input: { type: 'transferFailed', target: transfer.target, outcome } });
  updateLeg(d, talking.name, { phase: 'streaming' });
  if (talking.socket === 'started') setTimer(d, talking.name, 'noMedia', d.s.limits.noMediaMs);
  else {
    d.fx.push({ type: 'dialogue', input: { type: 'streamDown' } });
    restore(d, { ...talking, phase: 'restoring' });
  }
}
