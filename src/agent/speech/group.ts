import type { Pronunciations } from './pronunciations.ts';
import type { LanguageRules } from './rules.ts';

/**
 * Where a stream of tokens may be cut: text is said group by group, and a group is one word, or a few that only make sense
 * together (`12,50 EUR`, `+32 470 12 34 56`, `Dr. Smith`). Whether two words belong together depends on those two words
 * and on nothing that comes later, so the groups are the same however the text arrives.
 */

/** Longest word; what is longer (no white space at all) is cut. */
const MAX_WORD = 400;
/** Longest group, and most words in one. */
const MAX_GROUP = 120;
const MAX_WORDS = 12;
/** A next word longer than this never belongs to the one before it. */
const MAX_NEXT = 60;

/** Scripts that write no spaces: every character stands alone. */
const ALONE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\u3000-\u303f\uff01-\uff65]/u;
const SPACE = /\s/u;
const LINE_BREAK = /[\n\r\u2028\u2029]/u;
const CURRENCY = /^\(?-?(?:[€$£¥]|EUR|USD|GBP|CHF)$/u;
const CURRENCY_BEHIND = /^(?:[€$£¥]|EUR|USD|GBP|CHF)$/u;
const IBAN = /^[A-Z]{2}\d{2}(?:\s[A-Z0-9]{4})*$/u;
const UNCLOSED = /\]\([^)]*$|<\/?[A-Za-z][^<>]*$/u;

export function isLineBreak(char: string): boolean {
  return LINE_BREAK.test(char);
}

/** Is the character white space, or one of a script without spaces: something that no word goes across? */
export function standsAlone(char: string): boolean {
  return SPACE.test(char) || ALONE.test(char);
}

export interface GroupRules {
  /** Undefined: a language without rules, where every word is a group. */
  readonly language: LanguageRules | undefined;
  readonly pronunciations: Pronunciations;
}

/**
 * The end of the group at the beginning of `text`, which begins with a word; undefined when more text is needed to say.
 *
 * @param atEnd no more text will come.
 */
export function groupEnd(text: string, rules: GroupRules, atEnd: boolean): number | undefined {
  let end = wordEnd(text, 0, atEnd, MAX_WORD);
  let words = 1;
  while (end !== undefined && end < MAX_GROUP && words < MAX_WORDS) {
    const group = text.slice(0, end);
    if (!mayGoOn(group, rules)) return end;
    const gap = text.charAt(end);
    if (gap === '') return atEnd ? end : undefined;
    if (!SPACE.test(gap) || LINE_BREAK.test(gap)) return end;
    const next = characterAt(text, end + 1);
    if (next === '') return atEnd ? end : undefined;
    if (standsAlone(next)) return end;
    const nextEnd = wordEnd(text, end + 1, atEnd, MAX_NEXT + 1);
    if (nextEnd === undefined) return undefined;
    if (nextEnd - end - 1 > MAX_NEXT || !goesOn(group, text.slice(end + 1, nextEnd), rules)) return end;
    end = nextEnd;
    words += 1;
  }
  return end;
}

/** Behind the word at `from`; undefined when it may go on in text that is not there yet. */
function wordEnd(text: string, from: number, atEnd: boolean, most: number): number | undefined {
  let at = from;
  while (at < text.length && at - from < most) {
    const char = characterAt(text, at);
    if (at > from && standsAlone(char)) return at;
    at += char.length;
  }
  if (at - from >= most) return at;
  // Half a character may still be on the way.
  return atEnd ? at : undefined;
}

function characterAt(text: string, at: number): string {
  const code = text.codePointAt(at);
  return code === undefined ? '' : String.fromCodePoint(code);
}

function lastWord(group: string): string {
  return /\S+$/u.exec(group)?.[0] ?? '';
}

/** Could the word behind `group` belong to it? */
function mayGoOn(group: string, { language, pronunciations }: GroupRules): boolean {
  if (UNCLOSED.test(group) || pronunciations.isBegun(group)) return true;
  const word = lastWord(group);
  if (!language || /[,;:!?]$/u.test(word)) return false;
  if (/\d/u.test(word) || CURRENCY.test(word) || IBAN.test(group)) return true;
  return /\d\s\S+$/u.test(group) || isShort(word, language);
}

/** Does `next`, the whole word behind `group`, belong to it? */
function goesOn(group: string, next: string, { language, pronunciations }: GroupRules): boolean {
  if (UNCLOSED.test(group) || pronunciations.isBegun(`${group} ${next}`, true)) return true;
  if (!language) return false;
  const word = lastWord(group);
  if (isShort(word, language)) return true;
  const bare = next.replace(/(?<=.)[.,;:!?)\]"'”’»*_]+$/u, '');
  if (CURRENCY.test(word)) return /^-?\d/u.test(next);
  if (IBAN.test(group)) return /^[A-Z0-9]{1,4}$/u.test(bare);
  if (/\d\.?$/u.test(word) || /\d\)$/u.test(word)) {
    if (/^\(?\d/u.test(next)) return !word.endsWith('.');
    return belongsToNumber(bare, next, language);
  }
  // A number and a word stand before: `2 million €`, `14 h 30`, `9 – 17`.
  if (!/\d\s\S+$/u.test(group)) return false;
  if (language.magnitudes[word] !== undefined) return CURRENCY_BEHIND.test(bare);
  if (word === '–') return /^[€$£]?\d/u.test(next);
  return word.length === 1 && language.clockSigns.includes(word) && /^[0-5]\d$/u.test(bare);
}

function belongsToNumber(bare: string, next: string, language: LanguageRules): boolean {
  if (CURRENCY_BEHIND.test(bare) || bare === '%' || bare === '–') return true;
  if (language.clockWords.includes(bare) || language.units[bare] !== undefined) return true;
  if (language.units[next] !== undefined || /^[€$£%°]/u.test(next)) return true;
  if (bare.length === 1 && language.clockSigns !== '' && language.clockSigns.includes(bare)) return true;
  if (language.magnitudes[bare] !== undefined || language.magnitudes[next] !== undefined) return true;
  return language.clockWords.length === 0 && /^[ap]\.?m\.?[,;:!?)]*$/iu.test(next);
}

/** An abbreviation whose reading depends on the word behind it, or the first part of one with a space in it. */
function isShort(word: string, language: LanguageRules): boolean {
  return language.abbreviations.some(({ written, before, endsSentence }) => {
    const first = written.split(' ')[0] ?? written;
    if (first !== written && word === first) return true;
    const whole = written.replaceAll(' ', '');
    return (before !== undefined || endsSentence === true) && word.endsWith(whole);
  });
}
