import { unreachable } from '../core/errors.ts';
import type { DialogueSignal } from '../agent/dialogue/inputs.ts';
import { onBriefed, startAttended } from './attended.ts';
import { end } from './ending.ts';
import { speakAndHangUp, startTransfer } from './leg.ts';
import { isOver, type CallDraft, type Leg } from './state.ts';
import { onRecordSignal } from './recording.ts';

/** What the dialogue wants done to the call. */
export function onSignal(d: CallDraft, leg: Leg, signal: DialogueSignal): void {
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

function sendDtmf(d: CallDraft, leg: Leg, digits: string, tag?: string): void {
  d.fx.push({
    type: 'command',
    leg: leg.name,
    command: { name: 'sendDtmf', digits },
    ...(tag === undefined ? {} : { tag }),
  });
  d.fx.push({ type: 'event', event: { type: 'dtmf.sent', data: { digits } } });
}
