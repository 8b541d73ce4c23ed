import { createEncoder } from './codec.ts';
import { bytesPerMs, type AudioFormat } from './format.ts';
import { saturate } from './mix.ts';
import { createResampler } from './resample.ts';
import { sine } from './tones.ts';

const RATE = 8000;
/** Four chords, two seconds each: C, A minor, F, G, as broken chords in the middle of the telephone band. */
const CHORDS: readonly (readonly number[])[] = [
  [523, 659, 784, 659],
  [440, 523, 659, 523],
  [349, 440, 523, 440],
  [392, 494, 587, 494],
];
const NOTE_MS = 500;
/** A note rings on under the next two. */
const RING_MS = 1400;
const ATTACK_MS = 25;
/** Peak of one note: -27 dBFS, well under speech. */
const LEVEL = 1500;

/** The music that is played to callers on hold unless the agent has its own: 8 s, 8 kHz; its end runs into its beginning. */
export function builtInHoldMusic(): Int16Array {
  const notes = CHORDS.flat();
  const loop = new Int16Array((notes.length * NOTE_MS * RATE) / 1000);
  const attack = (ATTACK_MS * RATE) / 1000;
  notes.forEach((hz, n) => {
    const note = sine({ hz, ms: RING_MS, level: LEVEL });
    const start = (n * NOTE_MS * RATE) / 1000;
    for (let i = 0; i < note.length; i++) {
      const left = 1 - i / note.length;
      const gain = Math.min(1, i / attack) * left * left;
      const at = (start + i) % loop.length;
      loop[at] = saturate((loop[at] ?? 0) + Math.round((note[i] ?? 0) * gain));
    }
  });
  return loop;
}

const LOOPS = new WeakMap<Int16Array, Map<string, HoldLoop>>();
let builtIn: Int16Array | undefined;

/**
 * The loop of `music`, or of the built-in one, in `format`: made once, whoever waits. Making it takes milliseconds in which no
 * other call is heard.
 */
export function holdLoop(music: Int16Array | undefined, format: AudioFormat): HoldLoop {
  const samples = music ?? (builtIn ??= builtInHoldMusic());
  const made = LOOPS.get(samples) ?? new Map<string, HoldLoop>();
  LOOPS.set(samples, made);
  const key = JSON.stringify(format);
  const loop = made.get(key) ?? new HoldLoop(samples, format);
  made.set(key, loop);
  return loop;
}

const FADE_MS = 100;

/** Music without an end, as it goes onto the wire in one format. It swells at its beginning and can be faded out anywhere. */
export class HoldLoop {
  readonly #loop: Uint8Array;
  readonly #begin: Uint8Array;
  readonly #samples: Int16Array;
  readonly #format: AudioFormat;

  /** @param music mono, 8 kHz, not empty. */
  constructor(music: Int16Array, format: AudioFormat) {
    this.#format = format;
    this.#samples = format.sampleRate === RATE ? music : upsampled(music, format.sampleRate);
    this.#loop = createEncoder(format).encode(this.#samples);
    this.#begin = this.#faded(0, true);
  }

  /** Bytes from `from` up to `to` of the endless music. */
  read(from: number, to: number): Uint8Array {
    if (to <= this.#begin.length) return this.#begin.subarray(from, to);
    const { length } = this.#loop;
    const start = from % length;
    if (from >= this.#begin.length && start + to - from <= length) return this.#loop.subarray(start, start + to - from);
    const out = new Uint8Array(to - from);
    for (let at = from; at < to; at++)
      out[at - from] = (at < this.#begin.length ? this.#begin[at] : this.#loop[at % length]) ?? 0;
    return out;
  }

  /** The music from byte `from` on, dying away. */
  fadeOut(from: number): Uint8Array {
    return this.#faded(from, false);
  }

  #faded(fromByte: number, isRise: boolean): Uint8Array {
    const { sampleRate } = this.#format;
    const width = (bytesPerMs(this.#format) * 1000) / sampleRate;
    const from = Math.floor(fromByte / width);
    const out = new Int16Array((FADE_MS * sampleRate) / 1000);
    for (let i = 0; i < out.length; i++) {
      const gain = isRise ? i / out.length : 1 - i / out.length;
      out[i] = Math.round((this.#samples[(from + i) % this.#samples.length] ?? 0) * gain);
    }
    return createEncoder(this.#format).encode(out);
  }
}

function upsampled(music: Int16Array, rate: number): Int16Array {
  const resampler = createResampler(RATE, rate);
  const parts = [resampler.process(music), resampler.flush()];
  const out = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
