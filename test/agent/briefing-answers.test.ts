import { describe, expect, it } from 'vitest';
import { readAnswer } from '../../src/agent/briefing/lines.ts';

describe('the answer to "do you take the call?"', () => {
  it.each([
    ['en', 'Yes.', 'yes'],
    ['en', 'Yeah, sure, put them through!', 'yes'],
    ['en', 'No problem.', 'yes'],
    ['en', 'one', 'yes'],
    ['en', 'No, not now.', 'no'],
    ['en', 'Two.', 'no'],
    ['en', 'I have one question', undefined],
    ['en', 'Yes, but not now', undefined],
    ['en', 'Who is it?', undefined],
    ['en', 'I know that is something which may take a while, yes', undefined],
    ['en', 'Nobody', undefined],
    ['fr', 'Oui, bien sûr', 'yes'],
    ['fr', 'Pas de problème', 'yes'],
    ['fr', 'Non, pas maintenant', 'no'],
    ['fr', "J'ai un rendez-vous", undefined],
    ['nl', 'Ja hoor, verbind maar door', 'yes'],
    ['nl', 'Nee', 'no'],
    ['nl', 'Even een vraag', undefined],
    ['de-AT', 'Ja, stellen Sie durch', 'yes'],
    ['de', 'Kein Problem', 'yes'],
    ['de', 'Nein, jetzt nicht', 'no'],
    ['es', 'Sí, claro', 'yes'],
    ['es', 'Ahora no', 'no'],
    ['pl', 'yes', 'yes'],
    ['en', '', undefined],
  ] as const)('%s: %j is %s', (language, said, answer) => {
    expect(readAnswer(said, language)).toBe(answer);
  });
});
