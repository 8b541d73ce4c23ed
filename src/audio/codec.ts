import { bytesPerMs, type AudioFormat } from './format.ts';
import { decodeG711, encodeG711, silenceByte } from './g711.ts';
import { createL16Reader, encodeL16 } from './linear.ts';

export { createCodecCheck, type CodecCheck } from './codec-check.ts';

/** Bytes of one stream to samples. */
export interface Decoder {
  /** A fresh array of samples. Pieces of L16 may be cut inside a sample. */
  decode(bytes: Uint8Array): Int16Array;
}

/** Samples to bytes of one stream. */
export interface Encoder {
  /** A fresh array of bytes. */
  encode(samples: Int16Array): Uint8Array;
}

/** A decoder for one stream in `format`; its samples have the format's rate. */
export function createDecoder(format: AudioFormat): Decoder {
  if (format.codec !== 'L16') return { decode: (bytes) => decodeG711(format.codec, bytes) };
  const reader = createL16Reader(format.byteOrder);
  return { decode: (bytes) => reader.push(bytes) };
}

/** An encoder for one stream in `format`; the samples it takes must have the format's rate. */
export function createEncoder(format: AudioFormat): Encoder {
  return format.codec === 'L16'
    ? { encode: (samples) => encodeL16(samples, format.byteOrder) }
    : { encode: (samples) => encodeG711(format.codec, samples) };
}

/** `ms` milliseconds of digital silence in `format`. */
export function silence(format: AudioFormat, ms: number): Uint8Array {
  const bytes = new Uint8Array(Math.round(ms) * bytesPerMs(format));
  return format.codec === 'L16' ? bytes : bytes.fill(silenceByte(format.codec));
}
