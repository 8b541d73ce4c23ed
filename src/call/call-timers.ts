import { unreachable } from '../core/errors.ts';
import type { CallInput } from './inputs.ts';
import { onGreetingTimer } from './answering-machine.ts';
import { onRingTimeout } from './dialling.ts';
import { end, wrapUp } from './ending.ts';
import { onKeysDone } from './first-keys.ts';
import { hangUp, onStreamFailed, restore, setTimer } from './leg.ts';
import { isOver, type CallDraft, type Leg } from './state.ts';
import { endHold } from './hold.ts';
import { onBridged, onTransferTimeout } from './transfer.ts';

/** A deadline of a leg has come. */
export function onTimer(d: CallDraft, leg: Leg, input: Extract<CallInput, { type: 'timer' }>): void {
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
