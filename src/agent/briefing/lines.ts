/** What a transfer's target hears, and how it answers, in one language. */
export interface BriefingLines {
  /** Before what the caller wants. */
  readonly intro: string;
  readonly question: string;
  /** Sayings before words: "no problem" is no no. */
  readonly yes: readonly string[];
  readonly no: readonly string[];
  /** The keys' names; they only count when nothing else is said, as some of them are articles too. */
  readonly one: string;
  readonly two: string;
}

const ENGLISH: BriefingLines = {
  intro: 'Hello, I have a caller on the line for you.',
  question: 'Press 1 or say yes to take the call, press 2 or say no to decline.',
  yes: [
    ...['no problem', 'no worries', 'why not', 'go ahead', 'put them through', 'put him through', 'put her through'],
    ...['yes', 'yeah', 'yep', 'yup', 'sure', 'ok', 'okay', 'accept', 'certainly', 'absolutely'],
  ],
  no: ['not now', 'not today', 'no thanks', 'no', 'nope', 'nah', 'decline', 'busy'],
  one: 'one',
  two: 'two',
};

const FRENCH: BriefingLines = {
  intro: 'Bonjour, j’ai un appelant en ligne pour vous.',
  question: 'Appuyez sur 1 ou dites oui pour prendre l’appel, sur 2 ou dites non pour refuser.',
  yes: [
    ...['pas de problème', 'pas de souci', 'pourquoi pas', 'bien sûr', 'd accord', 'allez y', 'passez le moi'],
    ...['oui', 'ouais', 'ok', 'okay', 'volontiers', 'accepte'],
  ],
  no: ['pas maintenant', 'pas aujourd hui', 'non', 'refuse', 'occupé', 'occupée'],
  one: 'un',
  two: 'deux',
};

const DUTCH: BriefingLines = {
  intro: 'Hallo, ik heb een beller voor u aan de lijn.',
  question: 'Druk op 1 of zeg ja om het gesprek aan te nemen, druk op 2 of zeg nee om te weigeren.',
  yes: [
    ...['geen probleem', 'waarom niet', 'ga je gang', 'ga uw gang', 'verbind maar door'],
    ...['ja', 'jawel', 'jazeker', 'zeker', 'prima', 'goed', 'oké', 'oke', 'ok', 'okay', 'graag'],
  ],
  no: ['nu niet', 'niet nu', 'vandaag niet', 'nee', 'neen', 'bezet', 'weigeren'],
  one: 'een',
  two: 'twee',
};

const GERMAN: BriefingLines = {
  intro: 'Guten Tag, ich habe einen Anrufer für Sie in der Leitung.',
  question: 'Drücken Sie die 1 oder sagen Sie ja, um das Gespräch anzunehmen, die 2 oder nein, um abzulehnen.',
  yes: [
    ...['kein problem', 'warum nicht', 'stellen sie durch', 'stell durch', 'na klar'],
    ...['ja', 'jawohl', 'klar', 'gerne', 'gern', 'sicher', 'ok', 'okay', 'einverstanden'],
  ],
  no: ['jetzt nicht', 'nicht jetzt', 'heute nicht', 'nein', 'nee', 'ne', 'ablehnen'],
  one: 'eins',
  two: 'zwei',
};

const SPANISH: BriefingLines = {
  intro: 'Hola, tengo a una persona en línea para usted.',
  question: 'Pulse 1 o diga sí para aceptar la llamada, pulse 2 o diga no para rechazarla.',
  yes: [
    ...['no hay problema', 'por qué no', 'de acuerdo', 'por supuesto', 'desde luego', 'pásemelo', 'pásamelo'],
    ...['sí', 'si', 'claro', 'vale', 'bueno', 'ok', 'okay', 'acepto'],
  ],
  no: ['ahora no', 'hoy no', 'no puedo', 'no', 'rechazo', 'ocupado', 'ocupada'],
  one: 'uno',
  two: 'dos',
};

const LINES: Readonly<Record<string, BriefingLines>> = {
  ...{ en: ENGLISH, fr: FRENCH, nl: DUTCH, de: GERMAN, es: SPANISH },
};

/** The lines of a BCP 47 language; English where we have none of that language. */
export function briefingLines(language: string): BriefingLines {
  return LINES[language.split('-')[0] ?? 'en'] ?? ENGLISH;
}

/** A plain answer is short; in a longer one the words may mean anything. */
const MAX_WORDS = 10;

/** What was said to the question; undefined when it is neither, or both. */
export function readAnswer(said: string, lines: BriefingLines): 'yes' | 'no' | undefined {
  const text = plain(said);
  if (text === plain(lines.one)) return 'yes';
  if (text === plain(lines.two)) return 'no';
  if (text.split(' ').length > MAX_WORDS) return undefined;
  const sayings = [
    ...lines.yes.map((saying) => [plain(saying), 'yes'] as const),
    ...lines.no.map((saying) => [plain(saying), 'no'] as const),
  ].sort(([a], [b]) => b.length - a.length);
  let rest = ` ${text} `;
  const heard = new Set<'yes' | 'no'>();
  for (const [saying, meaning] of sayings) {
    const without = rest.replaceAll(` ${saying} `, ' | ');
    if (without === rest) continue;
    heard.add(meaning);
    rest = without;
  }
  const [answer] = heard;
  return heard.size === 1 ? answer : undefined;
}

/** Lower case, single spaces, no punctuation. */
function plain(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}
