/** How words are said that a voice would get wrong, ready to be looked up. */
export interface Pronunciations {
  /** The entry that stands at `at` in `text` as whole words; the longest one. */
  at(text: string, at: number): { readonly length: number; readonly spoken: string } | undefined;
  /**
   * Do the last words of `text` begin an entry of several words that needs at least one more?
   *
   * @param orWhole true also when they are a whole one.
   */
  isBegun(text: string, orWhole?: boolean): boolean;
}

const LETTER = /[\p{L}\p{N}\p{M}]/u;
const CAPITAL_INSIDE = /[\p{L}\p{N}]\p{Lu}/u;

/** Is an entry only meant as it is written? A capital inside a word says so: `iOS`, `KBC`; but not `Landline`. */
export function isExactEntry(key: string): boolean {
  return CAPITAL_INSIDE.test(key);
}

/** @param entries written form -> how it is said. */
export function createPronunciations(entries: Readonly<Record<string, string>>): Pronunciations {
  const known = Object.entries(entries)
    .map(([written, spoken]) => {
      const words = written.trim().replace(/\s+/gu, ' ');
      const isExact = isExactEntry(words);
      return { key: isExact ? words : words.toLowerCase(), isExact, spoken, count: words.split(' ').length };
    })
    .sort((a, b) => b.key.length - a.key.length);
  const several = known.filter(({ count }) => count > 1);

  const matches = (text: string, at: number, key: string, isExact: boolean): boolean => {
    const there = text.slice(at, at + key.length).replace(/\s/gu, ' ');
    return (isExact ? there : there.toLowerCase()) === key;
  };

  return {
    at(text, at) {
      if (known.length === 0 || (at > 0 && LETTER.test(text.charAt(at - 1)))) return undefined;
      const found = known.find(
        ({ key, isExact }) => matches(text, at, key, isExact) && !LETTER.test(text.charAt(at + key.length)),
      );
      return found && { length: found.key.length, spoken: found.spoken };
    },
    isBegun(text, orWhole = false) {
      if (several.length === 0) return false;
      const words = text.split(/\s/u);
      return several.some(({ key, isExact, count }) => {
        for (let n = 1; n <= Math.min(words.length, orWhole ? count : count - 1); n++) {
          const tail = words
            .slice(-n)
            .join(' ')
            .replace(/^[^\p{L}\p{N}]+/u, '');
          const said = isExact ? tail : tail.toLowerCase();
          if (said === '') continue;
          if (n < count ? key.startsWith(`${said} `) : said.startsWith(key)) return true;
        }
        return false;
      });
    },
  };
}
