import type { DigitRun } from './digit-runs.ts';

/** How many digits the networks' numbers have, by how they begin. First match holds. */
const NETWORKS: readonly (readonly [begins: RegExp, lengths: readonly number[]])[] = [
  [/^3[47]/, [15]], // American Express
  [/^3(?:0[0-5]|095|[689])/, [14, 16]], // Diners Club
  [/^35(?:2[89]|[3-8])/, [16]], // JCB
  [/^(?:5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720))/, [16]], // Mastercard
  [/^4/, [16, 13, 19]], // Visa
  [/^(?:50|5[6-9]|6)/, [16, 17, 18, 19]], // Discover, UnionPay, Maestro, RuPay, Verve
  [/^(?:8[12]|9792)/, [16]], // RuPay, Troy
  [/^1/, [15]], // UATP
];
const LEAST = 13;
const MOST = 19;

/** The check digit of ISO/IEC 7812. */
export function isLuhnValid(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    sum += i % 2 === 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2;
  }
  return sum % 10 === 0;
}

/** Begins like a network's number, has one of its lengths, and the check digit is right. */
function isNetworkCard(digits: string): boolean {
  return lengthsOf(digits).includes(digits.length) && isLuhnValid(digits);
}

function lengthsOf(digits: string): readonly number[] {
  return NETWORKS.find(([begins]) => begins.test(digits))?.[1] ?? [];
}

/** 13 to 19 digits with the right check digit. None begins with 0; with 1 only those of airlines do. */
function isCard(digits: string): boolean {
  if (digits.length < LEAST || digits.length > MOST || digits.startsWith('0')) return false;
  if (digits.startsWith('1') && digits.length !== 15) return false;
  return isLuhnValid(digits);
}

/** Groups as cards are printed and read: all in one, digit by digit, in fours, or 4-6-5 and 4-6-4. */
function isPrinted({ groups, digits }: DigitRun): boolean {
  if (groups.length === 1 || groups.length === digits.length) return true;
  const sizes = groups.map((group) => group.digits.length);
  if (sizes.length === 3 && sizes[0] === 4 && sizes[1] === 6) return true;
  return sizes.every((size, i) => size === 4 || (i === sizes.length - 1 && size < 4));
}

/**
 * Where in `run` a card number begins, as an index into its groups; what follows it in the run (expiry, check code)
 * belongs to it. Undefined: there is none.
 *
 * @param before digits that were said right before this run, in an earlier piece. A card may begin among them: 0 then.
 */
export function cardIn(run: DigitRun, before: string): number | undefined {
  const { groups, digits } = run;
  // E.164 has at most 15 digits.
  if (run.afterPlus && digits.length <= 15) return undefined;
  if (isPrinted(run) && isCard(digits)) return 0;
  // Ends of groups, as places in `before + digits`.
  const ends = [before.length];
  for (const group of groups) ends.push((ends.at(-1) ?? 0) + group.digits.length);
  const all = before + digits;
  const isEnd = new Set(ends);
  const begins = [...Array(before.length).keys(), ...ends.slice(0, -1)];
  for (const begin of begins) {
    const isFound = lengthsOf(all.slice(begin, begin + MOST)).some((length) => {
      const end = begin + length;
      return end > before.length && isEnd.has(end) && isNetworkCard(all.slice(begin, end));
    });
    if (isFound) return Math.max(0, ends.indexOf(begin));
  }
  return undefined;
}

/** All but the last digits of a card number: so many that the rest could be guessed. */
export function isCardBegun(digits: string): boolean {
  if (digits.length < LEAST) return false;
  return lengthsOf(digits).some((length) => digits.length < length && length <= 16);
}
