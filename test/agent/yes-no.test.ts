import { describe, expect, it } from 'vitest';
import { yesNo } from '../../src/agent/yes-no.ts';

const ANSWERS: Readonly<Record<string, Readonly<Record<'yes' | 'no' | 'neither', readonly string[]>>>> = {
  en: {
    yes: [
      'yes',
      'Yes.',
      'Yeah, sure.',
      'yes please',
      'okay',
      'of course',
      'That’s right.',
      'uh, yes',
      'go ahead',
      'I don’t mind',
      'yes, put them through please',
      'no problem',
    ],
    no: ['no', 'No, thanks.', 'nope', 'not now', 'I can’t', 'not really', 'no way', 'decline', 'not okay', 'I don’t'],
    neither: ['', 'maybe', 'yes no', 'who is it?', 'what', 'tomorrow', 'yes but first tell me who', 'not', 'um'],
  },
  fr: {
    yes: [
      'oui',
      'Oui, bien sûr.',
      'd’accord',
      "D'accord",
      'ok',
      'avec plaisir',
      'volontiers, merci',
      'pas de problème',
      'bien sur',
    ],
    no: ['non', 'Non merci.', 'pas maintenant', 'pas d’accord', 'je ne peux pas', 'jamais'],
    neither: ['', 'peut-être', 'oui non', 'qui est-ce ?', 'un moment', 'demain'],
  },
  nl: {
    yes: ['ja', 'Ja hoor.', 'ja graag', 'oké', 'dat klopt', 'natuurlijk', 'geen probleem', 'doe maar'],
    no: ['nee', 'neen', 'Nee, dank u.', 'nu niet', 'liever niet', 'niet goed', 'natuurlijk niet'],
    neither: ['', 'misschien', 'ja nee', 'wie is het?', 'een moment', 'morgen'],
  },
  de: {
    yes: ['ja', 'Ja, bitte.', 'ja gerne', 'okay', 'stimmt', 'natürlich', 'kein Problem', 'auf jeden Fall'],
    no: ['nein', 'Nein danke.', 'nee', 'jetzt nicht', 'auf keinen Fall', 'nicht gut', 'lieber nicht'],
    neither: ['', 'vielleicht', 'ja nein', 'wer ist da?', 'einen Moment', 'morgen'],
  },
  es: {
    yes: ['sí', 'Sí, por favor.', 'si', 'vale', 'claro que sí', 'de acuerdo', 'cómo no', 'por qué no'],
    no: ['no', 'No, gracias.', 'ahora no', 'no puedo', 'para nada', 'todavía no'],
    neither: ['', 'quizás', 'sí no', '¿quién es?', 'un momento', 'mañana'],
  },
};

describe('yes or no', () => {
  for (const [language, answers] of Object.entries(ANSWERS)) {
    it.each(answers.yes)(`${language}: %j is yes`, (text) => {
      expect(yesNo(text, language)).toBe('yes');
    });
    it.each(answers.no)(`${language}: %j is no`, (text) => {
      expect(yesNo(text, language)).toBe('no');
    });
    it.each(answers.neither)(`${language}: %j is neither`, (text) => {
      expect(yesNo(text, language)).toBeUndefined();
    });
  }

  it('is English where there is no list, and heeds only the language of a tag', () => {
    expect(yesNo('yes', 'fi')).toBe('yes');
    expect(yesNo('oui', 'fr-BE')).toBe('yes');
    expect(yesNo('ja', 'fr')).toBeUndefined();
  });

  it('is nothing in a long speech, even one that begins with yes', () => {
    expect(yesNo('yes please I think that is fine thank you sir', 'en')).toBeUndefined();
  });
});
