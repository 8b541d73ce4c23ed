import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { PublishedEvent } from '../../src/call/ports.ts';
import { VirtualClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import { EventBus } from '../../src/server/event-bus.ts';
import { streamEvents, type EventStreamOptions } from '../../src/server/event-stream.ts';
import { readEvents, type SseReader } from './sse-client.ts';
import { until } from './world.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

interface Bench {
  readonly clock: VirtualClock;
  readonly events: EventBus;
  /** Publishes events of a call and returns them. */
  readonly tell: (count: number, callId?: string, padding?: number) => PublishedEvent[];
  readonly read: (options?: Partial<EventStreamOptions>) => Promise<SseReader>;
}

/** What the journals know. */
function of(past: readonly PublishedEvent[]): EventStreamOptions['missed'] {
  return async function* (after, until) {
    for (const event of past) if (Number(event.id) > after && Number(event.id) <= until) yield event;
  };
}

const over = { isOver: true, awaitsMore: async () => false };

async function bench(capacity?: number): Promise<Bench> {
  const clock = new VirtualClock();
  const events = new EventBus(clock, silentLog, capacity);
  let next: Partial<EventStreamOptions> = {};
  server = createServer((_request, response) =>
    streamEvents(response, {
      events,
      clock,
      log: silentLog,
      after: events.newest,
      missed: of([]),
      ...next,
    }),
  );
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    clock,
    events,
    tell: (count, callId = 'call_1', padding = 0) =>
      Array.from({ length: count }, () => {
        const digit = '#'.repeat(padding);
        const data = { type: 'dtmf.received', data: { digit } } as const;
        const event: PublishedEvent = { ...data, id: events.nextId(), callId, at: '2026-01-01T00:00:00.000Z' };
        events.publish(event);
        return event;
      }),
    read: async (options = {}) => {
      next = options;
      return readEvents(`http://127.0.0.1:${port}/`);
    },
  };
}

const ids = (events: readonly { readonly id: string }[]): string[] => events.map(({ id }) => id);

describe('a stream of events', () => {
  it('gives what comes, what the bus remembers, and what the journals know, each once and in order', async () => {
    const { tell, read } = await bench();
    const early = tell(5);
    const fresh = await read();
    const back = await read({ after: Number(early[1]?.id) });
    const old = ['17', '18'].map((id): PublishedEvent => ({ ...(early[0] as PublishedEvent), id }));
    const older = await read({ after: 3, missed: of(old) });
    const later = tell(3);
    await until(
      () => fresh.events.length === 3 && back.events.length === 6 && older.events.length === 10,
      'all events',
    );

    expect(ids(fresh.events)).toEqual(ids(later));
    expect(ids(back.events)).toEqual(ids([...early.slice(2), ...later]));
    expect(ids(older.events)).toEqual(ids([...old, ...early, ...later]));
    expect(fresh.headers['content-type']).toBe('text/event-stream');
  });

  it('costs nothing for a reader that has gone before it began', async () => {
    const clock = new VirtualClock();
    const events = new EventBus(clock, silentLog);
    let timers = 0;
    const after: VirtualClock['after'] = (ms, run) => {
      timers += 1;
      return clock.after(ms, run);
    };
    const counting = { mono: () => clock.mono(), wall: () => clock.wall(), after };
    let isDone = false;
    server = createServer((_request, response) => {
      // As while the store is asked whether the call lives.
      response.on('close', () => {
        setImmediate(() => {
          streamEvents(response, { events, clock: counting, log: silentLog, after: events.newest, missed: of([]) });
          isDone = true;
        });
      });
      aborting.abort();
    });
    const aborting = new AbortController();
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await expect(fetch(`http://127.0.0.1:${port}/`, { signal: aborting.signal })).rejects.toThrow();
    await until(() => isDone, 'the stream that nobody reads');

    expect([events.readers, timers]).toEqual([0, 0]);
  });

  it('of one call has no other call in it, and of an ended one it ends', async () => {
    const { tell, read } = await bench();
    const one = await read({ callId: 'call_1' });
    const mine = tell(2, 'call_1');
    tell(2, 'call_2');
    const more = tell(1, 'call_1');
    await until(() => one.events.length === 3, 'the events');
    const past = await read({ callId: 'call_1', after: 0, missed: of([...mine, ...more]), call: over });
    await until(() => past.isClosed(), 'the stream to end');

    expect(ids(one.events)).toEqual(ids([...mine, ...more]));
    expect(ids(past.events)).toEqual(ids([...mine, ...more]));
  });

  it('of a call that is over tells browsers not to come back once they have everything', async () => {
    const { tell, read } = await bench();
    const mine = tell(2);
    const again = await read({ callId: 'call_1', after: Number(mine[1]?.id), missed: of(mine), call: over });
    await until(() => again.isClosed(), 'the stream to end');
    expect([again.status, again.events]).toEqual([204, []]);
    const rest = await read({ callId: 'call_1', after: Number(mine[0]?.id), missed: of(mine), call: over });
    await until(() => rest.isClosed(), 'the stream to end');
    expect([rest.status, ids(rest.events)]).toEqual([200, ids(mine.slice(1))]);
  });

  it('of a call ends with the call, or with its summary when one is to come', async () => {
    const { events, tell, read } = await bench();
    let awaited = false;
    const call = { isOver: false, awaitsMore: async () => awaited };
    const tellEnd = (type: 'call.ended' | 'call.summarized', callId: string): void => {
      const ended = { type: 'call.ended', data: { reason: 'caller_hangup', durationMs: 1 } } as const;
      const data = { status: 'ready', text: 'Done.', model: 'm', createdAt: '2026-01-01T00:00:00.000Z' } as const;
      const event = type === 'call.ended' ? ended : ({ type, data } as const);
      events.publish({ ...event, id: events.nextId(), callId, at: '2026-01-01T00:00:00.000Z' });
    };
    const plain = await read({ callId: 'call_1', call });
    tell(1);
    tellEnd('call.ended', 'call_1');
    await until(() => plain.isClosed(), 'the stream to end');
    expect(plain.events.map(({ event }) => event)).toEqual(['dtmf.received', 'call.ended']);

    awaited = true;
    const patient = await read({ callId: 'call_2', call });
    tellEnd('call.ended', 'call_2');
    const late = await read({ callId: 'call_2', after: 0, missed: of([]), call: { ...call, isOver: true } });
    tellEnd('call.summarized', 'call_3');
    tellEnd('call.summarized', 'call_2');
    await until(() => patient.isClosed() && late.isClosed(), 'both streams to end');
    expect(patient.events.map(({ event }) => event)).toEqual(['call.ended', 'call.summarized']);
    expect(late.events.map(({ event }) => event)).toEqual(['call.summarized']);
  });

  it('tells a partial to who is there, never to who comes back', async () => {
    const { events, tell, read } = await bench();
    const partial = (text: string): void =>
      events.publish({
        ...{ type: 'transcript.partial', data: { text }, id: events.nextId() },
        ...{ callId: 'call_1', at: '2026-01-01T00:00:00.000Z' },
      });
    const [first] = tell(1);
    partial('do you');
    const back = await read({ after: Number(first?.id) - 1 });
    partial('do you have');
    tell(1);
    await until(() => back.events.length === 3, 'the events');
    expect(back.events.map(({ data }) => (data['data'] as { text?: string }).text)).toEqual([
      undefined,
      'do you have',
      undefined,
    ]);
  });

  it('goes on out of the journals while the bus forgets what comes in the meantime', async () => {
    const { tell, read } = await bench(10);
    const all: PublishedEvent[] = tell(40);
    let rounds = 0;
    const missed: EventStreamOptions['missed'] = async function* (after, until) {
      rounds += 1;
      if (rounds <= 3) all.push(...tell(30));
      yield* of(all)(after, until);
    };
    const reader = await read({ after: Number(all[0]?.id), missed });
    await until(() => reader.events.length === 129, 'all events');
    expect(ids(reader.events)).toEqual(ids(all.slice(1)));
    expect(rounds).toBeGreaterThan(1);
  });

  it('cuts a reader for whom the past cannot be read now: there is no gap', async () => {
    const { tell, read } = await bench(10);
    const all = tell(40);
    const reader = await read({
      after: Number(all[0]?.id),
      missed: async function* () {
        yield* all.slice(1, 3);
        throw new Error('the store is away');
      },
    });
    await until(() => reader.isClosed(), 'the reader to be cut');
    // What was on its way goes with the socket; nothing behind it was told.
    expect(ids(reader.events)).toEqual(ids(all.slice(1, 1 + reader.events.length)));
    expect(reader.events.length).toBeLessThanOrEqual(2);
  });

  it('does not cut a reader that comes back far behind and reads', async () => {
    const { tell, read } = await bench(5000);
    const early = tell(5000, 'call_1', 1000);
    const back = await read({ after: Number(early[0]?.id) });
    await until(() => back.events.length === 4999, 'the events');
    expect(ids(back.events)).toEqual(ids(early.slice(1)));
  });

  it('cuts a reader that does not read once the bus has forgotten what it misses, and keeps nothing for it', async () => {
    const { tell, read } = await bench(500);
    const reader = await read();
    const attentive = await read();
    reader.pause();
    let told = 0;
    // More than any socket buffer holds.
    for (; told < 40_000; told += 400) {
      tell(400, 'call_1', 1000);
      await until(() => attentive.events.length === told + 400, 'the attentive reader');
    }
    reader.resume();
    await until(() => reader.isClosed(), 'the slow reader to be cut');
    expect(reader.events.length).toBeLessThan(told);
    expect(attentive.events.length).toBe(told);
  }, 30_000);

  it('says something now and then, and cuts a reader that has not read since', async () => {
    const { clock, tell, read } = await bench();
    const reader = await read();
    clock.advance(60_000);
    tell(1);
    await until(() => reader.events.length === 1, 'the event');
    expect(reader.isClosed()).toBe(false);
    reader.close();
    await until(() => clock.pending === 0, 'its timer to be cancelled');
  });

  it('survives a listener that throws', async () => {
    const { events, tell } = await bench();
    const heard: string[] = [];
    events.subscribe(() => {
      throw new Error('listener');
    });
    events.subscribe(({ id }) => heard.push(id));
    expect(heard).toEqual([]);
    expect(ids(tell(2))).toEqual(heard);
  });

  it('has ids that go on above those of an earlier process, also when the clock was set back', async () => {
    const { clock, events } = await bench();
    const first = Number(events.nextId());
    events.startAfter(String(first + 5_000_000));
    expect(Number(events.nextId())).toBeGreaterThan(first + 5_000_000);
    clock.advance(60_000);
    expect(Number(events.nextId())).toBe(clock.wall() * 1000);
  });
});
