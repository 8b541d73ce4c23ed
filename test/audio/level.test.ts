import { expect, test } from 'vitest';
import { dbfs, meanSquare, peak, peakDbfs, rmsDbfs } from '../../src/audio/level.ts';
import { sine } from '../../src/audio/tones.ts';

test('a full-scale square wave is at 0 dBFS, a full-scale sine at -3', () => {
  const square = Int16Array.from({ length: 800 }, (_, n) => (n % 8 < 4 ? -32768 : 32767));
  const tone = sine({ hz: 1000, ms: 100, level: 32767 });

  expect(rmsDbfs(square)).toBeCloseTo(0, 2);
  expect(rmsDbfs(tone)).toBeCloseTo(-3.01, 2);
  expect(peakDbfs(tone)).toBeCloseTo(0, 2);
});

test('half the amplitude is 6 dB less', () => {
  expect(dbfs(16384) - dbfs(8192)).toBeCloseTo(6.02, 2);
});

test('silence and nothing have no level', () => {
  for (const samples of [new Int16Array(160), new Int16Array(0)]) {
    expect([meanSquare(samples), peak(samples), rmsDbfs(samples), peakDbfs(samples)]).toEqual([
      0,
      0,
      -Infinity,
      -Infinity,
    ]);
  }
});

test('mean square and peak are whole numbers, up to the loudest sample there is', () => {
  expect(meanSquare(Int16Array.of(3, 4))).toBe(12);
  expect(meanSquare(new Int16Array(160).fill(-32768))).toBe(2 ** 30);
  expect(peak(Int16Array.of(5, -32768, 32767))).toBe(32768);
});
