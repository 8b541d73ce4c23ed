import type { CallRow } from '../store/port.ts';
import { callView } from './call-view.ts';

/** Columns of the CSV export, in order. New ones come at the end. */
const COLUMNS: readonly (readonly [name: string, read: (row: CallRow) => unknown])[] = [
  ['id', (row) => row.id],
  ['direction', (row) => row.direction],
  ['status', (row) => row.status],
  ['from', (row) => row.from],
  ['to', (row) => row.to],
  ['agent', (row) => row.agent],
  ['createdAt', (row) => callView(row).createdAt],
  ['answeredAt', (row) => callView(row).answeredAt],
  ['endedAt', (row) => callView(row).endedAt],
  ['durationMs', (row) => row.durationMs],
  ['endReason', (row) => row.endReason],
  ['hangupCause', (row) => row.hangupCause],
  ['sipCode', (row) => row.sipCode],
  ['hangup', (row) => row.hangupText],
  ['metadata', (row) => (Object.keys(row.metadata).length === 0 ? null : row.metadata)],
  ['usage', (row) => row.usage],
  ['summary', (row) => row.summary],
];

/**
 * Calls as CSV (RFC 4180, with a head) or as JSON Lines (the objects of `GET /v1/calls`), one chunk a page. It goes on when
 * the reader does, so that any number of calls is in memory one page at a time.
 */
export async function* exportLines(
  format: 'csv' | 'jsonl',
  first: readonly CallRow[],
  pages: AsyncIterable<readonly CallRow[]>,
): AsyncGenerator<string> {
  const text = (calls: readonly CallRow[]): string =>
    calls.map((row) => (format === 'csv' ? csvRow(row) : `${JSON.stringify(callView(row))}\n`)).join('');
  yield (format === 'csv' ? csvLine(COLUMNS.map(([name]) => name)) : '') + text(first);
  for await (const calls of pages) yield text(calls);
}

function csvRow(row: CallRow): string {
  return csvLine(COLUMNS.map(([, read]) => read(row)));
}

function csvLine(cells: readonly unknown[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}

/**
 * A spreadsheet takes a cell that begins with = + - @ (also in full width), tab, CR or LF for a formula, and what callers say or are called must
 * not become one: such a cell gets an apostrophe in front, numbers in E.164 included.
 */
export function csvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const safe = /^[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
