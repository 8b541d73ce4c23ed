import { matchAt, oneByOne, type Before, type Reading } from './reading.ts';
import type { LanguageRules } from './rules.ts';

const FENCE = /`{3,}\S*/uy;
const LINE_MARK = /(?:#{1,6}|[-*+•–—▪◦‣·]|>+)$/uy;
const RULE_LINE = /(?:[-*_=~]{3,}|[|:+-]*\|[|:+-]*)$/uy;
const LINK_END = /\]\([^)]*(?:\)|$)/uy;
const TAG = /<\/?[A-Za-z][^<>]*>/uy;
const KEYCAP = /([\d#*])\uFE0F?\u20E3/uy;
/** A key that is meant: all there is of a word, or around figures as on a keypad. */
const LONE_KEY = /^["'“”‘’«(]*[#*]["'“”‘’»).,;:!?]*$/u;
const KEY_CODE = /\*(\d{1,6})#/uy;
const PICTURE =
  /[\p{Extended_Pictographic}\u{FE0F}\u{FE0E}\u{20E3}\u{200B}-\u{200D}\u{2060}\u{FEFF}\u{1F3FB}-\u{1F3FF}\u{1F1E6}-\u{1F1FF}\u{E0020}-\u{E007F}]+/uy;
const ARROW = /(?:[-=]+>|[→⇒➔➜])/uy;
const MARKS = /[*_`~|\\[\]<>#{}]+/uy;

/** Marks of markdown and HTML, keys, pictures: what stands for no word. In every language. */
export function readMark(
  text: string,
  at: number,
  before: Before,
  rules: LanguageRules | undefined,
): Reading | undefined {
  const isFirst = at === 0;
  if (isFirst) {
    const mark = matchAt(FENCE, text, at) ?? matchAt(RULE_LINE, text, at);
    if (mark) return silent(mark[0]);
    if (before.isLineStart) {
      const lineMark = matchAt(LINE_MARK, text, at);
      if (lineMark) return silent(lineMark[0]);
    }
  }
  const char = text.charAt(at);
  const keys = rules?.keys;
  if (keys) {
    const cap = matchAt(KEYCAP, text, at);
    if (cap) return { length: cap[0].length, spoken: keyName(cap[1] ?? '', keys) };
    const code = matchAt(KEY_CODE, text, at);
    if (code) {
      return { length: code[0].length, spoken: `${keys['*']} ${oneByOne(code[1] ?? '')} ${keys['#']}` };
    }
    if ((char === '#' || char === '*') && LONE_KEY.test(text)) return { length: 1, spoken: keys[char] };
    if (char === '#' && /\d$/u.test(text.slice(0, at))) return { length: 1, spoken: ` ${keys['#']}` };
  }
  const gone = [LINK_END, TAG, PICTURE].map((pattern) => matchAt(pattern, text, at)).find(Boolean);
  if (gone) return silent(gone[0]);
  const arrow = matchAt(ARROW, text, at);
  if (arrow) return { length: arrow[0].length, spoken: ' ' };
  if (char === '!' && text.charAt(at + 1) === '[') return silent('![');
  return undefined;
}

/** Marks that had a meaning to nothing before: dropped, or a space between the parts of a name like `order_id`. */
export function readLeftover(text: string, at: number): Reading | undefined {
  const marks = matchAt(MARKS, text, at);
  if (!marks) return undefined;
  const isInside =
    /^_$/u.test(marks[0]) && /[\p{L}\p{N}]$/u.test(text.slice(0, at)) && /^_[\p{L}\p{N}]/u.test(text.slice(at));
  return { length: marks[0].length, spoken: isInside ? ' ' : '' };
}

function keyName(key: string, keys: LanguageRules['keys']): string {
  return key === '#' || key === '*' ? keys[key] : key;
}

function silent(written: string): Reading {
  return { length: written.length, spoken: '' };
}
