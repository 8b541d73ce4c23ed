import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DigitMerge } from '../../src/call/digits.ts';

type Report = readonly [source: 'socket' | 'webhook', digit: string, t: number];

function presses(reports: readonly Report[]): string {
  const merge = new DigitMerge();
  return reports.flatMap(([source, digit, t]) => (merge.isNew(source, digit, t) ? [digit] : [])).join('');
}

describe('key presses', () => {
  it.each<[string, readonly Report[], string]>([
    [
      'socket first',
      [
        ['socket', '1', 0],
        ['webhook', '1', 200],
      ],
      '1',
    ],
    [
      'webhook first',
      [
        ['webhook', '1', 0],
        ['socket', '1', 200],
      ],
      '1',
    ],
    [
      'only the socket',
      [
        ['socket', '1', 0],
        ['socket', '2', 200],
      ],
      '12',
    ],
    [
      'only webhooks',
      [
        ['webhook', '1', 0],
        ['webhook', '1', 200],
      ],
      '11',
    ],
    [
      'the same key twice, quickly',
      [
        ['socket', '1', 0],
        ['socket', '1', 150],
        ['webhook', '1', 160],
        ['webhook', '1', 170],
      ],
      '11',
    ],
    [
      'interleaved',
      [
        ['socket', '1', 0],
        ['webhook', '2', 10],
        ['webhook', '1', 20],
        ['socket', '2', 30],
      ],
      '12',
    ],
    [
      'the same key again after the twin was lost',
      [
        ['socket', '1', 0],
        ['webhook', '1', 3001],
      ],
      '11',
    ],
  ])('%s', (_name, reports, expected) => {
    expect(presses(reports)).toBe(expected);
  });

  it('count once each, whatever the order of the two reports', () => {
    const press = fc.record({
      digit: fc.constantFrom('1', '2', '#'),
      gapMs: fc.integer({ min: 80, max: 2000 }),
      delayMs: fc.integer({ min: -1000, max: 1000 }),
    });
    fc.assert(
      fc.property(fc.array(press, { maxLength: 12 }), (typed) => {
        let t = 2000;
        const reports = typed.flatMap(({ digit, gapMs, delayMs }): Report[] => {
          t += gapMs;
          return [
            ['socket', digit, t],
            ['webhook', digit, t + delayMs],
          ];
        });
        const merged = presses(reports.toSorted((a, b) => a[2] - b[2]));

        expect(Array.from(merged).sort()).toEqual(typed.map(({ digit }) => digit).sort());
      }),
    );
  });
});
