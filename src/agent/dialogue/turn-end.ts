import { pauseLimits } from '../endpointing-options.ts';
import type { AgentConfig } from '../options.ts';
import { turnSense } from '../turn-sense.ts';
import type { Draft } from './state.ts';

/** How long an utterance's silence lasts, for recognisers that do not end turns: the shortest pause that may end one. */
export function utterancePauseMs({ endpointing }: AgentConfig): number {
  return pauseLimits(endpointing).min;
}

/** How much longer the caller has to be silent for `text` to be their whole turn; Infinity while they speak on. */
export function pauseLeftMs(d: Draft, text: string): number {
  if (d.s.ears.capturing) return Infinity;
  const { collection, config } = d.s;
  const wanted = collection && collection.request.max - collection.digits.length;
  const { pauseMs } = turnSense(text, config.language, config.endpointing, wanted);
  return pauseMs - (d.t - d.s.voice.lastVoicedAt);
}
