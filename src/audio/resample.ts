import { LandlineError } from '../core/errors.ts';
import { KERNEL_TABLE } from './kernel-table.ts';
import { saturate } from './mix.ts';

/** Rates a resampler can start from, Hz: what TTS vendors, browsers and recordings have. */
export const RATES_IN: readonly number[] = [8000, 16000, 22050, 24000, 44100, 48000];
/** Rates a resampler can make, Hz. */
export const RATES_OUT: readonly number[] = [8000, 16000, 24000];

/**
 * Streaming sample rate conversion. Output sample n lies exactly at n / toRate seconds of the input, so nothing shifts;
 * it comes out once the input has reached `delayMs` beyond it. However the input is cut, the output is the same sample
 * for sample: ceil(samples in * toRate / fromRate) samples, counting those of `flush`.
 */
export interface Resampler {
  /** Takes any number of samples, gives a fresh array of those that became ready (possibly none). */
  process(samples: Int16Array): Int16Array;
  /** The end of the signal: gives the samples still held, and starts anew. */
  flush(): Int16Array;
  /** Forgets everything heard. */
  reset(): void;
  /** Audio held back, milliseconds. */
  readonly delayMs: number;
}

/**
 * A polyphase FIR. Between `from` and `to` there are `phases` places where an output sample can lie between two input
 * samples; each has its own taps, read from one kernel (`kernel-table.ts`, made by scripts/audio-tables.ts) whose cutoff
 * is half of the lower rate. 24 kHz to 8 kHz is one phase of 95 taps: flat to 3.4 kHz, below -70 dB from 4.6 kHz.
 */
interface Bank {
  readonly phases: number;
  /** Input samples before (and after) the centre of the kernel. */
  readonly half: number;
  /** `phases` rows of 2 * half whole numbers: row p is for a place p / phases after an input sample. */
  readonly taps: Float64Array;
  /** Sum of each row, the value of 1.0: so that a constant stays exactly that constant. */
  readonly sums: Float64Array;
}

/** The kernel's half width in seconds is 0.002 for an 8 kHz lower rate, in inverse proportion otherwise. */
const KERNEL_HALF_SAMPLES_OF_LOWER_RATE = 16;
const KERNEL_STEPS = KERNEL_TABLE.length - 1;

const banks = new Map<string, Bank>();

/** @throws LandlineError `audio_invalid` for rates outside {@link RATES_IN} and {@link RATES_OUT}. */
export function createResampler(fromRate: number, toRate: number): Resampler {
  if (!RATES_IN.includes(fromRate) || !RATES_OUT.includes(toRate)) {
    throw new LandlineError(
      'audio_invalid',
      `cannot resample ${fromRate} Hz to ${toRate} Hz: supported are ${RATES_IN.join(', ')} to ${RATES_OUT.join(', ')}`,
    );
  }
  if (fromRate === toRate) {
    return {
      process: (samples) => samples.slice(),
      flush: () => new Int16Array(0),
      reset: () => undefined,
      delayMs: 0,
    };
  }
  const key = `${fromRate}:${toRate}`;
  const bank = banks.get(key) ?? makeBank(fromRate, toRate);
  banks.set(key, bank);
  return createPolyphase(bank, fromRate / divisor(fromRate, toRate), (bank.half / fromRate) * 1000);
}

/** @param step input samples times `phases` from one output sample to the next. */
function createPolyphase(bank: Bank, step: number, delayMs: number): Resampler {
  const { phases, half } = bank;
  // window[0] is the input sample half - 1 before the one that holds the next output; it starts as silence.
  let window = new Float64Array(0);
  let filled = half - 1;
  let phase = 0;
  let taken = 0;
  let given = 0;

  const reserve = (more: number): void => {
    if (filled + more <= window.length) return;
    const larger = new Float64Array(2 * (filled + more));
    larger.set(window.subarray(0, filled));
    window = larger;
  };

  /** Output samples that the filled window allows: the kernel of each reaches `half` beyond its place. */
  const ready = (): number => Math.max(0, Math.ceil(((filled - 2 * half + 1) * phases - phase) / step));

  const run = (count: number): Int16Array => {
    const out = new Int16Array(count);
    let start = 0;
    for (let n = 0; n < count; n++) {
      out[n] = saturate(Math.round(phases === 1 ? folded(bank, window, start) : dot(bank, window, start, phase)));
      phase += step;
      const whole = Math.floor(phase / phases);
      start += whole;
      phase -= whole * phases;
    }
    window.copyWithin(0, start, filled);
    filled -= start;
    given += count;
    return out;
  };

  const append = (samples: Int16Array): void => {
    reserve(samples.length);
    window.set(samples, filled);
    filled += samples.length;
  };

  const reset = (): void => {
    window.fill(0);
    filled = half - 1;
    phase = 0;
    taken = 0;
    given = 0;
  };
  reserve(half);

  return {
    process(samples) {
      append(samples);
      taken += samples.length;
      return run(ready());
    },
    flush() {
      const missing = Math.ceil((taken * phases) / step) - given;
      append(new Int16Array(half));
      const out = run(missing);
      reset();
      return out;
    },
    reset,
    delayMs,
  };
}

// All products and sums are whole numbers far below 2^53, so the order of adding does not matter and float64 is exact.

function dot(bank: Bank, window: Float64Array, start: number, phase: number): number {
  const { taps, half } = bank;
  const row = phase * 2 * half;
  let sum = 0;
  for (let k = 0; k < 2 * half; k++) sum += (taps[row + k] as number) * (window[start + k] as number);
  return sum / (bank.sums[phase] as number);
}

/** The same for a single phase, whose taps are symmetric about half - 1 (the last one is 0): half the products. */
function folded(bank: Bank, window: Float64Array, start: number): number {
  const { taps, half } = bank;
  const centre = half - 1;
  let sum = (taps[centre] as number) * (window[start + centre] as number);
  for (let k = 0, left = start, right = start + 2 * centre; k < centre; k++, left++, right--) {
    sum += (taps[k] as number) * ((window[left] as number) + (window[right] as number));
  }
  return sum / (bank.sums[0] as number);
}

function makeBank(fromRate: number, toRate: number): Bank {
  const phases = toRate / divisor(fromRate, toRate);
  const lower = Math.min(fromRate, toRate);
  const half = Math.ceil((KERNEL_HALF_SAMPLES_OF_LOWER_RATE * fromRate) / lower);
  const taps = new Float64Array(phases * 2 * half);
  const sums = new Float64Array(phases);
  for (let phase = 0; phase < phases; phase++) {
    for (let k = 0; k < 2 * half; k++) {
      // Distance of tap k from the output's place, in 1 / (phases * fromRate) seconds, then in kernel steps.
      const distance = Math.abs(phase - (k - half + 1) * phases);
      const tap = kernelAt((distance * lower * KERNEL_STEPS) / KERNEL_HALF_SAMPLES_OF_LOWER_RATE, phases * fromRate);
      taps[phase * 2 * half + k] = tap;
      sums[phase] = (sums[phase] as number) + tap;
    }
  }
  return { phases, half, taps, sums };
}

/** The kernel at `numerator / denominator` steps, between two points by a straight line; 0 beyond its end. */
function kernelAt(numerator: number, denominator: number): number {
  const point = Math.floor(numerator / denominator);
  if (point >= KERNEL_STEPS) return 0;
  const rest = numerator - point * denominator;
  const left = KERNEL_TABLE[point] as number;
  const right = KERNEL_TABLE[point + 1] as number;
  return left + Math.round(((right - left) * rest) / denominator);
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}
