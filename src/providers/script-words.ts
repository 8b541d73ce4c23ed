import { parsePhrase, type SlotForm, type SlotLists } from './script-phrase.ts';

/** Slot lists every script has. An empty value stands for the words that were said. */
const ONES = 'one two three four five six seven eight nine'.split(' ');
const TEENS = 'ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(' ');
const TENS = 'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');

const ones = ONES.join(' | ');
const hours = [...ONES, 'ten', 'eleven', 'twelve'].join(' | ');
const halves = "(o'clock | thirty | fifteen | forty five)?";
const dayPart = '(a m | p m | in the morning | in the afternoon | in the evening | at night)?';

const said = (phrase: string): readonly SlotForm[] => [{ value: '', phrase: parsePhrase(phrase) }];

export const BUILT_IN_SLOTS: SlotLists = new Map([
  ['digit', said(`zero | oh | ${ones}`)],
  ['number', said(`zero | ${ones} | ${TEENS.join(' | ')} | (${TENS.join(' | ')}) (${ones})?`)],
  ['time', said(`noon | midnight | half past (${hours}) | (${hours}) ${halves} ${dayPart}`)],
  ['day', said('today | tomorrow | monday | tuesday | wednesday | thursday | friday | saturday | sunday')],
]);

/** A number in words: 0 to 99 as people say it, longer ones digit by digit. */
function spell(digits: string): string {
  const value = Number(digits);
  if (digits.length > 2) return digits.replace(/\d/g, (digit) => ` ${spell(digit)}`);
  if (value === 0) return 'zero';
  if (value < 10) return ONES[value - 1] ?? digits;
  if (value < 20) return TEENS[value - 10] ?? digits;
  const one = value % 10;
  return `${TENS[Math.floor(value / 10) - 2] ?? digits}${one === 0 ? '' : ` ${ONES[one - 1] ?? ''}`}`;
}

/** Recognised text as the words of the phrase language: lower case, no punctuation, numbers spelled out. */
export function normaliseWords(text: string): readonly string[] {
  return text
    .toLowerCase()
    .replaceAll('’', "'")
    .replace(/(\d):00\b/g, "$1 o'clock")
    .replace(/(\d)\s*([ap])\.?m\b\.?/g, '$1 $2 m')
    .replace(/\d+/g, (digits) => ` ${spell(digits)} `)
    .split(/[^a-z']+/)
    .map((word) => word.replace(/^'+|'+$/g, ''))
    .filter((word) => word !== '');
}
