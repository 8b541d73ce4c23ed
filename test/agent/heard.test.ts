import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { heardWordCount, wordBorderBefore, wordsOf, type SpokenPiece } from '../../src/agent/heard.ts';
import { random } from '../audio/voices.ts';

const BYTES_PER_MS = 8;
const FRAME_MS = 20;

/** A 6 s utterance whose words and pauses are as uneven as speech is. */
function utterance(seed: number): { text: string; words: { text: string; startMs: number; endMs: number }[] } {
  const next = random(seed);
  const words: { text: string; startMs: number; endMs: number }[] = [];
  let at = Math.round(next() * 200);
  while (at < 5400) {
    const length = 80 + Math.round(next() * 500);
    // About 80 ms a letter, give or take a third.
    const letters = Math.max(1, Math.round((length / 80) * (0.67 + 0.66 * next())));
    words.push({ text: 'x'.repeat(letters), startMs: at, endMs: at + length });
    // Most words follow at once, some after a pause.
    at += length + (next() < 0.2 ? Math.round(next() * 400) : 0);
  }
  return { text: words.map((word) => word.text).join(' '), words };
}

/** Everything that is known after the voice has said it all: one piece with or without word times, or one per 3 words. */
function piecesOf(spoken: ReturnType<typeof utterance>, how: 'timed' | 'pieces'): SpokenPiece[] {
  const { text, words } = spoken;
  if (how === 'timed') return [{ text, fromByte: 0, toByte: 6000 * BYTES_PER_MS, words }];
  const pieces: SpokenPiece[] = [];
  for (let n = 0; n < words.length; n += 3) {
    const some = words.slice(n, n + 3);
    const after = words[n + 3];
    pieces.push({
      text: some.map((word) => word.text).join(' '),
      fromByte: (n === 0 ? 0 : (some[0]?.startMs ?? 0)) * BYTES_PER_MS,
      toByte: (after?.startMs ?? (some.at(-1)?.endMs ?? 0) + 120) * BYTES_PER_MS,
    });
  }
  return pieces;
}

describe('words that were heard', () => {
  it.each(['timed', 'pieces'] as const)('are counted within one word at every 20 ms of a 6 s utterance (%s)', (how) => {
    for (let seed = 1; seed <= 20; seed++) {
      const spoken = utterance(seed);
      const pieces = piecesOf(spoken, how);
      for (let ms = 0; ms <= 6000; ms += FRAME_MS) {
        const truth = spoken.words.filter((word) => (word.startMs + word.endMs) / 2 <= ms).length;
        const counted = heardWordCount(spoken.text, pieces, ms * BYTES_PER_MS, BYTES_PER_MS);
        // Words without times are spread over their piece: with three words to a piece that is one word off at most.
        expect(Math.abs(counted - truth), `seed ${seed}, ${ms} ms`).toBeLessThanOrEqual(how === 'timed' ? 0 : 1);
      }
    }
  });

  it('never fall as more is played', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const spoken = utterance(seed);
      let last = 0;
      for (let ms = 0; ms <= 6000; ms += FRAME_MS) {
        const counted = heardWordCount(spoken.text, piecesOf(spoken, 'pieces'), ms * BYTES_PER_MS, BYTES_PER_MS);
        expect(counted).toBeGreaterThanOrEqual(last);
        last = counted;
      }
      expect(last).toBe(spoken.words.length);
    }
  });

  it('are estimated by length while the voice has not told where its text ends', () => {
    const text = 'one two three four five';
    // 15 characters a second: "one two " are 8 of them.
    expect(heardWordCount(text, [], 0, BYTES_PER_MS)).toBe(0);
    expect(heardWordCount(text, [], 540 * BYTES_PER_MS, BYTES_PER_MS)).toBe(2);
    expect(heardWordCount(text, [], 10_000 * BYTES_PER_MS, BYTES_PER_MS)).toBe(5);
  });

  it('take the text behind the last known piece as following it', () => {
    const pieces = [{ text: 'one two', fromByte: 0, toByte: 8000 }];
    expect(heardWordCount('one two three', pieces, 8000, BYTES_PER_MS)).toBe(2);
    expect(heardWordCount('one two three', pieces, 8000 + 400 * BYTES_PER_MS, BYTES_PER_MS)).toBe(3);
  });

  it('are never more than there are, whatever the pieces claim', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 40 }),
        fc.array(fc.record({ text: fc.string({ maxLength: 20 }), fromByte: fc.nat(50_000), toByte: fc.nat(50_000) })),
        fc.nat(100_000),
        (text, pieces, heard) => {
          const count = heardWordCount(text, pieces, heard, BYTES_PER_MS);
          expect(count).toBeGreaterThanOrEqual(0);
          expect(count).toBeLessThanOrEqual(wordsOf(text).length);
          const border = wordBorderBefore(text, pieces, heard, BYTES_PER_MS);
          expect(border).toBeLessThanOrEqual(heard);
        },
      ),
    );
  });
});

describe('where speech goes on after a pause', () => {
  it('repeats no word that was heard to its end and skips none that was not, at every 20 ms', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const spoken = utterance(seed);
      const pieces = piecesOf(spoken, 'timed');
      for (let ms = 0; ms <= 6000; ms += FRAME_MS) {
        const from = wordBorderBefore(spoken.text, pieces, ms * BYTES_PER_MS, BYTES_PER_MS) / BYTES_PER_MS;
        for (const word of spoken.words) {
          if (word.endMs <= ms) expect(from, `seed ${seed}, ${ms} ms`).toBeGreaterThanOrEqual(word.endMs);
          else expect(from, `seed ${seed}, ${ms} ms`).toBeLessThanOrEqual(Math.max(word.startMs, 0));
        }
        expect(from).toBeLessThanOrEqual(ms);
      }
    }
  });

  it('is the beginning when not even a word was heard', () => {
    expect(
      wordBorderBefore('hello there', [{ text: 'hello there', fromByte: 0, toByte: 8000 }], 100, BYTES_PER_MS),
    ).toBe(0);
  });
});
