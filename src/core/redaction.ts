import { cardIn, isCardBegun } from './card-numbers.ts';
import { digitRuns, isFiller, openEnd, saysDigits } from './digit-runs.ts';

/** What is masked before anything is written down. */
export interface RedactionOptions {
  /** Payment card numbers, in figures and spoken. Default on. */
  readonly cardNumbers?: boolean | undefined;
  readonly patterns?: readonly RedactionPattern[] | undefined;
}

/** Shorter ones are words. */
const SHORTEST_SECRET = 8;

/** A text of the operator's own: what matches becomes `replacement`, or `[name]`. */
export interface RedactionPattern {
  readonly name: string;
  /** Regular expression (JavaScript, flags `giu`); see `patternProblem`. */
  readonly pattern: string;
  readonly replacement?: string | undefined;
}

/** Stands for a card number, with whatever digits followed it (expiry, check code). Not one of its digits is kept. */
export const CARD = '[card]';
/** Stands for a run of digits that may yet become a card number. */
export const OPEN_DIGITS = '•••';
/** Stands for one key or one digit. */
export const KEY = '•';

/** A run of up to this many digits in a text that may still grow is left as it is. */
const FEW_DIGITS = 4;
/** Keys from here on in one entry are masked: fewer than any card number has. */
const FIRST_KEYS = 6;
/** A pause this long between two keys begins a new entry. */
const ENTRY_PAUSE_MS = 30_000;
const CARRIED = 18;

/** Masks texts. Pure: the same text gives the same text. Ordinary numbers (times, prices, phone numbers) stay. */
export interface Redactor {
  /** A text that is whole. */
  text(text: string): string;
  /** JSON text: its strings and numbers are looked at one by one, so that it stays JSON. Anything else: as `text`. */
  json(text: string): string;
  /** The texts of one speaker, one after the other: a number may go on from one to the next. */
  lane(): TextLane;
  /** A text that comes in pieces. @param lane whose text it is; one of its own when left out. */
  stream(lane?: TextLane): TextStream;
  /** Keys that come one by one. */
  keys(): KeyLane;
}

export interface TextLane {
  /** A text that is finished. */
  whole(text: string): string;
  /** A text that may still change: every longer run of digits in it is masked. Remembers nothing. */
  open(text: string): string;
  /** A text that was cut short: a longer run of digits at its end is masked. Remembers nothing. */
  cut(text: string): string;
}

type Ending = 'whole' | 'open' | 'cut';

/** What it gives, put together, is what came in, masked: a piece waits for the end of the number it may belong to. */
export interface TextStream {
  /** The text that is certain by now, maybe none. */
  push(piece: string): string;
  /** The text that waited. @param isCut the rest will never come. */
  end(isCut: boolean): string;
}

export interface KeyLane {
  /** @param t milliseconds, on any clock that only goes forward. */
  key(digit: string, t: number): string;
}

interface Masked {
  readonly text: string;
  /** Digits at its end that the next text may go on with. */
  readonly carry: string;
}

/**
 * Patterns are compiled here, once.
 *
 * @param secrets keys and the like: `•••` wherever one stands whole, as in an error message of a vendor.
 * @throws SyntaxError for a pattern that `patternProblem` would have refused.
 */
export function createRedactor(options: RedactionOptions = {}, secrets: readonly string[] = []): Redactor {
  const hasCards = options.cardNumbers ?? true;
  const patterns = (options.patterns ?? []).map(({ name, pattern, replacement }) => ({
    expression: new RegExp(pattern, 'giu'),
    replacement: replacement ?? `[${name}]`,
  }));

  const covered = secrets.filter((secret) => secret.length >= SHORTEST_SECRET);
  const own = (text: string): string => {
    let done = text;
    for (const secret of covered) done = done.replaceAll(secret, '•••');
    for (const { expression, replacement } of patterns) done = done.replace(expression, () => replacement);
    return done;
  };
  const mask = (text: string, carry: string, ending: Ending): Masked => {
    const plain = own(text);
    return hasCards ? maskCards(plain, carry, ending) : { text: plain, carry: '' };
  };
  const lane = (): TextLane => {
    let carry = '';
    return {
      whole: (text) => {
        if (text === '') return text;
        const masked = mask(text, carry, 'whole');
        carry = masked.carry;
        return masked.text;
      },
      open: (text) => mask(text, carry, 'open').text,
      cut: (text) => mask(text, carry, 'cut').text,
    };
  };
  const text = (value: string): string => mask(value, '', 'whole').text;
  return {
    text,
    json: (value) => {
      const first = value.trimStart()[0];
      if (first !== '{' && first !== '[' && first !== '"') return text(value);
      let parsed: unknown;
      try {
        parsed = JSON.parse(value);
      } catch {
        return text(value);
      }
      // One lane over all of it: `{"first": "4111 1111", "rest": "1111 1111"}`.
      const one = lane();
      const before = JSON.stringify(parsed);
      const after = JSON.stringify(jsonLeaves(parsed, (leaf) => one.whole(leaf), text));
      return after === before ? value : after;
    },
    lane,
    stream: (one = lane()) => {
      let waiting = '';
      const settledUntil = (): number => {
        const digits = hasCards ? openEnd(waiting) : waiting.length;
        if (patterns.length === 0) return digits;
        // A pattern may need all of a sentence.
        const sentence = /^[^]*[.!?\n]\s/u.exec(waiting)?.[0].length ?? 0;
        return Math.min(digits, sentence);
      };
      return {
        push: (piece) => {
          waiting += piece;
          const until = settledUntil();
          const certain = waiting.slice(0, until);
          waiting = waiting.slice(until);
          return one.whole(certain);
        },
        end: (isCut) => {
          const rest = waiting;
          waiting = '';
          return isCut ? one.cut(rest) : one.whole(rest);
        },
      };
    },
    keys: () => {
      let count = 0;
      let last = -Infinity;
      return {
        key: (digit, t) => {
          if (!hasCards) return digit;
          const isNew = t - last > ENTRY_PAUSE_MS;
          last = t;
          if (!/^\d$/.test(digit)) {
            count = 0;
            return digit;
          }
          count = isNew ? 1 : count + 1;
          return count > FIRST_KEYS ? KEY : digit;
        },
      };
    },
  };
}

function maskCards(text: string, carry: string, ending: Ending): Masked {
  const runs = saysDigits(text) ? digitRuns(text) : [];
  if (runs.length === 0) return { text, carry: carry !== '' && isFiller(text) ? carry : '' };
  let masked = '';
  let at = 0;
  let left = '';
  const cover = (start: number, end: number, by: string): void => {
    masked += text.slice(at, start) + by;
    at = end;
  };
  for (const [i, run] of runs.entries()) {
    const before = i === 0 && isFiller(text.slice(0, run.start)) ? carry : '';
    const isLast = i === runs.length - 1 && isFiller(text.slice(run.end));
    const card = cardIn(run, before);
    const isLong = run.digits.length > FEW_DIGITS || before.length >= FEW_DIGITS;
    const isUncertain = !run.afterPlus && (ending === 'open' || (ending === 'cut' && isLast));
    if (card !== undefined) cover(run.groups[card]?.start ?? run.start, run.end, CARD);
    else if (isLong && isUncertain) cover(run.start, run.end, OPEN_DIGITS);
    else if (isLast && !run.afterPlus && isCardBegun(before + run.digits)) cover(run.start, run.end, CARD);
    else if (isLast) left = (before + run.digits).slice(-CARRIED);
  }
  return { text: masked + text.slice(at), carry: left };
}

function jsonLeaves(value: unknown, mask: (leaf: string) => string, maskKey: (key: string) => string): unknown {
  if (typeof value === 'string') return mask(value);
  if (typeof value === 'number') {
    const text = String(value);
    const masked = mask(text);
    return masked === text ? value : masked;
  }
  if (Array.isArray(value)) return value.map((inner) => jsonLeaves(inner, mask, maskKey));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [maskKey(key), jsonLeaves(inner, mask, maskKey)]),
  );
}
