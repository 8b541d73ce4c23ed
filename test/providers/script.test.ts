import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LandlineError } from '../../src/core/errors.ts';
import { grammarOf } from '../../src/providers/script-grammar.ts';
import { understandText } from '../../src/providers/script-match.ts';
import { alwaysFills, matchPhrase, parsePhrase, toJsgf, type Phrase } from '../../src/providers/script-phrase.ts';
import { BUILT_IN_SLOTS, normaliseWords } from '../../src/providers/script-words.ts';
import { loadScript, parseScript } from '../../src/providers/script.ts';

const hotel = fileURLToPath(new URL('../../fixtures/demo/hotel.yaml', import.meta.url));

function problemsOf(text: string): string {
  try {
    parseScript(text, 'desk.yaml');
  } catch (error) {
    if (error instanceof LandlineError && error.code === 'script_invalid') return error.message;
    throw error;
  }
  return 'no problem';
}

describe('a phrase', () => {
  it.each([
    ['thank you', 'thank you'],
    ['Hello There', 'hello there'],
    ['good (morning | evening)', 'good (morning | evening)'],
    ['one moment please?', 'one moment [please]'],
    ['(what are (your | the)?)? hours', '[what are [(your | the)]] hours'],
    ['a <room> for <guests:number>', 'a <slot_room> for <slot_number>'],
    ['bye | see you', '(bye | see you)'],
    ['what’s up', "what's up"],
  ])('%s becomes the grammar %s', (source, jsgf) => {
    expect(toJsgf(parsePhrase(source))).toBe(jsgf);
  });

  it.each([
    ['room 12', 'write numbers as words, or use <number>, instead of "1"'],
    ['good (morning', '")" is missing'],
    ['good) morning', '")" closes nothing'],
    ['a | | b', 'an alternative is empty'],
    ['', 'an alternative is empty'],
    ['? hello', '"?" must stand behind what may be left out'],
    ['please? now?', 'at least one word must not be optional'],
    ['how much $', '"$" cannot be spoken; a phrase has words, ( | ), ? and <slots>'],
  ])('%s is refused: %s', (source, message) => {
    expect(() => parsePhrase(source)).toThrow(message);
  });

  it('finds its longest match inside other words and fills its slots', () => {
    const phrase = parsePhrase('a table for <guests:number> (on <day>)?');
    const words = normaliseWords('Well, I want a table for 22 on Friday, please.');

    expect(matchPhrase(phrase, words, BUILT_IN_SLOTS)).toEqual({
      from: 3,
      to: 10,
      slots: { guests: 'twenty two', day: 'friday' },
    });
  });

  it('matches every sentence that it can make, whole', () => {
    const word = fc.constantFrom('room', 'please', 'at', 'noon', 'one').map((w): Phrase => ({ kind: 'word', word: w }));
    const { phrase: phrases } = fc.letrec<{ phrase: Phrase }>((tie) => ({
      phrase: fc.oneof(
        { maxDepth: 3 },
        word,
        fc.array(tie('phrase'), { minLength: 1, maxLength: 3 }).map((parts): Phrase => ({ kind: 'all', parts })),
        fc.array(tie('phrase'), { minLength: 1, maxLength: 3 }).map((options): Phrase => ({ kind: 'any', options })),
        tie('phrase').map((part): Phrase => ({ kind: 'maybe', part })),
      ),
    }));
    const say = (phrase: Phrase, pick: () => number): string[] => {
      if (phrase.kind === 'word') return [phrase.word];
      if (phrase.kind === 'all') return phrase.parts.flatMap((part) => say(part, pick));
      if (phrase.kind === 'any') return say(phrase.options[pick() % phrase.options.length]!, pick);
      return phrase.kind === 'maybe' && pick() % 2 === 0 ? say(phrase.part, pick) : [];
    };
    fc.assert(
      fc.property(phrases, fc.array(fc.nat(100), { minLength: 40, maxLength: 40 }), (phrase, choices) => {
        let at = 0;
        const words = say(phrase, () => choices[at++ % choices.length]!);
        if (words.length > 0)
          expect(matchPhrase(phrase, words, new Map())).toMatchObject({ from: 0, to: words.length });
      }),
    );
  });

  it('knows which slots are always filled', () => {
    const phrase = parsePhrase('(a <room> | the <room> <day>) <time>?');

    expect(['room', 'day', 'time'].map((name) => alwaysFills(phrase, name))).toEqual([true, false, false]);
  });
});

describe('recognised text', () => {
  it.each([
    ['What’s the Wi-Fi password?', ["what's", 'the', 'wi', 'fi', 'password']],
    ['at 7:30 a.m.', ['at', 'seven', 'thirty', 'a', 'm']],
    ['at 7:00', ['at', 'seven', "o'clock"]],
    ['7pm', ['seven', 'p', 'm']],
    ['I am 45', ['i', 'am', 'forty', 'five']],
    ['room 110', ['room', 'one', 'one', 'zero']],
    ['0 10 19 20 99', ['zero', 'ten', 'nineteen', 'twenty', 'ninety', 'nine']],
    ["'quoted'", ['quoted']],
    ['', []],
  ])('%s becomes words', (text, words) => {
    expect(normaliseWords(text)).toEqual(words);
  });
});

describe('a script', () => {
  const script = loadScript(hotel);

  it.each([
    ['How much is a room for two?', 'price', { room: 'double' }],
    ['Could you tell me the wifi password, please?', 'wifi', {}],
    ['thank you goodbye', 'goodbye', {}],
    ['there is no hot water in our bathroom', undefined, undefined],
    ['', undefined, undefined],
  ])('understands "%s" as %s', (text, intent, slots) => {
    const understood = understandText(script, text, script.intents);

    expect(understood?.intent.name).toBe(intent);
    expect(understood?.slots).toEqual(slots);
  });

  it('gives a grammar with every phrase, and every word with its place', () => {
    const small = parseScript(
      `intents: { room: { phrases: [a <size> room], reply: "A <size> room." } }
slots: { size: { small: [small, tiny] } }
pronounce: { tiny: T AY N IY }
unclear: Pardon?`,
      'small.yaml',
    );

    expect(grammarOf(small)).toEqual({
      jsgf: [
        '#JSGF V1.0;',
        'grammar script;',
        '<slot_size> = small | tiny;',
        '<intent_0> = a <slot_size> room;',
        '<intent_1> = yes [please] | yeah | sure | of course | that is right;',
        '<intent_2> = no [(thanks | thank you)] | not now | never mind;',
        'public <utterance> = <intent_0> | <intent_1> | <intent_2>;',
        '',
      ].join('\n'),
      words: [
        ...['small', 'tiny'].map((word) => ({ word, place: 'slots.size' })),
        ...['a', 'room'].map((word) => ({ word, place: 'room' })),
        ...['yes', 'please', 'yeah', 'sure', 'of', 'course', 'that', 'is', 'right'].map((word) => ({
          word,
          place: 'yes',
        })),
        ...['no', 'thanks', 'thank', 'you', 'not', 'now', 'never', 'mind'].map((word) => ({ word, place: 'no' })),
      ],
      pronounce: { tiny: 'T AY N IY' },
    });
  });

  it('may be JSON', () => {
    const json = JSON.stringify({ intents: { a: { phrases: 'hello', reply: 'Hi.' } }, unclear: 'Pardon?' });

    expect(parseScript(json, 'a.json').intents[0]).toMatchObject({ name: 'a', reply: ['Hi.'] });
  });

  it.each([
    ['intents: {}\nunclear: What?', 'desk.yaml:1:10: intents: must name at least one intent'],
    ['intents: [\nunclear: What?', 'desk.yaml:2:1: not readable as YAML'],
    [
      'intents:\n  a:\n    phrases: [room 7]\n    reply: Yes.\nunclear: What?',
      'desk.yaml:3:15: intents.a.phrases.0: "room 7": write numbers as words',
    ],
    ['intents:\n  a:\n    phrases: [hello]\nunclear: What?', 'desk.yaml:3:5: intents.a: needs a reply'],
    ['intents:\n  a:\n    reply: Hi.\nunclear: What?', 'desk.yaml:3:5: intents.a: needs phrases or pressed'],
    [
      'intents:\n  a: { phrases: [a <size>], reply: Hi. }\nunclear: What?',
      'desk.yaml:2:18: intents.a.phrases.0: <size> is no slot; known are digit, number, time, day',
    ],
    [
      'intents:\n  a: { phrases: [on <day>, now], reply: On <day>. }\nunclear: What?',
      'desk.yaml:2:6: intents.a: the reply uses <day>, which not every way to say or press this fills',
    ],
    [
      'intents:\n  a: { phrases: [on <day>], pressed: 1, reply: On <day>. }\nunclear: What?',
      'which not every way to say or press this fills',
    ],
    [
      'intents:\n  a: { phrases: [hi], reply: Hi., after: b }\nunclear: What?',
      'desk.yaml:2:42: intents.a.after: there is no intent "b"',
    ],
    [
      'intents:\n  a: { phrases: [hi], reply: Hi., transfer: desk, hangUp: true }\nunclear: What?',
      'can do only one of transfer, hangUp, sendDtmf and repeat',
    ],
    ['intents:\n  a: { phrases: [hi], reply: Hi., pressed: x }\nunclear: What?', 'must be keys of a phone'],
    ['intents:\n  a: { phrases: [hi], replies: Hi. }\nunclear: What?', 'Unrecognized key: "replies"'],
    [
      'slots: { size: [big <day>] }\nintents:\n  a: { phrases: [hi], reply: Hi. }\nunclear: What?',
      'desk.yaml:1:17: slots.size.0: a slot list cannot use another slot',
    ],
    ['intents:\n  a: { phrases: [hi], reply: Hi. }\n', 'desk.yaml:1:1: unclear: is missing'],
    ['', 'intents: '],
  ])('names the place of a mistake in %j', (text, message) => {
    expect(problemsOf(text)).toContain(message);
  });

  it('names all mistakes at once, in the order of the file', () => {
    const text = 'intents:\n  a: { phrases: [a 1], reply: Hi. }\n  b: { phrases: [hi] }\nunclear: What?';

    expect(
      problemsOf(text)
        .split('\n')
        .map((line) => line.split(': ')[0]),
    ).toEqual(['desk.yaml:2:18', 'desk.yaml:3:6']);
  });

  it('that cannot be read names the file', () => {
    expect(() => loadScript('/nowhere/desk.yaml')).toThrow('cannot read the script /nowhere/desk.yaml');
  });
});
