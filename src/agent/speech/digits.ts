import { matchAt, oneByOne, type Reading } from './reading.ts';
import type { LanguageRules } from './rules.ts';

const PLUS = /(?<![\p{L}\d+])\+\d(?:[\s.()/-]{0,2}\d){6,14}(?!\d)/uy;
const NATIONAL = /(?<![\p{L}\d.,+/-])\(?0\d{1,4}\)?(?:[\s./-]\d{2,4}){2,5}(?![\d]|[.,/-]\d)/uy;
const TWO_PARTS = /(?<![\p{L}\d.,+/-])\(?0\d{1,4}\)?[\s/-]\d{5,9}(?![\d]|[.,/-]\d)/uy;
const AMERICAN =
  /(?<![\p{L}\d.,+/-])(?:1[\s.-])?(?:\(\d{3}\)\s?|\d{3}[\s.-])\d{3}[\s.-]\d{4}(?![\d]|[.,/-]\d)|(?<![\p{L}\d.,+/-])\d{3}-\d{4}(?![\d]|[.,/-]\d)/uy;
const SPANISH = /(?<![\p{L}\d.,+/-])[6-9]\d{2}(?:\s\d{3}\s\d{3}|\s\d{2}\s\d{2}\s\d{2})(?![\d]|[.,/-]\d|\s\d)/uy;
const FOURS = /(?<![\p{L}\d.,+/-])\d{4}(?:[\s-]\d{4}){2,4}(?![\d]|[.,/-]\d)/uy;
const LONG = /(?<![\p{L}\d.,:+/-])(?:\d{7,}|0\d{2,})(?![\p{L}\d]|[.,/:-]\d)/uy;
const IBAN = /(?<![\p{L}\d])[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){2,7}(?:\s?[A-Z0-9]{1,3})?(?![\p{L}\d])/uy;
const CODE = /(?<![\p{L}\d-])[A-Z]{1,4}[-\s]?\d{4,}(?![\p{L}\d]|[.,/:-]\d)/uy;
/** `03/04/2026` has as many digits as a phone number. */
const DATE = /^\d{1,2}([./-])\d{1,2}\1\d{2,4}$|^\d{4}-\d{2}-\d{2}$/u;

/** Numbers that are names: said digit by digit, with a breath where they are grouped. */
export function readDigits(text: string, at: number, rules: LanguageRules): Reading | undefined {
  const plus = matchAt(PLUS, text, at);
  if (plus) return { length: plus[0].length, spoken: `${rules.plus} ${groups(plus[0])}` };
  const iban = matchAt(IBAN, text, at);
  if (iban) return { length: iban[0].length, spoken: byFours(iban[0]) };
  const patterns = [NATIONAL, TWO_PARTS, AMERICAN, FOURS, LONG];
  if (rules.plus === 'más' || rules.number === 'número') patterns.push(SPANISH);
  for (const pattern of patterns) {
    const found = matchAt(pattern, text, at)?.[0];
    if (found === undefined || DATE.test(found)) continue;
    const count = found.replace(/\D/gu, '').length;
    if (pattern === NATIONAL || pattern === TWO_PARTS ? count < 8 || count > 13 : false) continue;
    return { length: found.length, spoken: groups(found) };
  }
  const code = matchAt(CODE, text, at)?.[0];
  if (code === undefined || (/\s/u.test(code) && code.replace(/\D/gu, '').length < 7)) return undefined;
  const letters = /^[A-Z]+/u.exec(code)?.[0] ?? '';
  return { length: code.length, spoken: `${oneByOne(letters)}, ${groups(code.slice(letters.length))}` };
}

/** `0470 12 34 56` -> `0 4 7 0, 1 2, 3 4, 5 6`. */
function groups(number: string): string {
  return number
    .split(/\D+/u)
    .filter((group) => group !== '')
    .flatMap((group) => (group.length > 4 ? inThrees(group) : [group]))
    .map(oneByOne)
    .join(', ');
}

/** Threes, and a four at the end rather than a single digit. */
function inThrees(digits: string): string[] {
  const parts: string[] = [];
  let rest = digits;
  while (rest.length > 4) {
    parts.push(rest.slice(0, 3));
    rest = rest.slice(3);
  }
  return [...parts, rest];
}

function byFours(iban: string): string {
  return (iban.replace(/\s/gu, '').match(/.{1,4}/gu) ?? []).map(oneByOne).join(', ');
}
