import { z } from 'zod';
import { parseIsoTime } from '../core/clock.ts';
import type { CallQuery } from '../store/port.ts';
import { pageShape } from './api/page.ts';

const instant = z.string().transform((text, context) => {
  // In a query a bare `+` of an offset is a space.
  const at = parseIsoTime(text.replace(' ', '+'));
  if (at !== undefined) return at;
  context.addIssue('must be ISO 8601, like 2026-01-05 or 2026-01-05T09:00:00Z');
  return z.NEVER;
});
const word = z.string().min(1).max(256);

/** Every `status` a call can have. */
export const CALL_STATUSES = ['dialing', 'ringing', 'active', 'transferring', 'transferred', 'ended'] as const;

/** Filters of `GET /v1/calls`; metadata comes as `metadata.<key>=<value>`. */
const shape = {
  status: z.enum(CALL_STATUSES).optional(),
  direction: z.enum(['inbound', 'outbound']).optional(),
  number: word.optional().describe("either party's number, exact"),
  from: word.optional(),
  to: word.optional(),
  agent: word.optional(),
  endReason: word.optional(),
  after: instant.optional().describe('created at or after: ISO 8601, like 2026-01-05 or 2026-01-05T09:00:00Z'),
  before: instant.optional().describe('created before'),
  q: z.string().max(1000).optional().describe('words of what was said or summarised; `word*` is a beginning'),
};
const list = z.object({ ...shape, ...pageShape });
const exporting = z.object({ ...shape, format: z.enum(['csv', 'jsonl']).default('jsonl') });

/** The same for the API's documentation. */
export const listParameters: z.ZodType = list;
export const exportParameters: z.ZodType = exporting;

const METADATA = 'metadata.';

/**
 * Reads the query of `GET /v1/calls`.
 *
 * @throws ZodError that names the parameter.
 */
export function listQuery(query: unknown): CallQuery {
  const { limit, cursor, ...rest } = list.parse(known(query));
  return { ...storeFilters(rest, query), limit, ...(cursor === undefined ? {} : { cursor }) };
}

/** The same of `GET /v1/calls/export`. */
export function exportQuery(query: unknown): { readonly format: 'csv' | 'jsonl'; readonly filters: CallFilters } {
  const { format, ...rest } = exporting.parse(known(query));
  return { format, filters: storeFilters(rest, query) };
}

/** Everything of a query but the page. */
export type CallFilters = Omit<CallQuery, 'limit' | 'cursor'>;

function storeFilters({ q, ...rest }: z.infer<z.ZodObject<typeof shape>>, query: unknown): CallFilters {
  const set = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) as CallFilters;
  const metadata = metadataOf(query);
  return {
    ...set,
    ...(q === undefined || q.trim() === '' ? {} : { text: q }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
  };
}

/** A `+` in a query stands for a space: a number that was not encoded is meant all the same. */
function known(query: unknown): unknown {
  if (typeof query !== 'object' || query === null) return query;
  return Object.fromEntries(
    Object.entries(query).map(([key, value]: [string, unknown]) => [
      key,
      NUMBERS.has(key) && typeof value === 'string' ? value.replace(/^ (?=\d)/, '+') : value,
    ]),
  );
}

const NUMBERS: ReadonlySet<string> = new Set(['number', 'from', 'to']);

function metadataOf(query: unknown): Record<string, string> {
  const texts = z.record(z.string(), z.unknown()).catch({}).parse(query);
  return Object.fromEntries(
    Object.entries(texts).flatMap(([key, value]) =>
      key.startsWith(METADATA) && key.length > METADATA.length ? [[key.slice(METADATA.length), word.parse(value)]] : [],
    ),
  );
}
