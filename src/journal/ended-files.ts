import { open, rename, stat, unlink, utimes } from 'node:fs/promises';
import { LandlineError, messageOf } from '../core/errors.ts';
import { encodeRecord, type JournalData } from './format.ts';
import { FILE_MODE, livePath, trackPath } from './layout.ts';
import { findJournal, readLines } from './reader.ts';

/** Bytes that are put together before they are written. */
const PIECE = 256 * 1024;

/**
 * Removes the journal and the audio track of an ended call. Done twice, nothing changes.
 *
 * @throws LandlineError `call_active` for a call whose journal is open; `journal_invalid` when the disk refuses.
 */
export async function removeCallFiles(dataDir: string, callId: string): Promise<void> {
  const path = await findJournal(dataDir, callId);
  if (path === livePath(dataDir, callId)) {
    throw new LandlineError('call_active', `call ${callId} has not ended; its data can be erased afterwards`, {
      retryable: true,
    });
  }
  // The track first: it is found by its call, and that is what the journal says.
  await remove(trackPath(dataDir, callId));
  if (path !== undefined) await remove(path);
}

/**
 * Writes an ended journal again with every record's `d` changed: the one exception to the rule that journals are never
 * rewritten. Readers see the old file or the new one, never a part. Lines that cannot be read are left out.
 *
 * @throws LandlineError `journal_invalid` when the disk refuses; the old file is still there then.
 */
export async function rewriteJournal(path: string, change: (d: JournalData) => JournalData): Promise<void> {
  const before = await stat(path);
  const beside = `${path}.new`;
  try {
    const file = await open(beside, 'w', FILE_MODE);
    try {
      let text = '';
      for await (const line of readLines(path)) {
        if (!('record' in line)) continue;
        const { record } = line;
        text += encodeRecord(record.k === 'head' ? record : { ...record, d: change(record.d) });
        if (text.length < PIECE) continue;
        await file.write(text);
        text = '';
      }
      await file.write(text);
      await file.sync();
    } finally {
      await file.close();
    }
    // Its time is when the call ended; lists are ordered by it.
    await utimes(beside, before.atime, before.mtime);
    await rename(beside, path);
  } catch (thrown) {
    await unlink(beside).catch(() => undefined);
    throw new LandlineError('journal_invalid', `the journal ${path} cannot be rewritten: ${messageOf(thrown)}`, {
      cause: thrown,
      retryable: true,
    });
  }
}

async function remove(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return;
    throw new LandlineError('journal_invalid', `${path} cannot be removed: ${messageOf(thrown)}`, {
      cause: thrown,
      retryable: true,
    });
  }
}
