import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, VirtualClock } from '../../src/core/clock.ts';
import type { Log } from '../../src/core/log.ts';
import { silentLog } from '../../src/core/log.ts';
import { endedPath, livePath } from '../../src/journal/layout.ts';
import { NO_FOLLOW_UPS, type FollowUps } from '../../src/store/follow-ups.ts';
import { readPass, type Reading } from '../../src/store/journal-pass.ts';
import { Projector } from '../../src/store/projector.ts';
import { journalBytes, LIVES } from './journals.ts';
import { MemoryStore, storeDown } from './memory-store.ts';

const DAY = '2026-01-05';
const NOW = Date.UTC(2026, 0, 5, 10);
const FOLLOW_UPS: FollowUps = {
  recordings: true,
  summaryAgents: ['reception'],
  webhooks: [
    { name: 'crm', events: ['call.ended', 'call.created'] },
    { name: 'all', events: 'all' },
  ],
};
const JOURNALS = Object.values(LIVES).map((live, n) => {
  const callId = `call_${n + 1}`;
  return { callId, bytes: journalBytes(callId, live().records) };
});

let dataDir = '';
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'landline-projector-'));
});
afterEach(() => {
  rmSync(dataDir, { recursive: true, force: true });
});

function write(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
}

function ended(callId: string, bytes: Uint8Array): void {
  write(endedPath(dataDir, DAY, callId), bytes);
}

/** The same wall as the journals', and real timers. */
const clock = { ...systemClock, wall: () => NOW };

function projector(store: MemoryStore, more: { readonly log?: Log; readonly followUps?: FollowUps } = {}): Projector {
  return new Projector({ store, dataDir, clock, log: silentLog, followUps: NO_FOLLOW_UPS, intervalMs: 1, ...more });
}

async function pass(store: MemoryStore, callId: string, before: Reading | undefined): Promise<Reading | undefined> {
  const [stored] = before ? [] : await store.positions([callId]);
  const found = await readPass({ dataDir, callId, before, stored, followUps: FOLLOW_UPS, now: NOW });
  if (found?.batch) await store.project(found.batch);
  return found?.reading;
}

/** Moves time until `promise` has come. */
async function settle(virtual: VirtualClock, promise: Promise<void>): Promise<void> {
  let waits = 1;
  void promise.then(() => (waits = 0));
  while (waits > 0) {
    virtual.advance(1000);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a journal', () => {
  it('gives the same rows however it is cut into passes, with restarts between them, and batches that come again', async () => {
    const whole = await Promise.all(
      JOURNALS.map(async ({ callId, bytes }) => {
        ended(callId, bytes);
        const store = new MemoryStore();
        await pass(store, callId, undefined);
        return store.content();
      }),
    );
    rmSync(join(dataDir, 'journal'), { recursive: true });
    const cut = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      then: fc.constantFrom('go on', 'restart', 'written but not told', 'lost before it was written'),
    });
    await fc.assert(
      fc.asyncProperty(fc.nat(JOURNALS.length - 1), fc.array(cut, { maxLength: 12 }), async (which, cuts) => {
        const journal = JOURNALS[which];
        if (!journal) return;
        const { callId, bytes } = journal;
        const store = new MemoryStore();
        let reading: Reading | undefined;
        for (const { at, then } of [...cuts].sort((a, b) => a.at - b.at)) {
          write(livePath(dataDir, callId), bytes.subarray(0, Math.floor(at * bytes.length)));
          store.before = () => {
            if (then === 'lost before it was written') throw storeDown();
          };
          store.after = () => {
            if (then === 'written but not told') throw storeDown();
          };
          try {
            reading = await pass(store, callId, reading);
          } catch {
            // What was read is forgotten with the process, or because the store did not take it.
            reading = undefined;
          }
          if (then === 'restart') reading = undefined;
        }
        store.before = store.after = () => undefined;
        write(livePath(dataDir, callId), bytes);
        mkdirSync(dirname(endedPath(dataDir, DAY, callId)), { recursive: true });
        renameSync(livePath(dataDir, callId), endedPath(dataDir, DAY, callId));
        await pass(store, callId, reading);
        await pass(store, callId, undefined);

        expect(store.content()).toEqual(whole[which]);
        // Rows that were there already are not written again.
        expect(store.again).toBe(0);
        rmSync(endedPath(dataDir, DAY, callId));
      }),
      { numRuns: 150 },
    );
  });

  it('leads to the work that follows from it, once, in lanes', async () => {
    const [asks] = JOURNALS;
    ended('call_1', asks?.bytes ?? Buffer.alloc(0));
    const store = new MemoryStore();

    await pass(store, 'call_1', undefined);

    const ids = [...store.events.keys()];
    expect([...store.work.keys()].sort()).toEqual(
      [
        'recording:call_1',
        'summary:call_1',
        `webhook:crm:${ids[0] ?? ''}`,
        `webhook:crm:${ids.at(-1) ?? ''}`,
        ...ids.map((id) => `webhook:all:${id}`),
      ].sort(),
    );
    expect(store.work.get(`webhook:crm:${ids[0] ?? ''}`)).toMatchObject({
      kind: 'webhook',
      lane: 'webhook:crm:call_1',
      callId: 'call_1',
      payload: { endpoint: 'crm', event: { id: ids[0], type: 'call.created', callId: 'call_1' } },
    });
  });

  it('of last year leads to a recording, and to no news', async () => {
    ended('call_1', JOURNALS[0]?.bytes ?? Buffer.alloc(0));
    const now = NOW + 365 * 24 * 3_600_000;

    const found = await readPass({
      dataDir,
      callId: 'call_1',
      before: undefined,
      stored: undefined,
      followUps: FOLLOW_UPS,
      now,
    });

    expect(found?.batch?.work.map(({ key }) => key)).toEqual(['recording:call_1']);
  });
});

describe('the projector', () => {
  it('brings everything it finds at its start, and nothing twice', async () => {
    for (const { callId, bytes } of JOURNALS) ended(callId, bytes);
    const store = new MemoryStore();
    const first = projector(store);
    await first.catchUp();
    await first.rest();
    expect([...store.calls.keys()].sort()).toEqual(JOURNALS.map(({ callId }) => callId));
    expect([...store.calls.values()].every(({ endedAt }) => endedAt !== null)).toBe(true);
    const { batches, asked } = store;

    const second = projector(store);
    await second.catchUp();
    await second.rest();

    expect(store.batches).toBe(batches);
    // One question for a whole day.
    expect(store.asked).toBe(asked + 1);
    expect(second.state()).toEqual({ pendingCalls: 0, lagMs: 0, skipped: 0 });
  });

  it('brings many ended calls in together, and what cannot go that way one by one', async () => {
    const whole = JOURNALS[0]?.bytes.toString() ?? '';
    const ids = Array.from({ length: 100 }, (_, n) => `call_${n + 100}`);
    for (const id of ids) ended(id, Buffer.from(whole.replaceAll('call_1"', `${id}"`)));
    ended('call_0', Buffer.from('this is no journal\n'));
    const store = new MemoryStore();
    store.before = ({ call }) => {
      if (call.id === 'call_150') throw new Error('no such column');
    };

    const one = projector(store);
    await one.catchUp();
    await one.rest();

    expect([...store.calls.keys()].sort()).toEqual(ids.filter((id) => id !== 'call_150'));
    expect(one.state()).toEqual({ pendingCalls: 0, lagMs: 0, skipped: 2 });
    // Three groups together, and those of the fourth, which has the refused call in it, alone.
    expect(store.transactions).toBeLessThanOrEqual(3 + 31);
    expect(store.transactions).toBeGreaterThan(31);
  });

  it('brings groups in that a store refused while it was down', async () => {
    const virtual = new VirtualClock();
    const store = new MemoryStore();
    for (const { callId, bytes } of JOURNALS) ended(callId, bytes);
    let failures = 3;
    store.before = () => {
      if (failures-- > 0) throw storeDown();
    };
    const one = new Projector({ store, dataDir, clock: virtual, log: silentLog, followUps: NO_FOLLOW_UPS });
    await one.catchUp();
    await settle(virtual, one.rest());

    expect(store.calls.size).toBe(JOURNALS.length);
    expect([store.batches, store.transactions]).toEqual([JOURNALS.length, 1]);
    expect(virtual.pending).toBe(0);
  });

  it('follows a live call, event by event, to its end', async () => {
    const { bytes } = JOURNALS[0] ?? { bytes: Buffer.alloc(0) };
    const store = new MemoryStore();
    const live = projector(store);
    const half = bytes.subarray(0, bytes.indexOf('\n', bytes.length / 2) + 1);
    const last = [...half.toString().matchAll(/"id":"(\d{10,})"/g)].at(-1)?.[1] ?? '';
    write(livePath(dataDir, 'call_1'), half);
    live.touched('call_1', last);
    await live.rest();
    expect(store.calls.get('call_1')).toMatchObject({ endedAt: null });
    expect([...store.events.keys()].at(-1)).toBe(last);

    rmSync(livePath(dataDir, 'call_1'));
    ended('call_1', bytes);
    live.touched('call_1');
    await live.rest();

    expect(store.calls.get('call_1')).toMatchObject({ status: 'ended', endReason: 'caller_hangup' });
    expect(store.places.get('call_1')).toEqual({ callId: 'call_1', bytes: bytes.length, complete: true });
    expect(store.again).toBe(0);
  });

  it('says that a call waits while its journal does not tell what it was touched for', async () => {
    const virtual = new VirtualClock();
    const store = new MemoryStore();
    const live = new Projector({ store, dataDir, clock: virtual, log: silentLog, followUps: NO_FOLLOW_UPS });
    const { bytes } = JOURNALS[0] ?? { bytes: Buffer.alloc(0) };
    write(livePath(dataDir, 'call_1'), bytes.subarray(0, 1500));

    live.touched('call_1', String(Number.MAX_SAFE_INTEGER));
    await live.settled();
    virtual.advance(5000);

    expect(store.calls.has('call_1')).toBe(true);
    expect(live.state()).toMatchObject({ pendingCalls: 1, lagMs: 5000 });
    await live.finish(1000);
    expect(virtual.pending).toBe(0);
  });

  it('waits for a store that is down, keeps only ids, and brings everything when it is back', async () => {
    const virtual = new VirtualClock();
    const store = new MemoryStore();
    store.isDown = true;
    for (const { callId, bytes } of JOURNALS) ended(callId, bytes);
    const waiting = new Projector({ store, dataDir, clock: virtual, log: silentLog, followUps: NO_FOLLOW_UPS });
    for (const { callId } of JOURNALS) waiting.touched(callId);
    await waiting.settled();
    virtual.advance(60_000);
    expect(waiting.state()).toMatchObject({ failed: 'the database does not answer', pendingCalls: JOURNALS.length });
    expect(waiting.state().lagMs).toBeGreaterThanOrEqual(60_000);

    store.isDown = false;
    await settle(virtual, waiting.rest());

    expect(waiting.state()).toEqual({ pendingCalls: 0, lagMs: 0, skipped: 0 });
    expect(store.calls.size).toBe(JOURNALS.length);
    expect(virtual.pending).toBe(0);
  });

  it('logs and counts a damaged journal, once, and goes on with the others', async () => {
    const lines: unknown[] = [];
    const log: Log = { ...silentLog, warn: (fields, message) => lines.push([fields['callId'], message]) };
    const store = new MemoryStore();
    const [first, second, third] = JOURNALS;
    ended('call_0', Buffer.from('this is no journal\n'));
    ended('call_00', Buffer.from('{"k":"head","format":"landline-journal","version":99,"callId":"call_00"}\n'));
    const broken = Buffer.from(first?.bytes ?? []);
    broken.write('#', broken.indexOf(0x0a) + 1);
    ended('call_1', broken);
    ended('call_2', second?.bytes ?? Buffer.alloc(0));
    // Another call's file under this name.
    ended('call_9', third?.bytes ?? Buffer.alloc(0));

    const one = projector(store, { log });
    await one.catchUp();
    await one.rest();

    expect([...store.calls.keys()].sort()).toEqual(['call_1', 'call_2']);
    expect(one.state()).toEqual({ pendingCalls: 0, lagMs: 0, skipped: 4 });
    expect(lines.sort()).toEqual([
      ['call_0', 'this journal cannot be read: the store does without it'],
      ['call_00', 'this journal cannot be read: the store does without it'],
      ['call_1', 'a journal has lines that cannot be read; the others are kept'],
      ['call_9', 'this journal cannot be read: the store does without it'],
    ]);
  });

  it('sets a call aside that the store refuses for good', async () => {
    const store = new MemoryStore();
    store.before = ({ call }) => {
      if (call.id === 'call_1') throw new Error('no such column');
    };
    for (const { callId, bytes } of JOURNALS) ended(callId, bytes);
    const one = projector(store);
    await one.catchUp();
    await one.rest();

    expect(store.calls.size).toBe(JOURNALS.length - 1);
    expect(one.state()).toMatchObject({ pendingCalls: 0, skipped: 1 });
  });

  it('ends with what was touched, and gives up at once on a store that is down', async () => {
    const store = new MemoryStore();
    const virtual = new VirtualClock();
    const make = (): Projector =>
      new Projector({ store, dataDir, clock: virtual, log: silentLog, followUps: NO_FOLLOW_UPS });
    for (const { callId, bytes } of JOURNALS) ended(callId, bytes);
    const one = make();
    for (const { callId } of JOURNALS) one.touched(callId, '1');
    await one.finish(3000);
    expect(store.calls.size).toBe(JOURNALS.length);

    store.isDown = true;
    store.calls.clear();
    store.places.clear();
    const two = make();
    two.touched('call_1');
    await two.finish(3000);

    expect(store.calls.size).toBe(0);
    expect(virtual.pending).toBe(0);
  });
});
