import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { Kysely, sql, SqliteDialect, type SqliteDatabase, type SqliteStatement } from 'kysely';
import { LandlineError, messageOf } from '../core/errors.ts';
import { FILE_MODE, FOLDER_MODE } from '../journal/layout.ts';
import type { Engine } from './engine.ts';
import type { Tables } from './schema.ts';

/** How long a statement waits for another process that writes. */
const BUSY_MS = 1_000;
/** A migration of another process may take longer than a write. */
const PATIENT_BUSY_MS = 30_000;
/** Pages of the index that one step of a merge writes: some 20 ms. */
const MERGED_PAGES = 64;
/** Statements kept prepared; the store has fewer than that. */
const PREPARED = 200;

/** Primary result codes that say "not now": busy, locked, no memory, read-only, input/output, full, cannot open. */
const LATER: ReadonlySet<number> = new Set([5, 6, 7, 8, 10, 13, 14]);
/** Damaged, or not a database at all. */
const DAMAGED: ReadonlySet<number> = new Set([11, 26]);

/**
 * The embedded engine: one file beside the journals, written through Node's own SQLite. It blocks its thread, so it lives
 * in one of its own.
 *
 * @param path of the file; it and its folder are made when missing, for this user only.
 */
export function createSqliteEngine(path: string): Engine {
  let database: DatabaseSync | undefined;
  const db = new Kysely<Tables>({
    dialect: new SqliteDialect({
      // Asked again after it failed: a folder that was not there may be there later.
      database: async () => {
        database = openDatabase(path);
        return adapt(database);
      },
    }),
  });
  return {
    db,
    types: { integer: 'INTEGER', real: 'REAL', json: 'TEXT', counter: 'INTEGER PRIMARY KEY AUTOINCREMENT' },
    // No texts and no places in it, only which call has which word: small, and it can be kept up to date.
    wordTable: [
      `CREATE VIRTUAL TABLE call_words USING fts5 (
        words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
      )`,
    ],
    wordKey: 'rowid',
    findsWordsInOrder: true,
    hasWords(words) {
      // Words are letters and digits: inside the quotes nothing can be an operator.
      const match = words.map(({ word, isBeginning }) => `"${word}"${isBeginning ? '*' : ''}`).join(' AND ');
      return sql<boolean>`call_words MATCH ${match}`;
    },
    async putWords(trx, sortKey, words) {
      await sql`DELETE FROM call_words WHERE rowid = ${sortKey}`.execute(trx);
      if (words.length === 0) return;
      await sql`INSERT INTO call_words (rowid, words) VALUES (${sortKey}, ${words.join(' ')})`.execute(trx);
    },
    // Every transaction that writes begins with the one lock there is; see `adapt`.
    lock: async () => undefined,
    async patiently(work) {
      await sql.raw(`PRAGMA busy_timeout = ${PATIENT_BUSY_MS}`).execute(db);
      try {
        return await work(db);
      } finally {
        database?.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
      }
    },
    async wipe() {
      // Words of a deleted row stay in the index, only marked, until its parts are merged into one.
      let isMerged = await mergeWords(db, -MERGED_PAGES);
      while (!isMerged) isMerged = await mergeWords(db, MERGED_PAGES);
      // `secure_delete` is of the main file; the log beside it still has the pages as they were.
      const { rows } = await sql<{ readonly busy: number }>`PRAGMA wal_checkpoint(TRUNCATE)`.execute(db);
      return rows[0]?.busy === 0;
    },
    failure: (thrown) => failureOf(thrown, path),
  };
}

/** One step of merging the index of words; a negative number begins it. @returns true when there is nothing left to do. */
function mergeWords(db: Kysely<Tables>, pages: number): Promise<boolean> {
  return db.connection().execute(async (connection) => {
    const changes = async (): Promise<number> => {
      const { rows } = await sql<{ readonly count: number }>`SELECT total_changes() AS count`.execute(connection);
      return rows[0]?.count ?? 0;
    };
    const before = await changes();
    await sql`INSERT INTO call_words (call_words, rank) VALUES ('merge', ${pages})`.execute(connection);
    // One is the command itself.
    return (await changes()) - before < 2;
  });
}

function openDatabase(path: string): DatabaseSync {
  if (path !== ':memory:') {
    mkdirSync(dirname(path), { recursive: true, mode: FOLDER_MODE });
    // SQLite gives the files beside it (-wal, -shm) the mode of this one.
    closeSync(openSync(path, 'a', FILE_MODE));
  }
  const database = new DatabaseSync(path, { timeout: BUSY_MS, enableForeignKeyConstraints: true });
  try {
    // NORMAL with WAL: a killed process loses nothing; a power cut may lose the last second, which the journals still have.
    database.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -32000; PRAGMA secure_delete = ON',
    );
  } catch (thrown) {
    database.close();
    throw thrown;
  }
  return database;
}

/** What Kysely wants of a database (the shape of `better-sqlite3`), from Node's. */
function adapt(database: DatabaseSync): SqliteDatabase {
  const prepared = new Map<string, SqliteStatement>();
  return {
    close: () => database.close(),
    prepare(text) {
      // SQLite rolls back by itself when the disk fails; a second time would hide that error behind another.
      if (text === 'rollback' && !database.isTransaction) return NOTHING;
      let statement = prepared.get(text);
      if (!statement) {
        // A transaction that reads first and writes later would fail at once, not wait, when another process wrote between.
        statement = adaptStatement(database.prepare(text === 'begin' ? 'begin immediate' : text));
        if (prepared.size >= PREPARED) prepared.clear();
        prepared.set(text, statement);
      }
      return statement;
    },
  };
}

const NOTHING: SqliteStatement = {
  reader: false,
  all: () => [],
  run: () => ({ changes: 0, lastInsertRowid: 0 }),
  iterate: () => [].values(),
};

function adaptStatement(statement: StatementSync): SqliteStatement {
  const values = (parameters: readonly unknown[]): SQLInputValue[] => parameters as SQLInputValue[];
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...values(parameters)),
    run: (parameters) => statement.run(...values(parameters)),
    iterate: (parameters) => statement.iterate(...values(parameters)),
  };
}

function failureOf(thrown: unknown, path: string): LandlineError {
  const code = thrown instanceof Error && 'errcode' in thrown ? Number(thrown.errcode) & 0xff : undefined;
  const isFile = thrown instanceof Error && 'syscall' in thrown;
  if (isFile || (code !== undefined && LATER.has(code))) {
    return new LandlineError('store_unavailable', `the database ${path} cannot be used now: ${messageOf(thrown)}`, {
      cause: thrown,
      retryable: true,
    });
  }
  if (code !== undefined && DAMAGED.has(code)) {
    return new LandlineError(
      'store_unavailable',
      `${path} is no usable database (${messageOf(thrown)}): move it away, or restore a backup`,
      { cause: thrown },
    );
  }
  return new LandlineError('internal_error', `the store failed: ${messageOf(thrown)}`, { cause: thrown });
}
