import { beginSpeech, endText } from './speaking.ts';
import type { Draft } from './state.ts';

/** A sound of the config as a turn of its own. */
export function playSound(d: Draft, sound: string, interruptible: boolean): void {
  beginSpeech(d, 'sound', { interruptible, sound });
  endText(d);
  const speech = d.s.speech;
  if (!speech) return;
  d.fx.push({ type: 'playBegin', turn: speech.turn });
  if (speech.pausedAt !== undefined) d.fx.push({ type: 'playPause' });
  d.s.speech = { ...speech, firstAudioAt: d.t };
  d.fx.push(
    { type: 'event', event: { type: 'turn.started', data: { turn: speech.turn, role: 'agent' } } },
    { type: 'playSound', turn: speech.turn, sound },
    { type: 'playEnd', turn: speech.turn },
  );
}
