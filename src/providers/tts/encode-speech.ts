import { createEncoder } from '../../audio/codec.ts';
import type { AudioFormat } from '../../audio/format.ts';
import { createResampler } from '../../audio/resample.ts';

/** One whole piece of synthesised speech. */
export interface Speech {
  readonly samples: Int16Array;
  readonly sampleRate: number;
}

/** Left before and after the voice: enough for a soft beginning, and for the pause between two sentences. */
const BEFORE_MS = 30;
const AFTER_MS = 180;
/** A frame this far below the loudest one is silence, as a ratio of mean squares: 40 dB. */
const SILENT = 1e-4;
const FRAME_MS = 10;

/** Trimmed, at the rate of `format` and in its bytes. Empty when there is no sound. */
export function encodeSpeech({ samples, sampleRate }: Speech, format: AudioFormat): Uint8Array {
  const resampler = createResampler(sampleRate, format.sampleRate);
  const body = resampler.process(trimSpeech(samples, sampleRate));
  const rest = resampler.flush();
  const all = new Int16Array(body.length + rest.length);
  all.set(body);
  all.set(rest, body.length);
  return createEncoder(format).encode(all);
}

/**
 * Cuts a synthesiser's silence (up to 0.3 s before every sentence) down to what sounds natural; silence that is missing
 * behind the voice is added.
 */
export function trimSpeech(samples: Int16Array, sampleRate: number): Int16Array {
  const frame = Math.round((sampleRate / 1000) * FRAME_MS);
  const squares: number[] = [];
  for (let at = 0; at + frame <= samples.length; at += frame) {
    squares.push(samples.subarray(at, at + frame).reduce((sum, sample) => sum + sample * sample, 0));
  }
  const limit = squares.reduce((a, b) => Math.max(a, b), 0) * SILENT;
  const first = squares.findIndex((square) => square > limit);
  if (first === -1) return new Int16Array(0);
  const last = squares.findLastIndex((square) => square > limit);
  const from = Math.max(0, first - BEFORE_MS / FRAME_MS) * frame;
  const out = new Int16Array((last + 1 + AFTER_MS / FRAME_MS) * frame - from);
  out.set(samples.subarray(from, from + out.length));
  return out;
}
