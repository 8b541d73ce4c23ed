import { z } from 'zod';
import { LandlineError } from '../../core/errors.ts';

export interface PageQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** `limit` and `cursor` of every list. */
export const pageShape: {
  readonly limit: z.ZodType<number>;
  readonly cursor: z.ZodType<string | undefined>;
} = {
  limit: z.coerce.number<string>().int().min(1).max(200).default(50),
  cursor: z.string().max(500).optional().describe('`nextCursor` of the page before'),
};

export const pageQuery: z.ZodType<PageQuery> = z.object(pageShape);

export const nextCursor: z.ZodType<string | null> = z.string().nullable().describe('null: this is the last page');

/**
 * One page of a list that is in memory, in the order of its keys; right also when entries come and go between two pages.
 *
 * @throws LandlineError `request_invalid` for a cursor that is none of ours.
 */
export function pageOf<T>(
  items: Iterable<T>,
  keyOf: (item: T) => string,
  { limit, cursor }: PageQuery,
): { readonly items: readonly T[]; readonly nextCursor: string | null } {
  const after = cursor === undefined ? undefined : keyOfCursor(cursor);
  const sorted = [...items].sort((a, b) => compare(keyOf(a), keyOf(b)));
  const rest = after === undefined ? sorted : sorted.filter((item) => compare(keyOf(item), after) > 0);
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  return { items: page, nextCursor: last === undefined || rest.length <= limit ? null : cursorOf(keyOf(last)) };
}

function cursorOf(key: string): string {
  return Buffer.from(key).toString('base64url');
}

function keyOfCursor(cursor: string): string {
  const key = Buffer.from(cursor, 'base64url').toString();
  if (key === '' || cursorOf(key) !== cursor) {
    throw new LandlineError('request_invalid', 'cursor: this is no nextCursor of this list');
  }
  return key;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
