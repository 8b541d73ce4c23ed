import type { TelnyxEvent } from '../telnyx/events.ts';
import type { LegSearch } from '../telnyx/commands.ts';
import { endConsultation, nextTarget, onAttendedTimeout } from './attended.ts';
import type { LegName, TransferOutcome } from './inputs.ts';
import { cancelTimers, hangUp, restore, setStatus, setTimer, speakAndHangUp } from './leg.ts';
import {
  currentTarget,
  isConsulted,
  isOver,
  isTarget,
  talkingLeg,
  updateLeg,
  type CallDraft,
  type Leg,
  type Transfer,
} from './state.ts';

/** A target's leg came up. Nobody may wait for it any more: the transfer was given up, or the caller left. */
export function joinTarget(d: CallDraft, leg: Leg): void {
  const talking = talkingLeg(d.s);
  if (!d.s.transfer || !talking || isOver(talking)) hangUp(d, leg);
  else if (talking.phase === 'bridged') updateLeg(d, leg.name, { phase: 'bridged', answered: true });
}

/** Why a target was not reached, as people are told. */
export function outcomeOf({ cause, sipCode }: Extract<TelnyxEvent, { type: 'call.hangup' }>): TransferOutcome {
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
  if (target) endConsultation(d, target);
  updateLeg(d, talking.name, { phase: 'bridged' });
  if (target && !isOver(target)) {
    cancelTimers(d, target.name, ['bridge']);
    updateLeg(d, target.name, { phase: 'bridged', answered: true });
  }
  d.s.endReason ??= 'transferred';
  d.s.transfer = { ...transfer, isThrough: true };
  tellOutcome(d, transfer, 'answered');
  setStatus(d, 'transferred');
  d.fx.push({ type: 'dialogue', input: { type: 'close' } });
  d.fx.push({ type: 'command', leg: talking.name, command: { name: 'streamingStop' } });
  if (target && isConsulted(target)) {
    d.fx.push({ type: 'command', leg: target.name, command: { name: 'streamingStop' } });
  }
  // The pair lives on its own; Telnyx' call.hangup may be lost, so it is asked now and then.
  setTimer(d, talking.name, 'status', 60_000);
}

/** People are told how it ended, once. @returns its target's leg, if there is one. */
export function transferOver(d: CallDraft, outcome: TransferOutcome): Leg | undefined {
  const { transfer } = d.s;
  if (!transfer) return undefined;
  const target = currentTarget(d.s);
  if (target) endConsultation(d, target);
  d.s.transfer = undefined;
  if (!transfer.isThrough) tellOutcome(d, transfer, outcome);
  return target;
}

function tellOutcome(d: CallDraft, { target, attended }: Transfer, outcome: TransferOutcome): void {
  const mode = attended ? 'attended' : 'blind';
  d.fx.push({ type: 'event', event: { type: 'transfer.ended', data: { target, outcome, mode } } });
}

/** So long after the target must have answered or not Telnyx is asked again, and so often. */
const ASK_AGAIN_MS = 5_000;
const MAX_ASKED = 3;

/**
 * Telnyx has said nothing for longer than the target can ring. Its webhooks may be lost while the two talk: they are not cut
 * before Telnyx has said that there is no such leg.
 */
export function onTransferTimeout(d: CallDraft, leg: Leg): void {
  const { transfer } = d.s;
  if (!transfer) return;
  if (transfer.attended) {
    onAttendedTimeout(d);
    return;
  }
  const asked = (transfer.asked ?? 0) + 1;
  if (asked > MAX_ASKED) {
    transferFailed(d, 'no_answer');
    return;
  }
  d.s.transfer = { ...transfer, asked };
  const target = currentTarget(d.s);
  if (target && !isOver(target)) d.fx.push({ type: 'askStatus', leg: target.name });
  else d.fx.push({ type: 'findLeg', leg: nextTarget(d.s) });
  setTimer(d, leg.name, 'transfer', ASK_AGAIN_MS);
}

/** What Telnyx says about the leg of a target that nobody has told us of. A leg that is still up has been answered. */
export function onTargetSearched(d: CallDraft, name: LegName, search: LegSearch): void {
  if (!d.s.transfer || d.s.transfer.attended || !isTarget(name) || !search.known) return;
  if (!search.leg) {
    transferFailed(d, 'no_answer');
    return;
  }
  const { callControlId, callLegId, callSessionId } = search.leg;
  const leg: Leg = {
    ...{ name, phase: 'answered', callControlId, callLegId, callSessionId, answered: true },
    ...{ epoch: 0, socket: 'none', restores: 0, restoresTotal: 0 },
  };
  d.s.legs = { ...d.s.legs, [name]: leg };
  onBridged(d);
}

/** The target was not reached: the caller is ours again and hears about it. */
export function transferFailed(d: CallDraft, outcome: TransferOutcome): void {
  const { transfer } = d.s;
  const talking = talkingLeg(d.s);
  if (!transfer || talking?.phase === 'bridged') return;
  const target = transferOver(d, outcome);
  if (target && !isOver(target)) hangUp(d, target);
  if (!talking || isOver(talking)) return;
  if (transfer.attended) {
    cancelTimers(d, talking.name, ['transfer']);
    setStatus(d, 'active');
    d.fx.push({ type: 'dialogue', input: { type: 'transferFailed', target: transfer.target, outcome } });
    // Its stream may have been lost while the music played; it is being restored.
    if (talking.phase === 'restoring') d.fx.push({ type: 'dialogue', input: { type: 'streamDown' } });
    // Nor has it one after a restart: the two were to be put together without it.
    if (talking.phase === 'answered') restore(d, talking);
    return;
  }
  if (talking.phase !== 'transferring') return;
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
