import { baseLanguage } from './speech/language.ts';

interface Answers {
  readonly yes: readonly string[];
  readonly no: readonly string[];
  /** What turns a yes behind it into a no: `not okay`, `pas d’accord`. */
  readonly not: readonly string[];
  /** May stand around an answer without changing it. */
  readonly around: readonly string[];
}

const list = (text: string): readonly string[] => text.split('|').map(plain);

const ENGLISH: Answers = {
  yes: list(
    'yes|yeah|yep|yup|yes please|sure|of course|certainly|absolutely|definitely|okay|ok|alright|all right|correct|right|exactly|that is right|thats right|go ahead|please do|i do|i will|i accept|accept|put them through|put him through|put her through|put it through|sounds good|fine|no problem|uh huh|mhm|affirmative|why not|i dont mind|not a problem',
  ),
  no: list(
    'no|nope|nah|no thanks|no thank you|not now|not really|no way|never|i dont|i do not|i cant|i cannot|i wont|decline|i decline|reject|dont|do not|negative|wrong|incorrect|not right now|not today|im busy|i am busy|uh uh',
  ),
  not: list('not|never|dont|isnt|no'),
  around: list(
    'um|uh|er|well|oh|so|please|thanks|thank you|sir|madam|i|think|guess|that|is|it|would|be|will|take|the|call|them|him|her|now|hello|hi|then|you can|to|me|for|my|course|just|ma am',
  ),
};

const ANSWERS: Readonly<Record<string, Answers>> = {
  en: ENGLISH,
  fr: {
    yes: list(
      'oui|ouais|ouep|si|d’accord|bien sûr|volontiers|certainement|absolument|tout à fait|exactement|parfait|okay|ok|entendu|c’est ça|c’est bon|avec plaisir|allez-y|vas-y|je veux bien|j’accepte|accepter|pas de problème|aucun problème|pourquoi pas|passez-le-moi|passez-la-moi|passez-moi|je le prends|je prends|correct|bien entendu|mhm',
    ),
    no: list(
      'non|nan|pas maintenant|pas du tout|jamais|non merci|je ne veux pas|je ne peux pas|je peux pas|je refuse|refuser|pas vraiment|surtout pas|pas aujourd’hui|incorrect|faux',
    ),
    not: list('pas|ne'),
    around: list(
      'euh|heu|ben|bah|merci|s’il vous plaît|svp|madame|monsieur|je|le|la|pense|crois|que|alors|bon|là|l’appel|prends|va|ça|moi|appel|bonjour|allô|c’est|est',
    ),
  },
  nl: {
    yes: list(
      'ja|jaja|jep|jawel|jazeker|zeker|natuurlijk|uiteraard|graag|ja graag|akkoord|oké|oke|okay|ok|goed|is goed|prima|klopt|dat klopt|juist|precies|correct|inderdaad|geen probleem|doe maar|ga je gang|gaat uw gang|verbind maar door|ik neem over|ik aanvaard|accepteren|waarom niet|mhm',
    ),
    no: list(
      'nee|neen|nee dank u|nee bedankt|nooit|nu niet|niet nu|liever niet|zeker niet|helemaal niet|weigeren|ik weiger|ik kan niet|ik wil niet|absoluut niet|natuurlijk niet|fout|verkeerd',
    ),
    not: list('niet|geen'),
    around: list(
      'euh|uh|hoor|dank u|dankuwel|bedankt|alstublieft|alsjeblieft|mevrouw|meneer|ik|denk|het|dat|wel|nu|maar|dan|hallo|wil|is|u|neem|op|de|oproep|mag',
    ),
  },
  de: {
    yes: list(
      'ja|jaja|jo|jep|jawohl|doch|klar|na klar|natürlich|sicher|gerne|gern|ja bitte|einverstanden|in ordnung|okay|ok|gut|genau|richtig|stimmt|korrekt|auf jeden fall|selbstverständlich|kein problem|alles klar|machen sie|stellen sie durch|ich nehme an|annehmen|ich übernehme|warum nicht|von mir aus|mhm',
    ),
    no: list(
      'nein|nee|nö|ne|nein danke|niemals|nie|jetzt nicht|nicht jetzt|auf keinen fall|lieber nicht|gar nicht|ablehnen|ich lehne ab|ich kann nicht|ich will nicht|ich möchte nicht|falsch|keinesfalls',
    ),
    not: list('nicht|kein|keine'),
    around: list(
      'äh|ähm|also|bitte|danke|ich|das|es|ist|denke|glaube|schon|mal|dann|hallo|den|anruf|nehme|an|jetzt|so|sehr|passt|sie|können',
    ),
  },
  es: {
    yes: list(
      'sí|si|claro|claro que sí|por supuesto|vale|de acuerdo|bueno|okay|ok|correcto|exacto|eso es|así es|perfecto|desde luego|cómo no|con gusto|adelante|acepto|aceptar|lo tomo|páselo|pásemelo|pásamelo|está bien|sin problema|no hay problema|ningún problema|por qué no|muy bien|dale|ajá|mhm',
    ),
    no: list(
      'no|no gracias|ahora no|nunca|jamás|para nada|de ninguna manera|rechazar|rechazo|no puedo|no quiero|todavía no|aún no|en absoluto|incorrecto',
    ),
    not: list('no|tampoco'),
    around: list(
      'eh|este|pues|gracias|por favor|señor|señora|yo|lo|la|el|es|creo|que|entonces|hola|ya|bien|llamada|tomo|eso|muy|diga',
    ),
  },
};

/** Most words that are an answer; longer ones want a mind that understands them. */
const MOST_WORDS = 8;

/**
 * What somebody answered to a question that wants yes or no, in the words of `language` (BCP 47; English where we have
 * none): undefined when it is neither, or both (`yes, no, wait`). Rather no answer than a wrong one: every word has to be
 * known.
 */
export function yesNo(text: string, language: string): 'yes' | 'no' | undefined {
  const answers = ANSWERS[baseLanguage(language)] ?? ENGLISH;
  const words = plain(text)
    .split(' ')
    .filter((word) => word !== '');
  if (words.length === 0 || words.length > MOST_WORDS) return undefined;
  const found = new Set<'yes' | 'no'>();
  let negated = false;
  for (let at = 0; at < words.length;) {
    const no = longest(words, at, answers.no);
    const yes = longest(words, at, answers.yes);
    const around = longest(words, at, answers.around);
    const not = longest(words, at, answers.not);
    const most = Math.max(no, yes, around, not);
    if (most === 0) return undefined;
    if (most === no) {
      found.add('no');
      negated = false;
    } else if (most === yes) {
      found.add(negated ? 'no' : 'yes');
      negated = false;
    } else if (most === not) negated = true;
    at += most;
  }
  if (negated) return found.has('yes') ? undefined : found.has('no') ? 'no' : undefined;
  return found.size === 1 ? [...found][0] : undefined;
}

/** How many words the longest of `phrases` has that stands at `at`. */
function longest(words: readonly string[], at: number, phrases: readonly string[]): number {
  let most = 0;
  for (const phrase of phrases) {
    const parts = phrase.split(' ');
    if (parts.length > most && parts.every((part, n) => words[at + n] === part)) most = parts.length;
  }
  return most;
}

/** Lower case, no accents, no punctuation: recognisers leave out both. */
function plain(text: string): string {
  return text
    .toLowerCase()
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .replace(/['’]/gu, '')
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}
