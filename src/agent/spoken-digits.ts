import { digitRuns, isFiller } from '../core/digit-runs.ts';
import { KEY } from '../core/redaction.ts';

/** What people say around a number without meaning anything else by it: en, fr, nl, de, es. */
const AROUND: ReadonlySet<string> = new Set(
  [
    "it's it is its that's that the my number code pin ok okay yes please thanks is uh",
    "c'est cest c est le mon ma est numéro numero voilà voila oui merci s'il vous plaît",
    'het is dat mijn nummer de ja alsjeblieft alstublieft bedankt',
    'das ist die der mein meine nummer ja bitte danke es',
    'es el la mi número numero sí si por favor gracias',
  ].flatMap((words) => words.split(' ')),
);

/**
 * The digits of an answer that is nothing but digits, in figures or spoken: "double four, oh seven", "it's 42". Undefined
 * when there are none, or when the answer says something else too. The table of words is that of en, fr, nl, de and es
 * together: where two of them share a word it is the same digit.
 */
export function spokenDigits(text: string): string | undefined {
  const runs = digitRuns(text);
  if (runs.length === 0) return undefined;
  let at = 0;
  for (const run of [...runs, { start: text.length, end: text.length }]) {
    if (!isAround(text.slice(at, run.start))) return undefined;
    at = run.end;
  }
  return runs.map((run) => run.digits).join('');
}

function isAround(text: string): boolean {
  return text
    .toLowerCase()
    .split(/[^\p{L}\p{M}'’]+/u)
    .every((word) => word === '' || AROUND.has(word.replace('’', "'")) || isFiller(word));
}

/** Numbers from ten on, whole or as the end of a word, in en, fr, nl, de and es. */
const BIG_NUMBERS = new RegExp(
  '(?<!\\p{L})(?:' +
    [
      'ten|eleven|twelve|\\p{L}+teen|(?:twen|thir|for|four|fif|six|seven|eigh|nine)ty|hundred|thousand',
      'dix|onze|douze|treize|quatorze|quinze|seize|vingts?|(?:tr|quar|cinqu|soix|sept|oct|non)[ae]nte|cents?|mille',
      '\\p{L}*tien|elf|twaalf|\\p{L}+tig|honderd|duizend|\\p{L}*zehn|zwölf|zwoelf|\\p{L}+(?:zig|ßig|ssig)|\\p{L}*hundert|\\p{L}*tausend',
      'diez|once|doce|trece|catorce|quince|dieci\\p{L}+|veint\\p{L}+|(?:tre|cuare|cincue|sese|sete|oche|nove)nta|cien\\p{L}*|mil',
    ].join('|') +
    ')(?!\\p{L})',
  'giu',
);

/** `text` with every digit and number covered, said or in figures: rather one too many than one too few. */
export function hideDigits(text: string): string {
  let covered = '';
  let at = 0;
  for (const run of digitRuns(text)) {
    covered += text.slice(at, run.start) + KEY.repeat(run.digits.length);
    at = run.end;
  }
  return (covered + text.slice(at)).replace(/\d/gu, KEY).replace(BIG_NUMBERS, KEY + KEY);
}
