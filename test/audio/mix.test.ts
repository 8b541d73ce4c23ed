import fc from 'fast-check';
import { expect, test } from 'vitest';
import { applyGain, GAIN_ONE, mixInto } from '../../src/audio/mix.ts';

test('mixing adds sample by sample and clips instead of wrapping', () => {
  const into = Int16Array.of(1, 30000, -30000, 5);

  expect(mixInto(into, Int16Array.of(2, 30000, -30000, 0))).toBe(4);
  expect([...into]).toEqual([3, 32767, -32768, 5]);
});

test.each([
  [1, [0, 7, 7, 0], 2],
  [3, [0, 0, 0, 7], 1],
  [4, [0, 0, 0, 0], 0],
  [9, [0, 0, 0, 0], 0],
])('mixing from sample %i on stops at the end', (at, expected, count) => {
  const into = new Int16Array(4);

  expect(mixInto(into, Int16Array.of(7, 7), at)).toBe(count);
  expect([...into]).toEqual(expected);
});

test('mixing does not depend on the order of the two', () => {
  fc.assert(
    fc.property(
      fc.int16Array({ minLength: 5, maxLength: 5 }),
      fc.int16Array({ minLength: 5, maxLength: 5 }),
      (a, b) => {
        const one = a.slice();
        const two = b.slice();
        mixInto(one, b);
        mixInto(two, a);
        expect([...one]).toEqual([...two]);
      },
    ),
  );
});

test.each([
  [GAIN_ONE, [100, -100, 32767, -32768]],
  [GAIN_ONE / 2, [50, -50, 16384, -16384]],
  [2 * GAIN_ONE, [200, -200, 32767, -32768]],
  [0, [0, 0, 0, 0]],
])('a gain of %i / 4096', (gain, expected) => {
  const samples = Int16Array.of(100, -100, 32767, -32768);
  applyGain(samples, gain);

  expect([...samples]).toEqual(expected);
});
