import { describe, expect, test } from 'vitest';
import { createDecoder, createEncoder, silence } from '../../src/audio/codec.ts';
import { createConcealer } from '../../src/audio/conceal.ts';
import { frameBytes, PCMA_8K, PCMU_8K, type AudioFormat } from '../../src/audio/format.ts';
import { meanSquare, rmsDbfs } from '../../src/audio/level.ts';
import { sine, toneLevel } from '../../src/audio/tones.ts';
import { cut, join, noise } from './voices.ts';

const FORMATS: readonly (readonly [string, AudioFormat])[] = [
  ['PCMU', PCMU_8K],
  ['PCMA', PCMA_8K],
  ['L16 at 16 kHz', { codec: 'L16', sampleRate: 16000, byteOrder: 'big' }],
  ['L16 at 24 kHz', { codec: 'L16', sampleRate: 24000, byteOrder: 'little' }],
];

describe.each(FORMATS)('%s', (_, format) => {
  const size = frameBytes(format);
  const decode = (bytes: Uint8Array): Int16Array => createDecoder(format).decode(bytes);

  /** What is heard when `count` frames are lost after 100 ms of a sound. */
  function lose(count: number, sound: Int16Array): Int16Array[] {
    const concealer = createConcealer(format);
    for (const frame of cut(createEncoder(format).encode(sound), [size])) concealer.good(frame);
    return Array.from({ length: count }, () => decode(concealer.lost()));
  }

  const voice = sine({ hz: 150, ms: 100, sampleRate: format.sampleRate, level: 8000 });

  test('a lost frame has exactly the length of a frame, also before any sound', () => {
    const concealer = createConcealer(format);

    expect([...concealer.lost()]).toEqual([...silence(format, 20)]);
    concealer.good(silence(format, 10));
    expect([...concealer.lost()]).toEqual([...silence(format, 20)]);
    concealer.good(createEncoder(format).encode(voice));
    for (let n = 0; n < 5; n++) expect(concealer.lost().length).toBe(size);
  });

  test('the voice goes on where it was: same pitch, no click', () => {
    const gap = lose(1, voice)[0]!;
    const around = join(decode(createEncoder(format).encode(voice)), gap);
    const steps = around.slice(1).map((sample, n) => Math.abs(sample - around[n]!));
    const inVoice = Math.max(...steps.subarray(0, voice.length - 1));

    // A click would be a step larger than any in the tone itself.
    expect(Math.max(...steps.subarray(voice.length - 1))).toBeLessThanOrEqual(1.25 * inVoice);
    expect(toneLevel(gap, format.sampleRate, 150)).toBeGreaterThan(5000);
  });

  test('it fades: full for 10 ms, silent after 60', () => {
    const frames = lose(5, voice);
    const levels = frames.map(rmsDbfs);

    expect(rmsDbfs(frames[0]!.subarray(0, frames[0]!.length >> 1)) - rmsDbfs(voice)).toBeGreaterThan(-2);
    expect(levels[0]! - levels[1]!).toBeGreaterThan(2);
    expect(levels[1]! - levels[2]!).toBeGreaterThan(6);
    for (const frame of frames.slice(3)) expect(meanSquare(frame)).toBeLessThanOrEqual(64);
  });

  test('a frame that arrives starts a new gap at full level', () => {
    const concealer = createConcealer(format);
    const frames = cut(createEncoder(format).encode(voice), [size]);
    for (const frame of frames) concealer.good(frame);
    for (let n = 0; n < 5; n++) concealer.lost();
    for (const frame of frames.slice(0, 2)) concealer.good(frame);

    expect(rmsDbfs(decode(concealer.lost())) - rmsDbfs(voice)).toBeGreaterThan(-6);
  });

  test('the frames are copied', () => {
    const frame = createEncoder(format)
      .encode(voice)
      .slice(0, 4 * size);
    const kept = createConcealer(format);
    const expected = createConcealer(format);
    expected.good(frame.slice());
    kept.good(frame);
    frame.fill(0x11);

    expect([...kept.lost()]).toEqual([...expected.lost()]);
  });
});

test('silence is concealed by silence, noise by noise no louder than itself', () => {
  for (const [sound, most] of [
    [new Int16Array(800), 0],
    [noise(100, 500), 800],
  ] as const) {
    const concealer = createConcealer(PCMU_8K);
    concealer.good(createEncoder(PCMU_8K).encode(sound));
    const gap = createDecoder(PCMU_8K).decode(concealer.lost());

    expect(Math.sqrt(meanSquare(gap))).toBeLessThanOrEqual(most);
  }
});

test('frames of any length may arrive', () => {
  const concealer = createConcealer({ codec: 'L16', sampleRate: 16000, byteOrder: 'little' });
  for (const length of [0, 1, 3, 639, 5000]) {
    concealer.good(new Uint8Array(length).fill(0x22));
    expect(concealer.lost().length).toBe(640);
  }
});
