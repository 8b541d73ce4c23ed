import { matchAt, type Reading } from './reading.ts';
import type { LanguageRules } from './rules.ts';

const LEFT =
  /(?<![\p{L}\d.,:/–-])[€$£]?(\d{1,4}(?:[.,:]\d{1,2})?)(?:\s?(?:€|\$|£|%|°C?|[hHuU](?:\d\d)?|[ap]\.?m\.?|Uhr|uur))?$/iu;
const RIGHT = /^[€$£]?(\d{1,4}(?:[.,:]\d{1,2})?)(?!\d|[-–]\d|[.,:/]\d)/u;
const DASH = /\s?–\s?|-/uy;
const FRACTION = /(?<![\p{L}\d.,:/-])([1-3])\/([2-4])(?![\p{L}\d/-])/uy;
const ORDINAL = /(?<![\p{L}\d.,:/-])(\d{1,2})(\p{L}{1,4}|\.?[ºª°]|\.er|\.o)(?![\p{L}\d])/uy;

/** Ranges, fractions, ordinals and the small signs between words and figures. */
export function readSign(text: string, at: number, rules: LanguageRules): Reading | undefined {
  const range = readRange(text, at, rules);
  if (range) return range;
  const fraction = matchAt(FRACTION, text, at)?.[0];
  const part = fraction === undefined ? undefined : rules.fractions[fraction];
  if (fraction !== undefined && part !== undefined) return { length: fraction.length, spoken: part };
  const ordinal = matchAt(ORDINAL, text, at);
  if (ordinal) {
    const [all, figure, suffix = ''] = ordinal;
    for (const { suffix: pattern, words } of rules.ordinals) {
      const word = pattern.test(suffix) ? words[Number(figure) - 1] : undefined;
      if (word !== undefined && word !== '') return { length: all.length, spoken: word };
    }
  }
  return readSymbol(text, at, rules);
}

/** `9-17` and `9 – 17`, when it cannot be anything else: both sides are numbers, and they rise. */
function readRange(text: string, at: number, rules: LanguageRules): Reading | undefined {
  const dash = matchAt(DASH, text, at)?.[0];
  if (dash === undefined) return undefined;
  const left = LEFT.exec(text.slice(0, at))?.[1];
  const right = RIGHT.exec(text.slice(at + dash.length))?.[1];
  if (left === undefined || right === undefined) return undefined;
  const isNumber = /^\d+$/u;
  if (isNumber.test(left) && isNumber.test(right)) {
    const isName = /^0\d/u.test(left) || /^0\d/u.test(right) || (left.length === 3 && right.length === 4);
    const isClock = /[€$£%hHuUm°]$/u.test(text.slice(0, at));
    if (isName || (!isClock && Number(left) >= Number(right))) return undefined;
  }
  return { length: dash.length, spoken: ` ${rules.to} ` };
}

function readSymbol(text: string, at: number, rules: LanguageRules): Reading | undefined {
  const char = text.charAt(at);
  const left = text.slice(0, at);
  const right = text.slice(at + 1);
  const isLone = (at === 0 || /\s$/u.test(left)) && /^(?:\s|$)/u.test(right);
  const between = (word: string): Reading => ({ length: 1, spoken: isLone ? word : ` ${word} ` });
  switch (char) {
    case '&':
      if (right.startsWith('amp;')) return { length: 5, spoken: isLone ? rules.and : ` ${rules.and} ` };
      if (right.startsWith('nbsp;')) return { length: 6, spoken: ' ' };
      return isLone || (/[\p{L}\p{N}]$/u.test(left) && /^[\p{L}\p{N}]/u.test(right)) ? between(rules.and) : undefined;
    case '/':
      return readSlash(left, right, isLone, rules);
    case '#':
      return /^\d/u.test(right) && !/[\p{L}\d]$/u.test(left) ? { length: 1, spoken: `${rules.number} ` } : undefined;
    case '~':
    case '≈':
      return /^\s?[€$£]?\d/u.test(right) && !/[~≈]$/u.test(left) ? { length: 1, spoken: `${rules.about} ` } : undefined;
    case '-':
    case '−':
      return /^\d/u.test(right) && /(?:^|[\s(])$/u.test(left) ? { length: 1, spoken: `${rules.minus} ` } : undefined;
    case '+':
      return /\d\s?$/u.test(left) && /^\s?\d/u.test(right) ? between(rules.plus) : undefined;
    case '=':
      return isLone ? between(rules.equals) : undefined;
    case '×':
      return between(rules.times);
    case '<':
    case '>':
      if (!isLone && !/^\d/u.test(right)) return undefined;
      return isLone ? between(char === '<' ? rules.less : rules.more) : comparison(char, rules);
    case '*':
      return /\d$/u.test(left) && /^\d/u.test(right) ? between(rules.times) : undefined;
    default:
      return undefined;
  }
}

function comparison(char: '<' | '>', rules: LanguageRules): Reading {
  return { length: 1, spoken: `${char === '<' ? rules.less : rules.more} ` };
}

function readSlash(left: string, right: string, isLone: boolean, rules: LanguageRules): Reading | undefined {
  if (isLone) return { length: 1, spoken: rules.or };
  const before = /\p{L}+$/u.exec(left)?.[0];
  const after = /^\p{L}+/u.exec(right)?.[0];
  if (after !== undefined && /[\d€$£%]$/u.test(left)) return { length: 1, spoken: ` ${rules.per} ` };
  if (before === undefined || after === undefined) {
    return /(?<!\d)24$/u.test(left) && /^7(?!\d)/u.test(right) ? { length: 1, spoken: ' ' } : undefined;
  }
  const joins = [rules.and, rules.or];
  const isPlain =
    joins.includes(before.toLowerCase()) ||
    joins.includes(after.toLowerCase()) ||
    before.length === 1 ||
    after.length === 1 ||
    (/^\p{Lu}+$/u.test(before) && /^\p{Lu}+$/u.test(after));
  return { length: 1, spoken: isPlain ? ' ' : ` ${rules.or} ` };
}
