import { describe, expect, it } from 'vitest';
import { decodeG711 } from '../../src/audio/g711.ts';
import { PCMU_8K } from '../../src/audio/format.ts';
import { builtInHoldMusic, holdLoop, HoldLoop } from '../../src/audio/hold-music.ts';
import { sine } from '../../src/audio/tones.ts';

const level = (samples: Int16Array): number => samples.reduce((most, one) => Math.max(most, Math.abs(one)), 0);
/** The largest step from one sample to the next: a click is a large one. */
const step = (samples: Int16Array): number =>
  samples.reduce((most, one, n) => (n === 0 ? 0 : Math.max(most, Math.abs(one - (samples[n - 1] ?? 0)))), 0);

describe('hold music', () => {
  it('is quiet, never silent for long, and its end runs into its beginning', () => {
    const music = builtInHoldMusic();
    const twice = Int16Array.from([...music, ...music]);

    expect(music.length).toBe(64_000);
    expect(level(music)).toBeGreaterThan(1000);
    expect(level(music)).toBeLessThan(8192);
    expect(step(twice)).toBe(step(music));
    for (let at = 0; at < music.length; at += 4000) expect(level(music.subarray(at, at + 4000))).toBeGreaterThan(300);
  });

  it('is made once for all who wait, per format', () => {
    const own = sine({ hz: 440, ms: 1000, level: 4000 });

    expect(holdLoop(undefined, PCMU_8K)).toBe(holdLoop(undefined, { ...PCMU_8K }));
    expect(holdLoop(own, PCMU_8K)).toBe(holdLoop(own, PCMU_8K));
    expect(holdLoop(own, PCMU_8K)).not.toBe(holdLoop(undefined, PCMU_8K));
    expect(holdLoop(own, PCMU_8K)).not.toBe(holdLoop(own, { codec: 'PCMA', sampleRate: 8000 }));
  });

  it('reads the same however it is cut', () => {
    const loop = new HoldLoop(builtInHoldMusic(), PCMU_8K);
    const whole = loop.read(0, 200_000);
    const cut = [160, 320, 800, 801, 63_999, 64_000, 64_001, 128_100, 200_000];
    const parts = cut.map((to, n) => Buffer.from(loop.read(cut[n - 1] ?? 0, to)));

    expect(Buffer.concat(parts).equals(whole)).toBe(true);
  });

  it('swells at its beginning and dies away wherever it is stopped', () => {
    const loop = new HoldLoop(sine({ hz: 440, ms: 1000, level: 4000 }), PCMU_8K);
    const begin = decodeG711('PCMU', loop.read(0, 800));
    const end = decodeG711('PCMU', loop.fadeOut(12_345));

    expect(level(begin.subarray(0, 80))).toBeLessThan(450);
    expect(level(begin.subarray(700))).toBeGreaterThan(3000);
    expect(end.length).toBe(800);
    expect(level(end.subarray(0, 100))).toBeGreaterThan(3000);
    expect(level(end.subarray(720))).toBeLessThan(450);
  });

  it('is played at the rate of the wire', () => {
    const loop = new HoldLoop(builtInHoldMusic(), { codec: 'L16', sampleRate: 16_000, byteOrder: 'little' });

    expect(loop.read(0, 640)).toHaveLength(640);
    expect(loop.fadeOut(0)).toHaveLength(3200);
  });
});
