import { sql } from 'kysely';
import { LandlineError } from '../core/errors.ts';
import type { Engine } from './engine.ts';

interface Migration {
  /** Ordered by name, never changed once it was published. */
  readonly name: string;
  statements(engine: Engine): readonly string[];
}

const MIGRATIONS: readonly Migration[] = [
  {
    name: '0001_first',
    statements: ({ types: { integer, real, json, counter }, wordTable }) => [
      `CREATE TABLE calls (
        sort_key ${integer} NOT NULL PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        direction TEXT NOT NULL,
        status TEXT NOT NULL,
        from_number TEXT NOT NULL,
        to_number TEXT NOT NULL,
        agent TEXT NOT NULL,
        metadata ${json} NOT NULL,
        created_at ${real} NOT NULL,
        answered_at ${real},
        ended_at ${real},
        end_reason TEXT,
        duration_ms ${real},
        hangup_cause TEXT,
        sip_code TEXT,
        hangup_text TEXT,
        call_control_id TEXT NOT NULL,
        call_leg_id TEXT,
        call_session_id TEXT,
        usage ${json},
        summary ${json},
        transcript_kept ${integer} NOT NULL DEFAULT 1,
        recording_kept ${integer} NOT NULL DEFAULT 1,
        events_kept ${integer} NOT NULL DEFAULT 1,
        journal_kept ${integer} NOT NULL DEFAULT 1
      )`,
      // Each filter with the order of the list behind it: a page is read from the index and nothing is sorted.
      ...['status', 'direction', 'from_number', 'to_number', 'agent', 'end_reason'].map(
        (column) => `CREATE INDEX calls_${column} ON calls (${column}, sort_key)`,
      ),
      ...['transcript', 'recording', 'events', 'journal'].map(
        (kind) => `CREATE INDEX calls_${kind}_kept ON calls (ended_at) WHERE ${kind}_kept = 1`,
      ),
      `CREATE TABLE call_numbers (
        number TEXT NOT NULL,
        sort_key ${integer} NOT NULL REFERENCES calls (sort_key) ON DELETE CASCADE,
        PRIMARY KEY (number, sort_key)
      )`,
      'CREATE INDEX call_numbers_call ON call_numbers (sort_key)',
      `CREATE TABLE call_metadata (
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        sort_key ${integer} NOT NULL REFERENCES calls (sort_key) ON DELETE CASCADE,
        PRIMARY KEY (key, value, sort_key)
      )`,
      'CREATE INDEX call_metadata_call ON call_metadata (sort_key)',
      ...wordTable,
      `CREATE TABLE legs (
        call_id TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        call_control_id TEXT NOT NULL,
        call_leg_id TEXT,
        call_session_id TEXT,
        from_number TEXT,
        to_number TEXT,
        created_at ${real} NOT NULL,
        answered_at ${real},
        ended_at ${real},
        hangup_cause TEXT,
        sip_code TEXT,
        PRIMARY KEY (call_id, name)
      )`,
      'CREATE INDEX legs_from_number ON legs (from_number)',
      'CREATE INDEX legs_to_number ON legs (to_number)',
      `CREATE TABLE turns (
        call_id TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
        seq ${integer} NOT NULL,
        turn ${integer},
        role TEXT NOT NULL,
        text TEXT NOT NULL,
        start_ms ${real} NOT NULL,
        end_ms ${real} NOT NULL,
        interrupted ${integer} NOT NULL,
        latency ${json},
        PRIMARY KEY (call_id, seq)
      )`,
      `CREATE TABLE events (
        id ${integer} NOT NULL,
        call_id TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
        type TEXT NOT NULL,
        at ${real} NOT NULL,
        data ${json} NOT NULL,
        PRIMARY KEY (id, call_id)
      )`,
      'CREATE INDEX events_call ON events (call_id, id)',
      `CREATE TABLE actions (
        call_id TEXT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
        seq ${integer} NOT NULL,
        at ${real} NOT NULL,
        by TEXT NOT NULL,
        type TEXT NOT NULL,
        detail ${json} NOT NULL,
        PRIMARY KEY (call_id, seq)
      )`,
      `CREATE TABLE journal_positions (
        call_id TEXT NOT NULL PRIMARY KEY,
        bytes ${integer} NOT NULL,
        complete ${integer} NOT NULL,
        erased ${integer} NOT NULL DEFAULT 0
      )`,
      `CREATE TABLE outbox (
        id ${counter},
        key TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        lane TEXT NOT NULL,
        call_id TEXT,
        payload ${json} NOT NULL,
        state TEXT NOT NULL,
        created_at ${real} NOT NULL,
        attempts ${integer} NOT NULL,
        due_at ${real} NOT NULL,
        error TEXT
      )`,
      "CREATE INDEX outbox_lane ON outbox (lane, id) WHERE state = 'waiting'",
      "CREATE INDEX outbox_due ON outbox (due_at) WHERE state = 'waiting'",
      'CREATE INDEX outbox_call ON outbox (call_id)',
      `CREATE TABLE numbers (
        number TEXT NOT NULL PRIMARY KEY,
        agent TEXT NOT NULL,
        updated_at ${real} NOT NULL
      )`,
      `CREATE TABLE idempotency_keys (
        key TEXT NOT NULL PRIMARY KEY,
        request_hash TEXT NOT NULL,
        call_id TEXT NOT NULL,
        created_at ${real} NOT NULL
      )`,
      'CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at)',
      `CREATE TABLE dials (
        id TEXT NOT NULL PRIMARY KEY,
        at ${real} NOT NULL,
        to_number TEXT NOT NULL,
        call_id TEXT,
        spend ${real} NOT NULL
      )`,
      'CREATE INDEX dials_at ON dials (at)',
      'CREATE INDEX dials_call ON dials (call_id)',
    ],
  },
];

/**
 * Brings a database to this version's schema, in one transaction and under a lock: of two processes that start at once,
 * one does it and the other finds it done.
 *
 * @returns names of what was applied.
 * @throws LandlineError `store_newer` when a newer Landline has been here.
 */
export async function applyMigrations(engine: Engine, now: number): Promise<readonly string[]> {
  return engine.patiently((db) =>
    db.transaction().execute(async (trx) => {
      await engine.lock(trx, 'migrations');
      await sql
        .raw(
          `CREATE TABLE IF NOT EXISTS landline_migrations (
            name TEXT NOT NULL PRIMARY KEY,
            applied_at ${engine.types.real} NOT NULL
          )`,
        )
        .execute(trx);
      const rows = await trx.selectFrom('landline_migrations').select('name').orderBy('name').execute();
      const applied = new Set(rows.map(({ name }) => name));
      const unknown = [...applied].filter((name) => !MIGRATIONS.some((migration) => migration.name === name));
      if (unknown.length > 0) {
        throw new LandlineError(
          'store_newer',
          `the database was brought up to date by a newer Landline (${unknown.join(', ')}): run that version, or restore a backup from before it`,
        );
      }
      const missing = MIGRATIONS.filter(({ name }) => !applied.has(name));
      for (const migration of missing) {
        for (const statement of migration.statements(engine)) await sql.raw(statement).execute(trx);
        await trx.insertInto('landline_migrations').values({ name: migration.name, applied_at: now }).execute();
      }
      return missing.map(({ name }) => name);
    }),
  );
}

/**
 * What {@link applyMigrations} would apply; changes nothing.
 *
 * @throws LandlineError `store_unavailable`
 */
export async function pendingMigrations(engine: Engine): Promise<readonly string[]> {
  try {
    const tables = await engine.db.introspection.getTables();
    const applied = new Set<string>();
    if (tables.some(({ name }) => name === 'landline_migrations')) {
      const rows = await engine.db.selectFrom('landline_migrations').select('name').execute();
      for (const { name } of rows) applied.add(name);
    }
    return MIGRATIONS.map(({ name }) => name).filter((name) => !applied.has(name));
  } catch (thrown) {
    throw engine.failure(thrown);
  }
}
