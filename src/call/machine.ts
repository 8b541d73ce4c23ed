import { unreachable } from '../core/errors.ts';
import type { DialogueSignal } from '../agent/dialogue/inputs.ts';
import type { LegStatus } from '../telnyx/commands.ts';
import type { TelnyxEvent } from '../telnyx/events.ts';
import type { CallEffect, CallInput, ControlAction, EndReason } from './inputs.ts';
import {
  consultedOutcome,
  onAttendedRecovered,
  onBridgeDone,
  onBriefed,
  onConsulted,
  onConsultedWebhook,
  startAttended,
} from './attended.ts';
import { onDetection, onGreetingTimer } from './answering-machine.ts';
import {
  learnIds,
  notReached,
  onDial,
  onDialDone,
  onDialRecovered,
  onDialTurn,
  onLegFound,
  onProbed,
  onRingTimeout,
  PROBE,
} from './dialling.ts';
import { end, finishIfOver, onDrain, wrapUp } from './ending.ts';
import { FIRST_KEYS, onKeysDone, onKeysSent } from './first-keys.ts';
import {
  announceAnswer,
  answer,
  BRIDGE_MS,
  giveUpAudio,
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
  setTimer,
  speakAndHangUp,
  startTransfer,
  TRANSFER_MS,
} from './leg.ts';
import {
  currentTarget,
  isConsulted,
  isOver,
  isTarget,
  talkingLeg,
  type CallDraft,
  type CallState,
  type Leg,
} from './state.ts';
import { beginHold, endHold } from './hold.ts';
import { isRecordCommand, onRecordDone, onRecordSignal } from './recording.ts';
import { joinTarget, onBridged, onTargetSearched, onTransferTimeout, outcomeOf, transferFailed } from './transfer.ts';

export interface CallStep {
  readonly state: CallState;
  readonly effects: readonly CallEffect[];
}

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
  if (input.type === 'dial') {
    onDial(d, input);
    return;
  }
  if (!leg) {
    if (input.type === 'legFound') onTargetSearched(d, input.leg, input.search);
    return;
  }
  if (input.type !== 'signal' && isConsulted(leg) && onConsulted(d, leg, input)) return;
  switch (input.type) {
    case 'mediaOpened':
      if (input.epoch === leg.epoch) onMediaOpened(d, leg);
      return;
    case 'mediaStarted':
      if (input.epoch === leg.epoch) onMediaStarted(d, leg);
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
      giveUpAudio(d, leg, 'codec_unsupported');
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
    case 'dialTurn':
      onDialTurn(d, leg, input);
      return;
    case 'legFound':
      onLegFound(d, leg, input.search);
      return;
    case 'legStatus':
      onStatus(d, leg, input.status);
      // So long after the last ring a leg that is up was answered, and nobody told us.
      if (d.s.transfer?.asked !== undefined && currentTarget(d.s)?.name === leg.name && isUp(leg, input.status)) {
        onBridged(d);
      }
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

function onWebhook(d: CallDraft, name: Leg['name'], leg: Leg | undefined, event: TelnyxEvent): void {
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
      if (d.s.transfer && !isOver(known)) onBridged(d);
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

function onCommandDone(d: CallDraft, leg: Leg, input: Extract<CallInput, { type: 'commandDone' }>): void {
  const { outcome, name } = input;
  if (name === 'hangup' || name === 'reject') {
    onHangupDone(d, leg, outcome);
    return;
  }
  if (name === 'bridge') {
    onBridgeDone(d, outcome);
    return;
  }
  if (name === 'dial') {
    onDialDone(d, leg, outcome);
    return;
  }
  if (input.tag === FIRST_KEYS) onKeysSent(d, leg, outcome);
  else if (name === 'sendDtmf' && input.tag !== undefined) {
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
  if (isRecordCommand(name) && (outcome.ok || outcome.kind !== 'gone')) {
    onRecordDone(d, leg, name, outcome, input.tag);
    return;
  }
  if (input.tag === PROBE && (outcome.ok || outcome.kind !== 'gone')) {
    onProbed(d, leg, outcome);
    return;
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
      const notAllowed = outcome.code === 'destination_not_allowed';
      if (!target || isOver(target)) transferFailed(d, notAllowed ? 'not_allowed' : 'failed');
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
    case 'recordStart':
    case 'recordStop':
    case 'recordPause':
    case 'recordResume':
      return;
    default:
      unreachable(name);
  }
}

function onTimer(d: CallDraft, leg: Leg, input: Extract<CallInput, { type: 'timer' }>): void {
  if (leg.phase === 'ended') return;
  switch (input.name) {
    case 'ring':
      onRingTimeout(d, leg);
      return;
    case 'lost':
      d.fx.push({ type: 'findLeg', leg: leg.name });
      return;
    case 'keys':
      onKeysDone(d, leg);
      return;
    case 'greeting':
      onGreetingTimer(d, leg);
      return;
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
      onTransferTimeout(d, leg);
      return;
    case 'hold':
      endHold(d, leg);
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
    case 'transferCancel':
      transferFailed(d, 'cancelled');
      return;
    case 'hold':
      beginHold(d, leg, action.music);
      return;
    case 'resume':
      endHold(d, leg);
      return;
    case 'transfer':
      if (leg.phase !== 'streaming' || d.s.transfer || d.s.hold) return;
      d.s.ordered = [...(d.s.ordered ?? []), action.to];
      d.fx.push({
        type: 'dialogue',
        input: {
          type: 'handOver',
          target: action.target,
          to: action.to,
          ...(action.message === undefined ? {} : { message: action.message }),
          ...(action.mode === undefined ? {} : { mode: action.mode }),
          ...(action.announce === undefined ? {} : { announce: action.announce }),
        },
      });
      return;
    case 'dtmf':
      if (leg.phase === 'streaming')
        d.fx.push({ type: 'dialogue', input: { type: 'sendKeys', digits: action.digits } });
      return;
    case 'say':
      d.fx.push({ type: 'dialogue', input: { type: 'say', text: action.text, interrupt: action.interrupt } });
      return;
    case 'play':
    case 'mute':
      if (leg.phase === 'streaming') d.fx.push({ type: 'dialogue', input: action });
      return;
    case 'record':
      d.fx.push({ type: 'dialogue', input: { type: 'record', do: action.do } });
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
      if (signal.mode === 'attended') startAttended(d, leg, signal);
      else startTransfer(d, leg, signal);
      return;
    case 'briefed':
      onBriefed(d, signal);
      return;
    case 'dtmf':
      sendDtmf(d, leg, signal.digits, signal.toolCallId);
      return;
    case 'muted':
      d.fx.push({ type: 'event', event: { type: 'call.updated', data: { status: d.s.status, muted: signal.on } } });
      return;
    case 'record':
      onRecordSignal(d, leg, signal);
      return;
    case 'speakForUs':
      speakAndHangUp(d, leg, signal.text, 'provider_failure');
      return;
    default:
      unreachable(signal);
  }
}

function isUp(leg: Leg, status: LegStatus): boolean {
  return !isOver(leg) && leg.phase !== 'bridged' && status.known && status.isAlive;
}

/** After a restart: what was ringing is answered, what was talking gets a new stream. */
function onRecovered(d: CallDraft, leg: Leg): void {
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
  if (d.s.transfer?.attended) onAttendedRecovered(d, leg);
  if (!d.s.transfer) {
    restore(d, leg);
    return;
  }
  if (d.s.transfer.attended) return;
  // Whether the target was reached meanwhile is unknown; Telnyx' webhooks or the timers will tell.
  setTimer(d, leg.name, 'transfer', TRANSFER_MS);
  const target = currentTarget(d.s);
  if (target?.answered && !isOver(target)) setTimer(d, target.name, 'bridge', BRIDGE_MS);
}
