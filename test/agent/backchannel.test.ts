import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isBackchannel, takesTurn } from '../../src/agent/backchannel.ts';

const LISTENING: Readonly<Record<string, readonly string[]>> = {
  en: ['mhm', 'Uh-huh.', 'yeah', 'Yes, yes.', 'okay', 'I see.', 'mm, right', 'got it', 'all right'],
  fr: ['mhm', 'oui', 'd’accord', "D'accord.", 'ah oui', 'oui oui', 'ok, d’accord', 'je vois', 'très bien'],
  nl: ['mhm', 'ja', 'ja ja', 'jaja', 'oké', 'ah zo', 'precies', 'ja, is goed', 'hmm ja'],
  de: ['mhm', 'ja', 'ja ja', 'genau', 'ach so', 'alles klar', 'okay', 'ja, verstehe'],
  es: ['mhm', 'sí', 'vale', 'ya ya', 'claro', 'de acuerdo', 'Ajá.', 'sí, vale'],
};
const MEANT: Readonly<Record<string, readonly string[]>> = {
  en: ['no', 'stop', 'wait', 'yes but', 'okay what about Friday', 'hello?', 'sorry', 'yes I want that one now please'],
  fr: ['non', 'attendez', 'oui mais', 'stop', 'allô', 'd’accord et demain'],
  nl: ['nee', 'wacht', 'ja maar', 'stop', 'hallo', 'oké en morgen'],
  de: ['nein', 'Moment', 'ja aber', 'stopp', 'hallo', 'okay und morgen'],
  es: ['no', 'espere', 'sí pero', 'pare', 'oiga', 'vale y mañana'],
};
const rows = (table: Readonly<Record<string, readonly string[]>>): (readonly [string, string])[] =>
  Object.entries(table).flatMap(([language, texts]) => texts.map((text) => [language, text] as const));

describe('back-channel', () => {
  it.each(rows(LISTENING))('%s: %j only listens', (language, text) => {
    expect(isBackchannel(text, language)).toBe(true);
    expect(isBackchannel(text, `${language}-BE`)).toBe(true);
    expect(takesTurn(text, language, { text: 'We are open from nine to five.', unheardWords: 2 })).toBe(false);
  });

  it.each(rows(MEANT))('%s: %j means it', (language, text) => {
    expect(isBackchannel(text, language)).toBe(false);
    expect(takesTurn(text, language, { text: 'We are open from nine to five.', unheardWords: 5 })).toBe(true);
    expect(takesTurn(text, language, undefined)).toBe(true);
  });

  it.each(['', '…', 'um', 'uh-huh', 'hmm hmm'])('%j takes no turn, even into silence', (text) => {
    expect(isBackchannel(text)).toBe(true);
    expect(takesTurn(text, 'en', undefined)).toBe(false);
    expect(takesTurn(text, 'fi', undefined)).toBe(false);
  });

  it('is an answer into silence, and to a question that is all but asked', () => {
    const question = 'We have nine or ten. Does nine suit you?';

    expect(takesTurn('yes', 'en', undefined)).toBe(true);
    expect(takesTurn('yes', 'en', { text: question, unheardWords: 2 })).toBe(true);
    expect(takesTurn('yes', 'en', { text: question, unheardWords: 7 })).toBe(false);
    expect(takesTurn('ja', 'nl', { text: 'Past negen uur? ', unheardWords: 0 })).toBe(true);
  });

  it('is known by its sounds alone where no language is given or none has a list', () => {
    expect(isBackchannel('yes')).toBe(false);
    expect(isBackchannel('okay', 'fi')).toBe(false);
    expect(isBackchannel('mhm', 'fi')).toBe(true);
  });

  it('knows no word that says stop, in whatever company', () => {
    const stop = fc.constantFrom('no', 'stop', 'wait', 'non', 'nee', 'nein', 'attendez', 'wacht', 'espere');
    const around = fc.array(fc.constantFrom('yes', 'okay', 'mhm', 'ja', 'oui', 'sí'), { maxLength: 2 });
    fc.assert(
      fc.property(stop, around, fc.constantFrom('en', 'fr', 'nl', 'de', 'es'), (word, words, language) => {
        expect(isBackchannel([...words, word].join(' '), language)).toBe(false);
      }),
    );
  });
});
