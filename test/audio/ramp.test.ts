import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeG711, encodeG711, silenceByte } from '../../src/audio/g711.ts';
import { ramp, readRamp } from '../../src/audio/ramp.ts';

/** Joins pieces of the ramp, each given as [from, to], or of foreign bytes. */
function heard(...pieces: readonly (readonly [number, number] | Uint8Array)[]): Uint8Array {
  return Buffer.concat(
    pieces.map((piece) => (piece instanceof Uint8Array ? piece : ramp(piece[1] - piece[0], piece[0]))),
  );
}

const silent = new Uint8Array(160).fill(0xff);

describe('reads what happened to the ramp', () => {
  test.each([
    ['nothing', heard([0, 800]), [[0, 0, 800]], { lost: 0, repeated: 0, backwards: 0, foreign: 0 }],
    ['a start in the middle', heard([161, 500]), [[0, 161, 339]], { lost: 0, repeated: 0, backwards: 0, foreign: 0 }],
    [
      'a lost frame',
      heard([0, 160], [320, 480]),
      [
        [0, 0, 160],
        [160, 320, 160],
      ],
      { lost: 160, repeated: 0, backwards: 0, foreign: 0 },
    ],
    [
      'one lost byte',
      heard([0, 101], [102, 200]),
      [
        [0, 0, 101],
        [101, 102, 98],
      ],
      { lost: 1, repeated: 0, backwards: 0, foreign: 0 },
    ],
    [
      'a doubled frame',
      heard([0, 320], [160, 480]),
      [
        [0, 0, 320],
        [320, 160, 320],
      ],
      { lost: 0, repeated: 160, backwards: 1, foreign: 0 },
    ],
    [
      'two swapped frames',
      heard([0, 160], [320, 480], [160, 320]),
      [
        [0, 0, 160],
        [160, 320, 160],
        [320, 160, 160],
      ],
      { lost: 0, repeated: 0, backwards: 1, foreign: 0 },
    ],
    [
      'silence put in',
      heard(silent, [0, 160], silent, [160, 320]),
      [
        [160, 0, 160],
        [480, 160, 160],
      ],
      { lost: 0, repeated: 0, backwards: 0, foreign: 320 },
    ],
    ['only silence', heard(silent), [], { lost: 0, repeated: 0, backwards: 0, foreign: 160 }],
    ['nothing at all', heard(), [], { lost: 0, repeated: 0, backwards: 0, foreign: 0 }],
  ])('%s', (_, bytes, runs, counts) => {
    expect(readRamp(bytes)).toEqual({ runs: runs.map(([at, from, length]) => ({ at, from, length })), ...counts });
  });
});

test('survives decoding and encoding in either law, and contains no silence', () => {
  for (const law of ['PCMU', 'PCMA'] as const) {
    const bytes = ramp(50_000, 27_000_000);

    expect(Buffer.compare(encodeG711(law, decodeG711(law, bytes)), bytes)).toBe(0);
    expect(bytes.includes(silenceByte(law))).toBe(false);
  }
});

test('any single gap is measured to the byte and placed within a group', () => {
  const length = fc.integer({ min: 8, max: 400 });
  fc.assert(
    fc.property(fc.nat(1_000_000), length, length, length, (from, first, gap, second) => {
      const next = from + first + gap;
      const { runs, ...counts } = readRamp(heard([from, from + first], [next, next + second]));

      expect(counts).toEqual({ lost: gap, repeated: 0, backwards: 0, foreign: 0 });
      expect(runs.map((run) => run.from - run.at)).toEqual([from, next - first]);
      expect(Math.abs(runs[1]!.at - first)).toBeLessThanOrEqual((from + first) % 4 === 0 ? 0 : 3);
    }),
    { numRuns: 500 },
  );
});
