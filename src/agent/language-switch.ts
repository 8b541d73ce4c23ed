import { baseLanguage } from './speech/language.ts';

/** How people name the languages, in each of them, without accents. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  en: ['english', 'anglais', 'engels', 'englisch', 'ingles'],
  fr: ['french', 'francais', 'frans', 'franzosisch', 'frances'],
  nl: [
    'dutch',
    'flemish',
    'neerlandais',
    'flamand',
    'nederlands',
    'vlaams',
    'niederlandisch',
    'neerlandes',
    'holandes',
  ],
  de: ['german', 'allemand', 'duits', 'deutsch', 'aleman'],
  es: ['spanish', 'espagnol', 'spaans', 'spanisch', 'espanol', 'castellano'],
};

/** What stands around the name of a language in a wish for it; anything else means that it is only mentioned. */
const AROUND: ReadonlySet<string> = new Set(
  [
    'in can we could you speak do please i would like prefer to talk english only id hello hi sorry continue switch',
    'en vous parlez parler on peut peuton pouvezvous pouvez parlezvous je prefere le bonjour pardon s il plait sil svp continuer voudrais',
    'kan kunt u ik wil graag spreekt spreken praten het liever alstublieft alsjeblieft aub in hallo mag dag sorry verder',
    'auf konnen sie wir bitte sprechen ich mochte lieber hallo weiter kann man',
    'puede podemos hablar habla hablamos por favor prefiero quiero hola podria espanol se',
  ].flatMap((words) => words.split(' ')),
);
const MOST_WORDS = 9;

/**
 * The one of `offered` (BCP 47) that the caller asks for (`English please`, `parlez-vous français ?`), in whatever
 * language; undefined when none is asked for, or one that is not offered.
 */
export function askedLanguage(text: string, offered: readonly string[]): string | undefined {
  const words = text
    .toLowerCase()
    .normalize('NFD')
    .replace(/\p{M}|['’-]/gu, '')
    .split(/[^\p{L}]+/u)
    .filter((word) => word !== '');
  if (words.length > MOST_WORDS) return undefined;
  const named = new Set(Object.keys(NAMES).filter((code) => words.some((word) => NAMES[code]?.includes(word))));
  const [only] = [...named];
  if (only === undefined || named.size > 1) return undefined;
  const rest = words.filter((word) => !NAMES[only]?.includes(word));
  return rest.every((word) => AROUND.has(word)) ? offeredFor(only, offered) : undefined;
}

/** The one of `offered` that is `language`: the same tag, else the same language of another region. */
export function offeredFor(language: string, offered: readonly string[]): string | undefined {
  const wanted = language.toLowerCase();
  return (
    offered.find((tag) => tag.toLowerCase() === wanted) ??
    offered.find((tag) => baseLanguage(tag) === baseLanguage(wanted))
  );
}

/** What has been heard in another language than the one that is spoken; plain data. */
export interface LanguageEvidence {
  readonly language: string;
  readonly words: number;
}

/** So many words of another language, in turns one after the other, and it is no slip: a name, a greeting, a quotation. */
const WORDS_TO_SWITCH = 4;

/**
 * The language of the call after a turn in which the recogniser heard `heard` (BCP 47; undefined: it does not tell). A few
 * words of another language do not change it; turns in it do.
 */
export function languageAfterTurn(
  current: string,
  offered: readonly string[],
  evidence: LanguageEvidence | undefined,
  turn: { readonly heard: string | undefined; readonly words: number },
): { readonly language: string; readonly evidence: LanguageEvidence | undefined } {
  const other = turn.heard === undefined ? undefined : offeredFor(turn.heard, offered);
  if (other === undefined) return { language: current, evidence };
  if (baseLanguage(other) === baseLanguage(current)) return { language: current, evidence: undefined };
  const words = (evidence?.language === other ? evidence.words : 0) + turn.words;
  if (words >= WORDS_TO_SWITCH) return { language: other, evidence: undefined };
  return { language: current, evidence: { language: other, words } };
}
