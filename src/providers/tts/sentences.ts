/**
 * Cuts streamed text into pieces worth a synthesis request each. Nothing is lost: the pieces, one after the other, are
 * the text. The same text gives the same pieces however it was pushed.
 */
export interface Sentences {
  /** @returns the pieces that are complete now. One more character than a sentence is needed to know that it ended. */
  push(text: string): readonly string[];
  /** The text is over: what is left, in pieces; the next `push` begins a new text. */
  flush(): readonly string[];
}

export interface SentencesOptions {
  /** The very first piece may be a clause (up to a comma) of at least this many characters, so that speech starts early. Default 25. */
  readonly firstClauseChars?: number;
  /** No piece is longer. Default 300. */
  readonly maxChars?: number;
}

/** A full stop, question or exclamation mark that wants a space behind it to end a sentence. */
const SPACED_END = /[.!?…]/u;
/** Full stops of scripts that have no other use for the sign: CJK, Arabic, Urdu, Devanagari, Armenian, Ethiopic, Burmese, Khmer. */
const PLAIN_END = /[。！？｡؟۔।॥։።፧။៕]/u;
const CLOSER = /["'”’»」』）)\]]/u;
const SPACED_COMMA = /[,;:–—،؛]/u;
const PLAIN_COMMA = /[，、；：]/u;
const SPACE = /\s/u;
const LOWER = /\p{Ll}/u;
const SPEAKABLE = /[\p{L}\p{N}]/u;

/** Never the end of a sentence. */
const TITLES: ReadonlySet<string> = new Set(
  'mr mrs ms dr prof st rev gen sen gov capt mme mlle hr fr sra ud eg ie zb dh ua bzw nr ca approx vs cf tel'.split(
    ' ',
  ),
);
/** The end only when a new sentence visibly begins: `at 5 p.m. We open …`. */
const MAYBE_END: ReadonlySet<string> = new Set(
  'etc am pm us uk usw inc ltd co corp jr sr dept ext min max sec'.split(' '),
);

/** Is there anything in `text` that a voice could say? */
export function isSpeakable(text: string): boolean {
  return SPEAKABLE.test(text);
}

export function createSentences(options: SentencesOptions = {}): Sentences {
  const { firstClauseChars = 25, maxChars = 300 } = options;
  let rest = '';
  let isFirst = true;

  /** Cuts off everything that is certain; at the end of the text everything is. */
  const cut = (atEnd: boolean): readonly string[] => {
    const pieces: string[] = [];
    for (;;) {
      const at = pieceEnd(rest, isFirst ? firstClauseChars : Infinity, maxChars);
      if (at === undefined) break;
      pieces.push(rest.slice(0, at));
      rest = rest.slice(at);
      isFirst = false;
    }
    if (atEnd) {
      if (rest !== '') pieces.push(rest);
      rest = '';
      isFirst = true;
    }
    return pieces;
  };

  return {
    push(text) {
      rest += text;
      return cut(false);
    },
    flush: () => cut(true),
  };
}

/** Where the first piece of `text` ends, if that can be said without seeing more. */
function pieceEnd(text: string, clauseChars: number, maxChars: number): number | undefined {
  const window = Math.min(text.length - 1, maxChars);
  let speakable = false;
  let clauseEnd = 0;
  let wordEnd = 0;
  for (let i = 0; i < window; i++) {
    const char = text.charAt(i);
    if (!speakable && !isSpeakable(text.slice(0, i + 1))) continue;
    speakable = true;
    if (char === '\n') return i + 1;
    const end = sentenceEnd(text, i);
    if (end !== undefined && end <= window) return end;
    const clause = commaEnd(text, i);
    if (clause !== undefined && clause <= window) {
      if (clause >= clauseChars) return clause;
      clauseEnd = clause;
    }
    if (SPACE.test(char)) wordEnd = i + 1;
  }
  if (text.length <= maxChars) return undefined;
  return clauseEnd || wordEnd || hardCut(text, maxChars);
}

/** If the mark at `i` ends a sentence: the index behind it, its quotes and one space. */
function sentenceEnd(text: string, i: number): number | undefined {
  const mark = text.charAt(i);
  const plain = PLAIN_END.test(mark);
  if (!plain && !SPACED_END.test(mark)) return undefined;
  let at = i + 1;
  while (at < text.length && CLOSER.test(text.charAt(at))) at++;
  // A run of marks (`...`, `?!`) is decided at its last one.
  const next = text.charAt(at);
  if (next === '' || SPACED_END.test(next) || PLAIN_END.test(next)) return undefined;
  if (plain) return SPACE.test(next) ? at + 1 : at;
  if (!SPACE.test(next) || at + 1 >= text.length) return undefined;
  const after = text.charAt(at + 1);
  // `"Really?" he said` goes on.
  const quoted = at > i + 1 && LOWER.test(after);
  return !quoted && endsHere(text.slice(0, i + 1), after) ? at + 1 : undefined;
}

/** @param before up to and with the mark. @param after the character behind the space. */
function endsHere(before: string, after: string): boolean {
  const continues = LOWER.test(after);
  if (!before.endsWith('.')) return !(continues && before.endsWith('…'));
  if (before.endsWith('..')) return !continues;
  const word = (/([\p{L}\p{N}.]+)\.$/u.exec(before)?.[1] ?? '').toLowerCase();
  const letters = word.replaceAll('.', '');
  if (TITLES.has(letters)) return false;
  // `1. First …` at the beginning of a piece is a number in a list, `No. 5` one in a sentence, `J. Smith` an initial.
  if (/^\s*\d{1,2}\.$/u.test(before)) return false;
  if (letters === 'no' && /\d/u.test(after)) return false;
  if (/^\p{L}$/u.test(word) && word !== 'i') return false;
  if (MAYBE_END.has(letters)) return !continues;
  // Models may be told to write in lower case; a longer word before the full stop then still ends a sentence.
  return !continues || letters.length >= 4;
}

/** If the mark at `i` ends a clause: the index behind it and its space. `1,000` and `8:30` have none. */
function commaEnd(text: string, i: number): number | undefined {
  const mark = text.charAt(i);
  if (PLAIN_COMMA.test(mark)) return i + 1;
  return SPACED_COMMA.test(mark) && SPACE.test(text.charAt(i + 1)) ? i + 2 : undefined;
}

/** Not through the middle of a character that takes two units. */
function hardCut(text: string, at: number): number {
  return /[\uD800-\uDBFF]/u.test(text.charAt(at - 1)) ? at - 1 : at;
}
