import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock, VirtualClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import { openStore } from '../../src/store/client.ts';
import { openEngine } from '../../src/store/open-engine.ts';
import type { CallPage, CallQuery } from '../../src/store/port.ts';
import { createSqlStore, type SqlStore } from '../../src/store/sql-store.ts';
import { startPostgres, type TestPostgres } from './postgres.ts';
import { AT, batchOf, callRow, endedRow, eventRow, legRow, newWork, turnRow } from './samples.ts';

let postgres: TestPostgres;
let folder: string;
let files = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'landline-store-'));
  postgres = await startPostgres();
});
afterAll(async () => {
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
});

const opened: SqlStore[] = [];
function open(url: string): SqlStore {
  const store = createSqlStore(openEngine(url, silentLog), systemClock);
  opened.push(store);
  return store;
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
});

async function freshUrl(engine: string): Promise<string> {
  return engine === 'SQLite' ? `sqlite:${join(folder, `${++files}.db`)}` : postgres.database();
}

async function fresh(engine: string): Promise<SqlStore> {
  return open(await freshUrl(engine));
}

async function idsOf(store: SqlStore, query: Partial<CallQuery> = {}): Promise<string[]> {
  return (await store.listCalls({ limit: 100, ...query })).calls.map(({ id }) => id);
}

/** Statements of another program on the same database. */
async function execute(url: string, statement: string): Promise<void> {
  if (url.startsWith('sqlite:')) {
    const database = new DatabaseSync(url.slice('sqlite:'.length));
    database.exec(statement);
    database.close();
    return;
  }
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statement);
  await client.end();
}

describe.each(['SQLite', 'PostgreSQL'])('%s', (engine) => {
  it('gives back what a batch brought', async () => {
    const store = await fresh(engine);
    const call = endedRow('a', {
      metadata: { order: '17', nothing: '' },
      callLegId: 'leg',
      callSessionId: 'session',
      summary: { text: 'Asked for a table.', data: { guests: 4 } },
    });
    const legs = [
      legRow('a', 'caller'),
      legRow('a', 'target1', { createdAt: AT + 5, answeredAt: AT + 6, sipCode: '200' }),
    ];
    const turns = [
      turnRow('a', 3, 'A table for four', { latency: { llm: 120.5 } }),
      turnRow('a', 9, 'Of course', { role: 'agent', interrupted: true }),
      turnRow('a', 12, 'book {}', { role: 'tool', turn: null }),
    ];
    const events = [eventRow('a', 1, 'call.created', { from: '+1' }), eventRow('a', 2, 'call.ended', { reason: 'x' })];
    const actions = [{ callId: 'a', seq: 4, at: AT, by: 'api', type: 'say', detail: { text: 'hello' } }];

    await store.project(batchOf(call, 100, { legs, turns, events, actions }));

    expect(await store.call('a')).toEqual(call);
    expect(await store.legs('a')).toEqual(legs);
    expect(await store.turns('a')).toEqual(turns);
    expect(await store.events({ callId: 'a', limit: 10 })).toEqual(events);
    expect(await store.actions('a')).toEqual(actions);
    expect(await store.positions(['a', 'b'])).toEqual([{ callId: 'a', bytes: 100, complete: true }]);
    expect(await store.call('b')).toBeUndefined();
    expect(await store.turns('b')).toEqual([]);
  });

  it('keeps texts no database can hold, replacing only what it must', async () => {
    const store = await fresh(engine);
    const call = callRow('a', {
      from: 'sip:\0x@y',
      metadata: { ['long'.repeat(2_000)]: 'v'.repeat(9_000), n: 'a\0b\ud800' },
    });

    await store.project(batchOf(call, 1, { turns: [turnRow('a', 1, 'zero \0 half \udc00 "quoted" \\u0000 🎉')] }));

    expect((await store.turns('a'))[0]?.text).toBe('zero \uFFFD half \uFFFD "quoted" \\u0000 🎉');
    expect((await store.call('a'))?.metadata['n']).toBe('a\uFFFDb\uFFFD');
    expect(await idsOf(store, { metadata: { n: 'a\0b\ud800' } })).toEqual(['a']);
    expect(await idsOf(store, { metadata: { ['long'.repeat(2_000)]: 'v'.repeat(9_000) } })).toEqual(['a']);
    expect(await idsOf(store, { metadata: { ['long'.repeat(2_000)]: 'v'.repeat(9_001) } })).toEqual([]);
  });

  describe('project', () => {
    const first = batchOf(callRow('a'), 50, {
      turns: [turnRow('a', 1, 'one')],
      events: [eventRow('a', 1, 'call.created')],
      work: [newWork('w1')],
    });
    const last = batchOf(endedRow('a'), 90, {
      legs: [legRow('a', 'caller', { endedAt: AT + 61_000 })],
      turns: [turnRow('a', 1, 'one'), turnRow('a', 2, 'two')],
      events: [eventRow('a', 1, 'call.created'), eventRow('a', 2, 'call.ended')],
      work: [newWork('w1'), newWork('w2')],
    });

    it.each([
      ['once', [first, last]],
      ['each twice', [first, first, last, last]],
      ['the last without the first', [last]],
      ['the first again after the last', [first, last, first]],
    ] as const)('is the same: %s', async (_order, batches) => {
      const store = await fresh(engine);

      for (const batch of batches) await store.project(batch);

      expect(await idsOf(store)).toEqual(['a']);
      expect(await store.call('a')).toEqual(last.call);
      expect(await store.legs('a')).toEqual(last.legs);
      expect((await store.turns('a')).map(({ text }) => text)).toEqual(['one', 'two']);
      expect((await store.events({ limit: 10 })).map(({ type }) => type)).toEqual(['call.created', 'call.ended']);
      expect((await store.dueWork(Infinity, 10)).map(({ key }) => key)).toEqual(['w1']);
      expect(await store.waitingWork()).toBe(2);
      expect(await store.positions(['a'])).toEqual([{ callId: 'a', bytes: 90, complete: true }]);
    });

    it('settles once how a call ended', async () => {
      const store = await fresh(engine);
      await store.project(last);

      await store.project(batchOf(endedRow('a', { endedAt: AT + 99_000, endReason: 'error' }), 95));
      await store.project(batchOf(callRow('a', { status: 'active' }), 99));

      expect(await store.call('a')).toEqual(last.call);
    });

    it('of many writers at once leaves one call, whole', async () => {
      const store = await fresh(engine);

      await Promise.all(Array.from({ length: 12 }, (_, n) => store.project(n % 2 === 0 ? first : last)));

      expect(await store.call('a')).toEqual(last.call);
      expect(await store.turns('a')).toHaveLength(2);
      expect(await store.waitingWork()).toBe(2);
    });

    it('writes a batch wholly or not at all', async () => {
      const store = await fresh(engine);
      const orphan = { ...eventRow('nobody', 3, 'call.ended') };

      await expect(store.project({ ...last, events: [orphan] })).rejects.toMatchObject({ code: 'internal_error' });

      expect(await idsOf(store)).toEqual([]);
      expect(await store.turns('a')).toEqual([]);
      expect(await store.positions(['a'])).toEqual([]);
      expect(await store.waitingWork()).toBe(0);
    });

    it('finds a call by what became known of it later', async () => {
      const store = await fresh(engine);
      await store.project(batchOf(callRow('a', { to: '' }), 1));

      await store.project(batchOf(callRow('a', { to: '+4930', metadata: { k: 'v' } }), 2));

      expect(await idsOf(store, { number: '+4930' })).toEqual(['a']);
      expect(await idsOf(store, { number: '' })).toEqual([]);
      expect(await idsOf(store, { metadata: { k: 'v' } })).toEqual(['a']);
    });

    it('takes a thousand turns and events in one batch', async () => {
      const store = await fresh(engine);
      const turns = Array.from({ length: 1_200 }, (_, n) => turnRow('a', n, `word${n}`));
      const events = Array.from({ length: 1_200 }, (_, n) => eventRow('a', n, 'turn.ended'));

      await store.project(batchOf(callRow('a'), 1, { turns, events }));

      expect(await store.turns('a')).toEqual(turns);
      expect(await store.events({ limit: 2_000 })).toEqual(events);
      expect(await idsOf(store, { text: 'word1199 word0' })).toEqual(['a']);
    });
  });

  describe('listCalls', () => {
    const calls = [
      callRow('c0', { createdAt: AT, metadata: { shop: 'a', tier: '1' } }),
      endedRow('c1', {
        createdAt: AT + 1.5,
        direction: 'outbound',
        from: '+2',
        to: '+3',
        metadata: { shop: 'b', tier: '1' },
      }),
      endedRow('c2', { createdAt: AT + 2, agent: 'night', endReason: 'no_answer', metadata: { shop: 'a', tier: '2' } }),
      callRow('c3', { createdAt: AT + 2, status: 'ringing', from: '+3', to: '+3' }),
    ];
    const texts = ['Good morning, Zürich', 'the order of tomatoes', 'tomato soup in the morning', ''];
    const filters: readonly (readonly [Partial<CallQuery>, readonly string[]])[] = [
      [{}, ['c3', 'c2', 'c1', 'c0']],
      [{ status: 'ended' }, ['c2', 'c1']],
      [{ direction: 'outbound' }, ['c1']],
      [{ number: '+3' }, ['c3', 'c1']],
      [{ from: '+3' }, ['c3']],
      [{ to: '+3' }, ['c3', 'c1']],
      [{ agent: 'night' }, ['c2']],
      [{ endReason: 'no_answer' }, ['c2']],
      [{ after: AT + 1.5 }, ['c3', 'c2', 'c1']],
      [{ after: AT + 1.6 }, ['c3', 'c2']],
      [{ before: AT + 1.5 }, ['c0']],
      [{ before: AT + 1.6 }, ['c1', 'c0']],
      [{ after: AT + 1, before: AT + 2 }, ['c1']],
      [{ metadata: { shop: 'a' } }, ['c2', 'c0']],
      [{ metadata: { shop: 'a', tier: '2' } }, ['c2']],
      [{ metadata: { shop: 'a', tier: '3' } }, []],
      [{ metadata: {} }, ['c3', 'c2', 'c1', 'c0']],
      [{ text: 'morning' }, ['c2', 'c0']],
      [{ text: 'MORNING the' }, ['c2']],
      [{ text: 'zurich' }, ['c0']],
      [{ text: 'tomato' }, ['c2']],
      [{ text: 'tomat*' }, ['c2', 'c1']],
      [{ text: 'tom* morn*' }, ['c2']],
      [{ text: ' ' }, ['c3', 'c2', 'c1', 'c0']],
      [{ text: '*' }, []],
      [{ text: 'morning', metadata: { tier: '1' }, number: '+13125550100', status: 'active' }, ['c0']],
      [{ text: 'tom*', number: '+3', before: AT + 2 }, ['c1']],
      [{ metadata: { shop: 'b' }, number: '+2' }, ['c1']],
    ];

    it('finds by each filter, and by several', async () => {
      const store = await fresh(engine);
      for (const [n, call] of calls.entries()) {
        const turns = texts[n] ? [turnRow(call.id, 1, texts[n])] : [];
        await store.project(batchOf(call, 1, { turns }));
      }

      for (const [query, ids] of filters) {
        expect([query, await idsOf(store, query)]).toEqual([query, ids]);
        const { calls: page, nextCursor } = await store.listCalls({ ...query, limit: 1 });
        expect(page.map(({ id }) => id)).toEqual(ids.slice(0, 1));
        expect(nextCursor !== null).toBe(ids.length > 1);
      }
    });

    it.each([{}, { text: 'word' }, { number: '+13125550100' }, { metadata: { k: 'v' } }, { agent: 'front-desk' }])(
      'pages through %o, each call once, also while calls come in',
      async (query) => {
        const store = await fresh(engine);
        const add = (id: string, at: number): Promise<void> =>
          store.project(
            batchOf(callRow(id, { createdAt: at, metadata: { k: 'v' } }), 1, { turns: [turnRow(id, 1, 'a word')] }),
          );
        for (let n = 0; n < 23; n++) await add(`c${n}`, AT + Math.floor(n / 4));

        const seen: string[] = [];
        let cursor: string | null = null;
        do {
          const page: CallPage = await store.listCalls({ ...query, limit: 5, ...(cursor ? { cursor } : {}) });
          seen.push(...page.calls.map(({ id }) => id));
          cursor = page.nextCursor;
          await add(`new${seen.length}`, AT + 1_000 + seen.length);
        } while (cursor);

        expect(seen).toEqual(Array.from({ length: 23 }, (_, n) => `c${22 - n}`));
      },
    );

    it.each(['', 'x', 'Y2FsbHM6', Buffer.from('calls:1;').toString('base64url')])(
      'refuses the cursor %j',
      async (cursor) => {
        const store = await fresh(engine);

        await expect(store.listCalls({ limit: 1, cursor })).rejects.toMatchObject({ code: 'request_invalid' });
      },
    );

    it.each([
      '" OR 1=1 --',
      'NEAR(a b)',
      'AND OR NOT',
      "it's & ! | <-> ( ) :*",
      'words: a',
      '^a -b +c',
      '{words}: "a"',
      "\\' \\\\",
      '\0 \ud800',
      '"',
      "''",
      '%_',
      'a'.repeat(5_000),
      '中*文 * **',
    ])('reads no operators in %j', async (text) => {
      const store = await fresh(engine);
      await store.project(batchOf(callRow('a'), 1, { turns: [turnRow('a', 1, text)] }));
      await store.project(batchOf(callRow('b'), 1, { turns: [turnRow('b', 1, 'something else')] }));

      expect(await idsOf(store, { text: `${text} something` })).toEqual(/[\p{L}\p{N}]/u.test(text) ? [] : ['b']);
      expect(await idsOf(store, { text })).toEqual(/[\p{L}\p{N}]/u.test(text) ? ['a'] : []);
    });

    it('finds what was summarised', async () => {
      const store = await fresh(engine);
      await store.project(batchOf(endedRow('a'), 1, { turns: [turnRow('a', 1, 'hello')] }));

      await store.addSummary(
        'a',
        { text: 'Wants a refund', data: { items: ['lamp'] } },
        eventRow('a', 9, 'call.summarized'),
      );
      await store.addSummary('gone', { text: 'x' }, eventRow('gone', 10, 'call.summarized'));

      expect(await idsOf(store, { text: 'lamp refund hello' })).toEqual(['a']);
      expect((await store.call('a'))?.summary).toEqual({ text: 'Wants a refund', data: { items: ['lamp'] } });
      expect((await store.events({ limit: 9 })).map(({ type }) => type)).toEqual(['call.summarized']);
    });

    it('keeps a summary when the journal is read again', async () => {
      const store = await fresh(engine);
      await store.project(batchOf(endedRow('a'), 1));
      await store.addSummary('a', { text: 'kept' }, eventRow('a', 9, 'call.summarized'));

      await store.project(batchOf(endedRow('a'), 1));

      expect((await store.call('a'))?.summary).toEqual({ text: 'kept' });
    });
  });

  it('gives events of one call or of all, after an id, of some types', async () => {
    const store = await fresh(engine);
    const a = [eventRow('a', 1, 'call.created'), eventRow('a', 3, 'turn.ended'), eventRow('a', 4, 'call.ended')];
    const b = [eventRow('b', 2, 'call.created'), eventRow('b', 5, 'call.ended')];
    await store.project(batchOf(callRow('a'), 1, { events: a }));
    await store.project(batchOf(callRow('b'), 1, { events: b }));
    const told = async (query: Parameters<SqlStore['events']>[0]): Promise<number[]> =>
      (await store.events(query)).map(({ id }) => Number(id) - AT * 1000);

    expect(await told({ limit: 10 })).toEqual([1, 2, 3, 4, 5]);
    expect(await told({ limit: 2 })).toEqual([1, 2]);
    expect(await told({ after: String(AT * 1000 + 2), limit: 10 })).toEqual([3, 4, 5]);
    expect(await told({ callId: 'a', after: String(AT * 1000 + 1), limit: 10 })).toEqual([3, 4]);
    expect(await told({ types: ['call.ended'], limit: 10 })).toEqual([4, 5]);
    expect(await told({ types: [], limit: 10 })).toEqual([]);
    await expect(told({ after: "1' OR", limit: 1 })).rejects.toMatchObject({ code: 'request_invalid' });
  });

  it('knows the calls of a number, transfers to it included', async () => {
    const store = await fresh(engine);
    await store.project(batchOf(callRow('a', { from: '+1' }), 1));
    await store.project(batchOf(callRow('b', { to: '+1' }), 1));
    await store.project(batchOf(callRow('c'), 1, { legs: [legRow('c', 'target1', { to: '+1' })] }));
    await store.project(
      batchOf(callRow('d', { from: '+1', to: '+1' }), 1, { legs: [legRow('d', 'caller', { from: '+1' })] }),
    );
    await store.project(batchOf(callRow('e'), 1));

    expect(await store.callsOfNumber('+1')).toEqual(['a', 'b', 'c', 'd']);
    expect(await store.callsOfNumber('+9')).toEqual([]);
  });

  describe('erase', () => {
    const spoken = { turn: 1, text: 'my secret', tools: [{ name: 'book', arguments: { who: 'secret' } }] };
    async function withCall(): Promise<SqlStore> {
      const store = await fresh(engine);
      await store.project(whole);
      await store.project(batchOf(endedRow('other'), 1, { turns: [turnRow('other', 1, 'my secret')] }));
      await store.addDial({ id: 'd', at: AT, to: '+1', callId: 'a', spend: 2 });
      return store;
    }
    const webhook = newWork('hook', {
      callId: 'a',
      payload: { endpoint: 'crm', event: { type: 'turn.ended', data: { text: 'my secret' } } },
    });
    const whole = batchOf(endedRow('a', { metadata: { k: 'v' }, summary: { text: 'secret' } }), 10, {
      legs: [legRow('a', 'caller')],
      turns: [turnRow('a', 1, 'my secret')],
      events: [eventRow('a', 1, 'turn.ended', spoken), eventRow('a', 2, 'call.summarized', { text: 'secret' })],
      actions: [
        { callId: 'a', seq: 2, at: AT, by: 'api', type: 'say', detail: { text: 'my secret', interrupt: true } },
        { callId: 'a', seq: 3, at: AT, by: 'api', type: 'transfer', detail: { to: '+1', announce: 'my secret' } },
      ],
      work: [webhook],
    });

    it('takes what was said out of a call, out of its events and out of what is to be sent', async () => {
      const store = await withCall();

      for (let twice = 0; twice < 2; twice++) {
        await store.erase('a', 'transcript');

        expect(await store.turns('a')).toEqual([]);
        expect((await store.call('a'))?.summary).toBeNull();
        expect(await idsOf(store, { text: 'secret' })).toEqual(['other']);
        expect((await store.events({ callId: 'a', limit: 9 })).map(({ data }) => data)).toEqual([
          { turn: 1, tools: [{ name: 'book' }] },
          {},
        ]);
        expect((await store.dueWork(Infinity, 9))[0]?.payload).toEqual({
          endpoint: 'crm',
          event: { type: 'turn.ended', data: {} },
        });
        expect((await store.actions('a')).map(({ detail }) => detail)).toEqual([{ interrupt: true }, { to: '+1' }]);
        expect(await store.legs('a')).toHaveLength(1);
      }
      await store.project({ ...whole, position: { ...whole.position, bytes: 20 } });
      await store.addSummary('a', { text: 'again' }, eventRow('a', 9, 'call.summarized'));
      expect(await store.turns('a')).toEqual([]);
      expect((await store.call('a'))?.summary).toBeNull();
      expect(await store.events({ callId: 'a', limit: 9 })).toHaveLength(2);
    });

    it('takes the events out of a call, for good', async () => {
      const store = await withCall();

      await store.erase('a', 'events');
      await store.erase('a', 'events');
      await store.project(whole);

      expect(await store.events({ callId: 'a', limit: 9 })).toEqual([]);
      expect(await store.turns('a')).toHaveLength(1);
    });

    it('takes a whole call out, for good, and leaves the others', async () => {
      const store = await withCall();

      for (let twice = 0; twice < 2; twice++) {
        await store.erase('a', 'call');
        await store.project(whole);

        expect(await store.call('a')).toBeUndefined();
        expect(await idsOf(store)).toEqual(['other']);
        expect(await idsOf(store, { text: 'secret' })).toEqual(['other']);
        expect(await idsOf(store, { metadata: { k: 'v' } })).toEqual([]);
        expect(await store.events({ callId: 'a', limit: 9 })).toEqual([]);
        expect(await store.actions('a')).toEqual([]);
        expect(await store.legs('a')).toEqual([]);
        expect(await store.waitingWork()).toBe(0);
        expect(await store.dialsSince(0)).toEqual({ count: 1, spend: 2 });
        expect(await store.positions(['a'])).toEqual([{ callId: 'a', bytes: 0, complete: true }]);
      }
    });

    it('takes the request that placed the call as well: asked again, it is a call of its own', async () => {
      const store = await withCall();
      const claim = { key: 'api:1 order-4711', requestHash: 'h', now: AT };
      expect(await store.claimKey({ ...claim, callId: 'a' })).toMatchObject({ callId: 'a', isNew: true });

      await store.erase('a', 'call');

      expect(await store.claimKey({ ...claim, requestHash: 'other', callId: 'b' })).toEqual({
        ...{ callId: 'b', isNew: true, sameRequest: true },
      });
    });

    it('erases calls it never had, so that they never come', async () => {
      const store = await fresh(engine);

      await store.erase('a', 'recording');
      await store.erase('a', 'call');
      await store.project(whole);

      expect(await idsOf(store)).toEqual([]);
    });

    it.each(['transcript', 'recording', 'events', 'journal'] as const)(
      'names ended calls that still hold their %s, oldest first',
      async (kind) => {
        const store = await fresh(engine);
        for (const [id, endedAt] of [
          ['late', 9],
          ['first', 1],
          ['second', 2],
          ['third', 3],
        ] as const) {
          await store.project(batchOf(endedRow(id, { endedAt: AT + endedAt }), 1));
        }
        await store.project(batchOf(callRow('live'), 1));

        expect(await store.expired(kind, AT + 9, 2)).toEqual(['first', 'second']);
        await store.erase('first', kind);
        expect(await store.expired(kind, AT + 9, 9)).toEqual(['second', 'third']);
      },
    );
  });

  describe('the outbox', () => {
    it('takes work once by its key, also when it is done', async () => {
      const store = await fresh(engine);
      await store.addWork([newWork('k'), newWork('k')]);
      const [work] = await store.dueWork(systemClock.wall(), 9);

      await store.workDone(work!.id);
      await store.addWork([newWork('k')]);

      expect(work).toMatchObject({ ...newWork('k'), attempts: 0, error: null });
      expect(await store.dueWork(Infinity, 9)).toEqual([]);
      expect(await store.nextDue()).toBeUndefined();
    });

    it('does the work of a lane one after the other; a failing head holds it, one given up leaves it', async () => {
      const store = await fresh(engine);
      await store.addWork([newWork('a1', { lane: 'a' }), newWork('b1', { lane: 'b' }), newWork('a2', { lane: 'a' })]);
      const due = async (now: number): Promise<string[]> => (await store.dueWork(now, 9)).map(({ key }) => key);
      const id = async (key: string): Promise<number> =>
        (await store.dueWork(1e15, 9)).find((work) => work.key === key)!.id;
      const later = systemClock.wall() + 60_000;

      expect(await due(later)).toEqual(['a1', 'b1']);
      expect((await store.dueWork(later, 1)).map(({ key }) => key)).toEqual(['a1']);
      expect(await due(0)).toEqual([]);
      await store.workFailed(await id('a1'), 'refused \0', later);
      await store.workDone(await id('b1'));
      expect(await due(later - 1)).toEqual([]);
      expect(await store.nextDue()).toBe(later);
      expect((await store.dueWork(later, 9))[0]).toMatchObject({
        key: 'a1',
        attempts: 1,
        error: 'refused \uFFFD',
        dueAt: later,
      });
      await store.workFailed(await id('a1'), 'refused', undefined);
      expect(await due(later)).toEqual(['a2']);
      expect(await store.waitingWork()).toBe(1);
    });
  });

  it('routes numbers', async () => {
    const store = await fresh(engine);

    await store.putNumber({ number: '+2', agent: 'a', updatedAt: 1 });
    await store.putNumber({ number: '+1', agent: 'a', updatedAt: 2 });
    await store.putNumber({ number: '+2', agent: 'b', updatedAt: 3 });

    expect(await store.numbers()).toEqual([
      { number: '+1', agent: 'a', updatedAt: 2 },
      { number: '+2', agent: 'b', updatedAt: 3 },
    ]);
    expect(await store.deleteNumber('+2')).toBe(true);
    expect(await store.deleteNumber('+2')).toBe(false);
    expect(await store.numbers()).toHaveLength(1);
  });

  describe('claimKey', () => {
    it('gives a key that many ask for at once to exactly one', async () => {
      const store = await fresh(engine);

      const claims = await Promise.all(
        Array.from({ length: 30 }, (_, n) => store.claimKey({ key: 'k', requestHash: 'h', callId: `c${n}`, now: AT })),
      );

      const [winner, ...more] = claims.filter(({ isNew }) => isNew);
      expect(more).toEqual([]);
      expect(new Set(claims.map(({ callId }) => callId))).toEqual(new Set([winner!.callId]));
    });

    it('tells another request from the same, and forgets after 24 h', async () => {
      const store = await fresh(engine);
      const day = 24 * 3600 * 1000;
      const claim = (requestHash: string, callId: string, now: number): ReturnType<SqlStore['claimKey']> =>
        store.claimKey({ key: 'k', requestHash, callId, now });

      expect(await claim('h', 'c1', AT)).toEqual({ callId: 'c1', isNew: true, sameRequest: true });
      expect(await claim('h', 'c2', AT + 1)).toEqual({ callId: 'c1', isNew: false, sameRequest: true });
      expect(await claim('other', 'c3', AT + day - 1)).toEqual({ callId: 'c1', isNew: false, sameRequest: false });
      expect(await claim('other', 'c4', AT + day)).toEqual({ callId: 'c4', isNew: true, sameRequest: true });
      expect(await claim('h', 'c5', AT + day)).toEqual({ callId: 'c4', isNew: false, sameRequest: false });
    });
  });

  it('counts what was dialled since', async () => {
    const store = await fresh(engine);
    for (const [id, at, spend] of [
      ['a', 1, 0.5],
      ['b', 2, 0.25],
      ['b', 3, 9],
      ['c', 3, 1],
    ] as const) {
      await store.addDial({ id, at: AT + at, to: '+1', callId: null, spend });
    }

    expect(await store.dialsSince(AT + 2)).toEqual({ count: 2, spend: 1.25 });
    expect(await store.dialsSince(AT + 9)).toEqual({ count: 0, spend: 0 });
  });

  it('keeps whom we dialled for two days, as long as a limit may need it', async () => {
    const store = await fresh(engine);
    const hour = 3_600_000;
    const dial = (id: string, at: number): Promise<void> =>
      store.addDial({ id, at: AT + at, to: '+1', callId: null, spend: 1 });
    await dial('old', 0);
    await dial('young', 2 * hour);
    expect(await store.dialsSince(0)).toMatchObject({ count: 2 });

    await dial('new', 49 * hour);

    expect(await store.dialsSince(0)).toMatchObject({ count: 2 });
    expect(await store.dialsSince(AT + 2 * hour)).toMatchObject({ count: 2 });
  });

  describe('migrations', () => {
    it('are applied to an empty database, once', async () => {
      const url = await freshUrl(engine);

      expect(await open(url).migrate()).toEqual(['0001_first']);
      expect(await open(url).migrate()).toEqual([]);
    });

    it('are applied once when several start at the same time', async () => {
      const url = await freshUrl(engine);

      // Threads of their own, like processes: SQLite waits for others by blocking.
      const stores = Array.from({ length: 4 }, () =>
        openStore({ databaseUrl: url, clock: systemClock, log: silentLog }),
      );

      const applied = await Promise.all(stores.map((store) => store.migrate())).finally(() =>
        Promise.all(stores.map((store) => store.close())),
      );

      expect(applied.flat()).toEqual(['0001_first']);
    });

    it('refuse a database that a newer Landline made', async () => {
      const url = await freshUrl(engine);
      await open(url).migrate();
      await execute(url, "INSERT INTO landline_migrations VALUES ('9999_later', 1)");
      const store = open(url);

      const refused = {
        code: 'store_newer',
        retryable: false,
        message: expect.stringContaining('9999_later') as string,
      };
      await expect(store.migrate()).rejects.toMatchObject(refused);
      await expect(store.listCalls({ limit: 1 })).rejects.toMatchObject(refused);
    });
  });
});

describe('both engines', () => {
  it('find the same calls for the same words', async () => {
    const stores = [await fresh('SQLite'), await fresh('PostgreSQL')];
    const piece = fc.constantFrom(
      ...[
        'a',
        'A',
        'ab',
        'abc',
        'é',
        'e\u0301',
        'ß',
        'İ',
        'ı',
        'Ω',
        'ё',
        '北',
        '京',
        'カ',
        'ガ',
        'ไ',
        '한',
        'न',
        'ि',
        '1',
        '½',
        '²',
      ],
      ...[
        ' ',
        ' ',
        '-',
        "'",
        '"',
        '*',
        ':',
        '&',
        '\\',
        '.',
        '_',
        '@',
        '\0',
        '\ud83d',
        '🎉',
        'ﬁ',
        '\u200b',
        '\u{1d7d8}',
        '𐐷',
        '\u{1fae8}',
      ],
    );
    const text = fc.oneof(
      fc.array(piece, { maxLength: 10 }).map((pieces) => pieces.join('')),
      fc.string({ unit: 'binary' }),
    );
    let count = 0;

    await fc.assert(
      fc.asyncProperty(
        fc.array(text, { minLength: 1, maxLength: 3 }),
        fc.array(text, { maxLength: 4 }),
        async (said, asked) => {
          const id = `c${count++}`;
          const turns = said.map((one, n) => turnRow(id, n, one));
          const prefixes = said.map((one) => `${one.slice(0, Math.ceil(one.length / 2))}*`);
          for (const store of stores)
            await store.project(batchOf(callRow(id, { createdAt: AT + count }), 1, { turns }));
          for (const query of [...asked, ...said, ...prefixes]) {
            const [sqlite, postgresql] = await Promise.all(stores.map((store) => idsOf(store, { text: query })));
            expect([query, sqlite]).toEqual([query, postgresql]);
          }
          for (const one of said) {
            if (/[a-z0-9\p{L}]/iu.test(one)) expect(await idsOf(stores[0]!, { text: one })).toContain(id);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('a SQLite file', () => {
  it('has no byte left of what was erased, nor have the files beside it', async () => {
    const clock = new VirtualClock(0, AT);
    const path = join(folder, `${++files}.db`);
    const store = createSqlStore(openEngine(`sqlite:${path}`, silentLog), clock);
    opened.push(store);
    const [word, number] = ['zebrakrokodil', '+4930111222333'];
    for (let i = 0; i < 200; i++) {
      const id = `call${i}`;
      await store.project(
        batchOf(endedRow(id, i === 100 ? { from: number } : {}), 1, {
          turns: [turnRow(id, 1, i === 100 ? `I am ${word}` : `I am number ${i}`)],
        }),
      );
    }
    const traces = (): string[] =>
      [path, `${path}-wal`].filter((file) => {
        const bytes = readFileSync(file);
        // The index keeps words without what they share with the one before.
        return bytes.includes(word.slice(2)) || bytes.includes(number);
      });
    expect(traces()).not.toEqual([]);

    await store.erase('call100', 'call');
    clock.advance(1_000);
    await vi.waitFor(() => expect(traces()).toEqual([]));
    expect(await idsOf(store, { text: 'number' })).toHaveLength(100);

    // What a closing store has not come to yet is done before it closes.
    await store.project(batchOf(endedRow('late'), 1, { turns: [turnRow('late', 1, word)] }));
    await store.erase('late', 'transcript');
    await opened.pop()?.close();
    expect(readFileSync(path).includes(word.slice(2))).toBe(false);
  });

  it('is for its user alone, like the files beside it', async () => {
    const path = join(folder, 'deep', 'er', 'landline.db');
    const store = open(`sqlite:${path}`);

    await store.putNumber({ number: '+1', agent: 'a', updatedAt: 1 });

    for (const file of [path, `${path}-wal`, `${path}-shm`]) expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('that another process holds fails retryably, and is used again afterwards', async () => {
    const url = await freshUrl('SQLite');
    const store = open(url);
    await store.putNumber({ number: '+1', agent: 'a', updatedAt: 1 });
    const other = new DatabaseSync(url.slice('sqlite:'.length));
    other.exec('BEGIN IMMEDIATE');

    await expect(store.putNumber({ number: '+2', agent: 'a', updatedAt: 1 })).rejects.toMatchObject({
      code: 'store_unavailable',
      retryable: true,
    });
    await expect(store.project(batchOf(callRow('a'), 1))).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(await store.numbers()).toHaveLength(1);
    other.exec('COMMIT');
    other.close();

    await store.project(batchOf(callRow('a'), 1));
    expect(await idsOf(store)).toEqual(['a']);
  });

  it.each([
    ['a folder', (): string => folder, true],
    ['no database', (): string => import.meta.filename, false],
  ] as const)('that is %s is refused in plain words', async (_what, path, retryable) => {
    const store = open(`sqlite:${path()}`);

    await expect(store.ping()).rejects.toMatchObject({ code: 'store_unavailable', retryable });
  });
});

describe('a PostgreSQL server', () => {
  it('that dies makes calls fail, and is used again when it is back', async () => {
    const store = await fresh('PostgreSQL');
    await store.project(batchOf(callRow('a'), 1));

    await postgres.kill();
    const asked = await Promise.allSettled([store.ping(), store.project(batchOf(callRow('b'), 1)), store.call('a')]);
    await postgres.start();

    expect(asked.map((one) => (one.status === 'rejected' ? (one.reason as unknown) : one))).toEqual(
      asked.map(() => expect.objectContaining({ code: 'store_unavailable', retryable: true }) as unknown),
    );
    await store.project(batchOf(callRow('b'), 1));
    expect(await idsOf(store)).toEqual(['b', 'a']);
  });

  it('that answers nothing at all fails within the time it has', async () => {
    const url = await freshUrl('PostgreSQL');
    const store = open(url);
    await store.putNumber({ number: '+1', agent: 'a', updatedAt: 1 });
    const blocker = new pg.Client({ connectionString: url });
    await blocker.connect();
    await blocker.query('BEGIN; LOCK TABLE numbers IN ACCESS EXCLUSIVE MODE');

    await expect(store.numbers()).rejects.toMatchObject({ code: 'store_unavailable', retryable: true });
    await blocker.query('ROLLBACK');
    await blocker.end();

    expect(await store.numbers()).toHaveLength(1);
  });

  it.each([
    ['a wrong password', (url: string) => url.replace(':test@', ':wrong@')],
    ['a database that is not there', (url: string) => `${url}x`],
    ['nobody listening', (url: string) => url.replace(/:\d+\//, ':1/')],
  ])('with %s is unavailable, and its password is not told', async (_what, change) => {
    const store = open(change(await postgres.database()));

    const failure = await store.ping().catch((thrown: unknown) => thrown);

    expect(failure).toMatchObject({ code: 'store_unavailable', retryable: true });
    expect(String(failure)).not.toMatch(/:test@|wrong/);
  });
});
