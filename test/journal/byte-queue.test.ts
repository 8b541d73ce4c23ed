import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ByteQueue } from '../../src/journal/byte-queue.ts';

it('a byte queue gives out what went in, in order, until it is dropped', () => {
  const step = fc.oneof(
    fc.record({ push: fc.integer({ min: 0, max: 20_000 }) }),
    fc.record({ peek: fc.integer({ min: 0, max: 40_000 }) }),
    fc.record({ drop: fc.double({ min: 0, max: 1, noNaN: true }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const queue = new ByteQueue();
      let model = Buffer.alloc(0);
      let next = 0;
      for (const action of steps) {
        if ('push' in action) {
          const bytes = Buffer.from(Array.from({ length: action.push }, () => next++ & 0xff));
          queue.push(bytes);
          model = Buffer.concat([model, bytes]);
          bytes.fill(0); // the queue must have copied
        } else if ('peek' in action) {
          expect(Buffer.from(queue.peek(action.peek)).equals(model.subarray(0, action.peek))).toBe(true);
        } else {
          const n = Math.floor(action.drop * queue.length);
          queue.drop(n);
          model = model.subarray(n);
        }
        expect(queue.length).toBe(model.length);
      }
      expect(Buffer.from(queue.peek(Infinity)).equals(model)).toBe(true);
    }),
  );
});
