import { describe, expect, it } from 'vitest';
import type { EmulatedCall } from '../../src/emulator/telnyx/index.ts';
import { renderVoice } from '../../src/emulator/voice.ts';
import { listEnded, listLive, readJournal } from '../../src/journal/reader.ts';
import { eventProblem } from '../../src/server/event-schemas.ts';
import { inChildWorld, type Child, type ChildWorld } from './child.ts';
import { readEvents, untilEvent, type SseEvent, type SseReader } from './sse-client.ts';
import { CALLER, RECEPTION, until } from './world.ts';

const stored = (events: readonly SseEvent[]): SseEvent[] =>
  events.filter(({ event }) => event !== 'transcript.partial');
const ids = (events: readonly SseEvent[]): string[] => events.map(({ id }) => id);
const sorted = (list: readonly string[]): string[] => [...list].sort((a, b) => Number(a) - Number(b));

/** Ids of all events that are on file. */
async function journaled({ dataDir }: ChildWorld): Promise<string[]> {
  const files = [...(await listLive(dataDir)), ...(await listEnded(dataDir, { limit: 1000 }))];
  const journals = await Promise.all(files.map(({ path }) => readJournal(path)));
  return sorted(journals.flatMap(({ records }) => records.flatMap((record) => (record.k === 'ev' ? [record.id] : []))));
}

describe('a reader of events', () => {
  it(
    'that comes back after its gateway was killed, twice, has every event once and in order, summaries too',
    () =>
      inChildWorld({ agent: { summary: true } }, async (world) => {
        const { telnyx } = world;
        const url = `${world.origin}/v1/events`;
        const seen: SseEvent[] = [];
        let reader = undefined as unknown as SseReader;
        const come = async (): Promise<void> => {
          reader = await readEvents(url, { 'last-event-id': seen.at(-1)?.id ?? '0' });
        };
        const leave = (): void => {
          seen.push(...reader.events);
          reader.close();
        };
        const talk = async (): Promise<EmulatedCall> => {
          const call = telnyx.placeCall({ from: CALLER, to: RECEPTION });
          await until(() => call.isStreaming, 'the call to be up');
          await until(() => call.sample > 12_000, 'the greeting');
          await call.play(renderVoice('do you have a room', 8000).samples);
          return call;
        };
        /** Everything that was told is on file: what a kill takes back is another matter. */
        const kill = async (child: Child): Promise<void> => {
          for (let file: string[] = []; ;) {
            file = await journaled(world);
            const told = stored(reader.events).filter(({ event }) => event !== 'call.summarized');
            if (told.every(({ id }) => file.includes(id))) break;
          }
          child.process.kill('SIGKILL');
          await child.exit;
        };

        const first = await world.start();
        await come();
        const [one, two] = await Promise.all([talk(), talk()]);
        await until(() => reader.events.filter(({ event }) => event === 'turn.ended').length >= 6, 'both answers');
        one.hangup();
        await untilEvent(reader, 'call.summarized');
        await kill(first);
        leave();

        // Nobody reads while this one lives.
        const second = await world.start();
        await until(() => two.isStreaming, 'the call to be taken over');
        const three = await talk();
        const asked = three.sample;
        await until(() => three.sample > asked + 20_000, 'the answer');
        three.hangup();
        await come();
        await until(() => reader.events.filter(({ event }) => event === 'call.summarized').length === 1, 'its summary');
        await kill(second);
        leave();

        await world.start();
        await come();
        await until(() => two.isStreaming, 'the call to be taken over again');
        two.hangup();
        await untilEvent(reader, 'call.summarized');
        leave();

        expect(ids(seen)).toEqual(sorted([...new Set(ids(seen))]));
        const summaries = seen.filter(({ event }) => event === 'call.summarized');
        const rest = stored(seen).filter(({ event }) => event !== 'call.summarized');
        expect(ids(rest)).toEqual(await journaled(world));
        expect(new Set(summaries.map(({ data }) => data['callId'])).size).toBe(3);
        expect(summaries).toHaveLength(3);
        expect(seen.map(({ data }) => eventProblem(data as { type: string })).filter(Boolean)).toEqual([]);

        // From the very beginning it is the same again, without what is never stored.
        const again = await readEvents(url, { 'last-event-id': '0' });
        await until(() => again.events.length >= stored(seen).length, 'all events again');
        expect(ids(again.events)).toEqual(ids(stored(seen)));
        again.close();

        const callId = String(summaries[0]?.data['callId']);
        const call = (await world.json(`/v1/calls/${callId}`)) as { summary: unknown };
        expect(call.summary).toEqual(summaries[0]?.data['data']);
        const ofOne = await readEvents(`${world.origin}/v1/calls/${callId}/events`);
        await until(() => ofOne.isClosed(), 'the stream of an ended call to end');
        expect(ids(ofOne.events)).toEqual(ids(stored(seen).filter(({ data }) => data['callId'] === callId)));
        expect(((await world.json('/asyncapi.json')) as { asyncapi: string }).asyncapi).toBe('3.0.0');
      }),
    60_000,
  );
});
