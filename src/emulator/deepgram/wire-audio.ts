import { decodeG711, encodeG711 } from '../../audio/g711.ts';
import { createL16Reader, encodeL16 } from '../../audio/linear.ts';

/** Deepgram's names of the raw encodings the emulator can read and write. */
export const RAW_ENCODINGS = ['mulaw', 'alaw', 'linear16'] as const;
export type RawEncoding = (typeof RAW_ENCODINGS)[number];

export interface WireFormat {
  readonly encoding: RawEncoding;
  readonly sampleRate: number;
}

export function isRawEncoding(value: string): value is RawEncoding {
  return RAW_ENCODINGS.some((encoding) => encoding === value);
}

export function bytesOfMs(format: WireFormat, ms: number): number {
  return (format.sampleRate / 1000) * ms * (format.encoding === 'linear16' ? 2 : 1);
}

/** Turns the bytes of one stream, cut anywhere, into samples. */
export function createDecoder(format: WireFormat): (bytes: Uint8Array) => Int16Array {
  if (format.encoding === 'linear16') {
    const reader = createL16Reader('little');
    return (bytes) => reader.push(bytes);
  }
  const codec = format.encoding === 'mulaw' ? 'PCMU' : 'PCMA';
  return (bytes) => decodeG711(codec, bytes);
}

export function encodeSamples(format: WireFormat, samples: Int16Array): Uint8Array {
  if (format.encoding === 'linear16') return encodeL16(samples, 'little');
  return encodeG711(format.encoding === 'mulaw' ? 'PCMU' : 'PCMA', samples);
}
