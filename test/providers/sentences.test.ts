import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSentences, isSpeakable } from '../../src/providers/tts/sentences.ts';

/** All at once, then the end; without the early first clause unless asked for. */
function piecesOf(text: string, firstClauseChars = Infinity): readonly string[] {
  const sentences = createSentences({ firstClauseChars });
  return [...sentences.push(text), ...sentences.flush()];
}

describe('where a sentence ends', () => {
  const table: readonly (readonly [what: string, pieces: readonly string[]])[] = [
    ['full stops', ['We are open. ', 'Come in.']],
    ['questions and exclamations', ['Really? ', 'Yes! ', 'Good.']],
    ['several marks', ['What?! ', 'No!!! ', 'Fine.']],
    ['titles', ['Mr. Smith met Dr. Jones on St. James Street. ', 'They talked.']],
    ['e.g. and i.e.', ['Bring something, e.g. A passport, i.e. Proof. ', 'Thanks.']],
    ['German abbreviations', ['Das ist z.B. Herr Müller, d.h. Nr. 5. ', 'Danke.']],
    ['p.m. in the middle and at the end', ['It opens at 8 p.m. every day. ', 'We close at 5 p.m. ', 'Bye.']],
    ['etc. at the end', ['Towels, soap, etc. are there. ', 'Food, drinks, etc. ', 'Anything else?']],
    ['countries', ['He is from the U.S. and she is not. ', 'Fine.']],
    ['initials', ['Ask for J. R. Tolkien at the desk. ', 'Thanks.']],
    ['decimals and times', ['Breakfast is at 8.30 and costs 12.50 euros. ', 'Good?']],
    ['a number at the end', ['Your room is number 8. ', 'Breakfast is included.']],
    ['No. with and without a number', ['Take bus No. 5 to the centre. ', 'No. ', 'We are closed.']],
    ['list numbers', ['1. Take the stairs. ', '2. Turn left.']],
    ['an ellipsis inside and at the end', ['Well... let me see... ', 'Here it is… and that is all… ', 'Bye.']],
    ['quotes and brackets', ['He said "Stop." ', 'Then (really.) ', 'He went.']],
    ['a quotation that goes on', ['"Really?" he asked. ', 'Yes.']],
    ['addresses on the web', ['Go to www.example.com or mail a.b@example.com today. ', 'Thanks.']],
    ['lower case throughout', ['we are open today. ', 'come in whenever you like.']],
    ['line breaks', ['First line\n', 'Second line\n', 'Third']],
    ['Chinese and Japanese', ['你好。', '我们开门了！', '「はい。」', '次へ']],
    ['Hindi', ['नमस्ते। ', 'आप कैसे हैं। ', 'ठीक']],
    ['Arabic', ['كيف حالك؟ ', 'نحن مفتوحون۔ ', 'شكرا']],
    ['Armenian and Ethiopic', ['Բարեւ։ ', 'ሰላም። ', 'x']],
    ['marks before any word', ['... Hello. ', 'Yes.']],
    ['only marks', ['?! ... -']],
  ];

  test.each(table)('%s', (_, pieces) => {
    expect(piecesOf(pieces.join(''))).toEqual(pieces);
  });
});

describe('streaming', () => {
  test('a sentence comes out with the first character behind it', () => {
    const sentences = createSentences({ firstClauseChars: Infinity });

    expect(sentences.push('We are open.')).toEqual([]);
    expect(sentences.push(' ')).toEqual([]);
    expect(sentences.push('C')).toEqual(['We are open. ']);
    expect(sentences.flush()).toEqual(['C']);
  });

  test('a full stop at the end of a token may still become a decimal', () => {
    const sentences = createSentences();

    expect([...sentences.push('It is 8.'), ...sentences.push('30 now.')]).toEqual([]);
    expect(sentences.flush()).toEqual(['It is 8.30 now.']);
  });

  test('flush begins a new text', () => {
    const sentences = createSentences();
    sentences.push('One.');

    expect(sentences.flush()).toEqual(['One.']);
    expect(sentences.flush()).toEqual([]);
    expect([...sentences.push('Two.'), ...sentences.flush()]).toEqual(['Two.']);
  });
});

describe('the first piece', () => {
  test('may end at a comma once it has 25 characters, later ones may not', () => {
    expect(
      piecesOf('Well, thank you for calling the hotel, how can I help you today, my friend? Good, fine, right.', 25),
    ).toEqual([
      'Well, thank you for calling the hotel, ',
      'how can I help you today, my friend? ',
      'Good, fine, right.',
    ]);
  });

  test('does not end at the comma of a number', () => {
    expect(piecesOf('The price for all the rooms is 1,000 dollars.', 25)).toEqual([
      'The price for all the rooms is 1,000 dollars.',
    ]);
  });

  test('is the first one again after a flush', () => {
    const sentences = createSentences();
    sentences.push('Yes. No. ');
    sentences.flush();

    expect(sentences.push('Thank you very much indeed, sir')).toEqual(['Thank you very much indeed, ']);
  });
});

describe('text without an end', () => {
  test('is cut at the last comma before 300 characters', () => {
    const text = `${'word '.repeat(40)}here, ${'word '.repeat(40)}`;

    const pieces = piecesOf(text);

    expect(pieces[0]).toBe(`${'word '.repeat(40)}here, `);
    expect(pieces.join('')).toBe(text);
  });

  test('without commas at the last space, without spaces at 300', () => {
    expect(piecesOf('word '.repeat(70)).map((piece) => piece.length)).toEqual([300, 50]);
    expect(piecesOf('x'.repeat(650)).map((piece) => piece.length)).toEqual([300, 300, 50]);
  });

  test('is never cut through a character of two units', () => {
    const text = `x${'😀'.repeat(400)}`;

    const pieces = piecesOf(text);

    expect(pieces.join('')).toBe(text);
    for (const piece of pieces) expect(piece.isWellFormed()).toBe(true);
  });
});

describe('laws', () => {
  const word = fc.constantFrom(
    ...[
      'Hello',
      'e.g.',
      'Mr.',
      '8.30',
      'p.m.',
      'etc.',
      'No.',
      '...',
      '…',
      '。',
      '你好',
      '"Yes."',
      '?',
      '!',
      ',',
      '—',
      '\n',
      ' ',
      '  ',
      '😀',
    ],
  );
  const text = fc
    .array(fc.oneof(word, fc.string({ maxLength: 30 }), fc.lorem({ maxCount: 30 })), { maxLength: 40 })
    .map((words) => words.join(' '));

  test('the pieces are the text, none is longer than the limit, however it was pushed', () => {
    fc.assert(
      fc.property(text, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }), (whole, cuts) => {
        const atOnce = createSentences();
        const expected = [...atOnce.push(whole), ...atOnce.flush()];
        const streamed = createSentences();
        const pieces: string[] = [];
        for (let at = 0, n = 0; at < whole.length; n++) {
          const size = cuts[n % cuts.length]!;
          pieces.push(...streamed.push(whole.slice(at, at + size)));
          at += size;
        }
        pieces.push(...streamed.flush());

        expect(pieces).toEqual(expected);
        expect(pieces.join('')).toBe(whole);
        for (const piece of pieces) {
          expect(piece.length).toBeGreaterThan(0);
          expect(piece.length).toBeLessThanOrEqual(300);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('only letters and digits of any script can be spoken', () => {
    expect(['a', '7', 'ж', '好', 'ñ'].map(isSpeakable)).toEqual([true, true, true, true, true]);
    expect(['', ' ', '...', '😀', '—!?'].map(isSpeakable)).toEqual([false, false, false, false, false]);
  });
});
