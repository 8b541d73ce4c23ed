/** A number and the word behind it: `1` takes the first form, everything else the second. */
export type Counted = readonly [one: string, many: string];

/** How one language says what is written in signs, figures and short forms. */
export interface LanguageRules {
  /** `1.234,5` and not `1,234.5`. */
  readonly decimal: ',' | '.';
  /** `9-17`, `-5`, `~5`, `x < y`. */
  readonly to: string;
  readonly minus: string;
  readonly about: string;
  readonly plus: string;
  readonly percent: string;
  readonly less: string;
  readonly more: string;
  readonly times: string;
  readonly equals: string;
  readonly and: string;
  /** `his/her`. */
  readonly or: string;
  /** `#5`. */
  readonly number: string;
  /** The keys of a telephone. */
  readonly keys: { readonly '#': string; readonly '*': string };
  /** Addresses: `.`, `@`, `-`, `_`, `/`. */
  readonly address: { readonly [sign in '.' | '@' | '-' | '_' | '/' | '+']: string };
  readonly currencies: Readonly<Record<string, Counted>>;
  readonly cents: Readonly<Record<string, Counted>>;
  /** Between the amount and what comes behind the point: `12 dollars and 50 cents`. */
  readonly price: (whole: string, main: Counted, cents: string, minor: Counted | undefined) => string;
  /** `€ 2 million`. */
  readonly magnitudes: Readonly<Record<string, string>>;
  /** Between a number of millions and what is counted: `2 millions d’euros`. */
  readonly ofMagnitude: (magnitude: string, currency: string) => string;
  /** `€ 10/month`. */
  readonly per: string;
  readonly units: Readonly<Record<string, Counted>>;
  /** Words behind a clock time that are not said twice: `14:30 uur`. */
  readonly clockWords: readonly string[];
  /** Signs between hours and minutes beside `:`. */
  readonly clockSigns: string;
  readonly clock: (hours: number, minutes: number) => string;
  readonly months: readonly string[];
  readonly date: (day: number, month: string, year: string | undefined) => string;
  /** `03/04/2026`; undefined where it cannot be told. */
  readonly dayFirst: boolean | undefined;
  readonly fractions: Readonly<Record<string, string>>;
  /** `2e`, `1er`, `1ª`: what stands behind the figure, and the words; index 0 is the first. */
  readonly ordinals: readonly { readonly suffix: RegExp; readonly words: readonly string[] }[];
  /** Written as here, with their full stops; the longest first. `$` at the end: may end a sentence too. */
  readonly abbreviations: readonly Abbreviation[];
  /** Said letter by letter though they could be read as words. */
  readonly spelled: readonly string[];
}

export interface Abbreviation {
  /** With its full stops; a space in it stands for any white space or none. */
  readonly written: string;
  readonly spoken: string;
  /** Only before a number, or before a capital letter. */
  readonly before?: 'number' | 'capital';
  /** Its full stop may be the sentence's, too. */
  readonly endsSentence?: boolean;
  /** Another reading behind a word with a capital letter: `Main St.` */
  readonly afterCapital?: string;
}

/** `dr.=doctor` per line; `^` before a capital letter only, `#` before a number only, `$` may end a sentence. */
export function abbreviations(lines: string): readonly Abbreviation[] {
  return lines
    .split('|')
    .map((line) => {
      const [, marks = '', written = '', spoken = '', afterCapital] =
        /^([\^#$]*)([^=]+)=([^=]+)(?:=(.+))?$/u.exec(line.trim()) ?? [];
      return {
        written,
        spoken,
        ...(marks.includes('#') ? { before: 'number' as const } : {}),
        ...(marks.includes('^') ? { before: 'capital' as const } : {}),
        ...(marks.includes('$') ? { endsSentence: true } : {}),
        ...(afterCapital === undefined ? {} : { afterCapital }),
      };
    })
    .sort((a, b) => b.written.length - a.written.length);
}

/** Units that every language writes alike, with the words of one. */
export function units(table: string): Readonly<Record<string, Counted>> {
  return Object.fromEntries(
    table.split('|').map((line) => {
      const [signs = '', one = '', many = one] = line.trim().split(':');
      return [signs, [one, many] as const];
    }),
  );
}

/** The first forms of the ordinals, one after the other. */
export function ordinals(words: string): readonly string[] {
  return words.split(' ');
}

/** `12 euro 50`, `50 cent`: the way prices are said where nobody says "and". */
export function plainPrice(
  between: string,
  isOne: (amount: string) => boolean,
): (whole: string, main: Counted, cents: string, minor: Counted | undefined) => string {
  return (whole, main, cents, minor) => {
    const amount = `${whole} ${main[isOne(whole) ? 0 : 1]}`;
    if (cents === '') return amount;
    if (minor && whole === '0') return `${cents} ${minor[cents === '1' ? 0 : 1]}`;
    return `${amount}${between}${cents}`;
  };
}
