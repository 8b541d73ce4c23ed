import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isLuhnValid } from '../../src/core/card-numbers.ts';
import { patternProblem } from '../../src/core/pattern-check.ts';
import { createRedactor } from '../../src/core/redaction.ts';
import { cards, ordinary, SPEAKERS, spell } from '../planted.ts';

const redactor = createRedactor();

describe('a card number', () => {
  const masked: readonly (readonly [text: string, expected: string])[] = [
    ['4111111111111111', '[card]'],
    ['my card is 4111 1111 1111 1111, thanks', 'my card is [card], thanks'],
    ['4111-1111-1111-1111', '[card]'],
    ['4111.1111.1111.1111', '[card]'],
    ['4111, 1111, 1111, 1111.', '[card].'],
    ['378282246310005 and 3782 822463 10005', '[card]'],
    ['it is 5555 5555 5555 4444 12 27 123 ok', 'it is [card] ok'],
    ['42 42 42 42 42 42 42 42', '[card]'],
    ['four one one one, one one one one, uh, one one one one, and one one one one', '[card]'],
    ['four double one one triple one one triple one one triple one one', '[card]'],
    ['vier een een een een een een een een een een een een een een een alstublieft', '[card] alstublieft'],
    ['quatre un un un un un un un un un un un un un un un', '[card]'],
    ['Vier eins eins eins eins eins eins eins eins eins eins eins eins eins eins eins.', '[card].'],
    ['cuatro uno uno uno uno uno uno uno uno uno uno uno uno uno uno uno', '[card]'],
    ['fünf fünf fünf fünf fünf fünf fünf fünf fünf fünf fünf fünf vier vier vier vier', '[card]'],
    ['[pressed 4111111111111111]', '[pressed [card]]'],
    ['my number is 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1', 'my number is [card]'],
    // The last digits are missing: they could be guessed.
    ['it is 4111 1111 1111 111', 'it is [card]'],
  ];
  it.each(masked)('is masked in %j', (text, expected) => {
    expect(redactor.text(text)).toBe(expected);
  });

  const kept: readonly string[] = [
    'call me at +1 415 555 0142 or 415-555-0142',
    '+49 151 2345 6789 012',
    'plus three two four seven one two three four five six seven',
    'from 10:30 to 11:45 on 2026-11-20',
    'that is 45.00, 50.00, 55.00 and 60.00 euros',
    'order 4111 1111 1111 1112 is late',
    'order 1767603600000 is late',
    'case A4111111111111111',
    'room 12, two nights, three people',
    'one moment',
    '',
    '4111 1111',
  ];
  it.each(kept)('is not seen in %j', (text) => {
    expect(redactor.text(text)).toBe(text);
  });

  it('is left alone when it is switched off', () => {
    expect(createRedactor({ cardNumbers: false }).text('4111 1111 1111 1111')).toBe('4111 1111 1111 1111');
  });

  it('is masked in JSON without breaking it, also over two members', () => {
    const json = redactor.json('{"a":[4111111111111111,7],"b":"4111 1111","c":"1111 1111"}');

    expect(JSON.parse(json)).toEqual({ a: ['[card]', 7], b: '4111 1111', c: '[card]' });
    expect(redactor.json('{"room": 12}')).toBe('{"room": 12}');
  });

  it('goes on from one text of a speaker to the next', () => {
    const lane = redactor.lane();

    expect(['it is 4111 1111', 'uh', '1111 1111 12 27', 'thanks'].map((text) => lane.whole(text))).toEqual([
      'it is 4111 1111',
      'uh',
      '[card]',
      'thanks',
    ]);
  });

  it('is masked while it grows', () => {
    const lane = redactor.lane();
    const partials = ['my card', 'my card 4111', 'my card 4111 1', 'my card 4111 1111 1111 1111'];

    expect(partials.map((text) => lane.open(text))).toEqual([
      'my card',
      'my card 4111',
      'my card •••',
      'my card [card]',
    ]);
  });

  it('is masked at the end of a text that was cut short, and only there', () => {
    expect(redactor.lane().cut('room 12345 for 4111 1111')).toBe('room 12345 for •••');
  });

  it('is masked however it is split into pieces, spoken or not, and nothing else changes', () => {
    const text = fc
      .array(
        fc.oneof(
          ordinary(),
          cards().chain((card) => fc.constantFrom(...SPEAKERS).map((speak) => speak(card))),
        ),
        {
          minLength: 1,
          maxLength: 6,
        },
      )
      // Words between, so that two of them are not one number.
      .map((parts) => parts.join(' so then we '));
    fc.assert(
      fc.property(text, fc.array(fc.nat(200), { maxLength: 40 }), (whole, cuts) => {
        const stream = redactor.stream();
        const at = [...new Set([0, ...cuts.map((cut) => cut % (whole.length + 1)), whole.length])].sort(
          (a, b) => a - b,
        );
        const pieces = at.slice(1).map((end, i) => stream.push(whole.slice(at[i], end)));
        const written = [...pieces, stream.end(false)].join('');

        expect(written).toBe(redactor.text(whole));
      }),
      { numRuns: 500 },
    );
  });

  it('never gets through, in figures or in any of five languages', () => {
    fc.assert(
      fc.property(cards(), fc.constantFrom(...SPEAKERS), ordinary(), (card, speak, before) => {
        expect(redactor.text(`${before} so ${speak(card)} then`)).toBe(`${before} so [card] then`);
      }),
      { numRuns: 500 },
    );
  });

  it('is not seen in ordinary text', () => {
    fc.assert(
      fc.property(fc.array(ordinary(), { minLength: 1, maxLength: 5 }), (parts) => {
        const text = parts.join(' so ');

        expect(redactor.text(text)).toBe(text);
      }),
      { numRuns: 500 },
    );
  });
});

describe('keys', () => {
  it('are masked from the seventh of one entry on', () => {
    const keys = redactor.keys();

    expect(
      Array.from('41111111')
        .map((digit, i) => keys.key(digit, i * 500))
        .join(''),
    ).toBe('411111••');
    expect(['#', '1', '2'].map((digit) => keys.key(digit, 5000)).join('')).toBe('#12');
  });

  it('begin a new entry after half a minute', () => {
    const keys = redactor.keys();
    for (const digit of '123456') keys.key(digit, 0);

    expect(keys.key('7', 29_999)).toBe('•');
    expect(keys.key('8', 60_000)).toBe('8');
  });
});

describe('a pattern of the operator', () => {
  const own = createRedactor({
    patterns: [
      { name: 'member', pattern: 'MB-?\\d{4}' },
      { name: 'name', pattern: 'jane doe', replacement: '<name>' },
    ],
  });

  it('becomes its name or its replacement', () => {
    expect(own.text('Jane Doe, mb-1234')).toBe('<name>, [member]');
  });

  it('is found over pieces of a sentence', () => {
    const stream = own.stream();
    const pieces = ['I am Ja', 'ne D', 'oe. My id', ' is MB', '-12', '34.'].map((piece) => stream.push(piece));

    expect([...pieces, stream.end(false)].join('')).toBe('I am <name>. My id is [member].');
  });

  it('takes $ in a replacement as it stands', () => {
    expect(createRedactor({ patterns: [{ name: 'x', pattern: 'abc', replacement: '$&' }] }).text('abc')).toBe('$&');
  });

  const bad: readonly (readonly [pattern: string, why: RegExp])[] = [
    ['(', /no regular expression/],
    ['a*', /matches the empty text/],
    ['(a+)+$', /repeats a group that repeats/],
    ['((?:ab)+c?)*d', /repeats a group that repeats/],
    ['(a|a)*b', /longer than 100 ms/],
    ['\\s*\\s*\\s*x', /longer than 100 ms/],
    ['(a)\\1', /refers back/],
    ['a'.repeat(501), /longer than 500 characters/],
  ];
  it.each(bad)('is refused when it is %s', (pattern, why) => {
    expect(patternProblem(pattern)).toMatch(why);
  });

  it.each(['\\bMRN-?\\d{6,10}\\b', '[A-Z]{2}\\d{2}(?: ?\\d{4}){3,5}', 'jane|john', '\\d{3}-\\d{2}-\\d{4}'])(
    'is taken when it is %s',
    (pattern) => {
      expect(patternProblem(pattern)).toBeUndefined();
    },
  );
});

it('knows the check digit', () => {
  expect([isLuhnValid('4111111111111111'), isLuhnValid('4111111111111112')]).toEqual([true, false]);
  expect(spell('en', '41')).toBe('four one');
});
