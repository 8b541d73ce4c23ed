import { describe, expect, test } from 'vitest';
import { createCodecCheck } from '../../src/audio/codec.ts';
import type { G711 } from '../../src/audio/format.ts';
import { decodeG711, encodeG711, silenceByte } from '../../src/audio/g711.ts';
import { dtmf, sine } from '../../src/audio/tones.ts';
import { cut, hum, join, loud, noise, over, quiet, speech } from './voices.ts';

const LAWS = ['PCMU', 'PCMA'] as const;

/** Feeds 20 ms at a time; how long the check heard sound before it answered. */
function check(announced: G711, bytes: Uint8Array): { answer: 'ok' | 'mismatch' | undefined; afterMs: number } {
  const codecCheck = createCodecCheck(announced);
  let afterMs = 0;
  for (const frame of cut(bytes, [160])) {
    afterMs += 20;
    const answer = codecCheck.push(frame);
    if (answer) return { answer, afterMs };
  }
  return { answer: undefined, afterMs };
}

const speakers = [1, 2, 3, 4, 5, 6].map((seed) => [`speech ${seed}`, speech(600, 3000, seed)] as const);
const pitches = [120, 350, 440, 941, 1004, 1633, 2010, 2600, 3300, 3750];
const levels = [100, 1000, 8192, 20000, 32000];

/** Sound that is never silent: the answer must be there within 500 ms. */
const SOUNDS: readonly (readonly [string, Int16Array])[] = [
  ...speakers,
  ['quiet speech (-47 dBFS)', speech(600, 140, 7)],
  ['loud speech', speech(600, 9000, 8)],
  ['clipped speech', loud(speech(600, 3000, 9), 6)],
  ['badly clipped speech', loud(speech(600, 3000, 10), 25)],
  ['speech clipped by a limiter', loud(speech(600, 3000, 11), 6, 5500)],
  ['speech over comfort noise', over(speech(600, 3000, 12), noise(600, 580))],
  ['speech over hum', over(speech(600, 3000, 13), hum(600, 2000))],
  ['speech that came through mu-law before', decodeG711('PCMU', encodeG711('PCMU', speech(600, 3000, 14)))],
  ['speech that came through A-law before', decodeG711('PCMA', encodeG711('PCMA', speech(600, 3000, 15)))],
  ...[60, 200, 580, 2000, 9000].map((rms) => [`noise of RMS ${rms}`, noise(600, rms)] as const),
  ['hum', hum(600, 3000)],
  ['hum of 60 Hz', hum(600, 500, 60)],
  ['dial tone', over(sine({ hz: 350, ms: 600 }), sine({ hz: 440, ms: 600 }))],
  ['DTMF', dtmf('1590*#ABCD', { toneMs: 100, gapMs: 10 })],
  ['quiet DTMF', dtmf('26837', { toneMs: 100, gapMs: 10, level: 400 })],
  ...pitches.flatMap((hz) => levels.map((level) => [`${hz} Hz at ${level}`, sine({ hz, ms: 600, level })] as const)),
];

describe.each(LAWS)('audio that is %s', (truth) => {
  const other = truth === 'PCMU' ? 'PCMA' : 'PCMU';

  test.each(SOUNDS)('%s: told right within 500 ms, whatever was announced', (_, samples) => {
    const bytes = encodeG711(truth, samples);
    const right = check(truth, bytes);
    const wrong = check(other, bytes);

    expect([right.answer, wrong.answer]).toEqual(['ok', 'mismatch']);
    expect(Math.max(right.afterMs, wrong.afterMs)).toBeLessThanOrEqual(500);
  });

  test('silence before the sound does not use up the time', () => {
    const line = join(quiet(2000), noise(1000, 3), speech(500, 3000));

    expect(check(other, encodeG711(truth, line)).answer).toBe('mismatch');
    expect(check(truth, encodeG711(truth, line)).answer).toBe('ok');
  });

  test('speech with pauses is told after 500 ms of voice, not of time', () => {
    const words = [1, 2, 3, 4, 5].flatMap((seed) => [quiet(400), speech(100, 3000, seed)]);

    expect(check(other, encodeG711(truth, join(...words))).answer).toBe('mismatch');
  });

  test.each([
    ['digital silence', quiet(3000)],
    ['idle noise', noise(3000, 6)],
    ['a square wave, which has only two codes', loud(sine({ hz: 200, ms: 2000 }), 1000)],
    ['a constant', new Int16Array(16000).fill(5000)],
  ])('%s raises no alarm', (_, samples) => {
    for (const announced of LAWS) {
      const { answer } = check(announced, encodeG711(truth, samples));
      if (announced === truth) expect(answer).not.toBe('mismatch');
      else expect(answer).not.toBe('ok');
    }
  });

  test('the silence of either law is silence', () => {
    for (const law of LAWS) {
      expect(check(truth, new Uint8Array(8000).fill(silenceByte(law))).answer).toBeUndefined();
    }
  });
});

test('the answer is the same however the bytes are cut, and stays', () => {
  const bytes = encodeG711('PCMA', speech(600, 3000));
  for (const sizes of [[1], [7, 333], [160], [4800]]) {
    const codecCheck = createCodecCheck('PCMU');
    const answers = cut(bytes, sizes).map((piece) => codecCheck.push(piece));

    expect(answers.at(-1)).toBe('mismatch');
    expect(codecCheck.push(encodeG711('PCMU', speech(1000, 3000)))).toBe('mismatch');
  }
});

describe.each([
  ['as people and lines make it', [0.05, 0.2, 0.6, 1], (answer: string | undefined) => answer === undefined],
  ['clipped beyond recognition: left open rather than told wrong', [4, 12, 40], () => false],
] as const)('hundreds of speakers, levels and ceilings, %s', (_, gains, isWrongToo) => {
  test.each(LAWS)('%s', (truth) => {
    const wrong: string[] = [];
    for (let seed = 100; seed < 300; seed++) {
      const gain = gains[seed % gains.length]!;
      const ceiling = [32767, 8000, 2000][seed % 3]!;
      const background = noise(500, [0, 20, 300, 900][(seed >> 2) % 4]!, seed);
      const bytes = encodeG711(truth, over(loud(speech(500, 3000, seed), gain, ceiling), background));
      for (const announced of LAWS) {
        const { answer } = check(announced, bytes);
        if (answer === (announced === truth ? 'mismatch' : 'ok') || isWrongToo(answer)) {
          wrong.push(`${seed} as ${announced}: ${answer}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });
});
