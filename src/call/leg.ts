import { endConsultation } from './attended.ts';
import { abandonDial, timeLimitSecs } from './dialling.ts';
import { keysComeFirst, streamUp } from './first-keys.ts';
import { isOver, isTarget, updateLeg, type CallDraft, type Leg } from './state.ts';
import type { CallStatus, CallTimer, EndReason, LegName } from './inputs.ts';
import { transferOver } from './transfer.ts';
import type { CommandOutcome, LegStatus } from '../telnyx/commands.ts';

/** Pauses before each streaming_start; their number is the number of tries (telnyx.md: up to 3). */
const RESTORE_PAUSE_MS = [300, 1000, 3000] as const;
/** Not counted per loss but per call: a stream that comes and goes is a broken call. */
const MAX_RESTORES = 10;
const ANSWER_MS = 10_000;
const MEDIA_MS = 10_000;
const RESTORED_MEDIA_MS = 5_000;
/** Contract section 4: a socket without `start`, counted from the later of upgrade and answer. */
const START_MS = 5_000;
/** Telnyx said stop: give call.hangup a moment before the stream is asked for again. */
const STOPPED_MS = 1_000;
const SPEAK_MS = 15_000;
/** A target that answered is bridged within moments; if Telnyx does not say so, it is taken for bridged. */
export const BRIDGE_MS: number = 3_000;
export const RING_SECONDS = 30;
/** A transfer that Telnyx has said nothing about by then has failed. */
export const TRANSFER_MS: number = (RING_SECONDS + 10) * 1000;
const HANGUP_MS = 10_000;
/** Every attempt of a hangup is over by then (contract section 7: up to 50 s); no outcome at all is our own fault. */
const HANGUP_LOST_MS = 60_000;
const STATUS_RETRY_MS = 5_000;

const LEG_TIMERS: readonly CallTimer[] = [
  ...(['ring', 'lost', 'keys', 'greeting'] as const),
  ...(['answer', 'start', 'media', 'noMedia', 'restore', 'speakEnd', 'hangup', 'status'] as const),
  ...(['maxDuration', 'wrapUp', 'transfer', 'bridge', 'hold', 'pair'] as const),
];

export function setTimer(d: CallDraft, leg: LegName, name: CallTimer, ms: number): void {
  d.fx.push({ type: 'setTimer', leg, name, ms });
}

export function cancelTimers(d: CallDraft, leg: LegName, names: readonly CallTimer[]): void {
  for (const name of names) d.fx.push({ type: 'cancelTimer', leg, name });
}

export function setStatus(d: CallDraft, status: CallStatus): void {
  if (d.s.status === status) return;
  d.s.status = status;
  d.fx.push({ type: 'event', event: { type: 'call.updated', data: { status } } });
}

/**
 * Takes an inbound call, with its stream where `answer` can ask for it: it cannot set the rate that L16 needs, and a call
 * that is only passed on has none.
 */
export function answer(d: CallDraft, leg: Leg): void {
  const epoch = d.s.overflow || d.s.declared === 'L16' ? leg.epoch : leg.epoch + 1;
  updateLeg(d, leg.name, { phase: 'answering', epoch, socket: 'none' });
  d.fx.push({
    type: 'command',
    leg: leg.name,
    command: epoch === leg.epoch ? { name: 'answer' } : { name: 'answer', epoch },
  });
  setTimer(d, leg.name, 'answer', ANSWER_MS);
}

/** The far party is on the line: from the webhook, or because audio can only start after the answer. */
export function onAnswered(d: CallDraft, leg: Leg): void {
  if (leg.answered || isOver(leg)) return;
  cancelTimers(d, leg.name, ['answer', 'ring', 'lost']);
  const next = updateLeg(d, leg.name, { answered: true, phase: 'answered' });
  if (isTarget(leg.name)) {
    setTimer(d, leg.name, 'bridge', BRIDGE_MS);
    return;
  }
  announceAnswer(d);
  setTimer(d, leg.name, 'maxDuration', d.s.limits.maxDurationMs);
  if (!next) return;
  if (d.s.overflow) passOn(d, next);
  else if (next.epoch === 0) restore(d, next);
  else if (next.socket === 'open') setTimer(d, leg.name, 'start', START_MS);
  else if (next.socket === 'none') setTimer(d, leg.name, 'media', MEDIA_MS);
}

export function announceAnswer(d: CallDraft): void {
  d.s.answeredAt = d.t;
  d.fx.push({ type: 'event', event: { type: 'call.answered', data: {} } });
  setStatus(d, 'active');
}

export function onMediaOpened(d: CallDraft, leg: Leg): void {
  if (isOver(leg)) return;
  updateLeg(d, leg.name, { socket: 'open' });
  if (leg.answered) setTimer(d, leg.name, 'start', START_MS);
}

export function onMediaStarted(d: CallDraft, leg: Leg): void {
  if (isOver(leg) || leg.socket === 'started') return;
  if (leg.phase === 'speaking' || leg.phase === 'bridged') {
    // Too late: the call is on its way out, or no longer ours to talk to.
    cancelTimers(d, leg.name, ['start', 'media']);
    updateLeg(d, leg.name, { socket: 'started' });
    return;
  }
  onAnswered(d, leg);
  const restored = leg.epoch > 1;
  cancelTimers(d, leg.name, ['start', 'media', 'restore']);
  updateLeg(d, leg.name, {
    socket: 'started',
    restores: 0,
    phase: leg.phase === 'transferring' ? 'transferring' : 'streaming',
  });
  if (leg.phase === 'transferring') return;
  setTimer(d, leg.name, 'noMedia', d.s.limits.noMediaMs);
  d.fx.push({
    type: 'event',
    event: { type: 'call.updated', data: { status: d.s.status, stream: restored ? 'restored' : 'up' } },
  });
  if (!keysComeFirst(d, leg)) d.fx.push({ type: 'dialogue', input: streamUp(d) });
}

/** The last message of a stream. Telnyx closes its socket next; if it does not, we do, and go on from there. */
export function onMediaStopped(d: CallDraft, leg: Leg): void {
  updateLeg(d, leg.name, { socket: 'stopped' });
  d.fx.push({ type: 'closeMedia', leg: leg.name, code: 1000, why: 'stream stopped' });
}

/** The stream is over and the call may not be: wait a moment for call.hangup, then ask for a new one. */
export function onMediaGone(d: CallDraft, leg: Leg): void {
  if (isOver(leg) || leg.phase === 'bridged' || leg.phase === 'speaking') return;
  const stopped = leg.socket === 'stopped';
  updateLeg(d, leg.name, { socket: 'none' });
  cancelTimers(d, leg.name, ['start', 'noMedia', 'media']);
  if (leg.phase === 'transferring' || !leg.answered) return;
  loseStream(d, leg);
  setTimer(d, leg.name, 'restore', Math.max(stopped ? STOPPED_MS : 0, RESTORE_PAUSE_MS[leg.restores] ?? 0));
}

function loseStream(d: CallDraft, leg: Leg): void {
  updateLeg(d, leg.name, { phase: 'restoring', socket: 'none' });
  if (leg.phase !== 'streaming') return;
  d.fx.push({ type: 'event', event: { type: 'call.updated', data: { status: d.s.status, stream: 'lost' } } });
  d.fx.push({ type: 'dialogue', input: { type: 'streamDown' } });
}

/** Asks Telnyx for a new stream, or gives up on ours. */
export function restore(d: CallDraft, leg: Leg): void {
  if (isOver(leg) || leg.phase === 'bridged' || leg.socket === 'started') return;
  if (leg.restores >= RESTORE_PAUSE_MS.length || leg.restoresTotal >= MAX_RESTORES) {
    giveUpAudio(d, leg, 'stream_failed');
    return;
  }
  const epoch = leg.epoch + 1;
  updateLeg(d, leg.name, {
    phase: leg.phase === 'transferring' ? 'transferring' : 'restoring',
    epoch,
    socket: 'none',
    restores: leg.restores + 1,
    restoresTotal: leg.restoresTotal + 1,
  });
  d.fx.push({ type: 'closeMedia', leg: leg.name, code: 1001, why: 'superseded' });
  d.fx.push({ type: 'command', leg: leg.name, command: { name: 'streamingStart', epoch } });
  setTimer(d, leg.name, 'media', RESTORED_MEDIA_MS);
}

/** A try to get a stream came to nothing: the next one after its pause. */
export function onStreamFailed(d: CallDraft, leg: Leg): void {
  if (
    isOver(leg) ||
    leg.socket === 'started' ||
    leg.phase === 'bridged' ||
    leg.phase === 'speaking' ||
    leg.phase === 'transferring'
  )
    return;
  cancelTimers(d, leg.name, ['media', 'start', 'noMedia']);
  loseStream(d, leg);
  setTimer(d, leg.name, 'restore', RESTORE_PAUSE_MS[leg.restores] ?? 0);
}

/** Our own audio is gone for good: somebody else takes the call if the agent names one, else it ends with a sentence. */
export function giveUpAudio(d: CallDraft, leg: Leg, reason: EndReason): void {
  if (isOver(leg) || leg.phase === 'speaking') return;
  if (!passOn(d, leg)) speakAndHangUp(d, leg, d.s.failureLine, reason);
}

/** Puts the call through to where calls go that we cannot serve; once. @returns false when there is no such place. */
function passOn(d: CallDraft, leg: Leg): boolean {
  const { fallback } = d.s;
  if (!fallback || d.s.transfer) return false;
  d.s.fallback = undefined;
  startTransfer(d, leg, fallback);
  return true;
}

/** Asks Telnyx to ring the target and bridge it. */
export function startTransfer(d: CallDraft, leg: Leg, to: { readonly target: string; readonly to: string }): void {
  d.s.transfer = { target: to.target, to: to.to };
  updateLeg(d, leg.name, { phase: 'transferring' });
  cancelTimers(d, leg.name, ['noMedia', 'restore', 'media', 'start']);
  setStatus(d, 'transferring');
  d.fx.push({ type: 'event', event: { type: 'transfer.started', data: { target: to.target, mode: 'blind' } } });
  d.fx.push({
    type: 'command',
    leg: leg.name,
    command: {
      name: 'transfer',
      to: to.to,
      timeoutSecs: RING_SECONDS,
      timeLimitSecs: timeLimitSecs(d.s.limits.maxDurationMs),
    },
  });
  setTimer(d, leg.name, 'transfer', TRANSFER_MS);
}

/** Our own audio is gone for good: Telnyx says one sentence, then the call ends. */
export function speakAndHangUp(d: CallDraft, leg: Leg, text: string, reason: EndReason): void {
  if (isOver(leg) || leg.phase === 'speaking') return;
  d.s.endReason ??= reason;
  updateLeg(d, leg.name, { phase: 'speaking' });
  cancelTimers(d, leg.name, ['start', 'media', 'noMedia', 'restore']);
  d.fx.push({ type: 'command', leg: leg.name, command: { name: 'speak', text } });
  setTimer(d, leg.name, 'speakEnd', SPEAK_MS);
}

/** Ends a leg. It is over only when Telnyx says so. */
export function hangUp(d: CallDraft, leg: Leg): void {
  if (isOver(leg)) return;
  cancelTimers(d, leg.name, LEG_TIMERS);
  endConsultation(d, leg);
  if (leg.callControlId === '') {
    abandonDial(d, leg);
    return;
  }
  updateLeg(d, leg.name, { phase: 'ending' });
  sendHangup(d, leg);
}

/** Orders a leg down that is `ending`, perhaps not for the first time. */
export function sendHangup(d: CallDraft, leg: Leg): void {
  if (leg.callControlId === '') {
    abandonDial(d, leg);
    return;
  }
  setTimer(d, leg.name, 'hangup', HANGUP_LOST_MS);
  d.fx.push({ type: 'command', leg: leg.name, command: { name: 'hangup' } });
}

export function onHangupDone(d: CallDraft, leg: Leg, outcome: CommandOutcome): void {
  if (leg.phase !== 'ending') return;
  if (outcome.ok) setTimer(d, leg.name, 'hangup', HANGUP_MS);
  else if (outcome.kind === 'gone') onLegEnded(d, leg);
  // Refused at once, or unknown after 50 s: what Telnyx says about the leg decides, and it is not asked in a hurry.
  else setTimer(d, leg.name, 'hangup', STATUS_RETRY_MS);
}

/** What `GET /calls/{id}` says decides; while it says nothing, it is asked again. */
export function onStatus(d: CallDraft, leg: Leg, status: LegStatus): void {
  if (leg.phase === 'ended') return;
  if (!status.known) {
    setTimer(d, leg.name, 'status', STATUS_RETRY_MS);
    return;
  }
  if (!status.isAlive) {
    onLegEnded(d, leg);
    return;
  }
  if (leg.phase === 'ending') sendHangup(d, leg);
  if (leg.phase === 'bridged') setTimer(d, leg.name, 'status', 60_000);
}

/** The leg is down, whoever ended it. */
export function onLegEnded(d: CallDraft, leg: Leg): void {
  if (leg.phase === 'ended') return;
  cancelTimers(d, leg.name, LEG_TIMERS);
  updateLeg(d, leg.name, { phase: 'ended' });
  endConsultation(d, leg);
  if (!isTarget(leg.name)) {
    if (leg.phase !== 'bridged') transferOver(d, d.s.endReason === 'caller_hangup' ? 'caller_left' : 'cancelled');
    d.fx.push({ type: 'closeMedia', leg: leg.name, code: 1000, why: 'call ended' });
    d.fx.push({ type: 'dialogue', input: { type: 'close' } });
  }
  // The partner of an ended leg has nobody to talk to; Telnyx ends it by itself, and if not, we do.
  for (const other of Object.values(d.s.legs)) {
    if (other.name === leg.name || isOver(other)) continue;
    if (leg.phase === 'bridged') setTimer(d, other.name, 'pair', 5_000);
    else if (!isTarget(leg.name)) hangUp(d, other);
  }
}
