import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, VirtualClock } from '../../src/core/clock.ts';
import { silentLog, type Log } from '../../src/core/log.ts';
import { openStore, type OpenedStore, type StoreThreadEvents } from '../../src/store/client.ts';
import { NO_FOLLOW_UPS } from '../../src/store/follow-ups.ts';
import type { ToThread } from '../../src/store/protocol.ts';
import { batchOf, callRow, turnRow } from './samples.ts';

const IDLE = { pendingCalls: 0, lagMs: 0, skipped: 0, outbox: 0 };
const UNAVAILABLE = { code: 'store_unavailable', retryable: true };

describe('a store in its own thread', () => {
  let folder: string;
  let files = 0;
  const opened: OpenedStore[] = [];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'landline-store-'));
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function open(databaseUrl = `sqlite:${join(folder, `${++files}.db`)}`, log: Log = silentLog): OpenedStore {
    const projector = { dataDir: join(folder, 'data'), followUps: NO_FOLLOW_UPS };
    const store = openStore({ databaseUrl, clock: systemClock, log, projector });
    opened.push(store);
    return store;
  }
  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  it('answers as the port says, and has made its tables by itself', async () => {
    const store = open();

    await store.project(batchOf(callRow('a'), 1, { turns: [turnRow('a', 1, 'hello')] }));

    expect((await store.listCalls({ limit: 9, text: 'hello' })).calls).toEqual([callRow('a')]);
    expect(await store.call('b')).toBeUndefined();
    expect(await store.migrate()).toEqual(['0001_first']);
    await store.rest();
  });

  it('passes errors on with their code', async () => {
    const store = open();

    await expect(store.listCalls({ limit: 1, cursor: 'x' })).rejects.toMatchObject({
      name: 'LandlineError',
      code: 'request_invalid',
      retryable: false,
    });
  });

  it('finishes what is under way when it is closed, and takes nothing more', async () => {
    const url = `sqlite:${join(folder, 'closing.db')}`;
    const store = open(url);
    const writes = Array.from({ length: 50 }, (_, n) => store.project(batchOf(callRow(`c${n}`), 1)));

    await Promise.all([store.close(), store.close()]);

    await Promise.all(writes);
    await expect(store.ping()).rejects.toMatchObject(UNAVAILABLE);
    expect((await open(url).listCalls({ limit: 99 })).calls).toHaveLength(50);
  });

  it('tells that the database cannot be used, and that it can again', async () => {
    const path = join(folder, 'locked.db');
    const lines: string[] = [];
    const note = (_fields: unknown, message: string): void => void lines.push(message);
    const store = open(`sqlite:${path}`, { ...silentLog, error: note, info: note });
    await until(() => store.state().failed === undefined);
    expect(store.state()).toEqual(IDLE);
    const other = new DatabaseSync(path);

    other.exec('DROP TABLE outbox');
    await until(() => store.state().failed !== undefined);
    const failed = store.state().failed;
    other.exec('CREATE TABLE outbox (state TEXT)');
    await until(() => store.state().failed === undefined);
    other.close();

    expect(failed).toContain('no such table');
    expect(lines).toEqual(['the database cannot be used', 'the database answers again']);
  });
});

describe('the thread of a store', () => {
  /** A thread that does what the test says. */
  function world(): {
    clock: VirtualClock;
    store: OpenedStore;
    starts: StoreThreadEvents[];
    posted: ToThread[];
    lines: string[];
  } {
    const clock = new VirtualClock();
    const starts: StoreThreadEvents[] = [];
    const posted: ToThread[] = [];
    const lines: string[] = [];
    const store = openStore({
      databaseUrl: 'sqlite:nowhere',
      clock,
      log: { ...silentLog, error: (_fields, message) => lines.push(message) },
      startThread: (_setup, events) => {
        starts.push(events);
        return { post: (message) => posted.push(message), terminate: async () => undefined };
      },
    });
    return { clock, store, starts, posted, lines };
  }

  it('that dies fails what waits, and is started again, later each time', async () => {
    const { clock, store, starts, lines } = world();
    const asked = store.ping();

    starts[0]!.died('out of memory');

    await expect(asked).rejects.toMatchObject({
      ...UNAVAILABLE,
      message: expect.stringContaining('out of memory') as string,
    });
    await expect(store.ping()).rejects.toMatchObject(UNAVAILABLE);
    expect(store.state().failed).toContain('out of memory');
    const pauses = [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000].map((ms) => {
      const before = starts.length;
      clock.advance(ms - 1);
      const early = starts.length - before;
      clock.advance(1);
      starts.at(-1)!.died('again');
      return [early, starts.length - before];
    });
    expect(pauses).toEqual(pauses.map(() => [0, 1]));
    expect(lines).toHaveLength(8);
    clock.advance(5_000);
    starts.at(-1)!.message({ type: 'state', state: IDLE });
    expect(store.state()).toEqual(IDLE);
    starts.at(-1)!.died('once more');
    clock.advance(250);
    expect(starts).toHaveLength(10);
  });

  it('that does not answer fails each question after 10 s, a migration never, and is seen', async () => {
    const { clock, store, starts } = world();
    starts[0]!.message({ type: 'state', state: IDLE });
    const asked = store.ping();
    const migrated = store.migrate();

    clock.advance(9_999);
    expect(store.state().failed).toBeUndefined();
    clock.advance(2);

    await expect(asked).rejects.toMatchObject(UNAVAILABLE);
    expect(store.state().failed).toBe("the store's thread has said nothing for 10 s");
    starts[0]!.message({ type: 'answer', id: 1, value: undefined });
    starts[0]!.message({ type: 'answer', id: 2, value: ['x'] });
    expect(await migrated).toEqual(['x']);
    expect(clock.pending).toBe(0);
  });

  it('lets at most a thousand questions wait', async () => {
    const { store, starts, posted } = world();
    const asked = Array.from({ length: 1_000 }, () => store.ping());

    await expect(store.ping()).rejects.toMatchObject(UNAVAILABLE);

    expect(posted).toHaveLength(1_000);
    for (let id = 1; id <= 1_000; id++) starts[0]!.message({ type: 'answer', id, value: undefined });
    await Promise.all(asked);
    void store.ping();
    expect(posted).toHaveLength(1_001);
  });

  it('that does not finish is left after 15 s', async () => {
    const { clock, store, posted } = world();
    const asked = store.ping();
    const closed = store.close();

    store.touched('a', '1');
    clock.advance(15_000);

    await closed;
    await expect(asked).rejects.toMatchObject(UNAVAILABLE);
    expect(posted.map(({ type }) => type)).toEqual(['ask', 'close']);
    expect(clock.pending).toBe(0);
  });
});
