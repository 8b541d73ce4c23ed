import { describe, expect, it } from 'vitest';
import { sine } from '../../src/audio/tones.ts';
import type { EmulatedCall } from '../../src/emulator/telnyx/index.ts';
import { heardWords } from './ear.ts';
import { startNeighbour } from './neighbour.ts';
import { inWorld, until, type GatewayWorld } from './world.ts';

const SENTENCE =
  'We have a double room with a view of the harbour and a single room behind the kitchen which is small but quiet.';
const WORDS = SENTENCE.split(' ');

/** The agent says the long sentence, and the caller has heard `count` words of it. @returns where it began. */
async function speaking(world: GatewayWorld, call: EmulatedCall, count: number): Promise<number> {
  world.test.say(SENTENCE);
  const from = call.sample;
  world.test.recognise({ type: 'sttEndOfTurn', text: 'what do you have' });
  await until(() => heardWords(call.heardSince(from), SENTENCE).length >= count, `${count} words`);
  return from;
}

const whole = (heard: Int16Array): number[] =>
  heardWords(heard, SENTENCE)
    .filter((word) => word.complete)
    .map((word) => word.index);

describe.concurrent('words of the caller', () => {
  it.each([
    ['on a good line', {}],
    ['with marks that come back late and twice', { lateMarksMs: 150, duplicateMarks: 0.5, seed: 5 }],
    ['with half of the marks lost', { loseMarks: 0.5, seed: 5 }],
  ])('silence the agent, who knows to a word what was heard, %s', (_name, mediaFaults) =>
    inWorld({}, async (world) => {
      const neighbour = await startNeighbour(world);
      const call = await world.talk({ mediaFaults });
      for (const [round, count] of [3, 8].entries()) {
        const from = await speaking(world, call, count);
        const clears = call.clears.length;
        world.test.recognise({ type: 'sttPartial', text: 'and how much' });
        await until(() => call.clears.length > clears, 'the clear at the phone');
        const silentFrom = call.sample;
        const frames = call.frames.length;
        await call.play(sine({ hz: 500, ms: 500 }));
        // Nothing of the old sentence comes after the clear: no frame, and no sound.
        expect(call.frames.slice(frames).filter(({ kind }) => kind === 'media')).toEqual([]);
        expect(call.heardSince(silentFrom + 160).every((sample) => sample === 0)).toBe(true);
        const heard = whole(call.heardSince(from)).length;
        world.test.say('Ninety euros.');
        world.test.recognise({ type: 'sttEndOfTurn', text: 'and how much is it' });
        await until(() => world.of('turn.ended', call).length === 5 + 4 * round, 'the answer');
        const [cut, question] = world.test.lastMessages().slice(-2);
        expect(question).toEqual({ role: 'user', content: 'and how much is it' });
        expect(SENTENCE.startsWith(cut?.content ?? '-')).toBe(true);
        expect(
          Math.abs((cut?.content ?? '').split(' ').length - heard),
          `${cut?.content ?? ''} / ${heard}`,
        ).toBeLessThanOrEqual(1);
        expect(world.of('speech.interrupted', call).at(-1)?.data.heard).toBe(cut?.content);
      }
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      await neighbour.isUntouched();
    }),
  );

  it('do not silence what may not be interrupted', () =>
    inWorld({ agent: { greeting: SENTENCE, interruptible: false } }, async (world) => {
      const call = world.ring();
      await until(() => heardWords(call.heard(), SENTENCE).length >= 3, 'three words');
      await call.play(sine({ hz: 500, ms: 600 }));
      world.test.say('Certainly.');
      world.test.recognise({ type: 'sttPartial', text: 'hello' });
      world.test.recognise({ type: 'sttEndOfTurn', text: 'hello hello' });
      await until(() => world.of('turn.ended', call).length === 3, 'the greeting and the answer', 15_000);
      expect(call.clears).toEqual([]);
      expect(whole(call.heard())).toEqual(WORDS.map((_, n) => n));
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
    }));
});

describe.concurrent('a noise', () => {
  it('pauses the agent, who goes on at the border of the cut word: nothing is lost, one word may come twice', () =>
    inWorld({}, async (world) => {
      const neighbour = await startNeighbour(world);
      const call = await world.talk();
      world.test.notices = false;
      const from = await speaking(world, call, 4);
      // Long enough to be a possible barge-in, too short for a recogniser to be expected to answer.
      await call.play(sine({ hz: 500, ms: 420 }));
      await until(() => call.clears.length === 1, 'the pause');
      await until(() => world.of('turn.ended', call).length === 3, 'the sentence', 15_000);
      const heard = whole(call.heardSince(from));
      const history = world.of('turn.ended', call).at(-1)?.data;
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      await neighbour.isUntouched();
      expect([...new Set(heard)]).toEqual(WORDS.map((_, n) => n));
      expect(heard.length).toBeLessThanOrEqual(WORDS.length + 1);
      expect(history?.text).toBe(SENTENCE);
      expect(history?.interrupted).toBeUndefined();
    }));
});
