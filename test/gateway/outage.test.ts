import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { createS3Emulator } from '../../src/emulator/s3/emulator.ts';
import type { EmulatedCall } from '../../src/emulator/telnyx/index.ts';
import { createS3Storage } from '../../src/records/s3-storage.ts';
import { startPostgres, type TestPostgres } from '../store/postgres.ts';
import { heardWords } from './ear.ts';
import { inWorld, NEIGHBOUR, until, type GatewayWorld } from './world.ts';

/** `npm run soak` leaves the server of the database away for a minute. */
const GONE_MS = process.env['LANDLINE_SOAK'] === undefined ? 0 : 60_000;
/** Nothing but words: what the agent says all the time while something is out of order. */
const SPEECH = Array.from({ length: 5 }, (_, n) => `word${n} follows word${n + 1}`).join(' ');

async function eventually<T>(read: () => Promise<T>, holds: (value: T) => boolean, what: string): Promise<T> {
  let value = await read();
  for (const end = performance.now() + 25_000; !holds(value); value = await read()) {
    if (performance.now() > end) throw new Error(`waited in vain for: ${what}; last: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return value;
}

const metric = async (world: GatewayWorld, name: string): Promise<string | undefined> =>
  new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'm').exec((await world.request('/metrics')).text)?.[1];

const rows = async (world: GatewayWorld): Promise<{ id: string; status: string }[] | undefined> =>
  ((await world.request('/v1/calls')).json as { calls?: { id: string; status: string }[] }).calls;

const kept = async (world: GatewayWorld, calls: number): Promise<void> => {
  await eventually(
    () => rows(world),
    (list) => list?.length === calls && list.every(({ status }) => status === 'ended'),
    'every record to be there',
  );
};

/** Speech that runs through an outage must arrive whole and without a gap. */
function expectUnharmed(call: EmulatedCall, from: number): void {
  expect(call.underruns.filter(({ sample }) => sample > from)).toEqual([]);
  const words = heardWords(call.heardSince(from), SPEECH);
  expect(words.map(({ index }) => index)).toEqual(SPEECH.split(' ').map((_word, index) => index));
  expect(words.every(({ complete }) => complete)).toBe(true);
}

/** A call that lives through an outage, and one that comes and goes within it. */
async function callsThrough(
  world: GatewayWorld,
  outage: { begin(): Promise<void>; seen(): Promise<void>; end(): Promise<void> },
): Promise<void> {
  world.test.say(SPEECH);
  const through = await world.talk();
  const from = through.sample;
  world.test.recognise({ type: 'sttEndOfTurn', text: 'tell me everything' });
  const before = through.frames.length;
  await until(() => through.frames.length > before + 20, 'the agent to speak');
  await outage.begin();
  const within = world.ring({ to: NEIGHBOUR });
  await until(() => within.isStreaming, 'a call to be taken meanwhile');
  within.hangup();
  await until(() => world.of('call.ended', within).length === 1, 'its end');
  await outage.seen();
  await until(() => world.of('turn.ended', through).length >= 3, 'the speech to be heard', 30_000);
  expectUnharmed(through, from);
  through.hangup();
  await until(() => world.of('call.ended', through).length === 1, 'the end');
  await outage.end();
  await kept(world, 2);
  for (const call of [through, within]) {
    const { json } = await world.request(`/v1/calls/${world.idOf(call)}`);
    expect(json).toMatchObject({ status: 'ended', endReason: 'caller_hangup' });
  }
}

/** Said once when it begins and once when it is over, however long it lasts. */
async function storeOutage(world: GatewayWorld): Promise<void> {
  const ready = await eventually(
    () => world.request('/readyz'),
    ({ text }) => text.includes('"store: '),
    'readiness to tell',
  );
  expect(ready.status).toBe(200);
  expect(ready.json).toMatchObject({ status: 'ready', reasons: [] });
  expect(await metric(world, 'landline_store_failed')).toBe('1');
  expect(Number(await metric(world, 'landline_store_pending_calls'))).toBeGreaterThan(0);
}

async function storeIsBack(world: GatewayWorld): Promise<void> {
  const ready = await eventually(
    () => world.request('/readyz'),
    ({ text }) => !text.includes('"store: '),
    'readiness to be clean',
  );
  expect(ready.json).toEqual({ status: 'ready', reasons: [] });
  expect(await metric(world, 'landline_store_failed')).toBe('0');
  const told = world.logs.filter(({ message }) => /^the database (cannot be used|answers again)/.test(message));
  expect(told.map(({ level }) => level)).toEqual(['error', 'info']);
}

/** Another process that holds the one lock of an SQLite file; resolves to how it lets go. */
async function lockDatabase(path: string): Promise<() => Promise<void>> {
  const script = `
    const { DatabaseSync } = require('node:sqlite');
    const database = new DatabaseSync(${JSON.stringify(path)}, { timeout: 10_000 });
    database.exec('BEGIN EXCLUSIVE');
    process.stdout.write('locked');
    process.stdin.on('end', () => { database.exec('COMMIT'); database.close(); }).resume();
  `;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const gone = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return async () => {
    child.stdin.end();
    await gone;
  };
}

describe.concurrent('calls go on, and their records come later,', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres.stop());

  it('while another process holds the database locked', () =>
    inWorld({ expectErrors: /database cannot be used/ }, async (world) => {
      let unlock = async (): Promise<void> => undefined;
      await callsThrough(world, {
        begin: async () => void (unlock = await lockDatabase(join(world.dataDir, 'landline.db'))),
        seen: () => storeOutage(world),
        end: async () => unlock(),
      }).finally(() => unlock());
      await storeIsBack(world);
    }));

  it(
    'while the server of the database is gone',
    async () => {
      const databaseUrl = await postgres.database();
      await inWorld({ gateway: { databaseUrl }, expectErrors: /database cannot be used/ }, async (world) => {
        let goneAt = 0;
        await callsThrough(world, {
          begin: async () => {
            await postgres.kill();
            goneAt = performance.now();
          },
          seen: () => storeOutage(world),
          end: async () => {
            await new Promise((resolve) => setTimeout(resolve, Math.max(0, goneAt + GONE_MS - performance.now())));
            await postgres.start();
          },
        });
        await storeIsBack(world);
      });
    },
    30_000 + 2 * GONE_MS,
  );

  it('while the object store answers 503', async () => {
    const s3 = await createS3Emulator();
    const storage = createS3Storage({
      endpoint: s3.endpoint,
      bucket: s3.bucket,
      ...s3.account,
      forcePathStyle: true,
      clock: systemClock,
    });
    const followUps = { recordings: true, summaryAgents: [], webhooks: [] };
    try {
      const gateway = { recordings: { storage }, followUps };
      await inWorld({ gateway, agent: { recording: true } }, async (world) => {
        let repaired = (): void => undefined;
        await callsThrough(world, {
          begin: async () => void (repaired = s3.fault({ does: { type: 'refuse', status: 503, code: 'SlowDown' } })),
          seen: async () => undefined,
          end: async () => {
            const ready = await eventually(
              () => world.request('/readyz'),
              ({ text }) => text.includes('recordings wait'),
              'readiness to tell',
            );
            expect(ready.status).toBe(200);
            expect(s3.objects.size).toBe(0);
            expect(Number(await metric(world, 'landline_outbox_waiting'))).toBeGreaterThan(0);
            repaired();
          },
        });
        await eventually(
          () => world.request('/readyz'),
          ({ json }) => !('degraded' in (json as object)),
          'readiness to be clean',
        );
        await until(() => s3.objects.size === 2, 'both recordings to be stored');
        const failed = world.logs.filter(({ message }) => message === 'work after a call failed and is tried again');
        expect(failed.length).toBeGreaterThan(0);
      });
    } finally {
      await s3.close();
    }
  });
});
