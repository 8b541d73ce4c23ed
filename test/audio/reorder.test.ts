import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createReorder, type ReorderOptions } from '../../src/audio/reorder.ts';

/** A track under test: `push` frames whose payload is their own number, read what came out. */
function track(options?: ReorderOptions) {
  const reorder = createReorder(options);
  const out: string[] = [];
  const sink = {
    frame: (payload: Uint8Array): void => void out.push(String(payload[0])),
    lost: (count: number): void => void out.push(`lost ${count}`),
  };
  const buffer = new Uint8Array(1);
  let t = 0;
  return {
    reorder,
    out,
    /** Pushes 20 ms apart unless a time is given; one buffer for all, wiped after each call. */
    push: (chunk: number | undefined, at = t + 20, payload = chunk ?? 0): void => {
      t = at;
      buffer[0] = payload;
      reorder.push(chunk, buffer, t, sink);
      buffer[0] = 0xee;
    },
    flush: (at: number): void => reorder.flush(at, sink),
  };
}

/** Pushes chunks 20 ms apart; what came out, and the counters that are not 0. */
function run(chunks: readonly (number | undefined)[], options?: ReorderOptions): [string, Record<string, number>] {
  const { reorder, out, push } = track(options);
  for (const chunk of chunks) push(chunk);
  return [out.join(' '), Object.fromEntries(Object.entries(reorder.counters).filter(([, count]) => count > 0))];
}

describe('frames come out in order', () => {
  test.each<[string, (number | undefined)[], string, Record<string, number>]>([
    ['in order: at once', [1, 2, 3], '1 2 3', {}],
    ['any first number', [77, 78], '77 78', {}],
    ['from 0', [0, 1], '0 1', {}],
    ['two swapped', [1, 3, 2, 4], '1 2 3 4', { reordered: 1 }],
    ['several pairs swapped', [1, 3, 2, 5, 4, 6], '1 2 3 4 5 6', { reordered: 2 }],
    ['one lost: given up with the second later frame', [1, 3, 4, 5], '1 lost 1 3 4 5', { lost: 1 }],
    ['five lost', [1, 7, 8], '1 lost 5 7 8', { lost: 5 }],
    ['two gaps', [1, 3, 5, 6], '1 lost 1 3 lost 1 5 6', { lost: 2 }],
    ['later frames swapped behind a gap', [1, 4, 3, 5], '1 lost 1 3 4 5', { lost: 1 }],
    ['given up, then it comes', [1, 3, 4, 2, 5], '1 lost 1 3 4 5', { lost: 1, late: 1 }],
    ['a late frame comes twice', [1, 3, 4, 2, 2, 5], '1 lost 1 3 4 5', { lost: 1, late: 1, duplicate: 1 }],
    ['doubled', [1, 1, 2, 2, 2, 3], '1 2 3', { duplicate: 3 }],
    ['doubled while held', [1, 3, 3, 2], '1 2 3', { duplicate: 1, reordered: 1 }],
    ['before the first', [5, 4, 6], '5 6', { late: 1 }],
    ['a jump of more than a second: a new start, not filled', [1, 2, 60, 61], '1 2 60 61', {}],
    ['a jump of exactly a second is a loss', [1, 52, 53], '1 lost 50 52 53', { lost: 50 }],
    ['a jump while a frame is held', [1, 3, 200], '1 lost 1 3 200', { lost: 1 }],
    ['one mad number', [1, 2, 250_000, 3, 4], '1 2 144 3 4', {}],
    ['the numbering starts over', [100, 101, 1, 2, 3], '100 101 1 2 3', {}],
    [
      'it starts over soon: told by six in a row',
      [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7],
      '1 2 3 4 5 6 7 8 6 7',
      { duplicate: 5 },
    ],
    ['no numbers: in arrival order', [undefined, undefined], '0 0', {}],
    ['numbers that are none', [1.5, Number.NaN, Infinity], '1 0 0', {}],
    ['a frame without number between others', [1, undefined, 2, 3], '1 0 2 3', {}],
    ['a frame without number releases what is held', [1, 3, undefined, 4], '1 lost 1 3 0 4', { lost: 1 }],
  ])('%s', (_, chunks, out, counters) => {
    expect(run(chunks)).toEqual([out, counters]);
  });
});

describe('a gap waits at most 60 ms', () => {
  test('due says when, flush gives it up then and not before', () => {
    const { reorder, out, push, flush } = track();
    push(1, 1000);
    expect(reorder.due()).toBe(Infinity);

    push(3, 1020);
    expect(reorder.due()).toBe(1080);
    flush(1079.9);
    expect(out).toEqual(['1']);
    flush(1080);
    expect(out).toEqual(['1', 'lost 1', '3']);
    expect(reorder.due()).toBe(Infinity);
  });

  test('the next frame gives it up when nobody flushed in time', () => {
    const { out, push } = track();
    push(1, 1000);
    push(3, 1020);
    push(2, 1081);

    expect(out).toEqual(['1', 'lost 1', '3']);
  });

  test('within the time the missing frame closes the gap', () => {
    const { reorder, out, push } = track();
    push(1, 1000);
    push(3, 1020);
    push(2, 1079);

    expect(out).toEqual(['1', '2', '3']);
    expect(reorder.due()).toBe(Infinity);
  });

  test('a second gap has its own time', () => {
    const { reorder, out, push, flush } = track({ holdFrames: 3 });
    push(1, 1000);
    push(3, 1010);
    push(5, 1030);
    flush(1070);

    expect(out).toEqual(['1', 'lost 1', '3']);
    expect(reorder.due()).toBe(1090);
  });

  test('at the end of the stream everything held comes out', () => {
    const { out, push, flush } = track({ holdFrames: 5 });
    push(1);
    push(5);
    push(3);
    flush(Infinity);

    expect(out).toEqual(['1', 'lost 1', '3', 'lost 1', '5']);
  });
});

test('held payloads are copies: the buffer of the caller is free after the call', () => {
  const { out, push } = track();
  push(1);
  push(3, undefined, 33);
  push(2, undefined, 22);

  expect(out).toEqual(['1', '22', '33']);
});

test('any order in which no frame is overtaken twice, with any duplicates, gives the ordered stream', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1_000_000 }),
      fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 3 })), { minLength: 1, maxLength: 100 }),
      (first, steps) => {
        const numbers = steps.map((_, n) => first + n);
        // Swapping disjoint neighbours lets one later frame overtake. The first frame sets the numbering: it stays.
        for (let n = 1; n + 1 < numbers.length; n++) {
          if (!steps[n]![0]) continue;
          [numbers[n], numbers[n + 1]] = [numbers[n + 1]!, numbers[n]!];
          n++;
        }
        const arrivals = numbers.flatMap((chunk, n) => {
          const back = steps[n]![1];
          return back === 0 || back > n ? [chunk] : [chunk, numbers[n - back + 1]!];
        });
        const doubled = arrivals.length - numbers.length;
        const { reorder, out, push } = track();
        for (const chunk of arrivals) push(chunk, undefined, (chunk - first) % 200);

        expect(out).toEqual(steps.map((_, n) => String(n % 200)));
        expect(reorder.counters).toMatchObject({ lost: 0, late: 0, duplicate: doubled });
      },
    ),
    { numRuns: 500 },
  );
});

test('whatever arrives: nothing is delivered twice, out of order or filled beyond a second, and nothing stays behind', () => {
  const arrival = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 80 }));
  fc.assert(
    fc.property(fc.array(arrival, { maxLength: 40 }), (arrivals) => {
      const reorder = createReorder();
      let t = 0;
      let position: number | undefined;
      let given = 0;
      const sink = {
        frame: (payload: Uint8Array): void => {
          const chunk = payload[0]!;
          // Six in a row in the past are a new start; anything else must be the very next one.
          if (position !== undefined && chunk >= position)
            expect(chunk === position || chunk - position > 50).toBe(true);
          position = chunk + 1;
          given++;
        },
        lost: (count: number): void => {
          expect(count).toBeLessThanOrEqual(50);
          position = (position ?? 0) + count;
        },
      };
      for (const [chunk, wait] of arrivals) {
        t += wait;
        reorder.push(chunk, Uint8Array.of(chunk), t, sink);
        expect(reorder.due()).toBeGreaterThan(t);
        expect(reorder.due() === Infinity || reorder.due() <= t + 60).toBe(true);
      }
      reorder.flush(Infinity, sink);

      const { duplicate, late } = reorder.counters;
      expect(given + duplicate + late).toBe(arrivals.length);
      expect(reorder.due()).toBe(Infinity);
    }),
    { numRuns: 500 },
  );
});
