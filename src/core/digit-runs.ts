/** A stretch of text that says digits, one after the other, in figures or in words. */
export interface DigitRun {
  /** Place in the text: from the first character of its first digit to behind its last. */
  readonly start: number;
  readonly end: number;
  readonly digits: string;
  /** How the digits are grouped: where each group begins and ends in the text, and how many digits it says. */
  readonly groups: readonly DigitGroup[];
  /** A plus before it, in figures or as a word: a phone number. */
  readonly afterPlus: boolean;
}

export interface DigitGroup {
  readonly start: number;
  readonly end: number;
  readonly digits: string;
}

/** Spoken digits of en, fr, nl, de and es in one table: where two languages share a word they mean the same digit. */
const WORDS: ReadonlyMap<string, string> = new Map(
  [
    'zero oh o nought naught nul null nulle cero',
    'one un une een eins ein eine uno una',
    'two deux twee zwei zwo dos',
    'three trois drie drei tres',
    'four quatre vier cuatro',
    'five cinq vijf funf fuenf cinco',
    'six zes sechs seis',
    'seven sept zeven sieben siete',
    'eight huit acht ocho',
    'nine neuf negen neun nueve',
  ].flatMap((words, digit) => words.split(' ').map((word) => [word, String(digit)] as const)),
);

const TIMES: ReadonlyMap<string, number> = new Map([
  ...['double', 'dubbel', 'doppel', 'doble'].map((word) => [word, 2] as const),
  ...['triple', 'treble', 'tripel'].map((word) => [word, 3] as const),
]);

/** Said between the groups of one number; `pressed` stands in front of keys in a transcript. */
const FILLERS: ReadonlySet<string> = new Set(
  'uh um uhm er erm euh eh ah ahm hm and et en und y then puis dan dann luego dash hyphen tiret streepje strich guion space pressed'.split(
    ' ',
  ),
);

/** At most so many of them between two groups. */
const MOST_FILLERS = 2;
/** Figures, a word, or one other sign. A decimal (`12.50`, not `12.50.1`) is an amount and no part of a longer number. */
const TOKEN = /(?<![\d.,])\d+[.,]\d{1,2}(?![\d]|[.,]\d)|\d+|[\p{L}\p{M}]+|[^\p{L}\p{M}\d]/gu;
const SEPARATOR = /^[\s\-–—.,;/_|()[\]"']$/u;
const MOST_SEPARATORS = 8;
const FIGURES = /^\d+$/;
const ACCENTS = /\p{M}/gu;

/** Cheap: false when `text` can hold no run at all. */
export function saysDigits(text: string): boolean {
  return MAY_SAY_DIGITS.test(text);
}

// A word with an accent may be one of the table.
const MAY_SAY_DIGITS = new RegExp(`\\d|[^\\0-\\x7f]|\\b(?:${[...WORDS.keys()].join('|')})\\b`, 'i');

/** Finds every run of digits in `text`, in order. Times (`10:30`) and decimals end a run. */
export function digitRuns(text: string): DigitRun[] {
  const runs: DigitRun[] = [];
  let groups: DigitGroup[] = [];
  let plus = false;
  let runAfterPlus = false;
  let fillers = 0;
  let separators = 0;
  let times: { readonly count: number; readonly start: number } | undefined;
  /** The character before is a letter or digit that belongs to another token: `A12`. */
  let glued = false;
  const close = (): void => {
    const [first, last] = [groups[0], groups.at(-1)];
    if (first && last) {
      const digits = groups.map((group) => group.digits).join('');
      runs.push({ start: first.start, end: last.end, digits, groups, afterPlus: runAfterPlus });
    }
    groups = [];
    fillers = 0;
    separators = 0;
    times = undefined;
  };
  const take = (start: number, end: number, digits: string): void => {
    if (groups.length === 0) runAfterPlus = plus;
    groups.push({ start, end, digits });
    fillers = 0;
    separators = 0;
    times = undefined;
    plus = false;
  };

  for (const match of text.matchAll(TOKEN)) {
    const token = match[0];
    const start = match.index;
    const end = start + token.length;
    const isSpaced = !glued;
    glued = /[\p{L}\p{M}\d]$/u.test(token);
    if (FIGURES.test(token)) {
      // `A12` and `12A` are names of things, not digits of a number.
      if (!isSpaced || /^[\p{L}\p{M}]/u.test(text.slice(end, end + 2))) close();
      else take(start, end, times && token.length === 1 ? token.repeat(times.count) : token);
      continue;
    }
    if (glued && !/\d/.test(token)) {
      const word = token.toLowerCase().normalize('NFD').replace(ACCENTS, '');
      const digit = WORDS.get(word);
      const count = TIMES.get(word);
      if (digit !== undefined && isSpaced) take(times?.start ?? start, end, digit.repeat(times?.count ?? 1));
      else if (count !== undefined && isSpaced) times = { count, start };
      else if (word === 'plus' && groups.length === 0) plus = true;
      else if (FILLERS.has(word) && fillers < MOST_FILLERS) fillers += 1;
      else {
        close();
        plus = false;
      }
      continue;
    }
    if (token === '+') {
      close();
      plus = true;
    } else if (SEPARATOR.test(token) && separators < MOST_SEPARATORS) separators += 1;
    else {
      close();
      plus = false;
    }
  }
  close();
  return runs;
}

/** Where in `text` begins what may change its meaning when more text follows: an open run, or an unfinished word. */
export function openEnd(text: string): number {
  const last = digitRuns(text).at(-1);
  const tail = /[\p{L}\p{M}\d][\p{L}\p{M}\d.,]*$/u.exec(text)?.index ?? text.length;
  const from = last && isFiller(text.slice(last.end, tail)) ? last.start : tail;
  // `+` and `double` belong to the digits behind them.
  return BEFORE_DIGITS.exec(text.slice(0, from))?.index ?? from;
}

/** Is there nothing in `text` that ends a run? */
export function isFiller(text: string): boolean {
  return text
    .toLowerCase()
    .split(/[\s\-–—.,;/_|()[\]"']+/u)
    .every((word) => word === '' || FILLERS.has(word) || TIMES.has(word));
}

const BEFORE_DIGITS = new RegExp(`(?:\\+|(?<!\\p{L})(?:plus|${[...TIMES.keys()].join('|')}))[\\s(.\\-]*$`, 'iu');
