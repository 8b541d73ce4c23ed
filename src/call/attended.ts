import type { BriefingAnswer, BriefingInput } from '../agent/briefing/state.ts';
import type { DialogueSignal } from '../agent/dialogue/inputs.ts';
import type { CommandOutcome, LegSearch } from '../telnyx/commands.ts';
import type { TelnyxEvent } from '../telnyx/events.ts';
import { learnIds, timeLimitSecs } from './dialling.ts';
import type { CallInput, LegName, TransferOutcome } from './inputs.ts';
import {
  BRIDGE_MS,
  cancelTimers,
  onLegEnded,
  RING_SECONDS,
  sendHangup,
  setStatus,
  setTimer,
  TRANSFER_MS,
} from './leg.ts';
import {
  currentTarget,
  hereOf,
  isConsulted,
  isOver,
  talkingLeg,
  updateLeg,
  type Attended,
  type CallDraft,
  type CallState,
  type Leg,
} from './state.ts';
import { transferFailed } from './transfer.ts';

/** A target that was reached and asked twice has said something by then. */
const BRIEFING_MS = 120_000;
/** An answered target whose audio does not come cannot be asked anything. */
const MEDIA_MS = 5_000;
/** The stream of a target that hangs up ends first. */
const STOPPED_MS = 1_000;
const LOST_RETRY_MS = 5_000;
const ASK_IN_VAIN = 2;

/** The caller hears music; the target is dialled on a leg of its own, whose audio is ours. */
export function startAttended(d: CallDraft, talking: Leg, signal: Extract<DialogueSignal, { type: 'transfer' }>): void {
  const { target, to, announce } = signal;
  const name = nextTarget(d.s);
  d.s.transfer = { target, to, attended: { leg: name, step: 'dialing' } };
  const leg: Leg = {
    name,
    phase: 'dialing',
    callControlId: '',
    callLegId: undefined,
    callSessionId: undefined,
    answered: false,
    epoch: 1,
    socket: 'none',
    restores: 0,
    restoresTotal: 0,
    isBriefed: true,
  };
  d.s.legs = { ...d.s.legs, [name]: leg };
  setStatus(d, 'transferring');
  d.fx.push({ type: 'event', event: { type: 'transfer.started', data: { target, mode: 'attended' } } });
  d.fx.push({ type: 'consult', leg: name, target, ...(announce === undefined ? {} : { announce }) });
  d.fx.push({
    type: 'command',
    leg: name,
    command: {
      name: 'dial',
      to,
      from: hereOf(d.s),
      timeoutSecs: RING_SECONDS,
      timeLimitSecs: timeLimitSecs(d.s.limits.maxDurationMs),
      epoch: 1,
      linkTo: talking.name,
      machineDetection: 'detect',
    },
  });
  setTimer(d, talking.name, 'transfer', TRANSFER_MS);
}

/** The name of the next leg that is a transfer's target. */
export function nextTarget(s: CallState): LegName {
  return `target${Object.keys(s.legs).length}`;
}

/** Something happened to a target that we dialled. @returns false when it means the same as on every leg. */
export function onConsulted(d: CallDraft, leg: Leg, input: CallInput): boolean {
  switch (input.type) {
    case 'mediaOpened':
      if (!isOver(leg) && input.epoch === leg.epoch) updateLeg(d, leg.name, { socket: 'open' });
      return true;
    case 'mediaStarted':
      if (isOver(leg) || input.epoch !== leg.epoch || leg.socket === 'started') return true;
      onTargetAnswered(d, updateLeg(d, leg.name, { socket: 'started' }) ?? leg);
      cancelTimers(d, leg.name, ['media']);
      brief(d, leg, { type: 'streamUp', bytesPerMs: d.s.declared === 'L16' ? 32 : 8 });
      return true;
    case 'mediaStopped':
    case 'mediaClosed':
      // A target that hangs up ends its stream too, and the reason comes a moment later.
      if (input.epoch !== leg.epoch || isOver(leg) || !leg.answered) return true;
      updateLeg(d, leg.name, { socket: 'stopped' });
      if (awaits(d, leg)) setTimer(d, leg.name, 'media', STOPPED_MS);
      return true;
    case 'mediaUnsupported':
      if (input.epoch === leg.epoch) onTargetLost(d, leg);
      return true;
    case 'codecMismatch':
      return true;
    case 'legFound':
      onTargetFound(d, leg, input.search);
      return true;
    case 'commandDone':
      if (input.name !== 'dial') return false;
      onTargetDialDone(d, leg, input.outcome);
      return true;
    case 'timer':
      if (input.name === 'media') onTargetLost(d, leg);
      return input.name === 'media';
    default:
      return false;
  }
}

/** What a hangup of a target that was being asked, or had said yes, means; undefined before it has answered. */
export function consultedOutcome(leg: Leg, at: Attended['step'] | undefined): TransferOutcome | undefined {
  if (!isConsulted(leg) || !leg.answered) return undefined;
  return at === 'bridging' ? 'failed' : 'declined';
}

/** What Telnyx tells of a target that we dialled. @returns false when it means the same as on every leg. */
export function onConsultedWebhook(d: CallDraft, leg: Leg, event: TelnyxEvent): boolean {
  if (leg.phase === 'ended' && leg.callControlId === '') {
    comesUpLate(d, leg, event);
    return true;
  }
  switch (event.type) {
    case 'call.answered':
      onTargetAnswered(d, leg);
      return true;
    case 'call.machine.detection.ended':
      if (awaits(d, leg) && (event.result === 'machine' || event.result.startsWith('fax')))
        transferFailed(d, 'voicemail');
      return true;
    case 'streaming.failed':
      onTargetLost(d, leg);
      return true;
    case 'call.bridged':
      // Only we bridge it; before that nobody can.
      return d.s.transfer?.attended?.step !== 'bridging';
    default:
      return false;
  }
}

/** Telnyx did not know of the leg when it was asked, and now it rings: nobody waits for it. */
function comesUpLate(d: CallDraft, leg: Leg, event: TelnyxEvent): void {
  if (event.type === 'call.hangup') return;
  const { callControlId, callLegId, callSessionId } = event;
  const up = updateLeg(d, leg.name, { callControlId, callLegId, callSessionId, phase: 'ending' });
  if (up) sendHangup(d, up);
}

/** Is this the target of the transfer under way? */
function awaits(d: CallDraft, leg: Leg): boolean {
  return d.s.transfer?.attended?.leg === leg.name && !isOver(leg) && leg.phase !== 'bridged';
}

function onTargetAnswered(d: CallDraft, leg: Leg): void {
  if (leg.answered || !awaits(d, leg)) return;
  cancelTimers(d, leg.name, ['lost']);
  updateLeg(d, leg.name, { answered: true, phase: 'answered' });
  step(d, 'briefing');
  const talking = talkingLeg(d.s);
  if (talking) setTimer(d, talking.name, 'transfer', BRIEFING_MS);
  if (leg.socket !== 'started') setTimer(d, leg.name, 'media', MEDIA_MS);
}

function step(d: CallDraft, to: 'briefing' | 'bridging'): void {
  const { transfer } = d.s;
  if (transfer?.attended) d.s.transfer = { ...transfer, attended: { ...transfer.attended, step: to } };
}

/** Nobody can talk to the target any more. Once it has taken the call that does not matter. */
function onTargetLost(d: CallDraft, leg: Leg): void {
  updateLeg(d, leg.name, { socket: 'none' });
  if (awaits(d, leg) && d.s.transfer?.attended?.step !== 'bridging' && leg.answered) transferFailed(d, 'failed');
}

function onTargetDialDone(d: CallDraft, leg: Leg, outcome: CommandOutcome): void {
  if (leg.phase === 'ended') return;
  if (outcome.ok) {
    if (outcome.leg) learnIds(d, leg, outcome.leg);
    else if (leg.callControlId === '') setTimer(d, leg.name, 'lost', leg.phase === 'ending' ? 0 : LOST_RETRY_MS);
    return;
  }
  // A webhook or the audio may have told that it was carried out, though its answer was lost.
  if (leg.callControlId !== '') return;
  if (outcome.kind === 'unknown') {
    d.fx.push({ type: 'findLeg', leg: leg.name });
    return;
  }
  const awaited = awaits(d, leg);
  onLegEnded(d, leg);
  if (awaited) transferFailed(d, outcome.code === 'destination_not_allowed' ? 'not_allowed' : 'failed');
}

/** What Telnyx' list of calls says about a dial without a known outcome. */
function onTargetFound(d: CallDraft, leg: Leg, search: LegSearch): void {
  if (leg.callControlId !== '' || leg.phase === 'ended') return;
  if (search.known && search.leg) {
    // It goes on: what it does next is told by webhooks, or the transfer's time runs out.
    learnIds(d, leg, search.leg);
    return;
  }
  const askedInVain = (leg.askedInVain ?? 0) + (search.known ? 1 : 0);
  updateLeg(d, leg.name, { askedInVain });
  if (askedInVain < ASK_IN_VAIN) {
    setTimer(d, leg.name, 'lost', LOST_RETRY_MS);
    return;
  }
  // What comes up after this is hung up by the registry, which remembers the call.
  const awaited = awaits(d, leg);
  onLegEnded(d, leg);
  if (awaited) transferFailed(d, 'failed');
}

/** The target decided. */
export function onBriefed(d: CallDraft, { answer }: { readonly answer: BriefingAnswer }): void {
  const talking = talkingLeg(d.s);
  const leg = currentTarget(d.s);
  if (!leg || !awaits(d, leg) || !talking || isOver(talking) || d.s.transfer?.attended?.step !== 'briefing') return;
  if (answer !== 'accepted') {
    transferFailed(d, answer);
    return;
  }
  step(d, 'bridging');
  d.fx.push({ type: 'dialogue', input: { type: 'connecting' } });
  bridge(d, talking, leg);
}

/** Puts caller and target together. */
function bridge(d: CallDraft, talking: Leg, target: Leg): void {
  setTimer(d, talking.name, 'transfer', TRANSFER_MS);
  d.fx.push({ type: 'command', leg: talking.name, command: { name: 'bridge', with: target.name } });
}

export function onBridgeDone(d: CallDraft, outcome: CommandOutcome): void {
  const { attended } = d.s.transfer ?? {};
  const talking = talkingLeg(d.s);
  const target = attended && d.s.legs[attended.leg];
  if (!target || !talking || talking.phase === 'bridged') return;
  if (outcome.ok) {
    // `call.bridged` follows within moments; if it is lost, they talk all the same.
    setTimer(d, target.name, 'bridge', BRIDGE_MS);
  } else if (outcome.kind === 'gone') {
    // One of the two has hung up, and Telnyx does not say which.
    for (const leg of [talking, target]) d.fx.push({ type: 'askStatus', leg: leg.name });
    setTimer(d, talking.name, 'transfer', LOST_RETRY_MS);
  } else transferFailed(d, 'failed');
}

/**
 * After a restart. What the target had been told is lost: it is hung up, and the caller comes back to the agent. A target that
 * had said yes is put through, under the same command id: Telnyx may have done it already.
 */
export function onAttendedRecovered(d: CallDraft, talking: Leg): void {
  const target = currentTarget(d.s);
  if (d.s.transfer?.attended?.step === 'bridging' && target && !isOver(target)) bridge(d, talking, target);
  else transferFailed(d, 'failed');
}

/** The transfer's time is over. */
export function onAttendedTimeout(d: CallDraft): void {
  transferFailed(d, d.s.transfer?.attended?.step === 'bridging' ? 'failed' : 'no_answer');
}

/** The talk with the target is over, whatever it led to. */
export function endConsultation(d: CallDraft, leg: Leg): void {
  if (!leg.isBriefed) return;
  updateLeg(d, leg.name, { isBriefed: false });
  brief(d, leg, { type: 'close' });
  d.fx.push({ type: 'consultEnd', leg: leg.name });
}

function brief(d: CallDraft, leg: Leg, input: BriefingInput): void {
  d.fx.push({ type: 'brief', leg: leg.name, input });
}
