import { readAddress } from './speech/addresses.ts';
import { readMeasure, readPrice, readThousands } from './speech/amounts.ts';
import { readDigits } from './speech/digits.ts';
import { groupEnd, isLineBreak, standsAlone, type GroupRules } from './speech/group.ts';
import { speechRules } from './speech/language.ts';
import { readLeftover, readMark } from './speech/marks.ts';
import { createPronunciations } from './speech/pronunciations.ts';
import type { Before, Reading } from './speech/reading.ts';
import { readSign } from './speech/signs.ts';
import { readDate, readTime } from './speech/times.ts';
import { readWord } from './speech/words.ts';
import { joinTokens, type SpokenToken } from './spoken-token.ts';

/** How an agent speaks: made once per agent by {@link speechOf}. */
export type Speech = GroupRules;

/** Where a text stands that is said as it comes; plain data. */
export interface SpeakerState {
  /** Written text that waits for more: at most a number or a few words that belong together. */
  readonly held: string;
  readonly isLineStart: boolean;
  /** The last word that was said, as written. */
  readonly word: string;
}

/** A text has not begun. */
export const SILENT: SpeakerState = { held: '', isLineStart: true, word: '' };

/**
 * How texts of `language` (BCP 47) are said. English, French, Dutch, German and Spanish have rules; in other languages
 * only what stands for no word (marks, pictures) is taken out.
 *
 * @param pronunciations word or words -> how they are said.
 */
export function speechOf(language: string, pronunciations: Readonly<Record<string, string>> = {}): Speech {
  return { language: speechRules(language), pronunciations: createPronunciations(pronunciations) };
}

/**
 * More of a model's text, ready for the voice. The tokens, one after the other, are all of the written text so far
 * except `held`, and what is said for it. However a text is cut, the same is said in the end.
 *
 * @param atEnd the text is over: nothing is held back.
 */
export function speakOn(
  speech: Speech,
  state: SpeakerState,
  text: string,
  atEnd = false,
): { readonly state: SpeakerState; readonly tokens: readonly SpokenToken[] } {
  const tokens: SpokenToken[] = [];
  let rest = state.held + text;
  let { isLineStart, word } = state;
  while (rest !== '') {
    const char = String.fromCodePoint(rest.codePointAt(0) ?? 0);
    if (standsAlone(char)) {
      tokens.push({ written: char, spoken: char });
      isLineStart = isLineBreak(char) || (isLineStart && /\s/u.test(char));
      rest = rest.slice(char.length);
      continue;
    }
    const end = groupEnd(rest, speech, atEnd);
    if (end === undefined) break;
    const group = rest.slice(0, end);
    tokens.push(...readGroup(group, { isLineStart, word }, speech));
    isLineStart = false;
    word = (/\S+$/u.exec(group)?.[0] ?? '').slice(-40);
    rest = rest.slice(end);
  }
  return { state: { held: rest, isLineStart, word }, tokens: joinTokens([], tokens) };
}

/** A whole text at once, as for lines that are rendered ahead. */
export function speakAll(speech: Speech, text: string): readonly SpokenToken[] {
  return speakOn(speech, SILENT, text, true).tokens;
}

const LETTERS = /^\p{L}\p{L}$/u;

function readGroup(group: string, before: Before, speech: Speech): SpokenToken[] {
  const tokens: SpokenToken[] = [];
  for (let at = 0; at < group.length;) {
    const reading = read(group, at, before, speech);
    const length = reading?.length ?? String.fromCodePoint(group.codePointAt(at) ?? 0).length;
    const written = group.slice(at, at + length);
    tokens.push({ written, spoken: reading?.spoken ?? written });
    at += length;
  }
  return tokens;
}

/** What stands at `at`, by the first that knows: the agent's own words, marks, addresses, numbers, short forms, signs. */
function read(text: string, at: number, before: Before, { language, pronunciations }: Speech): Reading | undefined {
  // Nothing begins in the middle of a word.
  if (at > 0 && LETTERS.test(text.slice(at - 1, at + 1))) return undefined;
  const own = pronunciations.at(text, at) ?? readMark(text, at, before, language);
  if (own || !language) return own ?? readLeftover(text, at);
  return (
    readAddress(text, at, language) ??
    readDate(text, at, language) ??
    readPrice(text, at, language) ??
    readDigits(text, at, language) ??
    readTime(text, at, language) ??
    readMeasure(text, at, language) ??
    readThousands(text, at, language) ??
    readWord(text, at, before, language) ??
    readSign(text, at, language) ??
    readLeftover(text, at)
  );
}
