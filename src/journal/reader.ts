import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TextDecoder } from 'node:util';
import { LandlineError, messageOf } from '../core/errors.ts';
import { parseRecord, type HeadRecord, type JournalRecord } from './format.ts';
import { assertCallId, endedFolder, endedPath, isCallId, JOURNAL_SUFFIX, liveFolder, livePath } from './layout.ts';

/** One line of a journal file; `line` counts from 1. */
export type JournalLine =
  | { readonly line: number; readonly record: JournalRecord }
  /** Cannot be read: why, in words. */
  | { readonly line: number; readonly damage: string }
  /** The file ends without a newline: the process was killed in the middle of this record, which nobody relied on. */
  | { readonly line: number; readonly tornBytes: number };

/** A journal file, read whole. */
export interface Journal {
  readonly path: string;
  /** The first line. */
  readonly head: HeadRecord;
  /** Everything after it, in file order; a head among them marks a takeover by another process. */
  readonly records: readonly JournalRecord[];
  /** Lines that could not be read; none in a file that only we have touched. */
  readonly damaged: readonly { readonly line: number; readonly reason: string }[];
  /** Bytes of a last record that was not finished; 0 usually. */
  readonly tornBytes: number;
  /** Does its last record say that the call is over? */
  readonly ended: boolean;
}

export interface JournalFile {
  readonly callId: string;
  readonly path: string;
}

export interface EndedJournalFile extends JournalFile {
  /** When the last record was written, wall milliseconds. */
  readonly endedAtMs: number;
}

/**
 * Reads a journal line by line, in constant memory.
 *
 * @throws LandlineError `journal_invalid` when there is no such file or a later Landline wrote it.
 */
export async function* readLines(path: string): AsyncGenerator<JournalLine> {
  let line = 0;
  for await (const item of linesFrom(path, 0)) {
    line += 1;
    if ('tornBytes' in item) yield { line, tornBytes: item.tornBytes };
    else yield 'record' in item ? { line, record: item.record } : { line, damage: item.damage };
  }
}

/** One line of a journal that is read from somewhere in its middle; `end` is the byte after its newline. */
export type TailLine =
  { readonly end: number; readonly record: JournalRecord } | { readonly end: number; readonly damage: string };

/**
 * Reads the whole lines of a journal from byte `from` on, where a line begins. A last line that is still being written
 * is left for the next time.
 *
 * @throws LandlineError `journal_invalid` when there is no such file or a later Landline wrote it.
 */
export async function* readTail(path: string, from: number): AsyncGenerator<TailLine> {
  for await (const item of linesFrom(path, from)) if (!('tornBytes' in item)) yield item;
}

async function* linesFrom(path: string, start: number): AsyncGenerator<TailLine | { readonly tornBytes: number }> {
  // Not readline: it also breaks lines at U+2028, which JSON text may hold.
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let at = start;
  const pieces: Buffer[] = [];
  try {
    for await (const chunk of createReadStream(path, { start }) as AsyncIterable<Buffer>) {
      let from = 0;
      for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
        pieces.push(chunk.subarray(from, end));
        from = end + 1;
        const bytes = Buffer.concat(pieces.splice(0));
        at += bytes.length + 1;
        yield { end: at, ...readLine(text, bytes) };
      }
      if (from < chunk.length) pieces.push(chunk.subarray(from));
    }
  } catch (thrown) {
    if (thrown instanceof NewerVersion) throw new LandlineError('journal_invalid', `${path}: ${thrown.message}`);
    throw new LandlineError('journal_invalid', `the journal ${path} cannot be read: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
  const tornBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (tornBytes > 0) yield { tornBytes };
}

/**
 * Reads a whole journal. A torn last line and damaged lines are reported, not thrown.
 *
 * @throws LandlineError `journal_invalid` when there is no such file, its first line is not a head (a process killed
 *   while it created the file leaves such a one; nothing was acknowledged then), or a later Landline wrote it.
 */
export async function readJournal(path: string): Promise<Journal> {
  let head: HeadRecord | undefined;
  let tornBytes = 0;
  const records: JournalRecord[] = [];
  const damaged: { line: number; reason: string }[] = [];
  for await (const item of readLines(path)) {
    if (item.line === 1) {
      if (!('record' in item) || item.record.k !== 'head') {
        const reason = 'damage' in item ? item.damage : 'tornBytes' in item ? 'it is torn' : `it is "${item.record.k}"`;
        throw new LandlineError('journal_invalid', `${path}: line 1 must be a journal's head record: ${reason}`);
      }
      head = item.record;
    } else if ('record' in item) records.push(item.record);
    else if ('damage' in item) damaged.push({ line: item.line, reason: item.damage });
    else tornBytes = item.tornBytes;
  }
  if (!head) throw new LandlineError('journal_invalid', `${path}: the file is empty`);
  return { path, head, records, damaged, tornBytes, ended: records.at(-1)?.k === 'end' };
}

/** Journals of calls that live, or lived when their process was killed; by call id. */
export async function listLive(dataDir: string): Promise<JournalFile[]> {
  const folder = liveFolder(dataDir);
  return (await callIds(folder)).sort().map((callId) => ({ callId, path: livePath(dataDir, callId) }));
}

/**
 * Journals of ended calls, newest first.
 *
 * @param page `limit` (default 100), and `before`: the last entry of the previous page.
 */
export async function listEnded(
  dataDir: string,
  page: { readonly limit?: number; readonly before?: EndedJournalFile } = {},
): Promise<EndedJournalFile[]> {
  const { limit = 100, before } = page;
  const found: EndedJournalFile[] = [];
  for (const day of await endedDays(dataDir)) {
    if (found.length >= limit) break;
    const files: EndedJournalFile[] = [];
    for (const callId of await callIds(join(endedFolder(dataDir), day))) {
      const path = endedPath(dataDir, day, callId);
      const endedAtMs = (await stat(path).catch(() => undefined))?.mtimeMs;
      // Gone between listing and looking: retention removed it.
      if (endedAtMs !== undefined) files.push({ callId, path, endedAtMs });
    }
    files.sort(newestFirst);
    found.push(...(before ? files.filter((file) => newestFirst(before, file) < 0) : files));
  }
  return found.slice(0, limit);
}

/** Ended calls a day at a time, newest day first: for who looks at all of them. Opens none. */
export async function* endedByDay(dataDir: string): AsyncGenerator<readonly JournalFile[]> {
  for (const day of await endedDays(dataDir)) {
    const ids = await callIds(join(endedFolder(dataDir), day));
    yield ids.sort().map((callId) => ({ callId, path: endedPath(dataDir, day, callId) }));
  }
}

/**
 * Where a call's journal is now, live or ended; undefined when there is none.
 *
 * @throws LandlineError `journal_invalid` for an id that cannot be a file name.
 */
export async function findJournal(dataDir: string, callId: string): Promise<string | undefined> {
  assertCallId(callId);
  // Files only ever move from live to ended, so looking there second misses none.
  const live = livePath(dataDir, callId);
  if (await isFile(live)) return live;
  for (const day of await endedDays(dataDir)) {
    const path = endedPath(dataDir, day, callId);
    if (await isFile(path)) return path;
  }
  return undefined;
}

class NewerVersion extends Error {}

function readLine(text: TextDecoder, bytes: Buffer): { readonly record: JournalRecord } | { readonly damage: string } {
  let parsed;
  try {
    parsed = parseRecord(text.decode(bytes));
  } catch {
    return { damage: 'not UTF-8' };
  }
  if (parsed.ok) return { record: parsed.record };
  if (parsed.newerVersion !== undefined) throw new NewerVersion(parsed.reason);
  return { damage: parsed.reason };
}

/** Newest first; equal times by path, so that pages neither repeat nor skip. */
function newestFirst(a: EndedJournalFile, b: EndedJournalFile): number {
  const byDay = compare(dayOf(b), dayOf(a));
  return byDay || b.endedAtMs - a.endedAtMs || compare(a.callId, b.callId);
}

function dayOf(file: EndedJournalFile): string {
  return file.path.split(/[\\/]/).at(-2) ?? '';
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

async function endedDays(dataDir: string): Promise<string[]> {
  const names = await readdir(endedFolder(dataDir)).catch(none);
  return names.filter((name) => /^\d{4}-\d{2}-\d{2}$/.test(name)).sort((a, b) => compare(b, a));
}

async function callIds(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(none);
  return names
    .filter((name) => name.endsWith(JOURNAL_SUFFIX))
    .map((name) => name.slice(0, -JOURNAL_SUFFIX.length))
    .filter(isCallId);
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

/** No folder, no journals. Anything else (permissions) must be heard. */
function none(thrown: unknown): string[] {
  if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return [];
  throw thrown;
}
