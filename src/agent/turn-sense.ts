import { digitRuns } from '../core/digit-runs.ts';
import { isBackchannel } from './backchannel.ts';
import { pauseLimits, type EndpointingOptions } from './endpointing-options.ts';
import { baseLanguage } from './speech/language.ts';
import { turnWords, type TurnWords } from './speech/turn-words.ts';
import { yesNo } from './yes-no.ts';

/**
 * What the words so far tell about whether the caller goes on:
 * - `finished`: a whole sentence, question or short answer
 * - `plain`: nothing can be told
 * - `open`: ends where nobody ends (`and`, `my`, `I would like to`)
 * - `trailing`: the caller is thinking (`um`, `…`)
 * - `number`: digits are under way, fewer than are wanted
 * - `spelling`: a name or an address is being spelled
 */
export type TurnState = 'finished' | 'plain' | 'open' | 'trailing' | 'number' | 'spelling';

export interface TurnSense {
  readonly state: TurnState;
  /** How long the caller may be silent before the turn is over. */
  readonly pauseMs: number;
}

/** With so many digits a number is whole as far as anybody can tell who does not know it. */
const WHOLE_NUMBER = 9;
const MAX_CONDITION_WORDS = 6;
const TLD = /(?:^|[\s.])(?:com|org|net|eu|be|nl|de|fr|es|ch|at|lu|uk|io|ai|app|info|us|edu|gov)$/u;
const MAILBOXES =
  /(?:gmail|outlook|hotmail|yahoo|icloud|telenet|skynet|proximus|orange|gmx|web|live|proton|protonmail)$/u;
const MAIL = /(?:^|\s)(?:e ?mail|mail|mailadres|emailadres|courriel|correo|mailadresse|emailadresse|email)(?:\s|$)/u;

/** The pause that belongs to `state`; never outside the limits. */
export function pauseOf(state: TurnState, endpointing: EndpointingOptions): number {
  const { silenceMs } = endpointing;
  const { min, max } = pauseLimits(endpointing);
  switch (state) {
    case 'finished':
      return min;
    case 'plain':
      return silenceMs;
    case 'open':
    case 'trailing':
      return Math.round((silenceMs + max) / 2);
    case 'number':
    case 'spelling':
      return max;
  }
}

/**
 * How long to wait after `text`, what the caller has said of this turn so far, for recognisers that do not end turns
 * themselves. Languages without a list of words (BCP 47; we have en, fr, nl, de, es) know only the normal pause, and
 * digits.
 *
 * @param wantedDigits how many digits were asked for, if any were.
 */
export function turnSense(
  text: string,
  language: string,
  endpointing: EndpointingOptions,
  wantedDigits?: number,
): TurnSense {
  const state = turnState(text, baseLanguage(language), wantedDigits);
  return { state, pauseMs: pauseOf(state, endpointing) };
}

function turnState(text: string, language: string, wantedDigits: number | undefined): TurnState {
  const said = wordsOf(text);
  if (said.length === 0) return 'plain';
  const known = turnWords(language);
  const digits = digitsAtEnd(text, wantedDigits, said, known);
  if (digits) return digits;
  if (!known) return 'plain';
  const spelling = spellingAtEnd(said, known);
  if (spelling) return spelling;
  const asks = /\?["'”’»)\s]*$/u.test(text);
  if (asks) return 'finished';
  if (/(?:\.\.\.|…|[,;:–—-])["'”’»)\s]*$/u.test(text)) return 'trailing';
  const last = said.at(-1) ?? '';
  if (known.fillers.has(last) && !(said.length === 1 && yesNo(text, language) !== undefined)) return 'trailing';
  if (known.openings.includes(said.join(' '))) return 'open';
  const isCondition = said.length <= MAX_CONDITION_WORDS && startsWith(said, known.conditions) && !/,/u.test(text);
  if (isCondition) return 'open';
  if (isAnswer(text, language) || endsWith(said, known.ends)) return 'finished';
  const isQuestion = said.length >= 3 && startsWith(said, known.questions);
  if (known.open.has(last) || isOpening(said, known)) return isQuestion && !isBare(said, known) ? 'plain' : 'open';
  if (isQuestion) return 'finished';
  return /[.!][”’"'»)\s]*$/u.test(text) ? 'finished' : 'plain';
}

/** Yes, no, or a word of agreement. */
function isAnswer(text: string, language: string): boolean {
  return yesNo(text, language) !== undefined || (isBackchannel(text, language) && !isBackchannel(text));
}

/** A number at the end: still under way, or whole; undefined when digits tell nothing. */
function digitsAtEnd(
  text: string,
  wanted: number | undefined,
  said: readonly string[],
  known: TurnWords | undefined,
): TurnState | undefined {
  const runs = digitRuns(text);
  const run = runs.at(-1);
  if (wanted !== undefined) {
    const count = runs.reduce((sum, { digits }) => sum + digits.length, 0);
    if (count >= wanted && count > 0) return 'finished';
    if (count > 0 && run && isEnd(text, run.end, known)) return 'number';
    return undefined;
  }
  if (!run || !isEnd(text, run.end, known)) return undefined;
  const isAnnounced = said.some((word) => known?.numberCues.has(word) ?? false);
  const isCounted = run.groups.length >= 3 || (run.groups.length === 2 && run.digits.length >= 4) || run.afterPlus;
  if (!isAnnounced && !isCounted) return undefined;
  return run.digits.length >= WHOLE_NUMBER ? 'plain' : 'number';
}

/** Is there nothing behind `end` but marks, and sounds of somebody looking for the next digit? */
function isEnd(text: string, end: number, known: TurnWords | undefined): boolean {
  return wordsOf(text.slice(end)).every((word) => known?.fillers.has(word) || word === 'and' || word === 'double');
}

function spellingAtEnd(said: readonly string[], known: TurnWords): TurnState | undefined {
  const text = said.join(' ');
  const last = said.at(-1) ?? '';
  const hasAt = said.some((word) => known.atSigns.includes(word)) || text.includes('@');
  const isMail = hasAt || MAIL.test(text);
  const hasDot = said.slice(1).some((word) => known.dots.includes(word));
  const isAddress = hasAt || (hasDot && (isMail || known.dots[0] === 'dot'));
  if (isAddress) {
    if (TLD.test(text)) return 'finished';
    const at = said.findLastIndex((word) => known.atSigns.includes(word) || known.dots.includes(word));
    if (known.dots.includes(last) || known.atSigns.includes(last) || said.length - at <= 4) return 'spelling';
  }
  if (MAILBOXES.test(last) && / at \S+$/u.test(text)) return 'spelling';
  const before = said.at(-2) ?? '';
  if (isLetter(last) && isLetter(before)) return 'spelling';
  const explained = known.letterCues.some((cue) => {
    const count = cue.split(' ').length;
    return (
      isLetter(said.at(-2 - count) ?? '') && said.slice(-1 - count, -1).join(' ') === cue && said.length > count + 1
    );
  });
  return explained && isSpelledBefore(said) ? 'spelling' : undefined;
}

/** `N as in Nancy` at the beginning, or behind other letters: not `I like tea`. */
function isSpelledBefore(said: readonly string[]): boolean {
  const letters = said.filter((word) => isLetter(word) && !/^[iayoeuà]$/u.test(word));
  return letters.length > 0;
}

function isLetter(word: string): boolean {
  return /^\p{L}$/u.test(word);
}

/** Does the text end with a beginning? */
function isOpening(said: readonly string[], known: TurnWords): boolean {
  return endsWith(said, known.openings);
}

/** A question of nothing but its opening: `can you`. */
function isBare(said: readonly string[], known: TurnWords): boolean {
  return known.openings.includes(said.join(' ')) || said.length < 4;
}

function endsWith(said: readonly string[], phrases: readonly string[]): boolean {
  const text = ` ${said.join(' ')}`;
  return phrases.some((phrase) => text.endsWith(` ${phrase}`));
}

function startsWith(said: readonly string[], phrases: readonly string[]): boolean {
  const text = `${said.join(' ')} `;
  return phrases.some((phrase) => text.startsWith(`${phrase} `));
}

/** Lower case, `I’d` in one, marks gone but for the `@` and the dots inside an address. */
function wordsOf(text: string): string[] {
  return text
    .toLowerCase()
    .replace(/['’]/gu, '')
    .replace(/(?<!\p{L})([ap])\.?\s?m(?!\p{L})\.?/gu, '$1m ')
    .replace(/(?<=\p{L})\.(?=\p{L}{2,})/gu, ' dot ')
    .replace(/[^\p{L}\p{N}\p{M}@]+/gu, ' ')
    .trim()
    .split(' ')
    .filter((word) => word !== '');
}
