import { describe, expect, it } from 'vitest';
import { hideDigits, spokenDigits } from '../../src/agent/spoken-digits.ts';

describe('digits that are said', () => {
  it.each([
    ['en', 'four one two', '412'],
    ['en', 'double four, oh seven', '4407'],
    ['en', "It's 42 17.", '4217'],
    ['en', 'triple nine please', '999'],
    ['en', 'um, my code is four, two', '42'],
    ['fr', "c'est quatre, un, zéro", '410'],
    ['fr', 'mon numéro est le cinq six merci', '56'],
    ['nl', 'dat is drie zeven nul', '370'],
    ['nl', 'dubbel acht', '88'],
    ['de', 'meine Nummer ist zwo drei null bitte', '230'],
    ['es', 'es cinco ocho cero, gracias', '580'],
    ['keys', '[pressed 12]', '12'],
    ['figures', '4111-1111', '41111111'],
    ['en', 'I have two questions', undefined],
    ['en', 'wait a moment', undefined],
    ['en', '', undefined],
    ['en', 'four one or maybe five', undefined],
    ['fr', 'je ne sais pas', undefined],
    ['de', 'ich habe eine Frage', undefined],
  ])('%s: "%s" is %s', (_, text, digits) => {
    expect(spokenDigits(text)).toBe(digits);
  });

  it.each([
    ['it is four one, I think', 'it is ••, I think'],
    ['call 555 then', 'call ••• then'],
    ['forty-two seventeen, no', '••-• ••, no'],
    ['quarante-deux', '••-•'],
    ['zweiundvierzig', '••'],
    ['tweeënveertig', '••'],
    ['nothing to hide', 'nothing to hide'],
  ])('"%s" becomes "%s"', (text, hidden) => {
    expect(hideDigits(text)).toBe(hidden);
  });
});
