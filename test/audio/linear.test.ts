import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createByteOrderDetector, createL16Reader, encodeL16, type ByteOrder } from '../../src/audio/linear.ts';
import { cut, join, noise, quiet, speech } from './voices.ts';

const order = fc.constantFrom<ByteOrder>('little', 'big');
const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 });

test('little-endian puts the low byte first, big-endian the high one', () => {
  expect([...encodeL16(Int16Array.of(0x1234, -2), 'little')]).toEqual([0x34, 0x12, 0xfe, 0xff]);
  expect([...encodeL16(Int16Array.of(0x1234, -2), 'big')]).toEqual([0x12, 0x34, 0xff, 0xfe]);
});

test('what was written is read back, however the bytes are cut', () => {
  fc.assert(
    fc.property(order, fc.int16Array(), sizes, (byteOrder, samples, pieces) => {
      const reader = createL16Reader(byteOrder);
      const read = cut(encodeL16(samples, byteOrder), pieces).map((piece) => reader.push(piece));

      expect([...join(...read)]).toEqual([...samples]);
      expect(reader.pending).toBe(0);
    }),
  );
});

test('an odd byte waits for its other half, and an empty piece does not disturb it', () => {
  const reader = createL16Reader('big');

  expect([...reader.push(Uint8Array.of(0x7f))]).toEqual([]);
  expect(reader.pending).toBe(1);
  expect([...reader.push(new Uint8Array(0))]).toEqual([]);
  expect([...reader.push(Uint8Array.of(0xff, 0x01))]).toEqual([0x7fff]);
  expect(reader.pending).toBe(1);
});

test('reset drops the odd byte', () => {
  const reader = createL16Reader('little');
  reader.push(Uint8Array.of(9));
  reader.reset();

  expect(reader.pending).toBe(0);
  expect([...reader.push(Uint8Array.of(1, 0))]).toEqual([1]);
});

describe.each(['little', 'big'] as const)('%s-endian sound', (byteOrder) => {
  test.each([
    ['speech', speech(1000, 3000)],
    ['quiet speech', speech(1000, 100)],
    ['comfort noise', noise(1000, 580)],
    ['idle noise of one step', noise(2000, 1)],
  ])('%s tells its byte order', (_, samples) => {
    const detector = createByteOrderDetector();
    const bytes = encodeL16(join(quiet(500), samples), byteOrder);
    const answers = cut(bytes, [321]).map((piece) => detector.push(piece));

    expect(new Set(answers)).toEqual(new Set([undefined, byteOrder]));
    expect(answers.at(-1)).toBe(byteOrder);
  });
});

test('silence and full-scale noise leave the byte order open', () => {
  for (const samples of [quiet(2000), noise(2000, 30000)]) {
    expect(createByteOrderDetector().push(encodeL16(samples, 'little'))).toBeUndefined();
  }
});
