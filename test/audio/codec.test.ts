import { describe, expect, test } from 'vitest';
import { createDecoder, createEncoder, silence } from '../../src/audio/codec.ts';
import { PCMA_8K, PCMU_8K, type AudioFormat } from '../../src/audio/format.ts';
import { rmsDbfs } from '../../src/audio/level.ts';
import { cut, join, speech } from './voices.ts';

const L16_LITTLE: AudioFormat = { codec: 'L16', sampleRate: 16000, byteOrder: 'little' };
const L16_BIG: AudioFormat = { codec: 'L16', sampleRate: 24000, byteOrder: 'big' };

describe.each([
  ['PCMU', PCMU_8K, 30],
  ['PCMA', PCMA_8K, 30],
  ['L16 little-endian', L16_LITTLE, Infinity],
  ['L16 big-endian', L16_BIG, Infinity],
] as const)('%s', (_, format, minSnr) => {
  test('speech survives encoding and decoding, cut anywhere', () => {
    const samples = speech(500, 3000);
    const bytes = createEncoder(format).encode(samples);
    const decoder = createDecoder(format);
    const back = join(...cut(bytes, [7, 160, 33]).map((piece) => decoder.decode(piece)));

    expect(back.length).toBe(samples.length);
    expect(rmsDbfs(samples) - rmsDbfs(back.map((v, n) => v - samples[n]!))).toBeGreaterThanOrEqual(minSnr);
  });

  test('silence has the length asked for and decodes to (nearly) nothing', () => {
    const bytes = silence(format, 20);
    const samples = createDecoder(format).decode(bytes);

    expect(samples.length).toBe(format.sampleRate / 50);
    expect(samples.every((sample) => Math.abs(sample) <= 8)).toBe(true);
    expect([...bytes]).toEqual([...createEncoder(format).encode(new Int16Array(samples.length))]);
  });
});
