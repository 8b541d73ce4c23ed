import { RATE } from './codec.ts';

const ROWS = [697, 770, 852, 941];
const COLUMNS = [1209, 1336, 1477, 1633];
const KEYPAD = '123A456B789C*0#D';

/** The sum of pure tones. @param level peak of each tone, of 32767. */
export function tone(frequencies: readonly number[], ms: number, level = 6000): Int16Array {
  const samples = new Int16Array(Math.round((ms * RATE) / 1000));
  for (let at = 0; at < samples.length; at++) {
    let sum = 0;
    for (const frequency of frequencies) sum += Math.sin((2 * Math.PI * frequency * at) / RATE);
    samples[at] = Math.round(sum * level);
  }
  return samples;
}

/** The pair of tones of one key (ITU-T Q.23). */
export function keyTone(digit: string, ms: number): Int16Array {
  const key = KEYPAD.indexOf(digit);
  return tone([ROWS[key >> 2] ?? 0, COLUMNS[key & 3] ?? 0], ms);
}

/** Something that sounds like syllables: a hum that swells four times a second. Says nothing, takes the time. */
export function murmur(ms: number): Int16Array {
  const samples = tone([170, 340, 680], ms, 2500);
  for (let at = 0; at < samples.length; at++) {
    const swell = Math.abs(Math.sin((4 * Math.PI * at) / RATE));
    samples[at] = Math.round((samples[at] ?? 0) * swell);
  }
  return samples;
}

/** White noise at `db` dBFS (RMS), the same every time. */
export function noise(ms: number, db: number): Int16Array {
  // Uniform noise of peak p has an RMS of p / sqrt(3).
  const peak = 32_767 * 10 ** (db / 20) * Math.sqrt(3);
  const chance = seededChance(1);
  return new Int16Array(Math.round((ms * RATE) / 1000)).map(() => Math.round((chance() * 2 - 1) * peak));
}

/** Seeded numbers in [0, 1): a fault that was found is found again (mulberry32). */
export function seededChance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
