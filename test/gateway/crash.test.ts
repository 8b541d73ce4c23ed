import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { EmulatedCall } from '../../src/emulator/telnyx/index.ts';
import { renderVoice } from '../../src/emulator/voice.ts';
import { listEnded, listLive, readJournal } from '../../src/journal/reader.ts';
import { heardWords } from './ear.ts';
import { inChildWorld, type ChildWorld } from './child.ts';
import { CALLER, RECEPTION, until } from './world.ts';

/** Ages of the calls when the process is killed: ringing, being answered, greeted, spoken to, answered, and later. */
const AGES_MS = [3, 40, 90, 160, 320, 700, 1400, 2600, 3600, 6800];

interface CallRow {
  readonly id: string;
  readonly status: string;
  readonly endReason: string | null;
  readonly telnyx: { readonly callControlId: string };
}

const ask = (call: EmulatedCall): Promise<void> => call.play(renderVoice('do you have a room', 8000).samples);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Small and seeded: the moments differ from run to run of the table, never from run to run of the test. */
function jitter(seed: number): (ms: number) => number {
  let state = seed;
  return (ms) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return ms * (0.8 + (0.4 * (state >>> 8)) / 0x1000000);
  };
}

async function rows(world: ChildWorld): Promise<Map<string, CallRow>> {
  const { calls } = (await world.json('/v1/calls')) as { calls: CallRow[] };
  return new Map(calls.map((row) => [row.telnyx.callControlId, row]));
}

/** Everything of this data directory is closed, whole, and says how it ended. */
async function expectClosedBooks(world: ChildWorld): Promise<void> {
  expect(await listLive(world.dataDir)).toEqual([]);
  for (const { path } of await listEnded(world.dataDir)) {
    const { ended, damaged, tornBytes, records } = await readJournal(path);
    expect([ended, damaged, tornBytes], path).toEqual([true, [], 0]);
    const numbers = records.flatMap((record) => ('s' in record ? [record.s] : []));
    expect(new Set(numbers).size, path).toBe(numbers.length);
    const ends = records.filter((record) => record.k === 'ev' && record.d.type === 'call.ended');
    expect(ends.length, path).toBe(1);
  }
}

describe.concurrent.each([1, 2])('a process that is killed, seed %i', (seed) => {
  it(
    'is followed by one that goes on with every call, wherever it was',
    () =>
      inChildWorld({}, async (world) => {
        const { telnyx } = world;
        const moment = jitter(seed);
        const first = await world.start();
        const ages = AGES_MS.map(moment).sort((a, b) => b - a);
        const calls: EmulatedCall[] = [];
        const oldest = ages[0] ?? 0;
        const begin = performance.now();
        for (const age of ages) {
          await pause(Math.max(0, begin + oldest - age - performance.now()));
          const call = telnyx.placeCall({ from: CALLER, to: RECEPTION });
          calls.push(call);
          // Who is old enough asks a question.
          void pause(1500).then(() => ask(call));
        }
        await pause(Math.max(0, begin + oldest - performance.now()));
        first.process.kill('SIGKILL');
        await first.exit;
        const asked = world.asked().length;
        // One hangs up while nobody is there to hear of it.
        const gone = calls[1];
        const others = calls.filter((call) => call !== gone);
        gone?.hangup();

        const second = await world.start();
        const readyAt = performance.now();
        await until(() => others.every((call) => call.isStreaming), 'every call to have a stream again', 10_000);
        expect(performance.now() - readyAt).toBeLessThan(10_000);
        await until(() => telnyx.webhooks.every(({ status }) => status !== 'pending'), 'webhooks to be told');
        expect(others.map((call) => call.state)).toEqual(others.map(() => 'answered'));

        // The conversation goes on: the model is told what was said before.
        const [talked] = others;
        if (!talked) throw new Error('no call');
        await until(() => second.lines.some((line) => line.includes('taken over')), 'the takeover');
        const before = talked.sample;
        await ask(talked);
        await until(() => heardWords(talked.heardSince(before), 'Answer 2 for you.').length >= 4, 'the next answer');
        const told = world
          .asked()
          .slice(asked)
          // Only the oldest calls had an answer; whose question was the first is for the recognisers to say.
          .find((messages) => messages[2] === 'Answer 1 for you.');
        expect(told?.[0]).toBe('Hello there.');
        expect(told?.[1]).toMatch(/^question \d+$/);
        expect(told?.[3]).toMatch(/^question \d+$/);

        for (const call of others) call.hangup();
        await until(() => telnyx.liveCalls().length === 0, 'every leg to be down');
        await until(() => telnyx.webhooks.every(({ status }) => status !== 'pending'), 'webhooks to be told');
        second.process.kill('SIGTERM');
        expect(await second.exit).toEqual({ code: 0, signal: null });
        await expectClosedBooks(world);

        const third = await world.start();
        const table = await rows(world);
        for (const call of calls) {
          const row = table.get(call.ids.callControlId);
          expect([row?.status, row?.endReason], call === gone ? 'the one that hung up' : 'another').toEqual([
            'ended',
            call === gone ? (expect.stringMatching(/^(crash_recovered|caller_hangup)$/) as unknown) : 'caller_hangup',
          ]);
        }
        const transcript = (await world.json(
          `/v1/calls/${table.get(talked.ids.callControlId)?.id ?? ''}/transcript`,
        )) as {
          turns: { role: string; text: string }[];
        };
        expect(transcript.turns.map(({ role }) => role)).toEqual(['agent', 'caller', 'agent', 'caller', 'agent']);
        third.process.kill('SIGTERM');
        await third.exit;
        expect(existsSync(join(world.dataDir, 'journal', 'live'))).toBe(true);
      }),
    60_000,
  );
});
