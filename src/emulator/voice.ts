import { createHash } from 'node:crypto';
import { SINE_TABLE } from '../audio/sine-table.ts';

/**
 * The voice of the emulated vendors: every word is a burst of its own, made of two tone pairs one after the other, with
 * silence around it. Its length follows the word's letters, so the words of a text are uneven, and a listener at the
 * far end can tell from the sound alone which words arrived, and how much of the last one.
 *
 *   | lead | low+high A | low+high B | gap | low+high A | …   (A and B: chosen by the word)
 *            <------ word 1 ------->         <-- word 2 --
 */

/** A word and when it sounds, whole milliseconds from the start of the rendered text. */
export interface VoicedWord {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
}

export interface RenderedVoice {
  readonly samples: Int16Array;
  readonly words: readonly VoicedWord[];
}

/** A word found in a recording; `toSample` is exclusive. */
export interface FoundWord {
  readonly text: string;
  /** Its place among the words of the text. */
  readonly index: number;
  readonly fromSample: number;
  readonly toSample: number;
  /** False when a part of it was cut off. */
  readonly complete: boolean;
}

export interface FoundWords {
  /** In the order of the recording; a word that was said twice is there twice. */
  readonly words: readonly FoundWord[];
  /** Where the last found word ends, exclusive; 0 when none was found. */
  readonly untilSample: number;
}

// Both groups lie inside the telephone band and far enough apart for 20 ms windows to tell them.
const LOW_HZ = [500, 700, 900, 1100, 1300, 1500];
const HIGH_HZ = [1800, 2050, 2300, 2550, 2800, 3050];
const TONE_PEAK = 6000;
const RAMP_MS = 4;
const LEAD_MS = 30;
const TAIL_MS = 50;

interface WordShape {
  readonly durationMs: number;
  readonly gapMs: number;
  /** Two tone pairs, each as `low * 6 + high`. */
  readonly pairs: readonly [number, number];
}

/** The words of `text` that make a sound: punctuation and emoji alone do not. */
function soundingWords(text: string): readonly string[] {
  return text.split(/\s+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
}

function shapeOf(word: string): WordShape {
  const bare = word.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
  const hash = createHash('sha256').update(bare).digest();
  const first = hash.readUInt8(0) % 36;
  // The second pair differs from the first, so that half a word is never mistaken for a whole one.
  const second = (first + 1 + (hash.readUInt8(1) % 35)) % 36;
  const pause = /[.,;:!?…]["')\]]*$/u.test(word) ? 180 : 0;
  return {
    durationMs: Math.min(600, 110 + 45 * bare.length + (hash.readUInt8(2) % 50)),
    gapMs: 70 + (hash.readUInt8(3) % 50) + pause,
    pairs: [first, second],
  };
}

/** When each word of `text` sounds, at any sample rate. */
export function wordTimes(text: string): readonly VoicedWord[] {
  let at = LEAD_MS;
  return soundingWords(text).map((word) => {
    const shape = shapeOf(word);
    const startMs = at;
    const endMs = startMs + shape.durationMs;
    at = endMs + shape.gapMs;
    return { text: word, startMs, endMs };
  });
}

/**
 * Speaks `text`: the same samples every time. A text without words has no samples.
 * @param sampleRate Hz, a multiple of 1000, at least 8000
 */
export function renderVoice(text: string, sampleRate: number): RenderedVoice {
  const words = wordTimes(text);
  const last = words.at(-1);
  if (!last) return { samples: new Int16Array(0), words };
  const perMs = sampleRate / 1000;
  const samples = new Int16Array((last.endMs + TAIL_MS) * perMs);
  for (const word of words) {
    const { durationMs, pairs } = shapeOf(word.text);
    const count = durationMs * perMs;
    const half = count >> 1;
    for (let n = 0; n < count; n++) {
      const pair = n < half ? pairs[0] : pairs[1];
      const sum = tone(lowOf(pair), n, sampleRate) + tone(highOf(pair), n, sampleRate);
      // Short ramps at both ends: no clicks, and full level after 4 ms.
      const ramp = Math.min(1, (n + 1) / (RAMP_MS * perMs), (count - n) / (RAMP_MS * perMs));
      samples[word.startMs * perMs + n] = Math.round(sum * ramp);
    }
  }
  return { samples, words };
}

const lowOf = (pair: number): number => LOW_HZ[Math.floor(pair / 6)] ?? 0;
const highOf = (pair: number): number => HIGH_HZ[pair % 6] ?? 0;

/** Sample `n` of a sine of `hz`, from the committed table: the same on every machine. */
function tone(hz: number, n: number, sampleRate: number): number {
  const step = Math.floor((hz * 4096 * n) / sampleRate) & 4095;
  const within = step & 1023;
  const quarter = step >> 10;
  const value = SINE_TABLE[quarter & 1 ? 1024 - within : within] ?? 0;
  return ((quarter & 2 ? -value : value) * TONE_PEAK) / 32767;
}

/**
 * Which words of `text` can be heard in `samples`, also after G.711 and resampling to the telephone band, with gaps
 * between words, cut words and repeated ones. Other sound is passed over.
 */
export function findWords(samples: Int16Array, sampleRate: number, text: string): FoundWords {
  const shapes = soundingWords(text).map((word) => ({ word, shape: shapeOf(word) }));
  const found: FoundWord[] = [];
  let previous = -1;
  for (const burst of bursts(samples, sampleRate)) {
    const heardMs = ((burst.to - burst.from) * 1000) / sampleRate;
    const labels = labelsOf(samples.subarray(burst.from, burst.to), sampleRate);
    // Most likely first: the next word, the same again, a later one, an earlier one.
    const order = [...shapes.keys()].sort((a, b) => likelihood(a, previous) - likelihood(b, previous));
    const index = order.find((candidate) => {
      const shape = shapes[candidate]?.shape;
      return shape !== undefined && sounds(labels, heardMs, shape);
    });
    const match = index === undefined ? undefined : shapes[index];
    if (index === undefined || !match) continue;
    const complete = heardMs >= match.shape.durationMs - 15;
    found.push({ text: match.word, index, fromSample: burst.from, toSample: burst.to, complete });
    previous = index;
  }
  return { words: found, untilSample: found.at(-1)?.toSample ?? 0 };
}

function likelihood(index: number, previous: number): number {
  if (index === previous + 1) return -2;
  if (index === previous) return -1;
  return index > previous ? index - previous : 1000 + previous - index;
}

const LOUD = 500;

/** Runs of sound with less than 30 ms of silence inside. */
function bursts(samples: Int16Array, sampleRate: number): readonly { from: number; to: number }[] {
  const gap = (sampleRate * 30) / 1000;
  const runs: { from: number; to: number }[] = [];
  for (let n = 0; n < samples.length; n++) {
    if (Math.abs(samples[n] ?? 0) < LOUD) continue;
    const run = runs.at(-1);
    if (run && n - run.to < gap) run.to = n + 1;
    else runs.push({ from: n, to: n + 1 });
  }
  return runs;
}

const HOP_MS = 10;
const WINDOW_MS = 20;

/** The strongest tone pair of every 20 ms window, one window each 10 ms. */
function labelsOf(burst: Int16Array, sampleRate: number): readonly number[] {
  const hop = (sampleRate * HOP_MS) / 1000;
  const size = (sampleRate * WINDOW_MS) / 1000;
  const labels: number[] = [];
  for (let at = 0; at + size <= burst.length; at += hop) {
    const window = burst.subarray(at, at + size);
    labels.push(strongest(window, LOW_HZ, sampleRate) * 6 + strongest(window, HIGH_HZ, sampleRate));
  }
  return labels;
}

function strongest(window: Int16Array, tones: readonly number[], sampleRate: number): number {
  let best = 0;
  let bestPower = -1;
  tones.forEach((hz, index) => {
    const power = goertzel(window, hz, sampleRate);
    if (power > bestPower) [best, bestPower] = [index, power];
  });
  return best;
}

function goertzel(window: Int16Array, hz: number, sampleRate: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * hz) / sampleRate);
  let s1 = 0;
  let s2 = 0;
  for (const sample of window) {
    const s0 = sample + coefficient * s1 - s2;
    s2 = s1;
    s1 = s0;
  }
  return s1 * s1 + s2 * s2 - coefficient * s1 * s2;
}

/** Whether the labelled burst is this word, whole, cut at its end, or cut at its start. */
function sounds(labels: readonly number[], heardMs: number, shape: WordShape): boolean {
  if (labels.length === 0 || heardMs > shape.durationMs + 15) return false;
  return agrees(labels, 0, shape) || agrees(labels, shape.durationMs - heardMs, shape);
}

function agrees(labels: readonly number[], offsetMs: number, shape: WordShape): boolean {
  const half = shape.durationMs / 2;
  let judged = 0;
  let right = 0;
  labels.forEach((label, index) => {
    const middle = offsetMs + index * HOP_MS + WINDOW_MS / 2;
    // A window across the change of tones belongs to both.
    if (Math.abs(middle - half) < WINDOW_MS) return;
    judged++;
    if (label === (middle < half ? shape.pairs[0] : shape.pairs[1])) right++;
  });
  return judged > 0 && right >= 0.8 * judged;
}
