import { describe, expect, test } from 'vitest';
import { decodeG711, encodeG711 } from '../../src/audio/g711.ts';
import { peak } from '../../src/audio/level.ts';
import { beep, detectDtmf, dtmf, sine, toneLevel } from '../../src/audio/tones.ts';
import { LandlineError } from '../../src/core/errors.ts';
import { hum, join, noise, over, quiet, speech } from './voices.ts';

describe('sine', () => {
  test.each([
    [8000, 1000],
    [8000, 697],
    [24000, 3400],
    [44100, 441.5],
  ])('at %i Hz sampling, %f Hz is the real sine within one step', (sampleRate, hz) => {
    const tone = sine({ hz, ms: 100, sampleRate, level: 32767 });
    const worst = tone.reduce((most, sample, n) => {
      return Math.max(most, Math.abs(sample - 32767 * Math.sin((2 * Math.PI * hz * n) / sampleRate)));
    }, 0);

    expect(tone.length).toBe(sampleRate / 10);
    expect(worst).toBeLessThan(1.01);
  });

  test('is 8192 high at 8 kHz unless told otherwise', () => {
    const tone = sine({ hz: 1000, ms: 50 });

    expect([tone.length, peak(tone)]).toEqual([400, 8192]);
  });
});

describe('toneLevel', () => {
  test.each([50, 440, 997, 3400])('finds a tone of %i Hz at its level, and nothing 150 Hz beside it', (hz) => {
    const tone = sine({ hz, ms: 100, level: 10000 });

    expect(toneLevel(tone, 8000, hz) / 10000).toBeCloseTo(1, 1);
    expect(toneLevel(tone, 8000, hz + 150)).toBeLessThan(100);
  });

  test('finds a weak tone under a strong one', () => {
    const both = over(sine({ hz: 1000, ms: 200, level: 10000 }), sine({ hz: 2000, ms: 200, level: 20 }));

    expect(toneLevel(both, 8000, 2000)).toBeGreaterThan(15);
    expect(toneLevel(both, 8000, 2000)).toBeLessThan(25);
  });

  test('of nothing is 0', () => {
    expect([toneLevel(quiet(20), 8000, 500), toneLevel(new Int16Array(0), 8000, 500)]).toEqual([0, 0]);
  });
});

test('a beep has soft edges and its tone between them', () => {
  const sound = beep();

  expect(sound.length).toBe(2000);
  expect([sound[0], sound.at(-1)]).toEqual([0, 0]);
  expect(peak(sound.subarray(0, 20))).toBeLessThan(2100);
  expect(toneLevel(sound, 8000, 1000)).toBeGreaterThan(8000);
});

describe('DTMF', () => {
  const KEYS = '1234567890*#ABCD';
  const digits = (samples: Int16Array, rate?: number): string =>
    detectDtmf(samples, rate)
      .map(({ digit }) => digit)
      .join('');

  test.each([
    ['as made', dtmf(KEYS), 8000],
    ['at 24 kHz', dtmf(KEYS, { sampleRate: 24000 }), 24000],
    ['quiet', dtmf(KEYS, { level: 500 }), 8000],
    ['as short as allowed', dtmf(KEYS, { toneMs: 40, gapMs: 40 }), 8000],
    ['through A-law', decodeG711('PCMA', encodeG711('PCMA', dtmf(KEYS))), 8000],
    ['over noise', over(dtmf(KEYS), noise(KEYS.length * 160, 500)), 8000],
  ])('every key is read %s', (_, samples, rate) => {
    expect(digits(samples, rate)).toBe(KEYS);
  });

  test('each key carries its row and column and nothing else', () => {
    const five = dtmf('5', { toneMs: 200, gapMs: 0 });
    const levels = [697, 770, 852, 941, 1209, 1336, 1477, 1633].map((hz) =>
      Math.round(toneLevel(five, 8000, hz) / 1000),
    );

    expect(levels).toEqual([0, 8, 0, 0, 0, 8, 0, 0]);
  });

  test('a key held is one key, a key pressed twice is two', () => {
    expect(digits(dtmf('7', { toneMs: 1500 }))).toBe('7');
    expect(digits(dtmf('77'))).toBe('77');
  });

  test('times are right within 15 ms', () => {
    const [first, second] = detectDtmf(join(quiet(200), dtmf('19', { toneMs: 100, gapMs: 100 })));

    for (const [found, expected] of [
      [first!.startMs, 200],
      [first!.endMs, 300],
      [second!.startMs, 400],
      [second!.endMs, 500],
    ] as const) {
      expect(Math.abs(found - expected)).toBeLessThanOrEqual(15);
    }
  });

  test('lower case letters are keys too', () => {
    expect(digits(dtmf('abcd'))).toBe('ABCD');
  });

  test.each([
    ['speech', join(...[1, 2, 3, 4, 5].map((seed) => speech(2000, 4000, seed)))],
    ['noise', noise(5000, 3000)],
    ['a dial tone', over(sine({ hz: 350, ms: 2000 }), sine({ hz: 440, ms: 2000 }))],
    ['one tone', sine({ hz: 941, ms: 2000 })],
    ['two tones of one row', over(sine({ hz: 697, ms: 500 }), sine({ hz: 770, ms: 500 }))],
    ['tones 12 dB apart', over(sine({ hz: 697, ms: 500, level: 12000 }), sine({ hz: 1209, ms: 500, level: 3000 }))],
    ['a key of 15 ms', join(quiet(100), dtmf('5', { toneMs: 15 }), quiet(100))],
    ['hum', hum(2000, 8000)],
    ['silence', quiet(500)],
  ])('%s is no key', (_, samples) => {
    expect(detectDtmf(samples)).toEqual([]);
  });

  test.each(['E', '1 2', '+', '٣'])('"%s" is refused', (text) => {
    expect(() => dtmf(text)).toThrow(LandlineError);
  });
});
