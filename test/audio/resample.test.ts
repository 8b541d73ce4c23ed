import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { kernelValues, sineValues, tableFiles } from '../../scripts/audio-tables.ts';
import { dbfs, rmsDbfs } from '../../src/audio/level.ts';
import { createResampler, RATES_IN, RATES_OUT } from '../../src/audio/resample.ts';
import { sine, toneLevel } from '../../src/audio/tones.ts';
import { cut, join } from './voices.ts';

const PAIRS = RATES_IN.flatMap((from) => RATES_OUT.map((to) => [from, to] as const));
const CHANGING = PAIRS.filter(([from, to]) => from !== to);
const PEAK = 16000;

function resample(from: number, to: number, samples: Int16Array): Int16Array {
  const resampler = createResampler(from, to);
  return join(resampler.process(samples), resampler.flush());
}

/** What became of a tone, at `listen` Hz in the output, in dB against the tone that went in. Edges left out. */
function gain(from: number, to: number, hz: number, listen = hz): number {
  const out = resample(from, to, sine({ hz, ms: 300, sampleRate: from, level: PEAK }));
  const edge = out.length >> 3;
  return dbfs(toneLevel(out.subarray(edge, out.length - edge), to, listen)) - dbfs(PEAK);
}

test.each(tableFiles())('$path is what scripts/audio-tables.ts makes', ({ path, text }) => {
  expect(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')).toBe(text);
});

test('no table value lies so near a rounding border that another machine could round it differently', () => {
  for (const value of [...kernelValues(), ...sineValues()]) {
    expect(Math.abs(value - Math.floor(value) - 0.5)).toBeGreaterThan(1e-6);
  }
});

describe.each(CHANGING)('%i Hz to %i Hz', (from, to) => {
  const lower = Math.min(from, to);

  test('is flat within 0.5 dB up to 85 % of half the lower rate (3.4 kHz at 8 kHz)', () => {
    for (const part of [0.01, 0.1, 0.25, 0.375, 0.425]) {
      expect(Math.abs(gain(from, to, lower * part))).toBeLessThan(0.5);
    }
  });

  test('adds nothing: a 1 kHz tone comes out as that tone, in its place', () => {
    const out = resample(from, to, sine({ hz: 1000, ms: 200, sampleRate: from, level: PEAK }));
    const ideal = sine({ hz: 1000, ms: 200, sampleRate: to, level: PEAK });
    const error = out.map((sample, n) => sample - ideal[n]!).subarray(200, -200);

    expect(out.length).toBe(ideal.length);
    expect(rmsDbfs(error) - rmsDbfs(ideal)).toBeLessThan(-70);
  });

  if (to < from) {
    test('keeps what would fold back (5 kHz at 8 kHz) 60 dB down, wherever it would land', () => {
      for (const part of [0.58, 0.625, 0.7, 0.9]) {
        const hz = lower * part;
        if (hz >= from / 2) continue;
        const out = resample(from, to, sine({ hz, ms: 300, sampleRate: from, level: PEAK }));
        expect(rmsDbfs(out.subarray(200, -200)) - (dbfs(PEAK) - 3)).toBeLessThan(-60);
      }
    });
  } else {
    test('makes no image of a tone above the old band', () => {
      for (const part of [0.25, 0.375, 0.42]) {
        expect(gain(from, to, from * part, from * (1 - part))).toBeLessThan(-60);
      }
    });
  }

  test('holds back at most 3 ms', () => {
    const resampler = createResampler(from, to);
    const out = resampler.process(new Int16Array(from / 50));

    expect(resampler.delayMs).toBeLessThanOrEqual(3);
    expect(out.length).toBeGreaterThanOrEqual(Math.floor(((20 - resampler.delayMs) * to) / 1000) - 1);
  });

  test('keeps a constant exactly, up to full scale', () => {
    for (const level of [-32768, -1, 1, 8, 32767]) {
      const out = resample(from, to, new Int16Array(from / 20).fill(level));
      expect(new Set(out.subarray(100, -100))).toEqual(new Set([level]));
    }
  });
});

test('output is identical sample for sample however the input is cut, and has its exact length', () => {
  const whole = new Map<string, Int16Array>();
  fc.assert(
    fc.property(
      fc.constantFrom(...PAIRS),
      fc.integer({ min: 0, max: 600 }),
      fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 8 }),
      ([from, to], length, sizes) => {
        const input = Int16Array.from({ length }, (_, n) => ((n * 7919 + 13) % 65536) - 32768);
        const key = `${from}:${to}:${length}`;
        const expected = whole.get(key) ?? resample(from, to, input);
        whole.set(key, expected);
        const resampler = createResampler(from, to);
        const pieces = cut(input, sizes).map((piece) => resampler.process(piece));

        expect([...join(...pieces, resampler.flush())]).toEqual([...expected]);
        expect(expected.length).toBe(Math.ceil((length * to) / from));
      },
    ),
    { numRuns: 300 },
  );
});

test('flush and reset both start anew: the next signal hears nothing of the last one', () => {
  const first = sine({ hz: 700, ms: 33, sampleRate: 24000 });
  const second = sine({ hz: 1300, ms: 50, sampleRate: 24000 });
  const expected = [...resample(24000, 8000, second)];
  const resampler = createResampler(24000, 8000);

  resampler.process(first);
  resampler.flush();
  expect([...join(resampler.process(second), resampler.flush())]).toEqual(expected);

  resampler.process(first);
  resampler.reset();
  expect([...join(resampler.process(second), resampler.flush())]).toEqual(expected);
});

test('too loud a sum is clipped, not wrapped', () => {
  const square = Int16Array.from({ length: 2400 }, (_, n) => (n % 48 < 24 ? 32767 : -32768));
  const out = resample(24000, 8000, square);

  expect(Math.max(...out)).toBe(32767);
  expect(Math.min(...out)).toBe(-32768);
  // Wrapped, a sample in the middle of the positive half would be negative.
  for (let n = 64; n < 640; n += 16) expect(out[n + 4]).toBeGreaterThan(20000);
});

test.each([
  [11025, 8000],
  [8000, 44100],
  [0, 8000],
  [Number.NaN, 8000],
])('%s Hz to %s Hz is refused with what is supported', (from, to) => {
  expect(() => createResampler(from, to)).toThrow(
    expect.objectContaining({ code: 'audio_invalid', message: expect.stringContaining('22050') as string }),
  );
});
