import fc from 'fast-check';
import { expect, it } from 'vitest';
import { EarMemory } from '../../src/call/ear-memory.ts';

it('remembers exactly the last bytes, however they came', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.array(fc.uint8Array({ maxLength: 70 })), (size, pieces) => {
      const memory = new EarMemory(size);
      for (const piece of pieces) memory.push(piece);
      const all = pieces.flatMap((piece) => [...piece]);

      expect([...memory.read()]).toEqual(all.slice(Math.max(0, all.length - size)));
    }),
  );
});

it('forgets what was answered', () => {
  const memory = new EarMemory(4);
  memory.push(Uint8Array.of(1, 2, 3));
  memory.forget();
  memory.push(Uint8Array.of(4));

  expect([...memory.read()]).toEqual([4]);
});
