import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../src/core/clock.ts';
import { LandlineError } from '../../../src/core/errors.ts';
import { IdempotentCalls, type IdempotentRequest } from '../../../src/server/api/idempotent-calls.ts';
import { createSqlStore } from '../../../src/store/sql-store.ts';
import { createSqliteEngine } from '../../../src/store/sqlite.ts';

const DAY = 24 * 3600 * 1000;

interface Desk {
  readonly clock: VirtualClock;
  /** Ids that were dialled, in order. */
  readonly dialled: string[];
  readonly calls: IdempotentCalls;
  /** As a process that is started on the same store. */
  again(): Desk;
  readonly once: (change?: Partial<IdempotentRequest>) => ReturnType<IdempotentCalls['once']>;
  /** What the next dials do before they are through. */
  onDial: () => Promise<void>;
}

async function desk(): Promise<Desk> {
  const clock = new VirtualClock();
  const store = createSqlStore(createSqliteEngine(':memory:'), clock);
  await store.migrate();
  const dialled: string[] = [];
  let ids = 0;
  const open = (): Desk => {
    const calls = new IdempotentCalls({
      store,
      clock,
      exists: async (id) => dialled.includes(id),
      newCallId: () => `call_${(ids += 1)}`,
    });
    const self: Desk = {
      ...{ clock, dialled, calls, again: open },
      onDial: async () => undefined,
      once: (change) =>
        calls.once({ caller: 'api:1', header: 'order-4711', body: { to: '+1', agent: 'a' }, ...change }, async (id) => {
          await self.onDial();
          dialled.push(id);
        }),
    };
    return self;
  };
  return open();
}

describe('Idempotency-Key', () => {
  it('makes the same request the same call, for 24 hours, also after a restart, whatever the order of its members', async () => {
    const first = await desk();
    expect(await first.once()).toEqual({ callId: 'call_1', isReplay: false });
    expect(await first.once()).toEqual({ callId: 'call_1', isReplay: true });
    expect(await first.once({ body: { agent: 'a', to: '+1' } })).toEqual({ callId: 'call_1', isReplay: true });
    const second = first.again();
    first.clock.advance(DAY - 1);
    expect(await second.once()).toEqual({ callId: 'call_1', isReplay: true });
    first.clock.advance(1);
    expect(await second.once()).toMatchObject({ isReplay: false });
    expect(second.dialled).toHaveLength(2);
  });

  it('is not asked for: without it every request is a call', async () => {
    const { once, dialled } = await desk();
    await Promise.all([once({ header: undefined }), once({ header: undefined })]);
    expect(dialled).toEqual(['call_1', 'call_2']);
  });

  it('refuses another request with the same key, and has keys of its own for each API key', async () => {
    const { once, dialled } = await desk();
    await once();
    await expect(once({ body: { to: '+2', agent: 'a' } })).rejects.toMatchObject({ code: 'idempotency_conflict' });
    expect(await once({ caller: 'api:2', body: { to: '+2' } })).toMatchObject({ isReplay: false });
    expect(dialled).toHaveLength(2);
  });

  it('dials once when the same request comes many times at once', async () => {
    const one = await desk();
    const answers = await Promise.all(Array.from({ length: 20 }, () => one.once()));
    expect(one.dialled).toEqual(['call_1']);
    expect(answers.map(({ callId }) => callId)).toEqual(answers.map(() => 'call_1'));
    expect(answers.filter(({ isReplay }) => !isReplay)).toHaveLength(1);
  });

  it('lets a request that came to nothing be tried again, under the same id', async () => {
    const one = await desk();
    one.onDial = async () => {
      throw new LandlineError('gateway_full', 'full');
    };
    const [a, b] = await Promise.allSettled([one.once(), one.once()]);
    expect([a, b]).toMatchObject([{ reason: { code: 'gateway_full' } }, { reason: { code: 'gateway_full' } }]);
    one.onDial = async () => undefined;
    expect(await one.once()).toEqual({ callId: 'call_1', isReplay: false });
    expect(await one.once()).toEqual({ callId: 'call_1', isReplay: true });
  });

  it('dials nobody while the store is away', async () => {
    const dialled: string[] = [];
    const calls = new IdempotentCalls({
      store: { claimKey: () => Promise.reject(new LandlineError('store_unavailable', 'away')) },
      clock: new VirtualClock(),
      exists: async () => false,
      newCallId: () => 'call_1',
    });
    const request = { caller: 'api', header: 'k', body: {} };
    await expect(calls.once(request, async (id) => dialled.push(id))).rejects.toMatchObject({
      code: 'store_unavailable',
    });
    expect(dialled).toEqual([]);
  });

  it.each(['', 'a b', 'ü', 'x'.repeat(256)])('is refused when it is none: "%s"', async (header) => {
    const { once, dialled } = await desk();
    await expect(once({ header })).rejects.toMatchObject({ code: 'request_invalid' });
    expect(dialled).toEqual([]);
  });
});
