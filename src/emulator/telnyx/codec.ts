import { frameBytes, PCMA_8K, PCMU_8K } from '../../audio/format.ts';
import type { AudioFormat } from '../../audio/format.ts';
import { decodeG711, encodeG711, silenceByte } from '../../audio/g711.ts';

/** Samples per second of every clock and ear here: the telephone's. */
export const RATE = 8000;
export const SAMPLES_PER_MS = 8;
export const FRAME_SAMPLES = 160;

/** Format of audio the emulator makes itself (tones, voices). */
export const LINEAR_8K: AudioFormat = { codec: 'L16', sampleRate: 8000, byteOrder: 'little' };

/** @param sampleRate only matters for L16. */
export function formatOf(
  codec: 'PCMU' | 'PCMA' | 'L16',
  sampleRate: 8000 | 16000 | 24000 = 16000,
  byteOrder: 'little' | 'big' = 'little',
): AudioFormat {
  if (codec === 'PCMU') return PCMU_8K;
  return codec === 'PCMA' ? PCMA_8K : { codec, sampleRate, byteOrder };
}

export function sameFormat(a: AudioFormat, b: AudioFormat): boolean {
  if (a.codec === 'L16' && b.codec === 'L16') return a.sampleRate === b.sampleRate && a.byteOrder === b.byteOrder;
  return a.codec === b.codec;
}

/** 8 kHz samples that `byteLength` bytes play; a torn last sample does not count. */
export function samplesIn(format: AudioFormat, byteLength: number): number {
  return Math.floor((byteLength * FRAME_SAMPLES) / frameBytes(format));
}

/** One frame of silence. */
export function silentFrame(format: AudioFormat): Uint8Array {
  return new Uint8Array(frameBytes(format)).fill(format.codec === 'L16' ? 0 : silenceByte(format.codec));
}

/** Linear 8 kHz samples of codec bytes. Wider L16 is averaged down: enough to hear, count and compare by. */
export function toSamples(format: AudioFormat, bytes: Uint8Array): Int16Array {
  if (format.codec !== 'L16') return decodeG711(format.codec, bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ratio = format.sampleRate / RATE;
  const samples = new Int16Array(samplesIn(format, bytes.length));
  for (let at = 0; at < samples.length; at++) {
    let sum = 0;
    for (let part = 0; part < ratio; part++)
      sum += view.getInt16((at * ratio + part) * 2, format.byteOrder === 'little');
    samples[at] = Math.round(sum / ratio);
  }
  return samples;
}

/** Codec bytes of linear 8 kHz samples. Wider L16 holds each sample, so that {@link toSamples} gives them back exactly. */
export function fromSamples(format: AudioFormat, samples: Int16Array): Uint8Array {
  if (format.codec !== 'L16') return encodeG711(format.codec, samples);
  const ratio = format.sampleRate / RATE;
  const bytes = new Uint8Array(samples.length * ratio * 2);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < samples.length * ratio; at++) {
    view.setInt16(at * 2, samples[Math.floor(at / ratio)] ?? 0, format.byteOrder === 'little');
  }
  return bytes;
}

/** The same audio in another format; the very same bytes when the formats agree. */
export function transcode(from: AudioFormat, to: AudioFormat, bytes: Uint8Array): Uint8Array {
  return sameFormat(from, to) ? bytes : fromSamples(to, toSamples(from, bytes));
}
