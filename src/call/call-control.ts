import { unreachable } from '../core/errors.ts';
import type { ControlAction } from './inputs.ts';
import { end } from './ending.ts';
import type { CallDraft, Leg } from './state.ts';
import { beginHold, endHold } from './hold.ts';
import { transferFailed } from './transfer.ts';

/** What people and programs order. */
export function onControl(d: CallDraft, leg: Leg, action: ControlAction): void {
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
