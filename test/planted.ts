import fc from 'fast-check';

const WORDS = {
  en: ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'],
  nl: ['nul', 'een', 'twee', 'drie', 'vier', 'vijf', 'zes', 'zeven', 'acht', 'negen'],
  fr: ['zéro', 'un', 'deux', 'trois', 'quatre', 'cinq', 'six', 'sept', 'huit', 'neuf'],
  de: ['null', 'eins', 'zwei', 'drei', 'vier', 'fünf', 'sechs', 'sieben', 'acht', 'neun'],
  es: ['cero', 'uno', 'dos', 'tres', 'cuatro', 'cinco', 'seis', 'siete', 'ocho', 'nueve'],
};

export type Language = keyof typeof WORDS;

export const LANGUAGES: readonly Language[] = ['en', 'nl', 'fr', 'de', 'es'];

export function spell(language: Language, digits: string): string {
  return Array.from(digits)
    .map((digit) => WORDS[language][Number(digit)])
    .join(' ');
}

/** Ways to write or say a card number. */
export const SPEAKERS: readonly ((card: string) => string)[] = [
  (card) => card,
  (card) => card.replace(/(\d{4})(?=\d)/g, '$1 '),
  (card) => card.replace(/(\d{4})(?=\d)/g, '$1-'),
  (card) => card.replace(/(\d{4})(?=\d)/g, '$1.'),
  (card) => Array.from(card).join(' '),
  (card) => Array.from(card).join(', '),
  ...LANGUAGES.map((language) => (card: string) => spell(language, card)),
];

/** Numbers as networks issue them: first digits, length, check digit. */
export function cards(): fc.Arbitrary<string> {
  const network = fc.constantFrom(
    ['4', 16],
    ['51', 16],
    ['2221', 16],
    ['34', 15],
    ['36', 14],
    ['3530', 16],
    ['6011', 16],
  ) as fc.Arbitrary<[string, number]>;
  return network.chain(([begin, length]) =>
    fc
      .array(fc.nat(9), { minLength: length - 1 - begin.length, maxLength: length - 1 - begin.length })
      .map((digits) => begin + digits.join(''))
      .map((all) => all + checkDigit(all)),
  );
}

function checkDigit(digits: string): string {
  let sum = 0;
  Array.from(digits)
    .reverse()
    .forEach((digit, i) => {
      const doubled = Number(digit) * (i % 2 === 0 ? 2 : 1);
      sum += doubled > 9 ? doubled - 9 : doubled;
    });
  return String((10 - (sum % 10)) % 10);
}

/** What people say that has digits and is no card number. */
export function ordinary(): fc.Arbitrary<string> {
  const two = (max: number): fc.Arbitrary<string> => fc.nat(max).map((n) => String(n).padStart(2, '0'));
  return fc.oneof(
    fc.tuple(two(23), two(59)).map(([h, m]) => `at ${h}:${m}`),
    fc.tuple(fc.nat(9999), two(99)).map(([whole, cents]) => `$${whole}.${cents}`),
    fc.nat(9_999_999).map((n) => `+1 415 ${String(n).padStart(7, '0')}`),
    fc.nat(9_999_999).map(
      (n) =>
        `415-${String(n)
          .padStart(7, '0')
          .replace(/(\d{3})/, '$1-')}`,
    ),
    // Sixteen digits with the wrong check digit.
    cards()
      .filter((card) => card.length === 16)
      .map((card) => `order ${card.slice(0, -1)}${(Number(card.at(-1)) + 1) % 10} here`),
    fc.constantFrom('one moment', 'two rooms for three', 'on the 12th of May 2026', 'flat 4b', 'double room'),
  );
}
