import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createFramer } from '../../src/audio/frames.ts';
import { LandlineError } from '../../src/core/errors.ts';
import { cut } from './voices.ts';

function collect(): { frames: number[][]; onFrame: (frame: Uint8Array) => void } {
  const frames: number[][] = [];
  return { frames, onFrame: (frame) => frames.push([...frame]) };
}

test('frames are the same however the bytes are cut, and nothing is lost', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.uint8Array({ maxLength: 200 }),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
      (size, bytes, pieces) => {
        const { frames, onFrame } = collect();
        const framer = createFramer(size);
        for (const piece of cut(bytes, pieces)) framer.push(piece, onFrame);

        expect(frames.every((frame) => frame.length === size)).toBe(true);
        expect(framer.pending).toBe(bytes.length % size);
        framer.flush(0xff, onFrame);
        const padding: number[] = Array<number>((size - (bytes.length % size)) % size).fill(0xff);
        expect(frames.flat()).toEqual([...bytes, ...padding]);
      },
    ),
  );
});

test('flush pads the tail once and sends nothing when nothing waits', () => {
  const { frames, onFrame } = collect();
  const framer = createFramer(4);
  framer.push(Uint8Array.of(1, 2, 3, 4, 5), onFrame);
  framer.flush(0xd5, onFrame);
  framer.flush(0xd5, onFrame);

  expect(frames).toEqual([
    [1, 2, 3, 4],
    [5, 0xd5, 0xd5, 0xd5],
  ]);
});

test('reset forgets the tail', () => {
  const { frames, onFrame } = collect();
  const framer = createFramer(2);
  framer.push(Uint8Array.of(1), onFrame);
  framer.reset();
  framer.push(Uint8Array.of(2, 3), onFrame);

  expect(frames).toEqual([[2, 3]]);
});

test.each([0, -1, 1.5, Number.NaN])('a frame of %s bytes is refused', (size) => {
  expect(() => createFramer(size)).toThrow(LandlineError);
});
