/**
 * The phrase language of scripted agents: `(when | what time) is breakfast please?`, `a room for <guests:number>`.
 * Words, `( | )` alternatives, `?` after what may be left out, and `<slot>`s: signs that YAML leaves alone. One phrase gives both the recogniser's grammar
 * ({@link toJsgf}) and the matching of text ({@link matchPhrase}), so that the two cannot drift apart.
 */
export type Phrase =
  | { readonly kind: 'word'; readonly word: string }
  | { readonly kind: 'all'; readonly parts: readonly Phrase[] }
  | { readonly kind: 'any'; readonly options: readonly Phrase[] }
  | { readonly kind: 'maybe'; readonly part: Phrase }
  /** `<guests:number>` has name `guests` and list `number`; `<day>` is both. */
  | { readonly kind: 'slot'; readonly name: string; readonly list: string };

/** One way to say a slot's value. */
export interface SlotForm {
  readonly value: string;
  readonly phrase: Phrase;
}

/** What each slot list may hold, by list name. */
export type SlotLists = ReadonlyMap<string, readonly SlotForm[]>;

/** A match of part of a text: words [`from`, `to`) and what the slots were filled with. */
export interface PhraseMatch {
  readonly from: number;
  readonly to: number;
  readonly slots: Readonly<Record<string, string>>;
}

const TOKEN = /\s*(?:([a-z][a-z']*)|([()|?])|<([a-z][a-z0-9_]*)(?::([a-z][a-z0-9_]*))?>|(\S))/gy;

/** @throws Error whose message says what is wrong with the phrase, for the script's error report. */
export function parsePhrase(source: string): Phrase {
  const tokens = [...source.toLowerCase().replaceAll('’', "'").matchAll(TOKEN)];
  let at = 0;

  const parts = (isInner: boolean): Phrase => {
    const options: Phrase[] = [];
    let row: Phrase[] = [];
    const endRow = (): void => {
      if (row.length === 0) throw new Error('an alternative is empty');
      options.push(row.length === 1 ? (row[0] as Phrase) : { kind: 'all', parts: row });
      row = [];
    };
    for (;;) {
      const token = tokens[at++];
      if (!token && isInner) throw new Error('")" is missing');
      const [, word, sign, slot, list, other] = token ?? [];
      if (other !== undefined) throw new Error(strangeSign(other));
      if (word !== undefined) row.push({ kind: 'word', word });
      else if (slot !== undefined) row.push({ kind: 'slot', name: slot, list: list ?? slot });
      else if (sign === '(') row.push(parts(true));
      else if (sign === '|') endRow();
      else if (sign === '?') {
        const part = row.pop();
        if (!part) throw new Error('"?" must stand behind what may be left out');
        row.push({ kind: 'maybe', part });
      } else if (sign === ')' && !isInner) throw new Error('")" closes nothing');
      else break;
    }
    endRow();
    return options.length === 1 ? (options[0] as Phrase) : { kind: 'any', options };
  };

  const phrase = parts(false);
  if (mayBeEmpty(phrase)) throw new Error('at least one word must not be optional');
  return phrase;
}

function strangeSign(sign: string): string {
  return /\d/.test(sign)
    ? `write numbers as words, or use <number>, instead of "${sign}"`
    : `"${sign}" cannot be spoken; a phrase has words, ( | ), ? and <slots>`;
}

function mayBeEmpty(phrase: Phrase): boolean {
  if (phrase.kind === 'maybe') return true;
  if (phrase.kind === 'all') return phrase.parts.every(mayBeEmpty);
  return phrase.kind === 'any' && phrase.options.some(mayBeEmpty);
}

/** Every slot of the phrase: name and list. */
export function slotsOf(phrase: Phrase): readonly { readonly name: string; readonly list: string }[] {
  if (phrase.kind === 'slot') return [phrase];
  if (phrase.kind === 'all') return phrase.parts.flatMap(slotsOf);
  if (phrase.kind === 'any') return phrase.options.flatMap(slotsOf);
  return phrase.kind === 'maybe' ? slotsOf(phrase.part) : [];
}

/** Is slot `name` filled whichever way the phrase is said? */
export function alwaysFills(phrase: Phrase, name: string): boolean {
  if (phrase.kind === 'slot') return phrase.name === name;
  if (phrase.kind === 'all') return phrase.parts.some((part) => alwaysFills(part, name));
  return phrase.kind === 'any' && phrase.options.every((option) => alwaysFills(option, name));
}

/** Every word the phrase can hold, its slots' words not included. */
export function wordsOf(phrase: Phrase): readonly string[] {
  if (phrase.kind === 'word') return [phrase.word];
  if (phrase.kind === 'all') return phrase.parts.flatMap(wordsOf);
  if (phrase.kind === 'any') return phrase.options.flatMap(wordsOf);
  return phrase.kind === 'maybe' ? wordsOf(phrase.part) : [];
}

/** The right-hand side of a JSGF rule; slots become references to `<slot_LIST>`. */
export function toJsgf(phrase: Phrase): string {
  switch (phrase.kind) {
    case 'word':
      return phrase.word;
    case 'slot':
      return `<slot_${phrase.list}>`;
    case 'maybe':
      return `[${toJsgf(phrase.part)}]`;
    case 'any':
      return `(${phrase.options.map(toJsgf).join(' | ')})`;
    case 'all':
      return phrase.parts.map(toJsgf).join(' ');
  }
}

/** The longest stretch of `words` that the phrase covers, the first of equals. */
export function matchPhrase(phrase: Phrase, words: readonly string[], lists: SlotLists): PhraseMatch | undefined {
  let best: PhraseMatch | undefined;
  for (let from = 0; from < words.length; from++) {
    for (const { to, slots } of ends(phrase, { to: from, slots: {} }, words, lists)) {
      if (!best || to - from > best.to - best.from) best = { from, to, slots };
    }
  }
  return best;
}

interface Reached {
  readonly to: number;
  readonly slots: Readonly<Record<string, string>>;
}

/** Everywhere the phrase can end when it begins at `start`. */
function* ends(phrase: Phrase, start: Reached, words: readonly string[], lists: SlotLists): Generator<Reached> {
  switch (phrase.kind) {
    case 'word':
      if (words[start.to] === phrase.word) yield { to: start.to + 1, slots: start.slots };
      return;
    case 'maybe':
      yield* ends(phrase.part, start, words, lists);
      yield start;
      return;
    case 'any':
      for (const option of phrase.options) yield* ends(option, start, words, lists);
      return;
    case 'slot':
      for (const form of lists.get(phrase.list) ?? []) {
        for (const { to } of ends(form.phrase, start, words, lists)) {
          yield { to, slots: { ...start.slots, [phrase.name]: form.value || words.slice(start.to, to).join(' ') } };
        }
      }
      return;
    case 'all':
      yield* sequence(phrase.parts, 0, start, words, lists);
  }
}

function* sequence(
  parts: readonly Phrase[],
  index: number,
  start: Reached,
  words: readonly string[],
  lists: SlotLists,
): Generator<Reached> {
  const part = parts[index];
  if (!part) {
    yield start;
    return;
  }
  for (const reached of ends(part, start, words, lists)) yield* sequence(parts, index + 1, reached, words, lists);
}
