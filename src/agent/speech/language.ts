import { DUTCH } from './dutch.ts';
import { ENGLISH } from './english.ts';
import { FRENCH } from './french.ts';
import { GERMAN } from './german.ts';
import type { LanguageRules } from './rules.ts';
import { SPANISH } from './spanish.ts';

const RULES: Readonly<Record<string, LanguageRules>> = {
  en: ENGLISH,
  fr: FRENCH,
  nl: DUTCH,
  de: GERMAN,
  es: SPANISH,
};

/** English that writes the day before the month, and calls `#` hash. */
const DAY_FIRST: ReadonlySet<string> = new Set(['GB', 'IE', 'AU', 'NZ', 'ZA', 'IN']);

/** The language of a BCP 47 tag without region: `fr-BE` -> `fr`. */
export function baseLanguage(language: string): string {
  return (language.split('-')[0] ?? language).toLowerCase();
}

/** How a BCP 47 language says signs and figures; undefined where we have no rules for it: then only marks are taken out. */
export function speechRules(language: string): LanguageRules | undefined {
  const rules = RULES[baseLanguage(language)];
  const region = /-([A-Za-z]{2})(?:-|$)/u.exec(language)?.[1]?.toUpperCase();
  if (rules !== ENGLISH || region === undefined) return rules;
  if (DAY_FIRST.has(region)) return { ...ENGLISH, dayFirst: true, keys: { ...ENGLISH.keys, '#': 'hash' } };
  return region === 'US' ? { ...ENGLISH, dayFirst: false } : ENGLISH;
}
