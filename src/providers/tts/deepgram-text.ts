/** Longest text of one `Speak` message; Deepgram's own limit is about twice that. */
const MAX_SPEAK_CHARS = 1_000;

/** Words that end in a full stop without ending a sentence; single letters and bare numbers are treated alike. */
const ABBREVIATIONS: ReadonlySet<string> = new Set(
  'mr mrs ms dr prof st jr sr vs no nr approx dept e.g i.e'.split(' '),
);

const SENTENCE_END = /([.!?…]+["'”’)\]]*\s+|[。！？]+\s*)/gu;

/**
 * Length of the first complete sentence of `text` with the white space after it; 0 when none is complete. White space
 * is asked for because a stop may still turn out to be a decimal point.
 */
export function sentenceLength(text: string): number {
  for (const match of text.matchAll(SENTENCE_END)) {
    const before = text.slice(0, match.index);
    const word = (/\S*$/u.exec(before)?.[0] ?? '').toLowerCase().replace(/^["'“‘([]+/u, '');
    const isAbbreviation = match[0].startsWith('.') && (ABBREVIATIONS.has(word) || /^(\p{L}|\d+)$/u.test(word));
    if (!isAbbreviation && /[\p{L}\p{N}]/u.test(before)) return match.index + match[0].length;
  }
  return 0;
}

/** `text` in parts that fit into one message, cut after white space where there is some; together they are `text`. */
export function speakParts(text: string): readonly string[] {
  const parts: string[] = [];
  let rest = text;
  while (rest.length > MAX_SPEAK_CHARS) {
    const space = rest.lastIndexOf(' ', MAX_SPEAK_CHARS - 1);
    // Never between the two halves of a surrogate pair.
    const cut =
      space > 0 ? space + 1 : MAX_SPEAK_CHARS - (/[\uD800-\uDBFF]/.test(rest[MAX_SPEAK_CHARS - 1] ?? '') ? 1 : 0);
    parts.push(rest.slice(0, cut));
    rest = rest.slice(cut);
  }
  if (rest !== '') parts.push(rest);
  return parts;
}
