/**
 * L16 on a wire: signed 16-bit samples in either byte order. RFC 3551 says big-endian, most vendors send little-endian,
 * and Telnyx does not say, so the order is always an argument and can be detected.
 */
export type ByteOrder = 'little' | 'big';

/** Turns L16 bytes, cut anywhere, into samples. */
export interface L16Reader {
  /** A fresh array of the samples that are complete; an odd byte waits for the next piece. */
  push(bytes: Uint8Array): Int16Array;
  /** 1 while half a sample waits, else 0. */
  readonly pending: number;
  /** Forgets the waiting byte. */
  reset(): void;
}

export function createL16Reader(byteOrder: ByteOrder): L16Reader {
  let carried: number | undefined;
  return {
    push(bytes) {
      const start = carried === undefined || bytes.length === 0 ? 0 : 1;
      const whole = (bytes.length - start) >> 1;
      const out = new Int16Array(start + whole);
      if (start === 1) out[0] = sampleOf(byteOrder, carried ?? 0, bytes[0] ?? 0);
      for (let i = 0, at = start; i < whole; i++, at += 2) {
        out[start + i] = sampleOf(byteOrder, bytes[at] as number, bytes[at + 1] as number);
      }
      if (bytes.length > 0) carried = (bytes.length - start) % 2 === 1 ? bytes[bytes.length - 1] : undefined;
      return out;
    },
    get pending() {
      return carried === undefined ? 0 : 1;
    },
    reset() {
      carried = undefined;
    },
  };
}

/** A fresh array of L16 bytes. */
export function encodeL16(samples: Int16Array, byteOrder: ByteOrder): Uint8Array {
  const out = new Uint8Array(samples.length * 2);
  const low = byteOrder === 'little' ? 0 : 1;
  for (let i = 0; i < samples.length; i++) {
    const sample = samples[i] as number;
    out[2 * i + low] = sample;
    out[2 * i + 1 - low] = sample >> 8;
  }
  return out;
}

/** Finds out from the sound which way round L16 bytes are. */
export interface ByteOrderDetector {
  /** The bytes must start on a sample; undefined until enough sound was heard, then always the same answer. */
  push(bytes: Uint8Array): ByteOrder | undefined;
}

/** 200 ms at 16 kHz; silence does not count. */
const SAMPLES_TO_DECIDE = 3200;

/**
 * Read in the wrong order, the low byte becomes the high one and any sound turns into full-scale noise: the mean step
 * from sample to sample grows manifold. One order must move at most half as much as the other; sound that is noise at
 * full scale either way leaves the question open.
 */
export function createByteOrderDetector(): ByteOrderDetector {
  const reader = createL16Reader('little');
  let previous = 0;
  let heard = 0;
  let littleSteps = 0;
  let bigSteps = 0;
  let answer: ByteOrder | undefined;
  return {
    push(bytes) {
      if (answer) return answer;
      for (const sample of reader.push(bytes)) {
        if (sample !== previous) {
          heard++;
          littleSteps += Math.abs(sample - previous);
          bigSteps += Math.abs(swap(sample) - swap(previous));
        }
        previous = sample;
      }
      if (heard >= SAMPLES_TO_DECIDE) {
        if (littleSteps * 2 <= bigSteps) answer = 'little';
        else if (bigSteps * 2 <= littleSteps) answer = 'big';
      }
      return answer;
    },
  };
}

function sampleOf(byteOrder: ByteOrder, first: number, second: number): number {
  return ((byteOrder === 'little' ? first | (second << 8) : (first << 8) | second) << 16) >> 16;
}

function swap(sample: number): number {
  return (((sample & 0xff) << 24) >> 16) | ((sample >> 8) & 0xff);
}
