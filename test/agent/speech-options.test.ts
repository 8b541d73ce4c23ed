import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { endpointingOptions, pauseLimits } from '../../src/agent/endpointing-options.ts';
import { pronunciationOptions } from '../../src/agent/pronunciation-options.ts';

function problems(schema: z.ZodType, value: unknown): string[] {
  const result = schema.safeParse(value);
  return result.success ? [] : result.error.issues.map(({ path, message }) => [...path, message].join(': '));
}

describe('endpointing', () => {
  it.each([
    [undefined, { silenceMs: 500 }, { min: 300, max: 1500 }],
    [{}, { silenceMs: 500 }, { min: 300, max: 1500 }],
    [{ silenceMs: 200 }, { silenceMs: 200 }, { min: 200, max: 600 }],
    [{ silenceMs: 3000 }, { silenceMs: 3000 }, { min: 1800, max: 3000 }],
    [
      { silenceMs: 800, minSilenceMs: 400, maxSilenceMs: 5000 },
      { silenceMs: 800, minSilenceMs: 400, maxSilenceMs: 5000 },
      { min: 400, max: 5000 },
    ],
  ])('%j is taken', (given, options, limits) => {
    expect(endpointingOptions.parse(given)).toEqual(options);
    expect(pauseLimits(endpointingOptions.parse(given))).toEqual(limits);
  });

  it.each([
    [{ silenceMs: 100 }, ['silenceMs: must be whole milliseconds from 200 to 3000']],
    [{ silenceMs: '500' }, ['silenceMs: must be whole milliseconds from 200 to 3000']],
    [{ maxSilenceMs: 5001 }, ['maxSilenceMs: must be whole milliseconds from 200 to 5000']],
    [{ minSilenceMs: 250.5 }, ['minSilenceMs: must be whole milliseconds from 200 to 3000']],
    [{ minSilenceMs: 600 }, ['minSilenceMs: must not be more than silenceMs (500); lower it, or raise silenceMs']],
    [
      { silenceMs: 900, maxSilenceMs: 800 },
      ['maxSilenceMs: must not be less than silenceMs (900); raise it, or lower silenceMs'],
    ],
    [{ silence: 500 }, ['Unrecognized key: "silence"']],
  ])('%j is refused', (given, messages) => {
    expect(problems(endpointingOptions, given)).toEqual(messages);
  });
});

describe('pronunciations', () => {
  it('are words, or several, and how they are said', () => {
    const given = { Landline: ' land line ', 'New York': 'noo york', iOS: 'eye oh ess', ios: 'yos', 'St.': 'saint' };

    expect(pronunciationOptions.parse(given)).toEqual({ ...given, Landline: 'land line' });
  });

  it.each([
    [{ Nguyen: '' }, ['Nguyen: must be how the word is said; an empty text would leave it out']],
    [{ Nguyen: 3 }, ['Nguyen: must be how the word is said, as text']],
    [{ ' a': 'b' }, [' a: must be words with single spaces between them']],
    [{ '*': 'star' }, ['*: must be a word or several, beginning with a letter or a digit']],
    [{ '42': 'x' }, ['42: must be a word or several, beginning with a letter or a digit']],
    [{ 'a b c d e f g h i': 'x' }, ['a b c d e f g h i: must have at most 8 words']],
    [{ nguyen: 'win', Nguyen: 'wen' }, ['Nguyen: is the same word as "nguyen"; keep one']],
  ])('%j is refused', (given, messages) => {
    expect(problems(pronunciationOptions, given)).toEqual(messages);
  });

  it('are not a dictionary', () => {
    const many = Object.fromEntries(Array.from({ length: 501 }, (_, n) => [`w${n}`, 'x']));
    expect(problems(pronunciationOptions, many)).toEqual(['has 501 entries; at most 500 are taken']);
  });
});
