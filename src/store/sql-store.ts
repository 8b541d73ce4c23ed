import { sql } from 'kysely';
import type { Clock } from '../core/clock.ts';
import { LandlineError } from '../core/errors.ts';
import { createDialling, createNumbers, createOutbox } from './desk.ts';
import type { Engine } from './engine.ts';
import { eraseFromCall } from './erase.ts';
import { listCalls } from './list.ts';
import { applyMigrations } from './migrations.ts';
import type { Store } from './port.ts';
import { indexWords, projectBatches } from './project.ts';
import { Wiper } from './wiper.ts';
import { encodeJson, eventToRow, indexed, rowToAction, rowToCall, rowToEvent, rowToLeg, rowToTurn } from './rows.ts';

/** Calls asked for at once by `positions`. */
const IDS = 1_000;

type Method = (...args: readonly unknown[]) => Promise<unknown>;

/** The store in the thread that owns the database. */
export interface SqlStore extends Store {
  /** How much work waits in the outbox. */
  waitingWork(): Promise<number>;
}

/**
 * The {@link Store} over either engine. The schema is brought up to date before the first answer, whenever the database
 * can first be reached; from then on nothing asks again.
 */
export function createSqlStore(engine: Engine, clock: Clock): SqlStore {
  const { db } = engine;
  const now = (): number => clock.wall();
  let migrating: Promise<readonly string[]> | undefined;
  const migrate = (): Promise<readonly string[]> => {
    migrating ??= applyMigrations(engine, now()).catch((thrown: unknown) => {
      migrating = undefined;
      throw thrown;
    });
    return migrating;
  };
  const failure = (thrown: unknown): LandlineError =>
    thrown instanceof LandlineError ? thrown : engine.failure(thrown);
  /** Every method but `close` goes through here. */
  const guarded =
    (work: Method): Method =>
    async (...args) => {
      try {
        await migrate();
        return await work(...args);
      } catch (thrown) {
        throw failure(thrown);
      }
    };
  const outbox = createOutbox(engine, now);
  const numbers = createNumbers(engine);
  const dialling = createDialling(engine);
  const wiper = new Wiper(engine, clock);

  const store: SqlStore = {
    project: (...batches) => projectBatches(engine, batches, now()),
    async positions(callIds) {
      const found = [];
      for (let from = 0; from < callIds.length; from += IDS) {
        const ids = callIds.slice(from, from + IDS);
        found.push(...(await db.selectFrom('journal_positions').selectAll().where('call_id', 'in', ids).execute()));
      }
      return found.map(({ call_id, bytes, complete }) => ({ callId: call_id, bytes, complete: complete === 1 }));
    },

    listCalls: (query) => listCalls(engine, query),
    async call(id) {
      const row = await db.selectFrom('calls').selectAll().where('id', '=', id).executeTakeFirst();
      return row && rowToCall(row);
    },
    async legs(callId) {
      const query = db.selectFrom('legs').selectAll().where('call_id', '=', callId);
      return (await query.orderBy('created_at').orderBy('name').execute()).map(rowToLeg);
    },
    async turns(callId) {
      const query = db.selectFrom('turns').selectAll().where('call_id', '=', callId);
      return (await query.orderBy('seq').execute()).map(rowToTurn);
    },
    async actions(callId) {
      const query = db.selectFrom('actions').selectAll().where('call_id', '=', callId);
      return (await query.orderBy('seq').execute()).map(rowToAction);
    },
    async events({ callId, after, types, limit }) {
      let query = db.selectFrom('events').selectAll().orderBy('id').limit(limit);
      if (callId !== undefined) query = query.where('call_id', '=', callId);
      if (after !== undefined) query = query.where('id', '>', eventId(after));
      if (types !== undefined) query = query.where('type', 'in', types.length > 0 ? types : ['']);
      return (await query.execute()).map(rowToEvent);
    },
    async callsOfNumber(text) {
      const number = indexed(text);
      const rows = await db
        .selectFrom('calls')
        .select('id')
        .where((eb) =>
          eb.or([
            eb('sort_key', 'in', eb.selectFrom('call_numbers').select('sort_key').where('number', '=', number)),
            eb('id', 'in', eb.selectFrom('legs').select('call_id').where('from_number', '=', number)),
            eb('id', 'in', eb.selectFrom('legs').select('call_id').where('to_number', '=', number)),
          ]),
        )
        .orderBy('sort_key')
        .execute();
      return rows.map(({ id }) => id);
    },
    async expired(kind, endedBefore, limit) {
      const rows = await db
        .selectFrom('calls')
        .select('id')
        // Literal, like in the index: a bound value would not let SQLite use it.
        .where(sql<boolean>`${sql.ref(`${kind}_kept`)} = 1`)
        .where('ended_at', '<', endedBefore)
        .orderBy('ended_at')
        .limit(limit)
        .execute();
      return rows.map(({ id }) => id);
    },

    async addSummary(callId, summary, event) {
      await db.transaction().execute(async (trx) => {
        const call = await trx
          .updateTable('calls')
          .set({ summary: encodeJson(summary) })
          .where('id', '=', callId)
          .where('transcript_kept', '=', 1)
          .returning(['sort_key', 'events_kept'])
          .executeTakeFirst();
        // Erased in the meantime: a summary of what is not kept is not kept either.
        if (!call) return;
        await indexWords(engine, trx, callId, call.sort_key);
        if (call.events_kept === 0) return;
        await trx
          .insertInto('events')
          .values(eventToRow(event))
          .onConflict((conflict) => conflict.doNothing())
          .execute();
      });
    },
    async erase(callId, kind) {
      await eraseFromCall(engine, callId, kind);
      // Of the others the store only remembers that they are gone.
      if (kind !== 'recording' && kind !== 'journal') wiper.erased();
    },

    ...outbox,
    ...numbers,
    ...dialling,

    migrate,
    async ping() {
      await sql`SELECT 1`.execute(db);
    },
    async close() {
      await wiper.close();
      await db.destroy();
    },
  };
  return Object.fromEntries(
    Object.entries(store as unknown as Readonly<Record<string, Method>>).map(([name, work]) => [
      name,
      name === 'close' ? work : guarded(work),
    ]),
  ) as unknown as SqlStore;
}

function eventId(text: string): number {
  const id = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(id)) return id;
  throw new LandlineError('request_invalid', 'an event id is a decimal number, as an event gave it');
}
