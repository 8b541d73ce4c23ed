import { unreachable } from '../core/errors.ts';
import type { DialogueSignal } from '../agent/dialogue/inputs.ts';
import type { LegStatus } from '../telnyx/commands.ts';
import type { CallEffect, CallInput } from './inputs.ts';
import { onConsulted } from './attended.ts';
import { onDial, onDialTurn, onLegFound } from './dialling.ts';
import { end, finishIfOver, onDrain } from './ending.ts';
import {
  giveUpAudio,
  onAnswered,
  onMediaGone,
  onMediaOpened,
  onMediaStarted,
  onMediaStopped,
  onStatus,
  sendHangup,
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
import { onBridged, onTargetSearched, transferFailed } from './transfer.ts';
import { onWebhook } from './call-webhooks.ts';
import { onCommandDone } from './command-outcomes.ts';
import { onTimer } from './call-timers.ts';
import { onControl } from './call-control.ts';
import { onSignal } from './dialogue-signals.ts';
import { onRecovered } from './call-recovered.ts';

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

function isUp(leg: Leg, status: LegStatus): boolean {
  return !isOver(leg) && leg.phase !== 'bridged' && status.known && status.isAlive;
}
