import { matchAt, type Reading } from './reading.ts';
import type { LanguageRules } from './rules.ts';

const COLON = /(?<![\p{L}\d:.,/])([01]?\d|2[0-4]):([0-5]\d)(?![\d:])/uy;
const POINT = /(?<![\p{L}\d:.,/])([01]?\d|2[0-4])\.([0-5]\d)(?=\s)/uy;
const HOURS = /(?<![\p{L}\d:.,/])([01]?\d|2[0-4])(\s?)(\p{L})(?:(\s?)([0-5]\d))?(?![\p{L}\d/])/uy;
const NOON = /(?<![\p{L}\d:.,/])(1[0-2]|0?[1-9])(:[0-5]\d)?\s?([ap])(?:m(?![\p{L}\d])|\.m\.)/iuy;

/** Times of day, in the words of the language. */
export function readTime(text: string, at: number, rules: LanguageRules): Reading | undefined {
  if (rules.clockWords.length === 0) {
    const noon = matchAt(NOON, text, at);
    if (noon) {
      const [all, hours = '', minutes = '', half = ''] = noon;
      const rest = text.slice(at + all.length);
      // The full stop of `p.m.` is the sentence's too, when nothing goes on in lower case.
      const isEnd = all.endsWith('.') && /^["”’»)*_]*(?:$|\s["“‘«(]*\p{Lu})/u.test(rest);
      const spoken = `${String(Number(hours))}${minutes === ':00' ? '' : minutes} ${half.toUpperCase()}M`;
      return { length: all.length, spoken: isEnd ? `${spoken}.` : spoken };
    }
  }
  const colon = matchAt(COLON, text, at);
  if (colon) return said(text, at, colon[0].length, colon[1], colon[2], rules);
  const point = rules.clockWords.length > 0 ? matchAt(POINT, text, at) : undefined;
  if (point && clockWord(text, at + point[0].length, rules) > 0) {
    return said(text, at, point[0].length, point[1], point[2], rules);
  }
  const signs = rules.clockSigns === '' ? undefined : matchAt(HOURS, text, at);
  if (signs && rules.clockSigns.includes(signs[3] ?? ' ')) {
    const [all, hours, , , gap, minutes] = signs;
    // `14 h 30` is a time; in `2 h 3 personnes` the second number is something else.
    const isWhole = minutes === undefined || gap === '' || signs[2] === ' ';
    if (isWhole) return said(text, at, all.length, hours, minutes ?? '00', rules);
  }
  return undefined;
}

function said(
  text: string,
  at: number,
  length: number,
  hours: string | undefined,
  minutes: string | undefined,
  rules: LanguageRules,
): Reading {
  const spoken = rules.clock(Number(hours), Number(minutes));
  return { length: length + clockWord(text, at + length, rules), spoken };
}

/** How long the white space and word are that say once more that this is a time. */
function clockWord(text: string, at: number, rules: LanguageRules): number {
  for (const word of rules.clockWords) {
    const there = /^\s?(\p{L}+)/u.exec(text.slice(at));
    if (there?.[1] === word) return there[0].length;
  }
  return 0;
}

const ISO = /(?<![\p{L}\d./-])(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?![\p{L}\d-]|[./]\d)/uy;
const NUMERIC = /(?<![\p{L}\d./-])(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?![\p{L}\d-]|[./]\d)/uy;

/** Dates in figures, with their year. What could be two dates stays as it is written. */
export function readDate(text: string, at: number, rules: LanguageRules): Reading | undefined {
  const iso = matchAt(ISO, text, at);
  if (iso) return dated(iso[0].length, Number(iso[3]), Number(iso[2]), iso[1], rules);
  const numeric = matchAt(NUMERIC, text, at);
  if (!numeric) return undefined;
  const [all, first, , second, year] = numeric;
  const [a, b] = [Number(first), Number(second)];
  const dayFirst = a > 12 ? true : b > 12 ? false : a === b ? true : rules.dayFirst;
  if (dayFirst === undefined) return undefined;
  return dayFirst ? dated(all.length, a, b, year, rules) : dated(all.length, b, a, year, rules);
}

function dated(
  length: number,
  day: number,
  month: number,
  year: string | undefined,
  rules: LanguageRules,
): Reading | undefined {
  const name = rules.months[month - 1];
  if (name === undefined || day < 1 || day > 31) return undefined;
  return { length, spoken: rules.date(day, name, year) };
}
