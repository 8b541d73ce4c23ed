import type { TimedWord } from '../ports.ts';

/** More than a person says in ten minutes of one turn; what is longer is a broken peer. */
const MAX_CHARS = 10_000;
const MAX_WORDS = 2_000;

/** The text of a field that should be one: trimmed, clipped, empty for anything else. */
export function readText(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, MAX_CHARS).trim() : '';
}

/**
 * Deepgram's word lists (`word`, `punctuated_word`, `start` and `end` in seconds). Words without a place in time are
 * left out.
 * @param toMs from milliseconds of the recogniser's stream to those of the caller's
 */
export function readWords(value: unknown, toMs: (ms: number) => number): readonly TimedWord[] {
  if (!Array.isArray(value)) return [];
  const words: TimedWord[] = [];
  for (const entry of value.slice(0, MAX_WORDS) as readonly unknown[]) {
    if (typeof entry !== 'object' || entry === null) continue;
    const { word, punctuated_word: punctuated, start, end } = entry as Readonly<Record<string, unknown>>;
    const text = readText(punctuated) || readText(word);
    // JSON can say 1e999, which is Infinity.
    if (text === '' || !isTime(start) || !isTime(end)) continue;
    words.push({ text, startMs: toMs(start * 1000), endMs: toMs(end * 1000) });
  }
  return words;
}

const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

/** Two parts of one turn as one text, within the same limit. */
export function joinText(before: string, after: string): string {
  return readText(before === '' ? after : `${before} ${after}`);
}

export function joinWords(before: readonly TimedWord[], after: readonly TimedWord[]): readonly TimedWord[] {
  return [...before, ...after].slice(0, MAX_WORDS);
}
