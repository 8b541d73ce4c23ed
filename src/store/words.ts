/**
 * What a text is found by. Both engines index exactly these words and compare them byte by byte, so that they answer
 * alike: neither sees the text itself, and nothing a user types is ever read as an operator of theirs.
 *
 * A word is a run of letters, marks and digits, without case and without the accents of Latin, Greek and Cyrillic.
 * Scripts that write no spaces (Han, kana, Thai, Lao, Khmer, Burmese) are searched by the character.
 */

/** Longer words are cut here, in texts and queries alike. */
const WORD_LENGTH = 64;
/** Different words of one call; keeps its entry below PostgreSQL's 1 MiB. Hours of talk have a few thousand. */
const WORDS_PER_CALL = 5_000;

const NO_SPACES =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/gu;
const WORD = /([\p{L}\p{M}\p{N}]+)(\*?)/gu;
const ACCENTS = /[\u0300-\u036f]/gu;

export interface SearchWord {
  readonly word: string;
  /** Stands for every word that begins with it. */
  readonly isBeginning: boolean;
}

/** The different words of `texts`, in order of appearance. */
export function wordsOf(texts: Iterable<string>): string[] {
  const words = new Set<string>();
  for (const text of texts) {
    for (const { word } of scan(text)) {
      words.add(word);
      if (words.size === WORDS_PER_CALL) return [...words];
    }
  }
  return [...words];
}

/** The words a query asks for; a `*` right behind one makes it a beginning. */
export function searchWords(query: string): SearchWord[] {
  const words = new Map<string, SearchWord>();
  for (const word of scan(query)) words.set(`${word.word}${word.isBeginning ? '*' : ''}`, word);
  return [...words.values()];
}

/** Every text inside a value, at any depth: the summary of a call. */
export function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsIn);
}

function* scan(text: string): Generator<SearchWord> {
  const folded = text.toWellFormed().normalize('NFKD').toLowerCase().normalize('NFKD').replace(ACCENTS, '');
  const spaced = folded.replace(NO_SPACES, ' $&\n').replaceAll('\n*', '*');
  for (const [, word = '', star] of spaced.matchAll(WORD)) {
    yield { word: cut(word), isBeginning: star === '*' };
  }
}

function cut(word: string): string {
  return word.length <= WORD_LENGTH ? word : Array.from(word).slice(0, WORD_LENGTH).join('');
}
