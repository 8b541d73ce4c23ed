import { describe, expect, it } from 'vitest';
import { askedLanguage, languageAfterTurn, offeredFor } from '../../src/agent/language-switch.ts';

const OFFERED = ['nl-BE', 'fr-BE', 'en', 'de', 'es'];

describe('a wish for another language', () => {
  it.each([
    ['English please', 'en'],
    ['Can we speak English?', 'en'],
    ['In het Engels, alstublieft.', 'en'],
    ['en français s’il vous plaît', 'fr-BE'],
    ['Parlez-vous français ?', 'fr-BE'],
    ['Nederlands', 'nl-BE'],
    ['kunt u Nederlands spreken', 'nl-BE'],
    ['auf Deutsch bitte', 'de'],
    ['¿Habla español?', 'es'],
  ])('%j is one for %s', (text, language) => {
    expect(askedLanguage(text, OFFERED)).toBe(language);
  });

  it.each([
    '',
    'hello',
    'I want a book about English gardens',
    'my English teacher called',
    'English or French?',
    'Italian please',
    'une traduction en anglais de mon contrat',
  ])('%j is none', (text) => {
    expect(askedLanguage(text, OFFERED)).toBeUndefined();
  });

  it('is heard only for what is offered', () => {
    expect(askedLanguage('auf Deutsch bitte', ['en', 'fr'])).toBeUndefined();
    expect(offeredFor('fr-FR', OFFERED)).toBe('fr-BE');
    expect(offeredFor('NL-be', OFFERED)).toBe('nl-BE');
    expect(offeredFor('it', OFFERED)).toBeUndefined();
  });
});

describe('the language after a turn', () => {
  const after = (turns: readonly (readonly [string | undefined, number])[]): string => {
    let state: ReturnType<typeof languageAfterTurn> = { language: 'nl-BE', evidence: undefined };
    for (const [heard, words] of turns)
      state = languageAfterTurn(state.language, OFFERED, state.evidence, { heard, words });
    return state.language;
  };

  it.each([
    ['a whole sentence changes it', [['fr', 5]], 'fr-BE'],
    ['a word does not', [['fr', 1]], 'nl-BE'],
    [
      'short turns add up',
      [
        ['fr', 2],
        ['fr', 2],
      ],
      'fr-BE',
    ],
    [
      'but not when its own comes between',
      [
        ['fr', 2],
        ['nl', 1],
        ['fr', 2],
      ],
      'nl-BE',
    ],
    [
      'nor across languages',
      [
        ['fr', 3],
        ['en', 3],
      ],
      'nl-BE',
    ],
    ['what is not offered changes nothing', [['it', 20]], 'nl-BE'],
    [
      'nor does a recogniser that does not tell',
      [
        ['fr', 3],
        [undefined, 9],
        ['fr', 1],
      ],
      'fr-BE',
    ],
    [
      'and there is a way back',
      [
        ['fr', 5],
        ['nl', 4],
      ],
      'nl-BE',
    ],
  ] as const)('%s', (_, turns, language) => {
    expect(after(turns)).toBe(language);
  });
});
