import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstWritten, wordsOf } from '../../src/agent/heard.ts';
import { SILENT, speakAll, speakOn, speechOf } from '../../src/agent/speaker.ts';
import { joinTokens, spokenOf, writtenOf, type SpokenToken } from '../../src/agent/spoken-token.ts';
import { PLAIN, SPOKEN } from './spoken-table.ts';

const TABLE = Object.entries(SPOKEN).flatMap(([language, rows]) => rows.map((row) => [language, ...row] as const));
const ALL = [...TABLE.map(([language, written]) => [language, written] as const), ...PLAIN];

function say(language: string, text: string, pronunciations: Readonly<Record<string, string>> = {}): string {
  return spokenOf(speakAll(speechOf(language, pronunciations), text));
}

/** Pieces of texts of the table, mixed: what a model writes, and what none would. */
const written = fc
  .tuple(
    fc.constantFrom('en', 'en-GB', 'fr', 'nl', 'de', 'es', 'it', 'zh'),
    fc.array(
      fc.oneof(
        fc.constantFrom(...ALL.flatMap(([, text]) => text.split(/(?<=\s)/u))),
        fc.constantFrom(
          ' ',
          '\n',
          '\u00a0',
          '€',
          '12',
          ',50 ',
          '-',
          '–',
          '. ',
          '+32 ',
          '](',
          'z. ',
          'New York ',
          '#',
          '* ',
        ),
        fc.string({ unit: 'grapheme', maxLength: 6 }),
      ),
      { maxLength: 14 },
    ),
  )
  .map(([language, parts]) => [language, parts.join('')] as const);

const OWN = {
  Landline: 'land line',
  'New York City': 'en why see',
  York: 'yorrick',
  iOS: 'eye oh ess',
  'N.Y.': 'New York',
};

describe('what is said', () => {
  it.each(TABLE)('%s: %j is %j', (language, text, spoken) => {
    expect(say(language, text)).toBe(spoken);
  });

  it.each(PLAIN)('%s: plain text stays as it is: %j', (language, text) => {
    expect(speakAll(speechOf(language), text)).toEqual([{ written: text, spoken: text }]);
  });

  it.each(TABLE)('%s: said once more it is the same: %j', (language, _, spoken) => {
    expect(say(language, spoken)).toBe(spoken);
  });

  it('follows the region where English does not agree with itself', () => {
    expect(say('en-US', '03/04/2026, press #')).toBe('March 4, 2026, press pound');
    expect(say('en-GB', '03/04/2026, press #')).toBe('April 3, 2026, press hash');
  });

  it('loses its marks, and nothing else, in languages without rules', () => {
    expect(say('it', '**Costa** 12,50 € 👍 alle 14:30')).toBe('Costa 12,50 €  alle 14:30');
  });
});

/** What is said for a text that comes in `pieces`. */
function inPieces(pieces: readonly string[], language: string, own: Readonly<Record<string, string>> = {}): string {
  const speech = speechOf(language, own);
  let state = SILENT;
  let said = '';
  const take = (text: string, atEnd: boolean): void => {
    const next = speakOn(speech, state, text, atEnd);
    state = next.state;
    said += spokenOf(next.tokens);
  };
  for (const piece of pieces) take(piece, false);
  take('', true);
  return said;
}

describe('a stream of tokens', () => {
  it('says the same wherever it is cut', () => {
    fc.assert(
      fc.property(written, fc.array(fc.nat(120), { maxLength: 12 }), ([language, text], cuts) => {
        const borders = [0, ...cuts.map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b), text.length];
        const pieces = borders.slice(1).map((end, n) => text.slice(borders[n], end));

        expect(inPieces(pieces, language, OWN)).toBe(say(language, text, OWN));
      }),
      { numRuns: 2000 },
    );
  });

  it.each(ALL)('%s: says the same letter by letter: %j', (language, text) => {
    const letters = Array.from({ length: text.length }, (_, at) => text.charAt(at));

    expect(inPieces(letters, language)).toBe(say(language, text));
  });

  it('holds back a word, or a number with the word behind it, and never more', () => {
    const speech = speechOf('en');
    for (const [text, held] of [
      ['Sure, I can ', ''],
      ['Sure, I c', 'c'],
      ['It costs 12', '12'],
      ['It costs 12 ', '12 '],
      ['It costs 12 eu', '12 eu'],
      ['It costs 12 apples ', ''],
      ['It costs 12, ', ''],
      ['Ask Dr. Sm', 'Dr. Sm'],
    ] as const) {
      expect(speakOn(speech, SILENT, text).state.held, text).toBe(held);
    }
    fc.assert(
      fc.property(written, ([language, text]) => {
        expect(speakOn(speechOf(language), SILENT, text).state.held.length).toBeLessThan(530);
      }),
    );
  });
});

describe('pronunciations', () => {
  it.each([
    ['Landline, LANDLINE and landline’s', 'land line, land line and land line’s'],
    ['Landlines or mylandline', 'Landlines or mylandline'],
    ['iOS but not IOS or ios', 'eye oh ess but not IOS or ios'],
    ['New York City, New York, **York**', 'en why see, New yorrick, yorrick'],
    ['new york city and N.Y.', 'en why see and New York'],
  ])('%j is said %j', (text, spoken) => {
    expect(say('en', text, OWN)).toBe(spoken);
  });

  it('hold in every language, and are not changed once more', () => {
    expect(say('it', 'Landline', { landline: '5 € **' })).toBe('5 € **');
  });
});

describe('what was heard, as it was written', () => {
  const price: readonly SpokenToken[] = speakAll(speechOf('en'), 'It is **only** $12.50 for *you* 👍.');

  it.each([
    [0, ''],
    [2, 'It is'],
    [3, 'It is **only**'],
    [4, 'It is **only**'],
    [7, 'It is **only**'],
    [8, 'It is **only** $12.50'],
    [9, 'It is **only** $12.50 for'],
    [10, 'It is **only** $12.50 for *you*'],
    [99, 'It is **only** $12.50 for *you* 👍.'],
  ])('%i words of it are %j', (count, heard) => {
    expect(spokenOf(price)).toBe('It is only 12 dollars and 50 cents for you .');
    expect(firstWritten(price, count)).toBe(heard);
  });

  it('is a beginning of the text that says no word more than was heard, and all of it at the end', () => {
    fc.assert(
      fc.property(written, fc.nat(40), ([language, text], count) => {
        const speech = speechOf(language, OWN);
        const tokens = speakAll(speech, text);
        const heard = firstWritten(tokens, count);
        const words = wordsOf(spokenOf(tokens));

        expect(writtenOf(tokens)).toBe(text);
        expect(text.trimStart().startsWith(heard)).toBe(true);
        expect(firstWritten(tokens, words.length)).toBe(text.trim());
        expect(firstWritten(tokens, count + 1).length).toBeGreaterThanOrEqual(heard.length);
      }),
      { numRuns: 1000 },
    );
  });

  it('is the same for tokens that came in pieces', () => {
    fc.assert(
      fc.property(written, fc.nat(60), fc.nat(20), ([language, text], cut, count) => {
        const speech = speechOf(language);
        const first = speakOn(speech, SILENT, text.slice(0, cut));
        const rest = speakOn(speech, first.state, text.slice(cut), true);
        const tokens = joinTokens(first.tokens, rest.tokens);

        expect(tokens).toEqual(speakAll(speech, text));
        expect(firstWritten(tokens, count)).toBe(firstWritten(speakAll(speech, text), count));
      }),
    );
  });
});
