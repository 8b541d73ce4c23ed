import { sql, type ExpressionBuilder, type RawBuilder } from 'kysely';
import type { Engine } from './engine.ts';
import { NEWS_MS } from './follow-ups.ts';
import type { DialRow, KnownWork, LaneScope, Store, Work } from './port.ts';
import { insertWork } from './project.ts';
import { clean, indexed, rowToWork } from './rows.ts';
import type { Tables } from './schema.ts';

/** How long a repeated request is recognised. */
const KEY_MS = 24 * 3600 * 1000;
/** Twice as long as any limit looks back; whom we dialled is in the calls' own records. */
const DIALS_MS = 2 * KEY_MS;
/** Keys of finished work: nothing puts one in again that is older than {@link NEWS_MS}. */
const KEYS_KEPT_MS = NEWS_MS + KEY_MS;
const PRUNE_EVERY = 500;

/** The outbox: work of one lane one after the other, a failing head holds its lane. */
type Outbox = Pick<
  Store,
  'addWork' | 'dueWork' | 'nextDue' | 'waitingIn' | 'knownWork' | 'retryWork' | 'workDone' | 'workFailed'
> & {
  /** How much waits, heads of lanes and the rest. */
  waitingWork(): Promise<number>;
};

export function createOutbox({ db }: Engine, now: () => number): Outbox {
  const isHead = (eb: ExpressionBuilder<Tables & { head: Tables['outbox'] }, 'head'>) =>
    eb.not(
      eb.exists(
        eb
          .selectFrom('outbox as before')
          .select(sql`1`.as('one'))
          .whereRef('before.lane', '=', 'head.lane')
          .whereRef('before.id', '<', 'head.id')
          // Literal, like in the index: a bound value would not let SQLite use it.
          .where(sql<boolean>`before.state = 'waiting'`),
      ),
    );
  const heads = (lanes: LaneScope) =>
    db
      .selectFrom('outbox as head')
      .where(sql<boolean>`head.state = 'waiting'`)
      .where(isWithin(sql`head.lane`, lanes))
      .where(isHead);
  return {
    async addWork(work) {
      await db.transaction().execute((trx) => insertWork(trx, work, now()));
    },
    async dueWork(due, limit, lanes = {}): Promise<readonly Work[]> {
      const rows = await heads(lanes)
        .selectAll('head')
        .where('head.due_at', '<=', due)
        .orderBy('head.id')
        .limit(limit)
        .execute();
      return rows.map(rowToWork);
    },
    async nextDue(lanes = {}) {
      const next = await heads(lanes)
        .select((eb) => eb.fn.min('head.due_at').as('due'))
        .executeTakeFirst();
      return next?.due ?? undefined;
    },
    async waitingIn(lanes) {
      const { count, oldest } = await db
        .selectFrom('outbox')
        .select((eb) => [eb.fn.countAll<number>().as('count'), eb.fn.min<number | null>('created_at').as('oldest')])
        .where(sql<boolean>`state = 'waiting'`)
        .where(isWithin(sql`lane`, lanes))
        .executeTakeFirstOrThrow();
      return { count, oldestAt: oldest };
    },
    async knownWork({ lanes, state, limit }): Promise<readonly KnownWork[]> {
      const rows = await db
        .selectFrom('outbox')
        .selectAll()
        .where(isWithin(sql`lane`, lanes))
        .$if(state !== undefined, (query) => query.where('state', '=', state ?? ''))
        .orderBy('id', 'desc')
        .limit(limit)
        .execute();
      return rows.map((row) => ({ ...rowToWork(row), state: row.state as KnownWork['state'] }));
    },
    async retryWork(key, at) {
      const { numUpdatedRows } = await db
        .updateTable('outbox')
        .set({ state: 'waiting', attempts: 0, due_at: at })
        .where('key', '=', clean(key))
        .where('state', '=', 'given_up')
        .executeTakeFirstOrThrow();
      return numUpdatedRows > 0n;
    },
    async workDone(id) {
      // Its key stays, so that it is not put in again; what it carried does not.
      await db.updateTable('outbox').set({ state: 'done', payload: '{}', error: null }).where('id', '=', id).execute();
      if (id % PRUNE_EVERY !== 0) return;
      await db
        .deleteFrom('outbox')
        .where('state', '=', 'done')
        .where('created_at', '<', now() - KEYS_KEPT_MS)
        .execute();
    },
    async workFailed(id, error, dueAt) {
      await db
        .updateTable('outbox')
        .set((eb) => ({
          attempts: eb('attempts', '+', 1),
          error: clean(error),
          ...(dueAt === undefined ? { state: 'given_up' } : { due_at: dueAt }),
        }))
        .where('id', '=', id)
        .execute();
    },
    async waitingWork() {
      const { count } = await db
        .selectFrom('outbox')
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .where(sql<boolean>`state = 'waiting'`)
        .executeTakeFirstOrThrow();
      return count;
    },
  };
}

/** Not LIKE: names of lanes may have its wildcards in them. */
function isWithin(lane: RawBuilder<unknown>, { within, without = [] }: LaneScope): RawBuilder<boolean> {
  const begins = (prefix: string): RawBuilder<boolean> =>
    sql<boolean>`substr(${lane}, 1, ${sql.lit(prefix.length)}) = ${prefix}`;
  const conditions = [
    ...(within === undefined ? [] : [begins(within)]),
    ...without.map((prefix) => sql<boolean>`not ${begins(prefix)}`),
  ];
  return conditions.length === 0 ? sql<boolean>`1 = 1` : sql<boolean>`${sql.join(conditions, sql` and `)}`;
}

/** Routing of numbers to agents. */
export function createNumbers({ db }: Engine): Pick<Store, 'numbers' | 'putNumber' | 'deleteNumber'> {
  return {
    async numbers() {
      const rows = await db.selectFrom('numbers').selectAll().orderBy('number').execute();
      return rows.map(({ number, agent, updated_at }) => ({ number, agent, updatedAt: updated_at }));
    },
    async putNumber({ number, agent, updatedAt }) {
      const row = { agent, updated_at: updatedAt };
      await db
        .insertInto('numbers')
        .values({ number, ...row })
        .onConflict((conflict) => conflict.column('number').doUpdateSet(row))
        .execute();
    },
    async deleteNumber(number) {
      const { numDeletedRows } = await db.deleteFrom('numbers').where('number', '=', number).executeTakeFirstOrThrow();
      return numDeletedRows > 0n;
    },
  };
}

/** Idempotency keys of `POST /v1/calls`, and what the destination limits count. */
export function createDialling({ db }: Engine): Pick<Store, 'claimKey' | 'addDial' | 'dialsSince'> {
  return {
    async claimKey({ key, requestHash, callId, now }) {
      const claim = { request_hash: requestHash, call_id: callId, created_at: now };
      const id = indexed(key);
      return db.transaction().execute(async (trx) => {
        // One statement decides: whoever's row comes back has it, also when many ask at once.
        const taken = await trx
          .insertInto('idempotency_keys')
          .values({ key: id, ...claim })
          .onConflict((conflict) =>
            conflict
              .column('key')
              .doUpdateSet(claim)
              .where('idempotency_keys.created_at', '<=', now - KEY_MS),
          )
          .returning('call_id')
          .executeTakeFirst();
        if (taken) {
          await trx
            .deleteFrom('idempotency_keys')
            .where('created_at', '<=', now - KEY_MS)
            .execute();
          return { callId, isNew: true, sameRequest: true };
        }
        const held = await trx
          .selectFrom('idempotency_keys')
          .select(['call_id', 'request_hash'])
          .where('key', '=', id)
          .executeTakeFirstOrThrow();
        return { callId: held.call_id, isNew: false, sameRequest: held.request_hash === requestHash };
      });
    },
    async addDial(dial: DialRow) {
      await db.transaction().execute(async (trx) => {
        await trx
          .deleteFrom('dials')
          .where('at', '<', dial.at - DIALS_MS)
          .execute();
        await trx
          .insertInto('dials')
          .values({ id: dial.id, at: dial.at, to_number: clean(dial.to), call_id: dial.callId, spend: dial.spend })
          .onConflict((conflict) => conflict.doNothing())
          .execute();
      });
    },
    async dialsSince(since) {
      const { count, spend } = await db
        .selectFrom('dials')
        .select((eb) => [eb.fn.countAll<number>().as('count'), eb.fn.sum<number | null>('spend').as('spend')])
        .where('at', '>=', since)
        .executeTakeFirstOrThrow();
      return { count, spend: spend ?? 0 };
    },
  };
}
