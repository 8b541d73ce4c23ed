import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql, type Kysely } from 'kysely';
import { systemClock } from '../src/core/clock.ts';
import { silentLog } from '../src/core/log.ts';
import type { Engine } from '../src/store/engine.ts';
import { openEngine } from '../src/store/open-engine.ts';
import type { CallQuery, CallRow, TurnRow } from '../src/store/port.ts';
import { callToRow, metadataRows, turnToRow } from '../src/store/rows.ts';
import type { Tables } from '../src/store/schema.ts';
import { createSqlStore } from '../src/store/sql-store.ts';
import { wordsOf } from '../src/store/words.ts';
import { startPostgres } from '../test/store/postgres.ts';
import { quantiles } from './load/quantiles.ts';
import { printRows, type BenchRow } from './row.ts';

const CALLS = 100_000;
const TURNS = 8;
const PER_TRANSACTION = 2_000;
const GOAL_MS = 50;
const RUNS = 40;
const FIRST_AT = Date.UTC(2026, 0, 1);
const EVERY_MS = 60_000;

const WORDS =
  'the a I you we would like to book change cancel my appointment table order for tomorrow today next Monday Tuesday at nine ten morning evening please thank thanks hello good yes no that is fine can could help with problem delivery address account number invoice payment refund late early street name email phone call back later doctor pharmacy room two three four people window garden quiet'.split(
    ' ',
  );

/** The same fraction for the same number, spread over [0, 1). */
function spread(n: number): number {
  return (Math.imul(n ^ (n >>> 15), 2654435761) >>> 0) / 2 ** 32;
}

function callOf(n: number): CallRow {
  const createdAt = FIRST_AT + n * EVERY_MS;
  const isOut = n % 5 === 0;
  const caller = `+1312555${String(n % 9_000).padStart(4, '0')}`;
  const ours = `+1510555${String(n % 20).padStart(4, '0')}`;
  return {
    id: `call_${n.toString(36).padStart(8, '0')}`,
    direction: isOut ? 'outbound' : 'inbound',
    status: n > CALLS - 20 ? 'active' : 'ended',
    from: isOut ? ours : caller,
    to: isOut ? caller : ours,
    agent: n % 1_000 === 7 ? 'rare' : `agent${n % 4}`,
    metadata: { customer: `c${n % 30_000}`, campaign: `spring${n % 3}` },
    createdAt,
    answeredAt: createdAt + 3_000,
    endedAt: createdAt + 120_000,
    endReason: n % 500 === 3 ? 'provider_failure' : 'caller_hangup',
    durationMs: 117_000,
    hangupCause: 'normal_clearing',
    sipCode: '200',
    hangupText: 'The caller hung up.',
    callControlId: `v3:${'x'.repeat(60)}${n}`,
    callLegId: `leg-${n}`,
    callSessionId: `session-${n}`,
    usage: { llm: { inputTokens: 900, outputTokens: 120 }, tts: { characters: 800 } },
    summary: { text: `The caller asked about ${WORDS[n % WORDS.length] ?? ''}.` },
  };
}

function turnsOf(n: number, callId: string): TurnRow[] {
  return Array.from({ length: TURNS }, (_, t) => {
    const words = Array.from({ length: 14 }, (_, w) => {
      // The first words of the list are said far more often than the last, as in speech; names are said once.
      const at = spread(n * 131 + t * 17 + w);
      return w === 13 && t === 0 ? `caller${n % 50_000}` : (WORDS[Math.floor(at * at * WORDS.length)] ?? '');
    });
    return {
      callId,
      seq: t + 1,
      turn: t,
      role: t % 2 === 0 ? 'agent' : 'caller',
      text: `${words.join(' ')}.`,
      startMs: t * 9_000,
      endMs: t * 9_000 + 6_000,
      interrupted: false,
      latency: { llm: 310, tts: 120 },
    };
  });
}

async function fill(engine: Engine, db: Kysely<Tables>): Promise<void> {
  const isSqlite = engine.wordKey === 'rowid';
  // An index that is made afterwards is the same, and made in a tenth of the time.
  if (!isSqlite) await sql`DROP INDEX call_words_words`.execute(db);
  for (let from = 0; from < CALLS; from += PER_TRANSACTION) {
    await db.transaction().execute(async (trx) => {
      const numbers = Array.from({ length: PER_TRANSACTION }, (_, n) => from + n);
      const calls = numbers.map((n) => ({ n, call: callOf(n), sortKey: (FIRST_AT + n * EVERY_MS) * 1_000 }));
      const turns = calls.map(({ n, call }) => turnsOf(n, call.id));
      await insert(
        trx,
        'calls',
        calls.map(({ call, sortKey }) => callToRow(call, sortKey)),
      );
      await insert(
        trx,
        'call_numbers',
        calls.flatMap(({ call, sortKey }) => [call.from, call.to].map((number) => ({ number, sort_key: sortKey }))),
      );
      await insert(
        trx,
        'call_metadata',
        calls.flatMap(({ call, sortKey }) => metadataRows(call.metadata, sortKey)),
      );
      await insert(trx, 'turns', turns.flat().map(turnToRow));
      const words = calls.map(({ call, sortKey }, at) => ({
        sortKey,
        words: wordsOf([String(call.summary?.['text']), ...(turns[at] ?? []).map(({ text }) => text)]),
      }));
      for (let at = 0; at < words.length; at += 250) {
        const rows = words
          .slice(at, at + 250)
          .map((row) =>
            isSqlite
              ? sql`(${row.sortKey}, ${row.words.join(' ')})`
              : sql`(${row.sortKey}::bigint, array_to_tsvector(${row.words}::text[]))`,
          );
        await sql`INSERT INTO call_words (${sql.ref(engine.wordKey)}, words) VALUES ${sql.join(rows)}`.execute(trx);
      }
    });
  }
  if (!isSqlite) {
    const statement = engine.wordTable.find((text) => text.startsWith('CREATE INDEX')) ?? '';
    await sql.raw(statement).execute(db);
  }
  await sql`ANALYZE`.execute(db);
}

async function insert(trx: Kysely<Tables>, table: string, rows: readonly object[]): Promise<void> {
  const columns = sql.join(Object.keys(rows[0] ?? {}).map((column) => sql.ref(column)));
  for (let from = 0; from < rows.length; from += 250) {
    const values = rows.slice(from, from + 250).map((row) => sql`(${sql.join(Object.values(row))})`);
    await sql`INSERT INTO ${sql.table(table)} (${columns}) VALUES ${sql.join(values)}`.execute(trx);
  }
}

const QUERIES: readonly (readonly [name: string, query: Partial<CallQuery>])[] = [
  ['list', {}],
  ['status', { status: 'active' }],
  ['direction', { direction: 'outbound' }],
  ['number, a caller', { number: '+13125550042' }],
  ['number, ours', { number: '+15105550003' }],
  ['from', { from: '+13125550042' }],
  ['to', { to: '+15105550003' }],
  ['agent, rare', { agent: 'rare' }],
  ['end reason', { endReason: 'provider_failure' }],
  ['time', { after: FIRST_AT + 4e4 * EVERY_MS, before: FIRST_AT + 5e4 * EVERY_MS }],
  ['metadata, rare', { metadata: { customer: 'c77' } }],
  ['metadata, common', { metadata: { campaign: 'spring1' } }],
  ['text, a name', { text: 'caller4711' }],
  ['text, common', { text: 'appointment' }],
  ['text, three words', { text: 'doctor garden invoice' }],
  ['text, beginning', { text: 'appoint* tues*' }],
  ['text, none has it', { text: 'zebra' }],
  ['text and agent', { text: 'refund', agent: 'rare' }],
];

async function measure(name: string, engine: Engine): Promise<BenchRow[]> {
  const store = createSqlStore(engine, systemClock);
  try {
    await store.migrate();
    const began = performance.now();
    await engine.patiently((db) => fill(engine, db));
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    process.stderr.write(`  ${name}: ${CALLS} calls with ${CALLS * TURNS} turns filled in ${seconds} s\n`);
    let cursor: string | null = null;
    const deep: string[] = [];
    for (let page = 0; page < 400; page++) {
      const { nextCursor }: { nextCursor: string | null } = await store.listCalls({
        limit: 200,
        ...(cursor && { cursor }),
      });
      cursor = nextCursor;
    }
    if (cursor) deep.push(cursor);
    const queries = [...QUERIES, ...deep.map((at) => ['page 1,600 of 50', { cursor: at }] as const)];
    const rows: BenchRow[] = [];
    for (const [what, query] of queries) {
      const times: number[] = [];
      let found = 0;
      for (let run = 0; run < RUNS; run++) {
        const asked = performance.now();
        found = (await store.listCalls({ limit: 50, ...query })).calls.length;
        times.push(performance.now() - asked);
      }
      const q = quantiles(times);
      const min = Math.min(...times).toFixed(1);
      rows.push({
        name: `store: ${name}, ${CALLS} calls, ${what}`,
        goal: `p99 <= ${GOAL_MS} ms`,
        measured: `min ${min}, p50 ${q.p50.toFixed(1)}, p99 ${q.p99.toFixed(1)} ms; ${found} found`,
        timing: true,
        ok: q.p99 <= GOAL_MS,
      });
    }
    return rows;
  } finally {
    await store.close();
  }
}

/** Pages of 50 calls out of 100,000, in both engines. */
export async function run(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'landline-bench-'));
  const postgres = await startPostgres();
  try {
    return [
      ...(await measure('SQLite', openEngine(`sqlite:${join(folder, 'landline.db')}`, silentLog))),
      ...(await measure('PostgreSQL', openEngine(await postgres.database(), silentLog))),
    ];
  } finally {
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) printRows(await run());
