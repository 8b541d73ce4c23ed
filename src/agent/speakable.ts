/**
 * Takes out of a model's text what no voice can say: markdown marks, code fences, emoji. Works on single tokens of a
 * stream: it only drops characters, so cutting the stream anywhere gives the same text.
 */
export function speakable(text: string): string {
  return text
    .replace(/[*_`#~|<>\\]/gu, '')
    .replace(/[\p{Extended_Pictographic}\u{FE0F}\u{200D}\u{1F3FB}-\u{1F3FF}\u{1F1E6}-\u{1F1FF}]/gu, '');
}

/** Sounds that only say "I am listening": heard alone, they do not interrupt. English; other languages fall back to it. */
const BACKCHANNEL: ReadonlySet<string> = new Set([
  'mhm',
  'mm',
  'mmm',
  'hm',
  'hmm',
  'uh',
  'um',
  'ah',
  'oh',
  'uhhuh',
  'mmhmm',
  'huh',
]);

/** True for text without a real word: empty, punctuation, or only back-channel sounds. */
export function isBackchannel(text: string): boolean {
  const words = text
    .toLowerCase()
    .split(/\s+/u)
    .map((word) => word.replace(/[^\p{L}\p{N}]/gu, ''))
    .filter((word) => word !== '');
  return words.every((word) => BACKCHANNEL.has(word));
}
