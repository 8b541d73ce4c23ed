import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import { OutboxWorker, type WorkOutcome } from '../../src/records/outbox.ts';
import type { WebhookOptions } from '../../src/records/webhook-options.ts';
import { lanesOf, Webhooks } from '../../src/records/webhooks.ts';
import { webhookWork } from '../../src/store/follow-ups.ts';
import type { EventRow, KnownWork, Store } from '../../src/store/port.ts';
import { createSqlStore } from '../../src/store/sql-store.ts';
import { createSqliteEngine } from '../../src/store/sqlite.ts';
import { until } from '../gateway/world.ts';
import { endpoint, fastClock, isGenuine, OLD_SECRET, receiver, SECRET, type Receiver } from './webhook-receiver.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Bench {
  readonly clock: Clock;
  readonly store: Store;
  readonly webhooks: Webhooks;
  readonly outcomes: (readonly [endpoint: string, outcome: WorkOutcome])[];
  /** Puts `count` events of a call into the outbox of every endpoint. */
  readonly tell: (callId: string, count: number, type?: string) => Promise<void>;
  readonly known: (endpoint: string) => Promise<readonly KnownWork[]>;
  /** Stops; the next bench with the same folder is the process after a restart. */
  readonly stop: () => Promise<void>;
}

let lastId = 1_700_000_000_000_000;

function bench(
  endpoints: readonly WebhookOptions[],
  { folder = newFolder(), secret = SECRET }: { readonly folder?: string; readonly secret?: string } = {},
): Bench {
  const clock = fastClock();
  const store = createSqlStore(createSqliteEngine(join(folder, 'landline.db')), clock);
  const outcomes: [string, WorkOutcome][] = [];
  const webhooks = new Webhooks({
    ...{ endpoints, store, clock, log: silentLog, software: 'landline 1.2.3' },
    env: { HOOK: secret, TOKEN: 'token-1234' },
    observe: (name, outcome) => void outcomes.push([name, outcome]),
  });
  let isStopped = false;
  const stop = async (): Promise<void> => {
    if (isStopped) return;
    isStopped = true;
    await webhooks.stop();
    await store.close();
  };
  closers.push(stop);
  webhooks.start();
  return {
    ...{ clock, store, webhooks, outcomes, stop },
    tell: async (callId, count, type = 'turn.started') => {
      const events = Array.from({ length: count }, (): EventRow => {
        return { id: String((lastId += 1)), callId, type, at: clock.wall(), data: { turn: 1, role: 'agent' } };
      });
      const followUps = { recordings: false, summaryAgents: [], webhooks: endpoints };
      await store.addWork(webhookWork(followUps, events, clock.wall()));
      webhooks.wake();
    },
    known: (name) => store.knownWork({ lanes: { within: lanesOf(name) }, limit: 1000 }),
  };
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'landline-webhooks-'));
  closers.unshift(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function listening(answer?: Parameters<typeof receiver>[0]): Promise<Receiver> {
  const one = await receiver(answer);
  closers.push(() => one.close());
  return one;
}

/** Ids of a call as they were accepted, each once. */
function told({ received }: Receiver, callId: string): string[] {
  return [...new Set(received.filter(({ event }) => event.callId === callId).map(({ event }) => event.id))];
}

describe('an outgoing webhook', () => {
  it('is a signed POST of the event as the API tells it', async () => {
    const there = await listening();
    const headers = { 'X-Tenant': 'acme', authorization: { env: 'TOKEN' } };
    const { tell, clock } = bench([endpoint('crm', there.url, { headers })]);

    await tell('call_1', 1);
    await until(() => there.received.length === 1, 'the event');

    const [one] = there.received;
    expect(Object.keys(one!.event)).toEqual(['id', 'type', 'callId', 'at', 'data']);
    expect(one).toMatchObject({
      path: '/hook',
      event: { id: String(lastId), type: 'turn.started', callId: 'call_1', data: { turn: 1, role: 'agent' } },
      headers: {
        'content-type': 'application/json',
        'user-agent': 'landline/1.2.3',
        'x-tenant': 'acme',
        authorization: 'token-1234',
        'webhook-id': String(lastId),
      },
    });
    expect(Math.abs(Number(one!.headers['webhook-timestamp']) - clock.wall() / 1000)).toBeLessThan(60);
    expect(await isGenuine(one!, SECRET)).toBe(true);
    expect(await isGenuine(one!, OLD_SECRET)).toBe(false);
    expect(await isGenuine({ ...one!, body: `${one!.body} ` }, SECRET)).toBe(false);
  });

  it('is signed with every secret while one takes the place of another', async () => {
    const there = await listening();
    const { tell } = bench([endpoint('crm', there.url)], { secret: `${SECRET}, ${OLD_SECRET}` });

    await tell('call_1', 1);
    await until(() => there.received.length === 1, 'the event');

    expect(await isGenuine(there.received[0]!, SECRET)).toBe(true);
    expect(await isGenuine(there.received[0]!, OLD_SECRET)).toBe(true);
  });

  it('comes again after whatever went wrong, in the order of its call', async () => {
    // Every event fails at first, each in another way.
    const tries = new Map<string, number>();
    const there = await listening((response, { event }) => {
      const attempt = (tries.get(event.id) ?? 0) + 1;
      tries.set(event.id, attempt);
      if (attempt > 1) return void response.end('thanks');
      const fault = Number(event.id) % 4;
      if (fault === 0) return void response.destroy();
      if (fault === 1) return void response.writeHead(500).end('x'.repeat(100_000));
      if (fault === 2) return void response.writeHead(302, { location: '/elsewhere' }).end();
      return void response.writeHead(404).end();
    });
    const { tell, known, outcomes } = bench([endpoint('crm', there.url)]);

    for (const callId of ['call_1', 'call_2', 'call_3']) await tell(callId, 4);
    await until(() => outcomes.filter(([, outcome]) => outcome === 'done').length === 12, 'all of them');

    for (const callId of ['call_1', 'call_2', 'call_3']) {
      const ids = told(there, callId);
      expect(ids).toEqual([...ids].sort());
      expect(ids.length).toBe(4);
      // A repeat follows its first try at once: nothing of this call came between.
      const all = there.received.filter(({ event }) => event.callId === callId).map(({ event }) => event.id);
      expect(all).toEqual(ids.flatMap((id) => [id, id]));
    }
    expect(new Set(there.received.map(({ path }) => path))).toEqual(new Set(['/hook']));
    expect((await known('crm')).every(({ state }) => state === 'done')).toBe(true);
  });

  it('is not lost by a restart in the middle; what comes twice has the same id and body', async () => {
    const folder = newFolder();
    let isHolding = true;
    // The fourth is taken, and its answer never arrives.
    const there = await listening((response, _, at) => {
      if (at < 3 || !isHolding) response.end();
    });
    const crm = endpoint('crm', there.url);
    const first = bench([crm], { folder });
    await first.tell('call_1', 8);
    await until(() => there.received.length === 4, 'the fourth');
    await first.stop();
    isHolding = false;

    const second = bench([crm], { folder });
    await until(() => told(there, 'call_1').length === 8, 'the rest');
    await until(() => second.outcomes.length === 5, 'their notes');

    const ids = there.received.map(({ event }) => event.id);
    const [fourth] = ids.slice(3);
    expect(ids).toEqual([...ids].sort());
    expect(ids.filter((id) => ids.indexOf(id) !== ids.lastIndexOf(id))).toEqual([fourth, fourth]);
    expect(there.received[3]!.body).toBe(there.received[4]!.body);
    expect((await second.known('crm')).map(({ state }) => state)).toEqual(Array<string>(8).fill('done'));
  });

  it('that nobody answers holds up neither another endpoint nor another call', async () => {
    const deaf = await listening(() => undefined);
    const picky = await listening((response, { event }) => {
      if (event.callId !== 'call_1') response.end();
    });
    const good = await listening();
    const { tell, outcomes } = bench([
      endpoint('deaf', deaf.url),
      endpoint('picky', picky.url),
      endpoint('good', good.url),
    ]);

    for (let n = 1; n <= 20; n++) await tell(`call_${n}`, 3);
    await until(() => outcomes.filter(([name]) => name === 'good').length === 60, 'all at the good one');
    const others = Array.from({ length: 19 }, (_, n) => `call_${n + 2}`);
    await until(() => others.every((callId) => told(picky, callId).length === 3), 'all other calls');

    expect(told(picky, 'call_1').length).toBe(1);
    expect(new Set(deaf.received.map(({ event }) => event.callId)).size).toBeLessThanOrEqual(20);
    expect(outcomes.filter(([name, outcome]) => name === 'deaf' && outcome === 'done')).toEqual([]);
  });

  it.each([429, 503])('comes back no sooner than a %i asks', async (status) => {
    const at: number[] = [];
    const there = await listening((response) => {
      at.push(clock.wall());
      if (at.length > 1) response.end();
      else response.writeHead(status, { 'retry-after': '7' }).end();
    });
    const { tell, clock } = bench([endpoint('crm', there.url)]);

    await tell('call_1', 1);
    await until(() => at.length === 2, 'the second try');

    expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(7_000);
  });

  it('stops at an endpoint that is gone, until the next start', async () => {
    const folder = newFolder();
    let status = 410;
    const there = await listening((response) => void response.writeHead(status).end());
    const crm = endpoint('crm', there.url);
    const first = bench([crm], { folder });

    await first.tell('call_1', 3);
    await until(() => first.outcomes.length === 3, 'all given up');
    expect(there.received.length).toBe(1);
    expect(first.outcomes).toEqual(Array(3).fill(['crm', 'givenUp']));
    expect(first.webhooks.state()[0]?.failing).toMatch(/^it answered 410 Gone/);
    const gone = await first.known('crm');
    await first.stop();
    status = 204;

    const second = bench([crm], { folder });
    expect(await second.store.retryWork(gone.at(-1)!.key, second.clock.wall())).toBe(true);
    expect(await second.store.retryWork('webhook:crm:none', 0)).toBe(false);
    second.webhooks.wake();
    await until(() => second.outcomes.length === 1, 'the one that was sent again');
    expect(second.outcomes).toEqual([['crm', 'done']]);
    expect(second.webhooks.state()[0]?.failing).toBeUndefined();
    expect((await second.known('crm')).map(({ state }) => state)).toEqual(['given_up', 'given_up', 'done']);
    expect(await second.store.retryWork(gone.at(-1)!.key, 0)).toBe(false);
  });

  it.each([
    ['a private address that is not allowed', { allowPrivate: false }, undefined, /private address/],
    ['an address of cloud metadata, allowed or not', {}, 'http://169.254.169.254/latest', /never connected to/],
    ['a port where nobody listens', {}, 'http://127.0.0.1:1/', /cannot connect/],
  ])('is not sent to %s', async (_what, more, url, why) => {
    const there = await listening();
    const { tell, outcomes, webhooks, known } = bench([endpoint('crm', url ?? there.url, more)]);

    await tell('call_1', 1);
    await until(() => outcomes.length > 0, 'the first try');

    expect(outcomes[0]).toEqual(['crm', 'retry']);
    expect(webhooks.state()[0]?.failing).toMatch(why);
    expect((await known('crm'))[0]?.error).toMatch(why);
    expect(there.received).toEqual([]);
  });

  it('that was erased meanwhile is done without being sent', async () => {
    const there = await listening();
    const { store, webhooks, outcomes } = bench([endpoint('crm', there.url)]);

    const lane = `${lanesOf('crm')}call_1`;
    await store.addWork([{ key: 'webhook:crm:1', kind: 'webhook', lane, callId: 'call_1', payload: {} }]);
    webhooks.wake();
    await until(() => outcomes.length === 1, 'its end');

    expect(outcomes).toEqual([['crm', 'done']]);
    expect(there.received).toEqual([]);
  });

  it('of an endpoint that the config no longer has is given up by the main worker, which leaves the others alone', async () => {
    const there = await listening();
    const { store, webhooks, clock, tell } = bench([endpoint('crm', there.url)]);
    const outcomes: WorkOutcome[] = [];
    const main = new OutboxWorker({
      ...{ store, clock, log: silentLog, lanes: { without: webhooks.lanes } },
      handlers: { webhook: webhooks.orphan },
      observe: (_, outcome) => void outcomes.push(outcome),
    });
    closers.push(() => main.stop());

    const lane = `${lanesOf('gone')}call_1`;
    const payload = { endpoint: 'gone', event: {} };
    await store.addWork([{ key: 'webhook:gone:1', kind: 'webhook', lane, callId: 'call_1', payload }]);
    await tell('call_1', 3);
    main.start();
    await until(() => outcomes.length === 1 && there.received.length === 3, 'both');

    expect(outcomes).toEqual(['givenUp']);
    const [orphan] = await store.knownWork({ lanes: { within: lanesOf('gone') }, limit: 9 });
    expect(orphan).toMatchObject({ state: 'given_up', error: 'there is no endpoint "gone" in the config any more' });
  });

  it('waits visibly: how many, and how long the oldest has', async () => {
    const { store, clock } = bench([]);
    const followUps = { recordings: false, summaryAgents: [], webhooks: [endpoint('crm', 'http://127.0.0.1:1/')] };
    const at = clock.wall();
    const events = [1, 2].map((n) => ({ id: String(n), callId: 'call_1', type: 'call.answered', at, data: {} }));
    await store.addWork(webhookWork(followUps, events, at));

    const waiting = await store.waitingIn({ within: lanesOf('crm') });

    expect(waiting.count).toBe(2);
    expect(waiting.oldestAt).toBeGreaterThanOrEqual(at);
    expect(await store.waitingIn({ within: lanesOf('cr_') })).toEqual({ count: 0, oldestAt: null });
    expect(await store.waitingIn({ without: [lanesOf('crm')] })).toEqual({ count: 0, oldestAt: null });
  });
});
