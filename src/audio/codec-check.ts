import type { G711 } from './format.ts';
import { decodeG711 } from './g711.ts';

/** Decides from the sound whether G.711 bytes are in the law that was announced. */
export interface CodecCheck {
  /**
   * Takes the next bytes as they arrived. Undefined until enough sound was heard (at most 500 ms of it, usually 100 ms;
   * silence does not count), then always the same answer; `mismatch` means the bytes are in the other law.
   */
  push(bytes: Uint8Array): 'ok' | 'mismatch' | undefined;
}

/** Samples judged at a time: 20 ms. */
const BLOCK = 160;
/** Mean deviation below which a block is silence under at least one law (-64 dBFS): idle noise of the line. */
const QUIET = 20;
/** log2 in 1/256. */
const BIT = 256;
/** No block counts for more than this. */
const MAX_BLOCK_EVIDENCE = 2 * BIT;
const ENOUGH_EVIDENCE = 4 * BIT;
/** A decision rests on at least 100 ms of sound. */
const MIN_BLOCKS = 5;

/**
 * Read in the wrong law, the loudness steps of G.711 are shuffled (the codes differ by an XOR with 0x2A), which turns
 * every sound into a rougher one that fits the law's step sizes badly. So each block is explained under both laws: how
 * many bits per sample does it take to say these very bytes, if each sample is predicted from the two before it? By
 * Rissanen's minimum description length that is log2 of the mean prediction error minus log2 of the mean step size in
 * use, up to a constant. The true law needs fewer: about 2 bits with speech, 5 with a tone, and still 0.3 to 3 with
 * white noise, whose loudness distribution gives the law away. Blocks made of little more than two codes (a clipped
 * wave) say nothing about steps and are passed over. All results are whole numbers, so every machine decides alike.
 */
export function createCodecCheck(announced: G711): CodecCheck {
  const block = new Uint8Array(BLOCK);
  const samples = new Float64Array(BLOCK);
  const counts = new Uint8Array(256);
  const other = announced === 'PCMU' ? 'PCMA' : 'PCMU';
  let filled = 0;
  let blocks = 0;
  let evidence = 0;
  let answer: 'ok' | 'mismatch' | undefined;

  const judge = (): void => {
    if (dominated(block, counts)) return;
    const asAnnounced = descriptionLength(announced, block, samples);
    const asOther = descriptionLength(other, block, samples);
    if (asAnnounced === undefined || asOther === undefined) return;
    blocks++;
    evidence += Math.max(-MAX_BLOCK_EVIDENCE, Math.min(MAX_BLOCK_EVIDENCE, asOther - asAnnounced));
    if (blocks >= MIN_BLOCKS && Math.abs(evidence) >= ENOUGH_EVIDENCE) answer = evidence > 0 ? 'ok' : 'mismatch';
  };

  return {
    push(bytes) {
      for (let at = 0; at < bytes.length && answer === undefined;) {
        const count = Math.min(BLOCK - filled, bytes.length - at);
        block.set(bytes.subarray(at, at + count), filled);
        filled += count;
        at += count;
        if (filled < BLOCK) break;
        filled = 0;
        judge();
      }
      return answer;
    },
  };
}

const SAMPLES: Readonly<Record<G711, Int16Array>> = {
  PCMU: decodeG711(
    'PCMU',
    Uint8Array.from({ length: 256 }, (_, code) => code),
  ),
  PCMA: decodeG711(
    'PCMA',
    Uint8Array.from({ length: 256 }, (_, code) => code),
  ),
};

/** log2 of the distance between neighbouring samples at `code`: the segment number, but A-law's first two are alike. */
function stepBits(law: G711, code: number): number {
  return law === 'PCMU' ? ((~code >> 4) & 7) + 3 : Math.max(1, ((code ^ 0x55) >> 4) & 7) + 3;
}

/** Bits per sample to say `block` under `law`, in 1/256, up to a constant; undefined when it is silence. */
function descriptionLength(law: G711, block: Uint8Array, samples: Float64Array): number | undefined {
  const table = SAMPLES[law];
  let sum = 0;
  let steps = 0;
  for (let i = 0; i < BLOCK; i++) {
    const code = block[i] as number;
    const sample = table[code] as number;
    samples[i] = sample;
    sum += sample;
    steps += stepBits(law, code);
  }
  const mean = Math.round(sum / BLOCK);
  let deviation = 0;
  for (let i = 0; i < BLOCK; i++) {
    const sample = (samples[i] as number) - mean;
    samples[i] = sample;
    deviation += Math.abs(sample);
  }
  if (deviation < QUIET * BLOCK) return undefined;
  return log2(predictionError(samples)) - Math.floor((steps * BIT) / BLOCK);
}

/**
 * The mean absolute error, in 1/16, of predicting each sample as x * the one before + y * the one before that, with the
 * x and y that fit the block best (least squares, by Cramer's rule).
 */
function predictionError(samples: Float64Array): number {
  let r11 = 0;
  let r12 = 0;
  let r22 = 0;
  let r01 = 0;
  let r02 = 0;
  for (let i = 2; i < BLOCK; i++) {
    const now = samples[i] as number;
    const one = samples[i - 1] as number;
    const two = samples[i - 2] as number;
    r11 += one * one;
    r12 += one * two;
    r22 += two * two;
    r01 += now * one;
    r02 += now * two;
  }
  // 20 bits each, so that the products below, times 2^12, stay whole below 2^53.
  const scale = 1 << Math.max(0, Math.floor(log2(Math.max(r11, r22, 1)) / BIT) - 19);
  const scaled = (sum: number): number => Math.round(sum / scale);
  const [a, b, c, p, q] = [scaled(r11), scaled(r12), scaled(r22), scaled(r01), scaled(r02)];
  const determinant = a * c - b * b;
  const first = determinant > 0 ? coefficient(p * c - q * b, determinant) : 0;
  const second = determinant > 0 ? coefficient(q * a - p * b, determinant) : 0;
  let error = 0;
  for (let i = 2; i < BLOCK; i++) {
    const predicted = first * (samples[i - 1] as number) + second * (samples[i - 2] as number);
    error += Math.abs(COEFFICIENT_ONE * (samples[i] as number) - predicted);
  }
  // Below the step sizes themselves the error says nothing: count it as at least 2.
  return Math.max(32, Math.floor((error * 16) / (COEFFICIENT_ONE * (BLOCK - 2))));
}

const COEFFICIENT_ONE = 4096;

function coefficient(numerator: number, determinant: number): number {
  const value = Math.round((numerator * COEFFICIENT_ONE) / determinant);
  return Math.max(-4 * COEFFICIENT_ONE, Math.min(4 * COEFFICIENT_ONE, value));
}

/** Two codes (the two ends of a clipped wave) make up most of the block. */
function dominated(block: Uint8Array, counts: Uint8Array): boolean {
  counts.fill(0);
  for (const code of block) counts[code] = (counts[code] as number) + 1;
  let most = 0;
  let second = 0;
  for (const count of counts) {
    if (count > most) {
      second = most;
      most = count;
    } else if (count > second) second = count;
  }
  return most + second > (BLOCK * 5) / 8;
}

/** log2 of a whole number >= 1 in 1/256: exact at powers of two, a straight line between them. */
function log2(value: number): number {
  let whole = 0;
  let high = value;
  for (; high >= 0x8000_0000; high /= 2) whole++;
  const top = 31 - Math.clz32(high);
  return (whole + top) * BIT + Math.floor((high / (1 << top) - 1) * BIT);
}
