import { runInNewContext } from 'node:vm';
import { messageOf } from './errors.ts';

const LONGEST_PATTERN = 500;
/** A pattern that needs longer than this for 4,000 characters, on any of the hard texts, is refused. */
const PATIENCE_MS = 100;
const HARD_LENGTH = 4_000;

/**
 * Why a regular expression of the config file cannot be used, as the rest of a sentence; undefined when it can. Patterns run
 * on every text of every call: one that backtracks would stop them all, so it is read for the known shapes and then tried
 * on the hardest texts that can be made of its own characters.
 */
export function patternProblem(pattern: string): string | undefined {
  if (pattern.length > LONGEST_PATTERN) return `is longer than ${LONGEST_PATTERN} characters; split it into several`;
  let expression: RegExp;
  try {
    expression = new RegExp(pattern, 'giu');
  } catch (thrown) {
    return `is no regular expression (${messageOf(thrown).replace(/^Invalid regular expression: /, '')})`;
  }
  if (''.replace(expression, 'x') !== '') return 'matches the empty text; make at least one part of it required';
  if (/\\[1-9]|\\k</.test(withoutClasses(pattern)))
    return 'refers back to a group (\\1): that can take for ever; write the part out again';
  if (hasNestedRepeat(pattern))
    return 'repeats a group that repeats something itself, like (a+)+: that can take for ever; repeat only the inner part';
  return isSlow(pattern)
    ? `takes longer than ${PATIENCE_MS} ms on a text of ${HARD_LENGTH} characters: give its * and + an upper limit like {1,20}`
    : undefined;
}

/** The pattern with every escape and every `[…]` as one plain letter; `\1` and `\k<` stay. */
function withoutClasses(pattern: string): string {
  return pattern.replace(/\\(?:[^1-9k])/gsu, 'x').replace(/\[(?:\\.|[^\]\\])*\]/gsu, 'x');
}

/** A group with `*`, `+` or `{n,}` in it that is itself followed by one of these (or by `{n,m}`). */
function hasNestedRepeat(pattern: string): boolean {
  const text = withoutClasses(pattern);
  const open: boolean[] = [];
  for (let i = 0; i < text.length; i++) {
    const rest = text.slice(i);
    if (text[i] === '(') open.push(false);
    else if (text[i] === ')') {
      const repeats = open.pop() ?? false;
      const isRepeated = /^\)(?:[*+]|\{\d+,?\d*\})/.test(rest);
      if (repeats && isRepeated) return true;
      if ((repeats || isRepeated) && open.length > 0) open[open.length - 1] = true;
    } else if (/^(?:[*+]|\{\d+,\})/.test(rest) && open.length > 0) open[open.length - 1] = true;
  }
  return false;
}

/** Every hard text in one run outside our own context, which is stopped when it takes too long. */
function isSlow(pattern: string): boolean {
  const literals = pattern.match(/[\p{L}\d]+/gu) ?? [];
  const signs = pattern.match(/[^\p{L}\d]/gu) ?? [];
  const seeds = new Set([
    'a',
    '0',
    ' ',
    '-',
    'a0',
    '0-',
    'a ',
    '0 ',
    ...literals,
    ...Array.from(literals.join('')),
    ...signs,
  ]);
  const texts = [...seeds].slice(0, 100).map((seed) => seed.repeat(Math.ceil(HARD_LENGTH / seed.length)) + '\u0001');
  const takesTooLong = (text: string): boolean => {
    try {
      runInNewContext('text.replace(new RegExp(pattern, "giu"), "")', { text, pattern }, { timeout: PATIENCE_MS });
      return false;
    } catch {
      return true;
    }
  };
  // Twice: the machine may have been busy with something else.
  return texts.some((text) => takesTooLong(text) && takesTooLong(text));
}
