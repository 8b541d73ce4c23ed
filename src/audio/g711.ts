// The only file that knows this package. Default import: its CommonJS bundle hides the named exports from Node.
import alawmulaw from 'alawmulaw';
import type { G711 } from './format.ts';

/**
 * G.711 by table. The tables are filled from `alawmulaw`, sample by sample, when this file loads (about 5 ms), so the
 * codes are that package's and the cost is not: its array calls allocate and take 10 to 20 times as long.
 */
interface Law {
  /** 256 codes to 16-bit samples. */
  readonly decode: Int16Array;
  /** 65536 samples, by their unsigned 16-bit pattern, to codes. */
  readonly encode: Uint8Array;
  /** The code of silence. */
  readonly silence: number;
}

const LAWS: Readonly<Record<G711, Law>> = {
  PCMU: fillTables(alawmulaw.mulaw, 0xff),
  PCMA: fillTables(alawmulaw.alaw, 0xd5),
};

/** One law into the other, code by code. */
const TRANSCODE: Readonly<Record<G711, Uint8Array>> = {
  PCMU: encodeG711('PCMA', LAWS.PCMU.decode),
  PCMA: encodeG711('PCMU', LAWS.PCMA.decode),
};

/**
 * Decodes every byte into `out` from `outOffset` on; returns the number of samples written. Allocates nothing.
 * @throws RangeError when `out` is too short.
 */
export function decodeG711Into(codec: G711, bytes: Uint8Array, out: Int16Array, outOffset = 0): number {
  const length = bytes.length;
  requireRoom(out.length, outOffset, length);
  const table = LAWS[codec].decode;
  for (let i = 0; i < length; i++) out[outOffset + i] = table[bytes[i] as number] as number;
  return length;
}

/**
 * Encodes every sample into `out` from `outOffset` on; returns the number of bytes written. Allocates nothing.
 * @throws RangeError when `out` is too short.
 */
export function encodeG711Into(codec: G711, samples: Int16Array, out: Uint8Array, outOffset = 0): number {
  const length = samples.length;
  requireRoom(out.length, outOffset, length);
  const table = LAWS[codec].encode;
  for (let i = 0; i < length; i++) out[outOffset + i] = table[(samples[i] as number) & 0xffff] as number;
  return length;
}

/** A fresh array of samples. */
export function decodeG711(codec: G711, bytes: Uint8Array): Int16Array {
  const out = new Int16Array(bytes.length);
  decodeG711Into(codec, bytes, out);
  return out;
}

/** A fresh array of codes. */
export function encodeG711(codec: G711, samples: Int16Array): Uint8Array {
  const out = new Uint8Array(samples.length);
  encodeG711Into(codec, samples, out);
  return out;
}

/** The same audio in the other law (or a copy in the same one), always a fresh array: what decoding and encoding gives. */
export function transcodeG711(from: G711, to: G711, bytes: Uint8Array): Uint8Array {
  if (from === to) return Uint8Array.from(bytes);
  const table = TRANSCODE[from];
  const out = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) out[i] = table[bytes[i] as number] as number;
  return out;
}

/** The byte that means silence: 0xFF in mu-law, 0xD5 in A-law (whose smallest step is +8, not 0). */
export function silenceByte(codec: G711): number {
  return LAWS[codec].silence;
}

function fillTables(
  law: { decodeSample(code: number): number; encodeSample(sample: number): number },
  silence: number,
): Law {
  const decode = new Int16Array(256);
  for (let code = 0; code < 256; code++) decode[code] = law.decodeSample(code);
  const encode = new Uint8Array(0x10000);
  // `encodeSample` answers out-of-range numbers for mu-law (encodeSample(0) is -1): the typed array keeps the low byte.
  for (let sample = -0x8000; sample < 0x8000; sample++) encode[sample & 0xffff] = law.encodeSample(sample);
  return { decode, encode, silence };
}

function requireRoom(capacity: number, offset: number, needed: number): void {
  if (offset < 0 || offset + needed > capacity) {
    throw new RangeError(`${needed} samples do not fit into ${capacity} at offset ${offset}`);
  }
}
