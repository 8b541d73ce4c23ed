import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeG711, encodeG711 } from '../../src/audio/g711.ts';
import { compareHeard } from '../../src/cli/demo/heard-check.ts';
import { renderVoice } from '../../src/emulator/voice.ts';

/** Speech as it is on the line: G.711 and back. */
function speech(text: string): Int16Array {
  const samples = decodeG711('PCMU', encodeG711('PCMU', renderVoice(text, 8000).samples));
  const first = samples.findIndex((sample) => sample !== 0);
  const last = samples.findLastIndex((sample) => sample !== 0);
  return samples.slice(first, last + 1);
}

const HELLO = speech('Hello there, this is the front desk.');
const HOURS = speech('We are open day and night, every day of the year.');
const SECOND = 8000;

/** `length` samples of silence with sounds at their places. */
function channel(length: number, ...sounds: readonly (readonly [at: number, samples: Int16Array])[]): Int16Array {
  const out = new Int16Array(length);
  for (const [at, samples] of sounds) out.set(samples, at);
  return out;
}

const LENGTH = 20 * SECOND;
const SHIFT = 1234;
const believed = channel(LENGTH, [SECOND, HELLO], [10 * SECOND, HOURS]);

describe('the comparison of what was believed and what was heard', () => {
  it('finds both the same when only the clocks differ', () => {
    const heard = channel(LENGTH, [SECOND + SHIFT, HELLO], [10 * SECOND + SHIFT, HOURS]);

    const result = compareHeard(believed, heard);

    expect(result.stretches.reduce((sum, stretch) => sum + stretch.same, 0)).toBeGreaterThan(
      (HELLO.length + HOURS.length) / 2,
    );
    expect(result.stretches.every(({ same, length }) => same === length)).toBe(true);
    expect([result.believedOnly, result.heardOnly, result.shift]).toEqual([0, 0, 0]);
  });

  it('measures how much more the phone heard at a cut', () => {
    const cut = channel(LENGTH, [SECOND, HELLO.subarray(0, 4000)]);
    const heard = channel(LENGTH, [SECOND + SHIFT, HELLO.subarray(0, 4300)]);

    const result = compareHeard(cut, heard);

    expect(result.believedOnly).toBe(0);
    expect(result.heardOnly).toBeGreaterThan(290);
    expect(result.heardOnly).toBeLessThanOrEqual(300);
  });

  it('measures how much less the phone heard at a cut', () => {
    const cut = channel(LENGTH, [SECOND, HELLO.subarray(0, 4300)]);
    const heard = channel(LENGTH, [SECOND + SHIFT, HELLO.subarray(0, 4000)]);

    const result = compareHeard(cut, heard);

    expect(result.heardOnly).toBe(0);
    expect(result.believedOnly).toBeGreaterThan(290);
    expect(result.believedOnly).toBeLessThanOrEqual(300);
  });

  it('follows a recording that was moved inside a turn, and measures by how much', () => {
    const half = HOURS.length >> 1;
    for (const move of [-200, 150]) {
      const moved = channel(
        LENGTH,
        [SECOND, HELLO],
        [10 * SECOND, HOURS.subarray(0, half)],
        [10 * SECOND + half + Math.max(0, move), HOURS.subarray(half + Math.max(0, -move))],
      );
      const heard = channel(LENGTH, [SECOND + SHIFT, HELLO], [10 * SECOND + SHIFT, HOURS]);

      const result = compareHeard(moved, heard);

      // Quiet places look alike: a few samples at the border may be given to neither part.
      expect(result.believedOnly).toBeLessThanOrEqual(320);
      expect(result.heardOnly).toBeLessThanOrEqual(320);
      expect(result.shift).toBe(Math.abs(move));
    }
  });

  it('sees what the phone never heard', () => {
    const result = compareHeard(believed, channel(LENGTH, [SECOND + SHIFT, HELLO]));

    expect(result.believedOnly).toBeGreaterThan(1000);
    expect(result.heardOnly).toBe(0);
  });

  it('sees what the gateway does not know of', () => {
    const heard = channel(LENGTH, [SECOND + SHIFT, HELLO], [5 * SECOND, HELLO], [10 * SECOND + SHIFT, HOURS]);

    const result = compareHeard(believed, heard);

    expect(result.believedOnly).toBe(0);
    expect(result.heardOnly).toBeGreaterThan(1000);
  });

  it('sees a hole in the middle', () => {
    const heard = channel(LENGTH, [SECOND + SHIFT, HELLO], [10 * SECOND + SHIFT, HOURS]);
    heard.fill(0, 10 * SECOND + SHIFT + 3000, 10 * SECOND + SHIFT + 3160);

    expect(compareHeard(believed, heard).believedOnly).toBeGreaterThan(160);
  });

  it('sees that a stretch came at another time', () => {
    const heard = channel(LENGTH, [SECOND + SHIFT, HELLO], [10 * SECOND + SHIFT + 900, HOURS]);

    const result = compareHeard(believed, heard);

    expect([result.believedOnly, result.heardOnly]).toEqual([0, 0]);
    expect(result.shift).toBe(900);
  });

  it('finds what was said twice twice', () => {
    const twice = [
      [SECOND, HELLO.subarray(0, 5000)],
      [4 * SECOND, HELLO.subarray(4000)],
    ] as const;
    const heard = channel(LENGTH, ...twice.map(([at, samples]) => [at + SHIFT, samples] as const));

    const result = compareHeard(channel(LENGTH, ...twice), heard);

    expect([result.believedOnly, result.heardOnly, result.shift]).toEqual([0, 0, 0]);
  });

  it('has nothing to say about silence', () => {
    expect(compareHeard(new Int16Array(SECOND), new Int16Array(SECOND))).toEqual({
      stretches: [],
      believedOnly: 0,
      heardOnly: 0,
      shift: 0,
    });
  });

  it('never overlooks a single changed sample', () => {
    const sounds = Array.from(HOURS.keys()).filter((at) => HOURS[at] !== 0);
    fc.assert(
      fc.property(fc.constantFrom(...sounds), fc.integer({ min: -8000, max: 8000 }), (at, value) => {
        fc.pre(value !== HOURS[at]);
        const changed = HOURS.slice();
        changed[at] = value;
        const heard = channel(LENGTH, [SECOND + SHIFT, HELLO], [10 * SECOND + SHIFT, changed]);

        const { believedOnly, heardOnly } = compareHeard(believed, heard);

        expect(believedOnly + heardOnly).toBeGreaterThan(0);
      }),
      { numRuns: 50 },
    );
  });
});
