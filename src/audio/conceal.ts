import { createDecoder, createEncoder } from './codec.ts';
import { FRAME_MS, frameBytes, type AudioFormat } from './format.ts';

/** Fills the place of lost frames, so that time stays true and the gap is not heard as a click. */
export interface Concealer {
  /** Every frame that did arrive, in order. Copied: the buffer is the caller's again afterwards. */
  good(payload: Uint8Array): void;
  /** The next missing frame: always exactly 20 ms (160 bytes of G.711), a fresh array. */
  lost(): Uint8Array;
}

/** Sound that is repeated lies within the last 40 ms: one period of the lowest voice, compared over 10 ms. */
const HISTORY_MS = 40;
const TEMPLATE_MS = 10;
/** Pitch from 400 Hz down to 50 Hz. */
const MIN_PERIOD_MS = 2.5;
const MAX_PERIOD_MS = 20;
/** As in G.711 Appendix I: 10 ms at full level, then down in a straight line, silent after 60 ms. */
const FULL_MS = 10;
const SILENT_MS = 60;

/**
 * Repeats the last pitch period, fading out (the idea of ITU-T G.711 Appendix I without its delay: frames that arrive
 * leave unchanged). The period is the shift at which the last 10 ms resemble what came before most.
 */
export function createConcealer(format: AudioFormat): Concealer {
  const perMs = format.sampleRate / 1000;
  const frame = FRAME_MS * perMs;
  const bytesPerSample = frameBytes(format) / frame;
  const recent = new Uint8Array(HISTORY_MS * perMs * bytesPerSample);
  const encoder = createEncoder(format);
  let filled = 0;
  /** One period of sound to repeat while frames are missing, and how much of the gap is filled. */
  let period: Int16Array | undefined;
  let concealed = 0;

  return {
    good(payload) {
      const whole = payload.length - (payload.length % bytesPerSample);
      const bytes = payload.subarray(Math.max(0, whole - recent.length), whole);
      recent.copyWithin(0, bytes.length);
      recent.set(bytes, recent.length - bytes.length);
      filled = Math.min(recent.length, filled + bytes.length);
      period = undefined;
    },
    lost() {
      if (!period) {
        period = lastPeriod(createDecoder(format).decode(recent.subarray(recent.length - filled)), perMs);
        concealed = 0;
      }
      const out = new Int16Array(frame);
      for (let n = 0; n < frame && period.length > 0; n++, concealed++) {
        const left = Math.max(0, Math.min(SILENT_MS * perMs - concealed, (SILENT_MS - FULL_MS) * perMs));
        const sample = period[concealed % period.length] as number;
        out[n] = Math.round((sample * left) / ((SILENT_MS - FULL_MS) * perMs));
      }
      return encoder.encode(out);
    },
  };
}

/** The end of `samples` that, repeated, goes on most smoothly; empty when there is too little to tell. */
function lastPeriod(samples: Int16Array, perMs: number): Int16Array {
  const template = TEMPLATE_MS * perMs;
  const longest = Math.min(MAX_PERIOD_MS * perMs, samples.length - template);
  let best = 0;
  let least = Infinity;
  for (let shift = Math.ceil(MIN_PERIOD_MS * perMs); shift <= longest; shift++) {
    let difference = 0;
    for (let n = samples.length - template; n < samples.length && difference < least; n++) {
      difference += Math.abs((samples[n] as number) - (samples[n - shift] as number));
    }
    if (difference < least) {
      least = difference;
      best = shift;
    }
  }
  return samples.slice(samples.length - best);
}
