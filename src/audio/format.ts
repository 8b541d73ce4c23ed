/** The two laws of G.711, by their RTP names. */
export type G711 = 'PCMU' | 'PCMA';

/**
 * How audio bytes on a wire are to be read. G.711 is always 8 kHz, one byte a sample; L16 is signed 16-bit linear whose
 * byte order on Telnyx is contested, so it is said.
 */
export type AudioFormat =
  | { readonly codec: G711; readonly sampleRate: 8000 }
  | { readonly codec: 'L16'; readonly sampleRate: 8000 | 16000 | 24000; readonly byteOrder: 'little' | 'big' };

/** Packetisation time of everything we send, milliseconds. */
export const FRAME_MS = 20;

export const PCMU_8K: AudioFormat = { codec: 'PCMU', sampleRate: 8000 };
export const PCMA_8K: AudioFormat = { codec: 'PCMA', sampleRate: 8000 };

/** Bytes of one millisecond of audio in `format`. */
export function bytesPerMs(format: AudioFormat): number {
  return (format.sampleRate / 1000) * (format.codec === 'L16' ? 2 : 1);
}

/** Bytes of one 20 ms frame in `format`: 160 for G.711. */
export function frameBytes(format: AudioFormat): number {
  return bytesPerMs(format) * FRAME_MS;
}
