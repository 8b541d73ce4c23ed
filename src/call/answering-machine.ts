import type { TelnyxEvent } from '../telnyx/events.ts';
import { end } from './ending.ts';
import type { AnsweredBy } from './inputs.ts';
import { cancelTimers, onAnswered, setTimer } from './leg.ts';
import { isOver, type CallDraft, type Leg } from './state.ts';

/** Nothing said that the greeting is over: most greetings are by now. */
const GREETING_MS = 30_000;

type Detection = Extract<TelnyxEvent, { type: 'call.machine.detection.ended' | 'call.machine.greeting.ended' }>;

/**
 * What Telnyx' answering machine detection says. The first word about who it is stands, whatever comes later, late or twice;
 * only a beep may still turn somebody unknown into a machine.
 */
export function onDetection(d: CallDraft, leg: Leg, event: Detection): void {
  const mode = d.s.dial?.machineDetection;
  if (mode === undefined || isOver(leg) || d.s.transfer || leg.phase === 'speaking') return;
  // It is only made of answered calls.
  onAnswered(d, leg);
  if (event.type === 'call.machine.detection.ended') {
    if (d.s.dial?.answeredBy === undefined) onResult(d, leg, whoIs(event.result));
    return;
  }
  const by = d.s.dial?.answeredBy;
  if (by === undefined || (by === 'unknown' && event.result === 'beep_detected')) {
    // The beep was faster than the verdict, or the verdict was lost.
    onResult(d, leg, 'machine');
  }
  if (d.s.dial?.message === 'waiting') leaveMessage(d, leg);
}

/** The message is due, whether its greeting was heard to end or not. */
export function onGreetingTimer(d: CallDraft, leg: Leg): void {
  if (d.s.dial?.message === 'waiting' && !isOver(leg)) leaveMessage(d, leg);
}

function whoIs(result: string): AnsweredBy {
  if (result.startsWith('human')) return 'human';
  if (result === 'machine') return 'machine';
  if (result.startsWith('fax')) return 'fax';
  return 'unknown';
}

function onResult(d: CallDraft, leg: Leg, answeredBy: AnsweredBy): void {
  const { dial } = d.s;
  if (!dial) return;
  d.s.dial = { ...dial, answeredBy };
  d.fx.push({ type: 'event', event: { type: 'call.updated', data: { status: d.s.status, answeredBy } } });
  if (answeredBy === 'fax') {
    d.s.endDetail ??= 'A fax machine answered.';
    end(d, 'machine');
    return;
  }
  if (answeredBy !== 'machine') return;
  // Whoever hangs up first now, it was a machine.
  d.s.endReason ??= 'machine';
  d.s.endDetail ??= 'An answering machine answered.';
  // `detect` never tells that the greeting is over, and a message into the greeting is worth nothing.
  if (!dial.hasVoicemail || dial.machineDetection === 'detect') {
    end(d, 'machine');
    return;
  }
  d.s.dial = { ...dial, answeredBy, message: 'waiting' };
  d.fx.push({ type: 'dialogue', input: { type: 'voicemail', do: 'wait' } });
  setTimer(d, leg.name, 'greeting', GREETING_MS);
}

function leaveMessage(d: CallDraft, leg: Leg): void {
  if (!d.s.dial) return;
  d.s.dial = { ...d.s.dial, message: 'speaking' };
  cancelTimers(d, leg.name, ['greeting']);
  d.fx.push({ type: 'dialogue', input: { type: 'voicemail', do: 'say' } });
}
