import { matchAt, oneByOne, type Before, type Reading } from './reading.ts';
import type { Abbreviation, LanguageRules } from './rules.ts';

/** No voice makes a word of them. */
const CONSONANTS = /(?<![\p{L}\p{N}])[BCDFGHJKLMNPQRSTVWXZ]{2,5}(?![\p{L}\p{N}])/uy;
const CAPITALS = /(?<![\p{L}\p{N}])\p{Lu}{2,5}(?![\p{L}\p{N}])/uy;
const ROMAN = /^M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})$/u;
/** Capitals that are words after all, or sounds. */
const WORDS: ReadonlySet<string> = new Set('MR MRS MS DR ST SR JR SHH HMM MHM PSST TSK BRR GR'.split(' '));

interface Compiled {
  readonly entry: Abbreviation;
  readonly pattern: RegExp;
}

const compiled = new WeakMap<LanguageRules['abbreviations'], readonly Compiled[]>();

/** Short forms in full, and names of capitals letter by letter. */
export function readWord(text: string, at: number, before: Before, rules: LanguageRules): Reading | undefined {
  for (const { entry, pattern } of patternsOf(rules.abbreviations)) {
    const found = matchAt(pattern, text, at)?.[0];
    if (found === undefined) continue;
    const reading = readShort(text, at, found, entry, before);
    if (reading) return reading;
  }
  const capitals = matchAt(CAPITALS, text, at)?.[0];
  if (capitals === undefined) return undefined;
  const isSpelled =
    rules.spelled.includes(capitals) ||
    (matchAt(CONSONANTS, text, at) !== undefined && !ROMAN.test(capitals) && !WORDS.has(capitals));
  return isSpelled ? { length: capitals.length, spoken: oneByOne(capitals) } : undefined;
}

function readShort(text: string, at: number, found: string, entry: Abbreviation, before: Before): Reading | undefined {
  const rest = text.slice(at + found.length);
  if (entry.before === 'number' && !/^\s?\d/u.test(rest)) return undefined;
  if (entry.before === 'capital') {
    const isBeforeCapital = /^\s["“‘«(*_]*\p{Lu}/u.test(rest);
    const isBehindCapital = /^\p{Lu}\p{Ll}/u.test(before.word) && at === 0;
    if (entry.afterCapital !== undefined && isBehindCapital) {
      return { length: found.length, spoken: entry.afterCapital + (isSentenceEnd(rest) ? '.' : '') };
    }
    if (!isBeforeCapital) return undefined;
  }
  const isEnd = entry.endsSentence === true && found.endsWith('.') && isSentenceEnd(rest);
  return { length: found.length, spoken: isEnd ? `${entry.spoken}.` : entry.spoken };
}

/** Does nothing go on in lower case behind the full stop? */
function isSentenceEnd(rest: string): boolean {
  return /^["”’»)*_]*(?:$|\s["“‘«(*_¿¡]*\p{Lu})/u.test(rest);
}

function patternsOf(list: LanguageRules['abbreviations']): readonly Compiled[] {
  const known = compiled.get(list);
  if (known) return known;
  const made = list.map((entry) => {
    const body = entry.written.replace(/[.*+?^${}()|[\]\\/-]/gu, String.raw`\$&`).replaceAll(' ', String.raw`\s?`);
    // Behind a letter it is the end of another word; behind a figure `h/24` and the like may stand.
    const start = /^[hj]\//u.test(entry.written) ? String.raw`(?<!\p{L})` : String.raw`(?<![\p{L}\p{N}])`;
    const end = entry.written.endsWith('.') ? '' : String.raw`(?![\p{L}\p{N}])`;
    return { entry, pattern: new RegExp(start + body.replaceAll(String.raw`\-`, '-') + (end || '(?![\\p{L}])'), 'uy') };
  });
  compiled.set(list, made);
  return made;
}
