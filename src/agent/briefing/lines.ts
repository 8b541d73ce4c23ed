import { baseLanguage } from '../speech/language.ts';
import { yesNo } from '../yes-no.ts';

/** What a transfer's target hears, and how it answers, in one language. */
export interface BriefingLines {
  /** Before what the caller wants. */
  readonly intro: string;
  readonly question: string;
  /** The keys' names; they only count when nothing else is said, as some of them are articles too. */
  readonly one: string;
  readonly two: string;
}

const ENGLISH: BriefingLines = {
  intro: 'Hello, I have a caller on the line for you.',
  question: 'Press 1 or say yes to take the call, press 2 or say no to decline.',
  one: 'one',
  two: 'two',
};

const FRENCH: BriefingLines = {
  intro: 'Bonjour, j’ai un appelant en ligne pour vous.',
  question: 'Appuyez sur 1 ou dites oui pour prendre l’appel, sur 2 ou dites non pour refuser.',
  one: 'un',
  two: 'deux',
};

const DUTCH: BriefingLines = {
  intro: 'Hallo, ik heb een beller voor u aan de lijn.',
  question: 'Druk op 1 of zeg ja om het gesprek aan te nemen, druk op 2 of zeg nee om te weigeren.',
  one: 'een',
  two: 'twee',
};

const GERMAN: BriefingLines = {
  intro: 'Guten Tag, ich habe einen Anrufer für Sie in der Leitung.',
  question: 'Drücken Sie die 1 oder sagen Sie ja, um das Gespräch anzunehmen, die 2 oder nein, um abzulehnen.',
  one: 'eins',
  two: 'zwei',
};

const SPANISH: BriefingLines = {
  intro: 'Hola, tengo a una persona en línea para usted.',
  question: 'Pulse 1 o diga sí para aceptar la llamada, pulse 2 o diga no para rechazarla.',
  one: 'uno',
  two: 'dos',
};

const LINES: Readonly<Record<string, BriefingLines>> = {
  ...{ en: ENGLISH, fr: FRENCH, nl: DUTCH, de: GERMAN, es: SPANISH },
};

/** The lines of a BCP 47 language; English where we have none of that language. */
export function briefingLines(language: string): BriefingLines {
  return LINES[baseLanguage(language)] ?? ENGLISH;
}

/** What was said to the question in `language` (BCP 47); undefined when it is neither, or both. */
export function readAnswer(said: string, language: string): 'yes' | 'no' | undefined {
  const { one, two } = briefingLines(language);
  const text = plain(said);
  if (text === '1' || text === one) return 'yes';
  if (text === '2' || text === two) return 'no';
  return yesNo(said, language);
}

/** Lower case, single spaces, no punctuation. */
function plain(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}
