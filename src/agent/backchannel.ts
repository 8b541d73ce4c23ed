import { baseLanguage } from './speech/language.ts';

/** Sounds that no language owns. */
const SOUNDS =
  'mhm mhmm mm mmm mmmm hm hmm hmmm mmhm mmhmm uh uhh um umm uhm uhuh uhhuh huh ah ahh aha ahah oh ohh eh er ehm';

/**
 * What a listener says without wanting the turn, as whole contributions. Words that may be an answer (`yes`, `right`,
 * `d’accord`) are among them: said alone over a running sentence they mean "go on", and a caller who means more says more.
 * `no`, `stop` and `wait` are never here.
 */
const PHRASES: Readonly<Record<string, readonly string[]>> = {
  en: [
    ...'yeah|yep|yup|yes|right|sure|i see|got it|alright|all right|all right then|of course|exactly|cool|great|good|fine|uh huh|oh okay|oh i see|ok ok|yeah yeah|yes yes|mm yeah|go on|true|indeed|absolutely|i know'.split(
      '|',
    ),
  ],
  fr: [
    ...'oui|ouais|ouep|mouais|d’accord|ah oui|ah bon|ah d’accord|oui oui|bien sûr|très bien|bien|voilà|exactement|tout à fait|je vois|c’est ça|entendu|parfait|super|euh|heu|bah|ben|ben oui|hein|je comprends'.split(
      '|',
    ),
  ],
  nl: [
    ...'ja|jaja|ja ja|jep|jawel|juist|klopt|precies|goed|prima|oké|oke|akkoord|inderdaad|natuurlijk|zeker|ach zo|ah zo|ah ja|ach ja|oh ja|ja hoor|ja ja ja|snap ik|begrijp ik|dat klopt|is goed|euh|ehm|hé|tuurlijk'.split(
      '|',
    ),
  ],
  de: [
    ...'ja|jaja|ja ja|jo|jep|genau|richtig|stimmt|klar|gut|alles klar|in ordnung|verstehe|ich verstehe|ach so|achso|ach ja|ah ja|aha ja|natürlich|sicher|na klar|ja genau|sehr gut|ja gut|äh|ähm|öh|naja|schon'.split(
      '|',
    ),
  ],
  es: [
    ...'sí|si|ya|vale|claro|bueno|bien|sí sí|si si|ya ya|ya veo|claro que sí|de acuerdo|exacto|entiendo|perfecto|muy bien|correcto|por supuesto|ajá|aja|eso es|este|eh|pues|dale|vale vale|ah vale|ah sí'.split(
      '|',
    ),
  ],
};

/** Said everywhere. */
const EVERYWHERE = ['ok', 'okay', 'okey', 'okidoki'];

/** Most words a contribution may have and still be one of these: longer ones want to be heard. */
const MOST_WORDS = 4;

const SOUND_SET: ReadonlySet<string> = new Set(SOUNDS.split(' '));
const PHRASE_SETS: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(PHRASES).map(([language, phrases]) => [language, new Set([...phrases, ...EVERYWHERE].map(plain))]),
);

/**
 * True for what a listener says while somebody else goes on speaking: empty text, sounds, and short words of agreement of
 * `language` (BCP 47). Without a language, or with one that has no list here, only sounds count, which never take a turn.
 */
export function isBackchannel(text: string, language?: string): boolean {
  const words = wordsOf(text);
  if (words.every((word) => SOUND_SET.has(word))) return true;
  const phrases = language === undefined ? undefined : PHRASE_SETS.get(baseLanguage(language));
  return phrases !== undefined && words.length <= MOST_WORDS && isCovered(words, phrases);
}

/** What the agent is saying while the caller speaks. */
export interface SpokenOver {
  /** All of it, as the model wrote it. */
  readonly text: string;
  /** How many of its words were not heard yet. */
  readonly unheardWords: number;
}

/** A question whose last words are still on the way is answered by people who have understood it. */
const ANSWERED_EARLY_WORDS = 6;

/**
 * Does `text` take the turn? Sounds never do. `Yes` into silence is an answer; over a running sentence it only says "go
 * on", unless that sentence is a question that is all but asked.
 */
export function takesTurn(text: string, language: string, over: SpokenOver | undefined): boolean {
  if (isBackchannel(text)) return false;
  if (!over || !isBackchannel(text, language)) return true;
  return over.unheardWords <= ANSWERED_EARLY_WORDS && /\?["'”’»)\s]*$/u.test(over.text);
}

/** Can `words` be laid out with sounds and phrases only? */
function isCovered(words: readonly string[], phrases: ReadonlySet<string>): boolean {
  if (words.length === 0) return true;
  for (let count = words.length; count > 0; count--) {
    const head = words.slice(0, count);
    const isKnown = phrases.has(head.join(' ')) || (count === 1 && SOUND_SET.has(head[0] ?? ''));
    if (isKnown && isCovered(words.slice(count), phrases)) return true;
  }
  return false;
}

function wordsOf(text: string): string[] {
  return plain(text)
    .split(' ')
    .filter((word) => word !== '');
}

/** Lower case, one kind of apostrophe, no punctuation; `uh-huh` is one word. */
function plain(text: string): string {
  return text
    .toLowerCase()
    .replace(/['’]/gu, '')
    .replace(/-/gu, '')
    .replace(/[^\p{L}\p{N}\p{M}\s]/gu, ' ')
    .replace(/\s+/gu, ' ')
    .trim();
}
