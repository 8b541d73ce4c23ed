import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import type { EmulatedCall } from '../../src/emulator/telnyx/index.ts';
import { renderVoice } from '../../src/emulator/voice.ts';
import { listEnded, listLive } from '../../src/journal/reader.ts';
import { NO_FOLLOW_UPS } from '../../src/store/follow-ups.ts';
import { readPass } from '../../src/store/journal-pass.ts';
import { openEngine } from '../../src/store/open-engine.ts';
import type { Store } from '../../src/store/port.ts';
import { createSqlStore } from '../../src/store/sql-store.ts';
import { type Child, type ChildWorld } from './child.ts';
import { readEvents, type SseEvent, type SseReader } from './sse-client.ts';
import { CALLER, RECEPTION, until } from './world.ts';

export interface DrillReport {
  readonly kills: number;
  /** Kills before the gateway had said that it is ready. */
  readonly duringStart: number;
  readonly calls: number;
  readonly events: number;
  readonly summaries: number;
  /** What was not as it has to be, in words; none. */
  readonly problems: readonly string[];
}

/** What may be lost of a call that lives while its process is killed. */
const MAY_BE_LOST_MS = 1_000;
const CALLS_AT_ONCE = 6;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const isKept = ({ event }: SseEvent): boolean => event !== 'transcript.partial';

/** The same moments for the same seed (mulberry32). */
function dice(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/**
 * A busy gateway is killed again and again, at moments that come from the seed, and always started on the same data.
 * Looks at the files after each kill, and at everything when all calls are over.
 */
export async function killDrill(world: ChildWorld, kills: number, seed: number): Promise<DrillReport> {
  const { telnyx } = world;
  const roll = dice(seed);
  const problems: string[] = [];
  const seen: SseEvent[] = [];
  /** Wall milliseconds. */
  const killedAt: number[] = [];
  const calls: EmulatedCall[] = [];
  let duringStart = 0;
  let reader: SseReader | undefined;

  const leave = (): void => {
    seen.push(...(reader?.events ?? []));
    reader?.close();
    reader = undefined;
  };
  const kill = async (child: Child): Promise<void> => {
    const now = Date.now();
    child.process.kill('SIGKILL');
    await child.exit;
    killedAt.push(now);
    leave();
    problems.push(...lookAtFiles(world, seen, killedAt).map((problem) => `kill ${killedAt.length}: ${problem}`));
  };

  while (killedAt.length < kills) {
    const child = world.spawn();
    if (roll(5) === 0) {
      duringStart += 1;
      await pause(roll(900));
      await kill(child);
      continue;
    }
    await until(() => child.lines.some((line) => line.includes('"event":"ready"')), 'the gateway to be ready', 20_000);
    reader = await readEvents(`${world.origin}/v1/events`, { 'last-event-id': seen.at(-1)?.id ?? '0' });
    for (let more = roll(3) + 1; more > 0 && telnyx.liveCalls().length < CALLS_AT_ONCE; more--) {
      const call = telnyx.placeCall({ from: CALLER, to: RECEPTION });
      calls.push(call);
      void pause(roll(1200)).then(() => call.play(renderVoice('do you have a room', 8000).samples));
    }
    const leaving = telnyx.liveCalls()[roll(CALLS_AT_ONCE)];
    const goesAt = roll(800);
    if (leaving) void pause(goesAt).then(() => leaving.hangup());
    // In the middle of something: at the n-th command or webhook, or some time later.
    const begin = performance.now();
    const [commands, webhooks] = [telnyx.commands.length + 1 + roll(6), telnyx.webhooks.length + 1 + roll(8)];
    const longest = 200 + roll(1800);
    const byWhat = roll(3);
    while (performance.now() - begin < longest) {
      if (byWhat === 0 && telnyx.commands.length >= commands) break;
      if (byWhat === 1 && telnyx.webhooks.length >= webhooks) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await kill(child);
  }

  const last = await world.start();
  reader = await readEvents(`${world.origin}/v1/events`, { 'last-event-id': seen.at(-1)?.id ?? '0' });
  await pause(500);
  for (const call of telnyx.liveCalls()) call.hangup();
  await until(() => telnyx.liveCalls().length === 0, 'every leg to be down');
  await until(() => telnyx.webhooks.every(({ status }) => status !== 'pending'), 'webhooks to be told', 60_000);
  // The store tells its state once a second: what was told before the last call ended says nothing.
  let quiet = 0;
  for (const end = performance.now() + 30_000; quiet < 4 && performance.now() < end;) {
    await pause(500);
    const metrics = await (await fetch(`${world.origin}/metrics`)).text();
    const waiting = [...metrics.matchAll(/^landline_(?:store_pending_calls|outbox_waiting|calls_active)\S* (\d+)$/gm)];
    quiet = waiting.length >= 2 && waiting.every(([, count]) => count === '0') ? quiet + 1 : 0;
  }
  leave();
  last.process.kill('SIGTERM');
  await last.exit;
  problems.push(...lookAtFiles(world, seen, killedAt), ...(await lookAtRecords(world, calls, seen, killedAt)));
  return {
    kills: killedAt.length,
    duringStart,
    calls: calls.length,
    events: seen.length,
    summaries: seen.filter(({ event }) => event === 'call.summarized').length,
    problems,
  };
}

/** From an event to the kill that followed it. */
function msBeforeKill(data: SseEvent['data'], killedAt: readonly number[]): number {
  const at = Date.parse(String(data['at']));
  return Math.min(...killedAt.filter((kill) => kill >= at)) - at;
}

/** May a kill have taken this event back? */
function isOfAKill(data: SseEvent['data'], killedAt: readonly number[]): boolean {
  return msBeforeKill(data, killedAt) <= MAY_BE_LOST_MS;
}

/** What must hold at every moment: the database opens cleanly, and what the world was told is on file. */
function lookAtFiles(world: ChildWorld, seen: readonly SseEvent[], killedAt: readonly number[]): string[] {
  const problems: string[] = [];
  const path = join(world.dataDir, 'landline.db');
  if (existsSync(path)) {
    // A copy: to open the file itself would tidy it up for the next process.
    const folder = mkdtempSync(join(tmpdir(), 'landline-drill-'));
    for (const end of ['', '-wal']) if (existsSync(path + end)) copyFileSync(path + end, join(folder, `copy.db${end}`));
    const database = new DatabaseSync(join(folder, 'copy.db'));
    for (const check of ['integrity_check', 'foreign_key_check']) {
      const rows = database.prepare(`PRAGMA ${check}`).all();
      const isGood = rows.every((row) => row['integrity_check'] === 'ok');
      if (!isGood) problems.push(`${check}: ${JSON.stringify(rows).slice(0, 300)}`);
    }
    database.close();
    rmSync(folder, { recursive: true, force: true });
  }
  const journals = (existsSync(world.dataDir) ? readdirSync(world.dataDir, { recursive: true, encoding: 'utf8' }) : [])
    .filter((name) => name.endsWith('.jsonl'))
    .map((name) => readFileSync(join(world.dataDir, name), 'utf8'))
    .join('');
  for (const { command, command_id: id } of world.telnyx.commands) {
    if (id !== undefined && !journals.includes(id)) problems.push(`${command} ${id} was sent and is in no journal`);
  }
  for (const { id, event, data } of seen) {
    if (!isKept({ id, event, data }) || event === 'call.summarized') continue;
    if (journals.includes(`"id":"${id}"`) || isOfAKill(data, killedAt)) continue;
    problems.push(`${event} ${id} was told and is in no journal: ${msBeforeKill(data, killedAt)} ms before a kill`);
  }
  return problems;
}

/** What must hold in the end: every call has one complete record that says what its journal says. */
async function lookAtRecords(
  world: ChildWorld,
  calls: readonly EmulatedCall[],
  seen: readonly SseEvent[],
  killedAt: readonly number[],
): Promise<string[]> {
  const { dataDir, telnyx } = world;
  const problems: string[] = [];
  const path = join(dataDir, 'landline.db');
  const store = createSqlStore(openEngine(`sqlite:${path}`, silentLog), systemClock);
  const ended = await listEnded(dataDir, { limit: 100_000 });
  if ((await listLive(dataDir)).length > 0) problems.push('journals are left among the live ones');
  for (const { callId } of ended) problems.push(...(await compare(store, dataDir, callId)));

  const rows: { id: string; controlId: string }[] = [];
  for (let cursor: string | null | undefined = undefined; cursor !== null;) {
    const page: Awaited<ReturnType<Store['listCalls']>> = await store.listCalls({
      limit: 200,
      ...(cursor !== undefined && { cursor }),
    });
    rows.push(...page.calls.map(({ id, callControlId }) => ({ id, controlId: callControlId })));
    cursor = page.nextCursor;
  }
  const journals = new Set(ended.map(({ callId }) => callId));
  for (const { id } of rows) if (!journals.has(id)) problems.push(`${id} is in the store and has no journal`);
  // Every call whose beginning was acknowledged to Telnyx is there once. One that found nobody until it was over is none.
  for (const { ids } of calls) {
    const of = rows.filter(({ controlId }) => controlId === ids.callControlId).length;
    const told = telnyx.webhooks.filter(({ event }) => event.payload['call_control_id'] === ids.callControlId);
    const isKnown = told.find(({ status }) => status === 200)?.event.event_type === 'call.initiated';
    if (of > 1 || (isKnown && of === 0)) {
      const tries = told.map(({ event, status }) => `${event.event_type} ${status}`).join(', ');
      problems.push(`${ids.callControlId} is in the store ${of} times: ${tries}`);
    }
  }

  // Who follows the stream, over all the kills: in order, none twice, none missing; what a kill took back is of its last second.
  const numbers = seen.map(({ id }) => Number(id));
  for (let n = 1; n < numbers.length; n++) {
    if ((numbers[n] as number) <= (numbers[n - 1] as number))
      problems.push(`event ${numbers[n]} after ${numbers[n - 1]}`);
  }
  const told = new Set(seen.map(({ id }) => id));
  const kept = await store.events({ limit: 1_000_000 });
  for (const { id, type } of kept) if (!told.has(id)) problems.push(`${type} ${id} is kept and was not told`);
  const keptIds = new Set(kept.map(({ id }) => id));
  for (const one of seen.filter(isKept)) {
    if (!keptIds.has(one.id) && !isOfAKill(one.data, killedAt)) {
      problems.push(`${one.event} ${one.id} was told and is not kept`);
    }
  }
  await store.close();

  const database = new DatabaseSync(path);
  for (const { key, state, error } of database.prepare(`SELECT * FROM outbox WHERE state != 'done'`).all()) {
    problems.push(`the outbox holds ${String(key)}: ${String(state)} ${String(error)}`);
  }
  const works = database
    .prepare(`SELECT key FROM outbox`)
    .all()
    .map(({ key }) => String(key));
  for (const { callId } of ended) {
    const of = works.filter((key) => key === `summary:${callId}`).length;
    if (of !== 1) problems.push(`${callId} has ${of} works for its summary`);
  }
  database.close();
  return problems;
}

/** The record of one ended call against its journal, read anew. */
async function compare(store: Store, dataDir: string, callId: string): Promise<string[]> {
  const options = { before: undefined, stored: undefined, followUps: NO_FOLLOW_UPS, now: 0 };
  const pass = await readPass({ dataDir, callId, ...options });
  if (!pass?.batch?.position.complete) return [`the journal of ${callId} has no end`];
  const { call, turns, legs, events } = pass.batch;
  const row = await store.call(callId);
  if (!row) return [`${callId} is not in the store`];
  const problems: string[] = [];
  const same = (what: string, kept: unknown, journaled: unknown): void => {
    if (JSON.stringify(kept) !== JSON.stringify(journaled)) {
      problems.push(`${what} of ${callId}: ${JSON.stringify(kept)} is not ${JSON.stringify(journaled)}`);
    }
  };
  same('the row', { ...row, summary: null }, { ...call, summary: null });
  same('the turns', await store.turns(callId), turns);
  same('the legs', await store.legs(callId), legs);
  const stored = await store.events({ callId, limit: 10_000 });
  const summarized = stored.filter(({ type }) => type === 'call.summarized');
  same(
    'the events',
    stored.filter(({ type }) => type !== 'call.summarized'),
    events,
  );
  if (row.endReason === null || row.durationMs === null || row.usage === null) problems.push(`${callId} is not whole`);
  if (stored.filter(({ type }) => type === 'call.ended').length !== 1) problems.push(`${callId} has not one end`);
  const hasCaller = turns.some(({ role }) => role === 'caller');
  if (summarized.length > 1 || (hasCaller && row.summary !== null) !== (summarized.length === 1)) {
    problems.push(`${callId} has ${summarized.length} summaries told, and ${row.summary ? 'one' : 'none'} kept`);
  }
  return problems;
}
