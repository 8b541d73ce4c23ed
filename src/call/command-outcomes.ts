import { unreachable } from '../core/errors.ts';
import type { CallInput } from './inputs.ts';
import { onBridgeDone } from './attended.ts';
import { onDialDone, onProbed, PROBE } from './dialling.ts';
import { end } from './ending.ts';
import { FIRST_KEYS, onKeysSent } from './first-keys.ts';
import { hangUp, onHangupDone, onLegEnded, onStreamFailed } from './leg.ts';
import { currentTarget, isOver, isTarget, type CallDraft, type Leg } from './state.ts';
import { isRecordCommand, onRecordDone } from './recording.ts';
import { transferFailed } from './transfer.ts';

/** How a Telnyx command ended, and what that means for its leg. */
export function onCommandDone(d: CallDraft, leg: Leg, input: Extract<CallInput, { type: 'commandDone' }>): void {
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
