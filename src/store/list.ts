import { sql, type RawBuilder, type Selectable } from 'kysely';
import { LandlineError } from '../core/errors.ts';
import type { Engine } from './engine.ts';
import type { CallPage, CallQuery } from './port.ts';
import { firstSortKey, indexed, rowToCall } from './rows.ts';
import type { CallsTable } from './schema.ts';
import { searchWords } from './words.ts';

type Sql = RawBuilder<unknown>;

/** Calls whose words are read one by one before an index is asked that does not know the order. */
const NEWEST = 2_000;

/** A filter that lives in a table of its own, by `sort_key`. */
interface Finder {
  readonly table: string;
  readonly key: string;
  readonly where: Sql;
}

/**
 * One page of calls, newest first. The filter that finds most exactly is read first, from an index that already has the
 * order of the list: words, else metadata, else a number, else the calls themselves. So nothing is sorted, and a page
 * costs the same wherever it is.
 *
 * @throws LandlineError `request_invalid` for a cursor that is none of ours.
 */
export async function listCalls(engine: Engine, query: CallQuery): Promise<CallPage> {
  const words = searchWords(query.text ?? '');
  // Something was asked for, and no text has it.
  if (words.length === 0 && query.text?.trim()) return { calls: [], nextCursor: null };
  const finders: Finder[] = [
    ...(words.length > 0 ? [{ table: 'call_words', key: engine.wordKey, where: engine.hasWords(words) }] : []),
    ...Object.entries(query.metadata ?? {}).map(([key, value]) => ({
      table: 'call_metadata',
      key: 'sort_key',
      where: sql`call_metadata.key = ${indexed(key)} AND call_metadata.value = ${indexed(value)}`,
    })),
    ...(query.number === undefined
      ? []
      : [{ table: 'call_numbers', key: 'sort_key', where: sql`call_numbers.number = ${indexed(query.number)}` }]),
  ];
  const [first, ...others] = finders;
  const key = first ? sql`${sql.ref(`${first.table}.${first.key}`)}` : sql`calls.sort_key`;
  // A cross join keeps SQLite from turning the order of reading round; PostgreSQL decides by itself.
  const from = first ? sql`${sql.table(first.table)} CROSS JOIN calls` : sql`calls`;
  const filters: Sql[] = [
    ...others.map(
      (other) => sql`EXISTS (
        SELECT 1 FROM ${sql.table(other.table)}
        WHERE ${sql.ref(`${other.table}.${other.key}`)} = calls.sort_key AND ${other.where}
      )`,
    ),
    ...columnConditions(query),
    ...timeConditions(query, key),
  ];
  const read = async (order: Sql, found?: Sql, newest?: Sql): Promise<readonly Selectable<CallsTable>[]> => {
    const where = [...(found ? [sql`${key} = calls.sort_key`, found] : []), ...(newest ? [newest] : []), ...filters];
    const condition = where.length > 0 ? sql`WHERE ${sql.join(where, sql` AND `)}` : sql``;
    const statement = sql<Selectable<CallsTable>>`
      SELECT calls.* FROM ${from} ${condition} ORDER BY ${order} DESC LIMIT ${query.limit + 1}
    `;
    return (await statement.execute(engine.db)).rows;
  };
  let rows: readonly Selectable<CallsTable>[] = [];
  if (words.length > 0 && first && !engine.findsWordsInOrder) {
    // Nobody knows beforehand how often a beginning was said. Words said often fill a page from the newest calls, read one
    // by one (`IS TRUE` keeps the index out); of those said seldom the index gives all (`+ 0` keeps the order out).
    rows = await read(key, sql`(${first.where}) IS TRUE`, amongNewest(query, key));
    if (rows.length <= query.limit) rows = await read(sql`${key} + 0`, first.where);
  } else rows = await read(key, first?.where);
  const page = rows.slice(0, query.limit);
  const last = page.at(-1);
  return {
    calls: page.map(rowToCall),
    nextCursor: last && rows.length > page.length ? encodeCursor(last.sort_key) : null,
  };
}

function columnConditions(query: CallQuery): Sql[] {
  const { status, direction, from, to, agent, endReason } = query;
  const columns = {
    status,
    direction,
    from_number: from === undefined ? undefined : indexed(from),
    to_number: to === undefined ? undefined : indexed(to),
    agent: agent === undefined ? undefined : indexed(agent),
    end_reason: endReason,
  };
  return Object.entries(columns).flatMap(([column, value]) =>
    value === undefined ? [] : [sql`${sql.ref(`calls.${column}`)} = ${value}`],
  );
}

/** On the key that is read, so that reading begins and ends at the right place. */
function timeConditions({ after, before, cursor }: CallQuery, key: Sql): Sql[] {
  return [
    ...(after === undefined ? [] : [sql`${key} >= ${firstSortKey(after)} AND calls.created_at >= ${after}`]),
    ...(before === undefined ? [] : [sql`${key} < ${firstSortKey(before + 1)} AND calls.created_at < ${before}`]),
    ...(cursor === undefined ? [] : [sql`${key} < ${decodeCursor(cursor)}`]),
  ];
}

/** The newest calls that the page may have, as many as are quickly read one by one. */
function amongNewest({ before, cursor }: CallQuery, key: Sql): Sql {
  const below = Math.min(
    before === undefined ? Infinity : firstSortKey(before + 1),
    cursor === undefined ? Infinity : decodeCursor(cursor),
    Number.MAX_SAFE_INTEGER,
  );
  return sql`${key} >= COALESCE((
    SELECT newest.sort_key FROM call_words AS newest
    WHERE newest.sort_key < ${below} ORDER BY newest.sort_key DESC OFFSET ${NEWEST} LIMIT 1
  ), 0)`;
}

function encodeCursor(sortKey: number): string {
  return Buffer.from(`calls:${sortKey}`).toString('base64url');
}

function decodeCursor(cursor: string): number {
  const sortKey = Number(/^calls:(\d{1,16})$/.exec(Buffer.from(cursor, 'base64url').toString())?.[1]);
  if (Number.isSafeInteger(sortKey)) return sortKey;
  throw new LandlineError('request_invalid', 'cursor is not one that a list of calls gave: leave it out to begin anew');
}
