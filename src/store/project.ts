import type { Selectable, Transaction } from 'kysely';
import { LandlineError } from '../core/errors.ts';
import type { Engine } from './engine.ts';
import type { CallBatch, CallRow, NewWork } from './port.ts';
import {
  actionToRow,
  callToRow,
  decodeJson,
  eventToRow,
  firstSortKey,
  indexed,
  legToRow,
  metadataRows,
  PLACES,
  turnToRow,
  workToRow,
} from './rows.ts';
import type { CallsTable, Tables } from './schema.ts';
import { textsIn, wordsOf } from './words.ts';

/** Rows of one statement: far below what either engine binds. */
const ROWS = 500;

/**
 * Writes what passes over journals found, all of it or nothing. Again, or overlapping, it changes nothing.
 *
 * @param batches of different calls.
 */
export async function projectBatches(engine: Engine, batches: readonly CallBatch[], now: number): Promise<void> {
  await engine.db.transaction().execute(async (trx) => {
    const held = [];
    // First all of them, in one order: two who write many calls at a time never wait for each other.
    for (const batch of [...batches].sort((a, b) => (a.call.id < b.call.id ? -1 : 1))) {
      held.push({ batch, position: await holdPosition(trx, batch.call.id) });
    }
    for (const { batch, position } of held) if (position.erased === 0) await put(engine, trx, batch, position, now);
  });
}

async function put(
  engine: Engine,
  trx: Transaction<Tables>,
  batch: CallBatch,
  held: HeldPosition,
  now: number,
): Promise<void> {
  const { call, position } = batch;
  const isNews = position.bytes >= held.bytes;
  const stored = await trx
    .selectFrom('calls')
    .select(['sort_key', 'from_number', 'to_number', 'metadata', 'ended_at', 'transcript_kept', 'events_kept'])
    .where('id', '=', call.id)
    .executeTakeFirst();
  const sortKey = stored?.sort_key ?? (await insertCall(engine, trx, call));
  if (stored && isNews) await updateCall(trx, call, stored);
  if (isNews) {
    for (const leg of batch.legs) {
      const { call_id: _callId, name: _name, ...changing } = legToRow(leg);
      await trx
        .insertInto('legs')
        .values(legToRow(leg))
        .onConflict((conflict) => conflict.columns(['call_id', 'name']).doUpdateSet(changing))
        .execute();
    }
  }
  let isSearchable = false;
  if (stored?.transcript_kept !== 0) {
    for (const turns of slices(batch.turns)) {
      const { numInsertedOrUpdatedRows } = await trx
        .insertInto('turns')
        .values(turns.map(turnToRow))
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      isSearchable ||= (numInsertedOrUpdatedRows ?? 0n) > 0n;
    }
    if (isSearchable || call.summary !== null) await indexWords(engine, trx, call.id, sortKey);
  }
  if (stored?.events_kept !== 0) {
    for (const events of slices(batch.events)) {
      await trx
        .insertInto('events')
        .values(events.map(eventToRow))
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    }
  }
  for (const actions of slices(batch.actions)) {
    await trx
      .insertInto('actions')
      .values(actions.map(actionToRow))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
  await insertWork(trx, batch.work, now);
  await trx
    .updateTable('journal_positions')
    .set({
      bytes: Math.max(position.bytes, held.bytes),
      complete: position.complete || held.complete === 1 ? 1 : 0,
    })
    .where('call_id', '=', call.id)
    .execute();
}

/** Puts work into the outbox, once by its key. */
export async function insertWork(trx: Transaction<Tables>, work: readonly NewWork[], now: number): Promise<void> {
  for (const some of slices(work)) {
    await trx
      .insertInto('outbox')
      .values(some.map((one) => workToRow(one, now)))
      .onConflict((conflict) => conflict.column('key').doNothing())
      .execute();
  }
}

/** Makes a call findable by all that was said and summarised so far; by nothing when there is nothing left. */
export async function indexWords(
  engine: Engine,
  trx: Transaction<Tables>,
  callId: string,
  sortKey: number,
): Promise<void> {
  const call = await trx.selectFrom('calls').select('summary').where('id', '=', callId).executeTakeFirst();
  const summary = call?.summary ? textsIn(decodeJson(call.summary)) : [];
  const turns = await trx.selectFrom('turns').select('text').where('call_id', '=', callId).orderBy('seq').execute();
  await engine.putWords(trx, sortKey, wordsOf([...summary, ...turns.map(({ text }) => text)]));
}

interface HeldPosition {
  readonly bytes: number;
  readonly complete: number;
  readonly erased: number;
}

/** Where the store stands with this call; nobody else writes about it until `trx` ends. */
async function holdPosition(trx: Transaction<Tables>, callId: string): Promise<HeldPosition> {
  await trx
    .insertInto('journal_positions')
    .values({ call_id: callId, bytes: 0, complete: 0 })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return trx
    .updateTable('journal_positions')
    .set((eb) => ({ bytes: eb.ref('bytes') }))
    .where('call_id', '=', callId)
    .returning(['bytes', 'complete', 'erased'])
    .executeTakeFirstOrThrow();
}

async function insertCall(engine: Engine, trx: Transaction<Tables>, call: CallRow): Promise<number> {
  await engine.lock(trx, 'calls');
  const first = firstSortKey(call.createdAt);
  const { highest } = await trx
    .selectFrom('calls')
    .select((eb) => eb.fn.max('sort_key').as('highest'))
    .where('sort_key', '>=', first)
    .where('sort_key', '<', first + PLACES)
    .executeTakeFirstOrThrow();
  // Without rows there is no highest, whatever the type says.
  const sortKey = ((highest as number | null) ?? first - 1) + 1;
  if (sortKey >= first + PLACES) {
    throw new LandlineError('internal_error', `more than ${PLACES} calls were created in one millisecond`);
  }
  await trx.insertInto('calls').values(callToRow(call, sortKey)).execute();
  await insertFilters(trx, call, sortKey);
  return sortKey;
}

/** What the filters by number and by metadata find the call with. */
async function insertFilters(trx: Transaction<Tables>, call: CallRow, sortKey: number): Promise<void> {
  const numbers = new Set([indexed(call.from), indexed(call.to)]);
  await trx
    .insertInto('call_numbers')
    .values([...numbers].map((number) => ({ number, sort_key: sortKey })))
    .execute();
  for (const rows of slices(metadataRows(call.metadata, sortKey))) {
    await trx
      .insertInto('call_metadata')
      .values([...rows])
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

type Stored = Pick<Selectable<CallsTable>, 'sort_key' | 'from_number' | 'to_number' | 'metadata' | 'ended_at'>;

async function updateCall(trx: Transaction<Tables>, call: CallRow, stored: Stored): Promise<void> {
  const { sort_key: _key, id: _id, created_at: _at, usage, summary, ...row } = callToRow(call, 0);
  const { status, answered_at, ended_at, end_reason, duration_ms, ...rest } = row;
  // How a call ended is settled once.
  const outcome = stored.ended_at === null && { status, answered_at, ended_at, end_reason, duration_ms };
  await trx
    .updateTable('calls')
    .set({ ...known(rest), ...outcome, ...(usage && { usage }) })
    .where('id', '=', call.id)
    .execute();
  if (summary) {
    await trx
      .updateTable('calls')
      .set({ summary })
      .where('id', '=', call.id)
      .where('transcript_kept', '=', 1)
      .execute();
  }
  const isFoundAsBefore =
    row.from_number === stored.from_number && row.to_number === stored.to_number && row.metadata === stored.metadata;
  if (isFoundAsBefore) return;
  await trx.deleteFrom('call_numbers').where('sort_key', '=', stored.sort_key).execute();
  await trx.deleteFrom('call_metadata').where('sort_key', '=', stored.sort_key).execute();
  await insertFilters(trx, call, stored.sort_key);
}

/** What is known of a call is not forgotten again. */
function known<T extends object>(row: T): Partial<T> {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as Partial<T>;
}

function* slices<T>(rows: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < rows.length; from += ROWS) yield rows.slice(from, from + ROWS);
}
