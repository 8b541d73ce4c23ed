import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createReplayMemory } from '../../src/telnyx/replay-memory.ts';

const MINUTE = 60_000;

it('knows an id for 15 minutes from its first arrival, not longer', () => {
  const memory = createReplayMemory();

  expect(memory.seen('a', 0)).toBe(false);
  expect(memory.seen('a', 1)).toBe(true);
  expect(memory.seen('a', 15 * MINUTE - 1)).toBe(true);
  expect(memory.seen('a', 15 * MINUTE)).toBe(false);
  expect(memory.seen('a', 15 * MINUTE + 1)).toBe(true);
});

it('keeps ids apart', () => {
  const memory = createReplayMemory();

  expect(['a', 'b', '', '__proto__', 'a', '__proto__'].map((id) => memory.seen(id, 0))).toEqual([
    false,
    false,
    false,
    false,
    true,
    true,
  ]);
});

it('never remembers more than 100,000 ids and forgets the oldest first', () => {
  const memory = createReplayMemory();
  for (let n = 0; n < 100_001; n++) memory.seen(String(n), n);

  expect(memory.size).toBe(100_000);
  expect(memory.seen('100000', 100_002)).toBe(true);
  expect(memory.seen('1', 100_002)).toBe(true);
  expect(memory.seen('0', 100_002)).toBe(false);
  expect(memory.size).toBe(100_000);
});

it('gives memory back when ids grow old', () => {
  const memory = createReplayMemory();
  for (let n = 0; n < 1000; n++) memory.seen(String(n), n);
  memory.seen('later', 15 * MINUTE + 499);

  expect(memory.size).toBe(501);
});

it('does what a plain list of arrivals does', () => {
  const step = fc.record({ id: fc.integer({ min: 0, max: 12 }), after: fc.integer({ min: 0, max: 6 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const memory = createReplayMemory({ maxIds: 5, rememberMs: 20 });
      let list: { id: string; at: number }[] = [];
      let now = 0;
      for (const { id: number, after } of steps) {
        now += after;
        const id = String(number);
        list = list.filter(({ at }) => now - at < 20);
        const expected = list.some((known) => known.id === id);
        if (!expected) list = [...list, { id, at: now }].slice(-5);

        expect(memory.seen(id, now)).toBe(expected);
        expect(memory.size).toBe(list.length);
      }
    }),
  );
});
