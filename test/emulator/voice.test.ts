import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeG711, encodeG711 } from '../../src/audio/g711.ts';
import { createResampler } from '../../src/audio/resample.ts';
import { findWords, renderVoice, wordTimes } from '../../src/emulator/voice.ts';

const TEXT = 'Hello, this is the front desk. How can I help you today?';
const WORDS = TEXT.split(' ');

const heard = (samples: Int16Array, text = TEXT): string[] =>
  findWords(samples, 8000, text).words.map((word) => word.text);

describe('the emulated voice', () => {
  test('says the same text with the same samples', () => {
    expect(renderVoice(TEXT, 8000)).toEqual(renderVoice(TEXT, 8000));
  });

  test('has its words at the same times at every sample rate', () => {
    for (const rate of [8000, 16000, 24000]) {
      const { samples, words } = renderVoice(TEXT, rate);
      expect(words).toEqual(wordTimes(TEXT));
      expect(findWords(samples, rate, TEXT).words.map((word) => word.text)).toEqual(WORDS);
    }
  });

  test('has words of uneven length', () => {
    const lengths = new Set(wordTimes(TEXT).map((word) => word.endMs - word.startMs));
    expect(lengths.size).toBeGreaterThan(8);
  });

  test.each(['', '   ', '... ?!', '🙂'])('has nothing to say for %j', (text) => {
    expect(renderVoice(text, 8000)).toEqual({ samples: new Int16Array(0), words: [] });
    expect(findWords(renderVoice(TEXT, 8000).samples, 8000, text)).toEqual({ words: [], untilSample: 0 });
  });
});

describe('finding words', () => {
  test.each(['PCMU', 'PCMA'] as const)('survives %s', (codec) => {
    const { samples } = renderVoice(TEXT, 8000);
    expect(heard(decodeG711(codec, encodeG711(codec, samples)))).toEqual(WORDS);
  });

  test('survives resampling from 24 kHz to the telephone band', () => {
    const resampler = createResampler(24000, 8000);
    const { samples } = renderVoice(TEXT, 24000);
    expect(heard(Int16Array.from([...resampler.process(samples), ...resampler.flush()]))).toEqual(WORDS);
  });

  test('tells the end of each word within 2 ms', () => {
    const { samples, words } = renderVoice(TEXT, 8000);
    const found = findWords(samples, 8000, TEXT);
    found.words.forEach((word, index) => {
      expect(Math.abs(word.fromSample - words[index]!.startMs * 8)).toBeLessThanOrEqual(16);
      expect(Math.abs(word.toSample - words[index]!.endMs * 8)).toBeLessThanOrEqual(16);
    });
    expect(found.untilSample).toBe(found.words.at(-1)?.toSample);
  });

  test('finds exactly the words before a cut, and knows that the last one is not whole', () => {
    const { samples, words } = renderVoice(TEXT, 8000);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: words.at(-1)!.endMs }), (cutMs) => {
        const found = findWords(samples.subarray(0, cutMs * 8), 8000, TEXT).words;
        const whole = words.filter((word) => word.endMs <= cutMs).map((word) => word.text);
        // 20 ms around the end of a word are too close to call.
        if (words.some((word) => Math.abs(word.endMs - cutMs) < 20)) return;
        expect(found.filter((word) => word.complete).map((word) => word.text)).toEqual(whole);
      }),
      { numRuns: 40 },
    );
  });

  test('finds a word that was cut and said again twice, first in part', () => {
    const { samples, words } = renderVoice(TEXT, 8000);
    const desk = words[5]!;
    const cut = (desk.startMs + 90) * 8;
    const again = samples.subarray(desk.startMs * 8 - 80);
    const found = findWords(
      Int16Array.from([...samples.subarray(0, cut), ...new Int16Array(4000), ...again]),
      8000,
      TEXT,
    );

    expect(found.words.map(({ text, complete }) => [text, complete])).toEqual([
      ...WORDS.slice(0, 5).map((word) => [word, true]),
      ['desk.', false],
      ...WORDS.slice(5).map((word) => [word, true]),
    ]);
  });

  test('does not hear words of another text, nor in noise', () => {
    expect(heard(renderVoice('Completely different speech', 8000).samples)).toEqual([]);
    const noise = Int16Array.from({ length: 16000 }, (_, n) => ((n * 7919 + ((n * n) % 104729)) % 20001) - 10000);
    expect(heard(noise)).toEqual([]);
  });
});
