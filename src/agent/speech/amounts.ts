import { matchAt, type Reading } from './reading.ts';
import type { LanguageRules } from './rules.ts';

/** `1.234,50`, `1 234,50`, `12,5`, `12,-`. */
const NUM = String.raw`(?:\d{1,3}(?:[.,'\s]\d{3})+(?!\d)(?:[.,]\d{1,2}(?!\d))?|\d+(?:[.,]\d{1,2}(?!\d)|,[-–](?!\d))?)`;
const SIGN = String.raw`(€|\$|£|¥|EUR|USD|GBP|CHF)`;
const MAGNITUDE = String.raw`(?:\s?(\p{L}+\.?))?`;
const BEFORE = new RegExp(`(?<![\\p{L}\\d])([-−])?${SIGN}\\s?([-−])?(${NUM})(?![\\d]|[.,:]\\d)${MAGNITUDE}`, 'uy');
const BEHIND = new RegExp(`(?<![\\p{L}\\d.,:])([-−])?(${NUM})(?:\\s(\\p{L}+\\.?))?\\s?${SIGN}(?![\\p{L}\\d])`, 'uy');

const SIGN_OF: Readonly<Record<string, string>> = { EUR: '€', USD: '$', GBP: '£' };

/** Prices: the currency behind the amount, the cents behind the currency. */
export function readPrice(text: string, at: number, rules: LanguageRules): Reading | undefined {
  const before = matchAt(BEFORE, text, at);
  if (before) {
    const [all, minus, sign = '', innerMinus, amount = '', word] = before;
    const magnitude = word === undefined ? undefined : magnitudeOf(word, rules);
    const length = word === undefined || magnitude !== undefined ? all.length : all.length - tailOf(all, word);
    return priced(length, minus ?? innerMinus, sign, amount, magnitude, rules);
  }
  const behind = matchAt(BEHIND, text, at);
  if (!behind) return undefined;
  const [all, minus, amount = '', word, sign = ''] = behind;
  const magnitude = word === undefined ? undefined : magnitudeOf(word, rules);
  if (word !== undefined && magnitude === undefined) return undefined;
  return priced(all.length, minus, sign, amount, magnitude, rules);
}

function magnitudeOf(word: string, rules: LanguageRules): string | undefined {
  return Object.hasOwn(rules.magnitudes, word) ? rules.magnitudes[word] : undefined;
}

/** The word that turned out not to belong to the price, and the white space before it. */
function tailOf(all: string, word: string): number {
  return all.length - all.slice(0, all.length - word.length).trimEnd().length;
}

function priced(
  length: number,
  minus: string | undefined,
  sign: string,
  amount: string,
  magnitude: string | undefined,
  rules: LanguageRules,
): Reading | undefined {
  const key = SIGN_OF[sign] ?? sign;
  const main = rules.currencies[key];
  if (!main) return undefined;
  const lead = minus === undefined ? '' : `${rules.minus} `;
  if (magnitude !== undefined) {
    const many = main[1];
    return { length, spoken: `${lead}${amount} ${magnitude}${rules.ofMagnitude(magnitude, many)}${many}` };
  }
  const [, whole = amount, decimals = ''] = /^(.*?)(?:[.,](\d{1,2}|[-–]))?$/u.exec(amount) ?? [];
  const cents = /^\d/u.test(decimals) ? String(Number(decimals.padEnd(2, '0'))) : '0';
  const thousands = whole.replace(/\D/gu, '').replace(/^0+(?=\d)/u, '');
  const said =
    rules.decimal === '.' && /\D/u.test(whole) ? thousands.replace(/(?<=\d)(?=(?:\d{3})+$)/gu, ',') : thousands;
  return { length, spoken: lead + rules.price(said, main, cents === '0' ? '' : cents, rules.cents[key]) };
}

const PERCENT = /(?<=\d)\s?%/uy;
/** What a unit may be counted by. */
const COUNT = /(?<![\p{L}\d.,:])\d+(?:[.,]\d+)*(?:\s?)/uy;
const GENERATIONS = /^[2-6]g$/u;

/** `5 km`, `20 °C`, `3,5 kg`: the whole of it. */
export function readMeasure(text: string, at: number, rules: LanguageRules): Reading | undefined {
  const percent = matchAt(PERCENT, text, at);
  if (percent) return { length: percent[0].length, spoken: ` ${rules.percent}` };
  const count = matchAt(COUNT, text, at)?.[0];
  if (count === undefined) return undefined;
  const from = at + count.length;
  const sign = /^[\p{L}°²³/]+\.?\d?/u.exec(text.slice(from))?.[0];
  if (sign === undefined) return undefined;
  const bare = sign.replace(/\.$/u, '');
  const name = Object.hasOwn(rules.units, sign) ? sign : Object.hasOwn(rules.units, bare) ? bare : sign.split('/')[0];
  const unit = name === undefined || !Object.hasOwn(rules.units, name) ? undefined : rules.units[name];
  if (!unit || name === undefined || GENERATIONS.test(count + name)) return undefined;
  // `24h/24` is an expression of its own, `5 m-2` nothing we know.
  if (/^(?:\/\d|[-\d\p{L}])/u.test(text.slice(from + name.length))) return undefined;
  const amount = count.trimEnd();
  return {
    length: count.length + name.length,
    spoken: `${plainNumber(amount, rules)} ${unit[amount === '1' ? 0 : 1]}`,
  };
}

const GROUPED_BY_POINT = /(?<![\p{L}\d.,:/+-])\d{1,3}(?:\.\d{3})+(?:,\d+)?(?!\d|[.,:/-]\d)/uy;
const GROUPED_BY_SPACE = /(?<![\p{L}\d.,:/+-])[1-9]\d{0,2}(?:\s\d{3})+(?:,\d+)?(?!\d|[.,:/-]\d|\s\d)/uy;

/** Thousands without their separators, which voices read as points or as two numbers. English commas they know. */
export function readThousands(text: string, at: number, rules: LanguageRules): Reading | undefined {
  if (rules.decimal === '.') return undefined;
  const found = (matchAt(GROUPED_BY_POINT, text, at) ?? matchAt(GROUPED_BY_SPACE, text, at))?.[0];
  return found === undefined ? undefined : { length: found.length, spoken: plainNumber(found, rules) };
}

function plainNumber(written: string, rules: LanguageRules): string {
  if (rules.decimal === '.' || !/^\d{1,3}(?:[.\s]\d{3})+(?:,\d+)?$/u.test(written)) return written;
  return written.replace(/[.\s]/gu, '');
}
