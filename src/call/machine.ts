import { unreachable } from '../core/errors.ts';
import type { DialogueSignal } from '../agent/dialogue/inputs.ts';
import type { TelnyxEvent } from '../telnyx/events.ts';
import type { CallEffect, CallInput, ControlAction, EndReason } from './inputs.ts';
import {
  announceAnswer,
  answer,
  BRIDGE_MS,
  cancelTimers,
  hangUp,
  onAnswered,
  onHangupDone,
  onLegEnded,
  onMediaGone,
  onMediaOpened,
  onMediaStarted,
  onMediaStopped,
  onStatus,
  onStreamFailed,
  restore,
  sendHangup,
  setStatus,
  setTimer,
  speakAndHangUp,
} from './leg.ts';
import {
  currentTarget,
  isOver,
  isTarget,
  talkingLeg,
  updateLeg,
  type CallDraft,
  type CallState,
  type Leg,
} from './state.ts';

export interface CallStep {
  readonly state: CallState;
  readonly effects: readonly CallEffect[];
}

const RING_SECONDS = 30;
const TRANSFER_MS = (RING_SECONDS + 10) * 1000;
/** A goodbye that has not ended the call by then has gone wrong. */
const WRAP_UP_MS = 20_000;

/** The call machine: legs and what connects them. Pure; inputs that come late, twice or in vain change nothing. */
export function stepCall(
  state: CallState,
  input: CallInput | { readonly type: 'signal'; readonly signal: DialogueSignal },
  t: number,
): CallStep {
  if (state.finished) return { state, effects: [] };
  const d: CallDraft = { s: { ...state }, fx: [], t };
  handle(d, input, state);
  finishIfOver(d);
  return { state: d.s, effects: d.fx };
}

function handle(
  d: CallDraft,
  input: CallInput | { readonly type: 'signal'; readonly signal: DialogueSignal },
  before: CallState,
): void {
  const leg = 'leg' in input ? d.s.legs[input.leg] : talkingLeg(d.s);
  if (input.type === 'webhook') {
    onWebhook(d, input.leg, leg, input.event);
    return;
  }
  if (!leg) return;
  switch (input.type) {
    case 'mediaOpened':
      if (input.epoch === leg.epoch) onMediaOpened(d, leg);
      return;
    case 'mediaStarted':
      if (input.epoch === leg.epoch)
        onMediaStarted(d, leg, input.encoding === 'L16' ? (input.sampleRate / 1000) * 2 : 8);
      return;
    case 'mediaStopped':
      if (input.epoch === leg.epoch) onMediaStopped(d, leg);
      return;
    case 'mediaClosed':
      if (input.epoch === leg.epoch) onMediaGone(d, leg);
      return;
    case 'mediaUnsupported':
      if (input.epoch !== leg.epoch) return;
      // A `start` of any kind says that the far party is on the line.
      onAnswered(d, leg);
      speakAndHangUp(d, leg, d.s.failureLine, 'codec_unsupported');
      return;
    case 'codecMismatch':
      d.fx.push({
        type: 'event',
        event: { type: 'codec.mismatch', data: { announced: input.announced, heard: input.heard } },
      });
      return;
    case 'commandDone':
      onCommandDone(d, leg, input);
      return;
    case 'legStatus':
      onStatus(d, leg, input.status);
      if (isTarget(leg.name) && !isOver(leg) && leg.phase !== 'bridged' && d.s.legs[leg.name]?.phase === 'ended') {
        transferFailed(d, 'failed');
      }
      return;
    case 'timer':
      onTimer(d, leg, input);
      return;
    case 'control':
      onControl(d, leg, input.action);
      return;
    case 'drain':
      onDrain(d, leg, input.now);
      return;
    case 'recovered':
      onRecovered(d, leg);
      return;
    case 'fault':
      end(d, 'error');
      // What was thrown may have swallowed the hangup of an earlier step.
      for (const one of Object.values(before.legs)) if (one.phase === 'ending') sendHangup(d, one);
      return;
    case 'signal':
      onSignal(d, leg, input.signal);
      return;
    case 'stalled':
      return;
    default:
      unreachable(input);
  }
}

function onWebhook(d: CallDraft, name: Leg['name'], known: Leg | undefined, event: TelnyxEvent): void {
  if (!known) {
    // Telnyx' webhooks overtake each other: any of them may be the first we hear of a target.
    if (event.type === 'call.initiated' || isTarget(name)) onInitiated(d, name, event);
    const joined = d.s.legs[name];
    if (joined && event.type !== 'call.initiated') onWebhook(d, name, joined, event);
    return;
  }
  switch (event.type) {
    case 'call.initiated':
      return; // a repeat
    case 'call.answered':
      onAnswered(d, known);
      return;
    case 'call.bridged':
      // Not of a target that was given up: another transfer may be under way.
      if (d.s.transfer && !isOver(known)) onBridged(d);
      return;
    case 'call.hangup':
      onHangup(d, known, event);
      return;
    case 'streaming.failed':
      if (!isTarget(name)) onStreamFailed(d, known);
      return;
    case 'call.speak.ended':
      if (known.phase === 'speaking') hangUp(d, known);
      return;
    default:
      return; // heard, journaled, nothing to decide
  }
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
    // The transfer may already have been given up, or the caller may be gone: nobody waits for this leg any more.
    const talking = talkingLeg(d.s);
    if (!d.s.transfer || !talking || isOver(talking)) hangUp(d, leg);
    else if (talking.phase === 'bridged') updateLeg(d, name, { phase: 'bridged', answered: true });
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
    d.s.endReason ??=
      leg.phase === 'bridged' ? 'transferred' : event.cause === 'time_limit' ? 'max_duration' : 'caller_hangup';
  }
  const reached = leg.phase === 'bridged';
  // A target we hung up ourselves belongs to a transfer that has failed already.
  const awaited = isTarget(leg.name) && !isOver(leg) && currentTarget(d.s)?.name === leg.name;
  onLegEnded(d, leg);
  if (awaited && !reached && d.s.transfer) transferFailed(d, outcomeOf(event.cause, event.sipCode));
}

function outcomeOf(cause: string, sipCode: string | undefined): string {
  if (cause === 'user_busy' || sipCode === '486') return 'busy';
  if (cause === 'timeout' || cause === 'no_answer' || sipCode === '480' || sipCode === '408') return 'no_answer';
  if (cause === 'call_rejected' || sipCode === '603' || sipCode === '403') return 'rejected';
  if (cause === 'not_found' || sipCode === '404') return 'not_found';
  return 'failed';
}

function onBridged(d: CallDraft): void {
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

function transferFailed(d: CallDraft, outcome: string): void {
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
  d.fx.push({ type: 'dialogue', input: { type: 'transferFailed', target: transfer.target, outcome } });
  updateLeg(d, talking.name, { phase: 'streaming' });
  if (talking.socket === 'started') setTimer(d, talking.name, 'noMedia', d.s.limits.noMediaMs);
  else {
    d.fx.push({ type: 'dialogue', input: { type: 'streamDown' } });
    restore(d, { ...talking, phase: 'restoring' });
  }
}

function onCommandDone(d: CallDraft, leg: Leg, input: Extract<CallInput, { type: 'commandDone' }>): void {
  const { outcome, name } = input;
  if (name === 'hangup' || name === 'reject') {
    onHangupDone(d, leg, outcome);
    return;
  }
  if (name === 'sendDtmf' && input.tag !== undefined) {
    d.fx.push({
      type: 'dialogue',
      input: {
        type: 'dtmfSent',
        toolCallId: input.tag,
        ok: outcome.ok,
        ...(outcome.ok ? {} : { message: outcome.message }),
      },
    });
  }
  if (outcome.ok) return;
  if (outcome.kind === 'gone' && !isOver(leg)) {
    // The far party was faster; call.hangup is on its way, or lost.
    if (!isTarget(leg.name)) d.s.endReason ??= 'caller_hangup';
    onLegEnded(d, leg);
    return;
  }
  switch (name) {
    case 'answer':
      // The webhook or the audio may have told that it was carried out, though its answer was lost.
      if (!leg.answered) end(d, 'error');
      return;
    case 'streamingStart':
      onStreamFailed(d, leg);
      return;
    case 'transfer': {
      const target = currentTarget(d.s);
      if (!target || isOver(target)) transferFailed(d, 'failed');
      return;
    }
    case 'speak':
      if (leg.phase === 'speaking') hangUp(d, leg);
      return;
    case 'streamingStop':
      // Two people talk: if Telnyx goes on sending us their voices, we do not listen.
      d.fx.push({ type: 'closeMedia', leg: leg.name, code: 1000, why: 'bridged' });
      return;
    case 'sendDtmf':
      return;
    default:
      unreachable(name);
  }
}

function onTimer(d: CallDraft, leg: Leg, input: Extract<CallInput, { type: 'timer' }>): void {
  if (leg.phase === 'ended') return;
  switch (input.name) {
    case 'answer':
      if (!leg.answered && !isOver(leg)) end(d, 'error');
      return;
    case 'start':
      if (leg.socket !== 'open') return;
      d.fx.push({ type: 'closeMedia', leg: leg.name, code: 1008, why: 'no start' });
      onStreamFailed(d, leg);
      return;
    case 'media':
      if (leg.socket === 'none' || leg.socket === 'stopped') onStreamFailed(d, leg);
      return;
    case 'noMedia':
      onQuiet(d, leg, input.quietMs ?? 0);
      return;
    case 'restore':
      restore(d, leg);
      return;
    case 'speakEnd':
      if (leg.phase === 'speaking') hangUp(d, leg);
      return;
    case 'hangup':
    case 'status':
      d.fx.push({ type: 'askStatus', leg: leg.name });
      return;
    case 'maxDuration':
      wrapUp(d, leg, 'max_duration');
      return;
    case 'wrapUp':
      end(d, d.s.endReason ?? 'error');
      return;
    case 'transfer':
      transferFailed(d, 'no_answer');
      return;
    case 'bridge':
      if (d.s.transfer) onBridged(d);
      return;
    case 'pair':
      hangUp(d, leg);
      return;
    default:
      unreachable(input.name);
  }
}

function onQuiet(d: CallDraft, leg: Leg, quietMs: number): void {
  if (leg.phase !== 'streaming') return;
  const left = d.s.limits.noMediaMs - quietMs;
  if (left > 0) setTimer(d, leg.name, 'noMedia', Math.max(left, 20));
  else end(d, 'no_media');
}

function onControl(d: CallDraft, leg: Leg, action: ControlAction): void {
  switch (action.type) {
    case 'hangup':
      end(d, 'api_hangup');
      return;
    case 'transfer':
      if (leg.phase !== 'streaming') return;
      d.fx.push({
        type: 'dialogue',
        input: {
          type: 'handOver',
          target: action.target,
          to: action.to,
          ...(action.message === undefined ? {} : { message: action.message }),
        },
      });
      return;
    case 'dtmf':
      if (leg.answered && !isOver(leg)) sendDtmf(d, leg, action.digits);
      return;
    case 'say':
      d.fx.push({ type: 'dialogue', input: { type: 'say', text: action.text, interrupt: action.interrupt } });
      return;
    default:
      unreachable(action);
  }
}

function sendDtmf(d: CallDraft, leg: Leg, digits: string, tag?: string): void {
  d.fx.push({
    type: 'command',
    leg: leg.name,
    command: { name: 'sendDtmf', digits },
    ...(tag === undefined ? {} : { tag }),
  });
  d.fx.push({ type: 'event', event: { type: 'dtmf.sent', data: { digits } } });
}

function onSignal(d: CallDraft, leg: Leg, signal: DialogueSignal): void {
  switch (signal.type) {
    case 'hangup':
      end(d, signal.reason);
      return;
    case 'transfer':
      if (isOver(leg) || leg.phase === 'bridged' || leg.phase === 'speaking' || d.s.transfer) return;
      d.s.transfer = { target: signal.target, to: signal.to };
      updateLeg(d, leg.name, { phase: 'transferring' });
      cancelTimers(d, leg.name, ['noMedia', 'restore', 'media', 'start']);
      setStatus(d, 'transferring');
      d.fx.push({ type: 'event', event: { type: 'transfer.started', data: { target: signal.target } } });
      d.fx.push({
        type: 'command',
        leg: leg.name,
        command: {
          name: 'transfer',
          to: signal.to,
          timeoutSecs: RING_SECONDS,
          timeLimitSecs: Math.min(14_400, Math.max(30, Math.round(d.s.limits.maxDurationMs / 1000) + 30)),
        },
      });
      setTimer(d, leg.name, 'transfer', TRANSFER_MS);
      return;
    case 'dtmf':
      sendDtmf(d, leg, signal.digits, signal.toolCallId);
      return;
    case 'speakForUs':
      speakAndHangUp(d, leg, signal.text, 'provider_failure');
      return;
    default:
      unreachable(signal);
  }
}

function onDrain(d: CallDraft, leg: Leg, now: boolean): void {
  if (leg.phase === 'bridged') return;
  if (now || !leg.answered) end(d, 'drain');
  else wrapUp(d, leg, 'drain');
}

/** A polite end: the dialogue says its line and signals the hangup; a guard ends the call if it cannot. */
function wrapUp(d: CallDraft, leg: Leg, reason: 'max_duration' | 'drain'): void {
  if (isOver(leg) || leg.phase === 'speaking') return;
  d.s.endReason ??= reason;
  d.fx.push({ type: 'dialogue', input: { type: 'wrapUp', reason } });
  setTimer(d, leg.name, 'wrapUp', WRAP_UP_MS);
}

/** After a restart: what was ringing is answered, what was talking gets a new stream. */
function onRecovered(d: CallDraft, leg: Leg): void {
  if (isOver(leg) || leg.phase === 'bridged') return; // what Telnyx says about each leg comes next
  if (!leg.answered) {
    answer(d, leg);
    return;
  }
  if (d.s.answeredAt === undefined) announceAnswer(d);
  setTimer(d, leg.name, 'maxDuration', d.s.limits.maxDurationMs);
  if (!d.s.transfer) {
    restore(d, leg);
    return;
  }
  // Whether the target was reached meanwhile is unknown; Telnyx' webhooks or the timers will tell.
  setTimer(d, leg.name, 'transfer', TRANSFER_MS);
  const target = currentTarget(d.s);
  if (target?.answered && !isOver(target)) setTimer(d, target.name, 'bridge', BRIDGE_MS);
}

/** Ends every leg; the first reason stands. */
function end(d: CallDraft, reason: EndReason): void {
  d.s.endReason ??= reason;
  d.fx.push({ type: 'dialogue', input: { type: 'close' } });
  for (const leg of Object.values(d.s.legs)) hangUp(d, leg);
}

function finishIfOver(d: CallDraft): void {
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
      },
    },
  });
  d.fx.push({ type: 'finished', reason });
}
