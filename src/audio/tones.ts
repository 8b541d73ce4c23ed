import { LandlineError } from '../core/errors.ts';
import { saturate } from './mix.ts';
import { SINE_TABLE } from './sine-table.ts';

const QUARTER = SINE_TABLE.length - 1;
const PERIOD = 4 * QUARTER;
const PEAK = SINE_TABLE[QUARTER] as number;

/** Peak of the tones made here unless told otherwise: -12 dBFS, comfortable beside speech. */
const DEFAULT_LEVEL = 8192;

export interface SineOptions {
  readonly hz: number;
  readonly ms: number;
  /** Hz. Default 8000. */
  readonly sampleRate?: number;
  /** Peak sample value, 0 to 32767 (linear, not decibels). Default 8192, which is a peak of -12 dBFS. */
  readonly level?: number;
}

/** A sine tone that starts at phase 0. */
export function sine({ hz, ms, sampleRate = 8000, level = DEFAULT_LEVEL }: SineOptions): Int16Array {
  const out = new Int16Array(Math.round((ms * sampleRate) / 1000));
  for (let n = 0; n < out.length; n++) out[n] = saturate(Math.round((level * wave(n * hz, sampleRate)) / PEAK));
  return out;
}

/** A short 1 kHz tone with soft edges ("after the tone"): 8 kHz unless told otherwise. */
export function beep({
  sampleRate = 8000,
  ms = 250,
  hz = 1000,
  level = DEFAULT_LEVEL,
}: Partial<SineOptions> = {}): Int16Array {
  const out = sine({ hz, ms, sampleRate, level });
  const edge = Math.min(out.length >> 1, Math.round(sampleRate / 100));
  for (let n = 0; n < edge; n++) {
    out[n] = Math.round(((out[n] as number) * n) / edge);
    const fromEnd = out.length - 1 - n;
    out[fromEnd] = Math.round(((out[fromEnd] as number) * n) / edge);
  }
  return out;
}

// ITU-T Q.23: one row and one column frequency per key.
const DTMF_ROWS: readonly number[] = [697, 770, 852, 941];
const DTMF_COLUMNS: readonly number[] = [1209, 1336, 1477, 1633];
const DTMF_KEYS = '123A456B789C*0#D';

export interface DtmfOptions {
  /** Hz. Default 8000. */
  readonly sampleRate?: number;
  /** Length of each key. Default 100; receivers need 40. */
  readonly toneMs?: number;
  /** Silence after each key. Default 60; receivers need 40. */
  readonly gapMs?: number;
  /** Peak of each of the two tones, linear. Default 8192. */
  readonly level?: number;
}

/**
 * Keys as audio, each followed by its gap.
 * @throws LandlineError `audio_invalid` for anything but `0-9 * # A-D`.
 */
export function dtmf(
  digits: string,
  { sampleRate = 8000, toneMs = 100, gapMs = 60, level = DEFAULT_LEVEL }: DtmfOptions = {},
): Int16Array {
  const toneLength = Math.round((toneMs * sampleRate) / 1000);
  const keyLength = toneLength + Math.round((gapMs * sampleRate) / 1000);
  const out = new Int16Array(keyLength * digits.length);
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charAt(i);
    const key = DTMF_KEYS.indexOf(digit.toUpperCase());
    if (key < 0) throw new LandlineError('audio_invalid', `"${digit}" is no key of a telephone: use 0-9, *, #, A-D`);
    const row = DTMF_ROWS[key >> 2] as number;
    const column = DTMF_COLUMNS[key & 3] as number;
    for (let n = 0; n < toneLength; n++) {
      const sum = wave(n * row, sampleRate) + wave(n * column, sampleRate);
      out[i * keyLength + n] = saturate(Math.round((level * sum) / PEAK));
    }
  }
  return out;
}

/**
 * Peak amplitude of the tone of `hz` in `samples`, in sample values (what {@link sine} calls `level`). One bin of a
 * Fourier transform under a Hann window, like Goertzel's but with the waves from the table, so it is exact at any
 * frequency. Other tones should be 4 periods of the whole piece away.
 */
export function toneLevel(samples: Int16Array, sampleRate: number, hz: number): number {
  let real = 0;
  let imaginary = 0;
  let weights = 0;
  const count = samples.length;
  for (let n = 0; n < count; n++) {
    // Hann: 0 at the edges, 2 in the middle.
    const weight = PEAK - wave((2 * n + 1) * PERIOD + count * QUARTER * 2, count * PERIOD * 2);
    const weighted = weight * (samples[n] as number);
    real += weighted * wave(4 * n * hz + sampleRate, 4 * sampleRate);
    imaginary += weighted * wave(n * hz, sampleRate);
    weights += weight;
  }
  return weights === 0 ? 0 : (2 * Math.sqrt(real * real + imaginary * imaginary)) / (weights * PEAK);
}

/** A key that was heard. */
export interface DtmfKey {
  readonly digit: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** Windows of 25 ms, every 10 ms: 40 Hz wide bins keep the rows (73 Hz apart) from one another. */
const DTMF_WINDOW_MS = 25;
const DTMF_HOP_MS = 10;
/** Weaker than this peak (-42 dBFS) per tone is no key. */
const DTMF_MIN_LEVEL = 260;
/** The two tones may differ by 8 dB (Q.24). */
const DTMF_MAX_TWIST = 2.5;
/** Share of the power that must lie in the two tones; speech rarely reaches half of that. */
const DTMF_MIN_SHARE = 0.8;
/** A key must be heard in so many windows that 40 ms suffice and 20 ms do not. */
const DTMF_MIN_WINDOWS = 2;

/**
 * The keys in a recording, for tests and reports: live calls get their digits as messages, not from the sound. Reads
 * keys of 40 ms or more with gaps of 40 ms or more; times are good to about 10 ms.
 */
export function detectDtmf(samples: Int16Array, sampleRate = 8000): DtmfKey[] {
  const length = Math.round((DTMF_WINDOW_MS * sampleRate) / 1000);
  const hop = Math.round((DTMF_HOP_MS * sampleRate) / 1000);
  const keys: DtmfKey[] = [];
  let current: string | undefined;
  let windows = 0;
  let start = 0;
  const toMs = (at: number): number => Math.round((at / sampleRate) * 1000);
  const close = (lastWindow: number): void => {
    if (current === undefined || windows < DTMF_MIN_WINDOWS) return;
    keys.push({ digit: current, startMs: toMs(start), endMs: toMs(lastWindow + length) });
  };
  let at = 0;
  for (; at + length <= samples.length; at += hop) {
    const digit = keyIn(samples.subarray(at, at + length), sampleRate);
    if (digit !== current) {
      close(at - hop);
      current = digit;
      windows = 0;
      start = at;
    }
    windows++;
  }
  close(at - hop);
  return keys;
}

function keyIn(samples: Int16Array, sampleRate: number): string | undefined {
  const rows = DTMF_ROWS.map((hz) => toneLevel(samples, sampleRate, hz));
  const columns = DTMF_COLUMNS.map((hz) => toneLevel(samples, sampleRate, hz));
  const row = Math.max(...rows);
  const column = Math.max(...columns);
  if (Math.min(row, column) < DTMF_MIN_LEVEL) return undefined;
  if (Math.max(row, column) > DTMF_MAX_TWIST * Math.min(row, column)) return undefined;
  let power = 0;
  for (const sample of samples) power += sample * sample;
  if ((row * row + column * column) / 2 < (DTMF_MIN_SHARE * power) / samples.length) return undefined;
  return DTMF_KEYS[4 * rows.indexOf(row) + columns.indexOf(column)];
}

/** sin(2 pi numerator / denominator) times 32767, from the table, for any numerator >= 0. */
function wave(numerator: number, denominator: number): number {
  const place = ((numerator % denominator) / denominator) * PERIOD;
  const point = Math.floor(place);
  const quarter = Math.floor(point / QUARTER);
  const inside = point - quarter * QUARTER;
  const from = quarter % 2 === 0 ? inside : QUARTER - inside;
  const to = quarter % 2 === 0 ? from + 1 : from - 1;
  const left = SINE_TABLE[from] as number;
  const value = left + ((SINE_TABLE[to] as number) - left) * (place - point);
  return quarter < 2 ? value : -value;
}
