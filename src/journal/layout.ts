import { join } from 'node:path';
import { LandlineError } from '../core/errors.ts';

/**
 * Where a call's files live in the data directory:
 *
 *     journal/live/<callId>.jsonl                 while the call lives
 *     journal/ended/<YYYY-MM-DD>/<callId>.jsonl   after it; the day (UTC) on which it ended
 *     tracks/<callId>.track                       its audio
 */

/** Files and folders hold what people said: nobody else on the machine reads them. */
export const FILE_MODE = 0o600;
export const FOLDER_MODE = 0o700;

export const JOURNAL_SUFFIX = '.jsonl';

/** A call id is a file name: letters, digits, `_` and `-`, at most 128, not starting with `-`. */
export function isCallId(callId: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_-]{0,127}$/.test(callId);
}

/** @throws LandlineError `journal_invalid` when `callId` cannot be a file name. */
export function assertCallId(callId: string): void {
  if (isCallId(callId)) return;
  throw new LandlineError(
    'journal_invalid',
    `a call id names files: letters, digits, _ and -, at most 128 of them, got ${JSON.stringify(callId.slice(0, 200))}`,
  );
}

export function liveFolder(dataDir: string): string {
  return join(dataDir, 'journal', 'live');
}

export function endedFolder(dataDir: string): string {
  return join(dataDir, 'journal', 'ended');
}

export function livePath(dataDir: string, callId: string): string {
  assertCallId(callId);
  return join(liveFolder(dataDir), callId + JOURNAL_SUFFIX);
}

/** @param day `YYYY-MM-DD`, UTC. */
export function endedPath(dataDir: string, day: string, callId: string): string {
  assertCallId(callId);
  return join(endedFolder(dataDir), day, callId + JOURNAL_SUFFIX);
}

export function trackPath(dataDir: string, callId: string): string {
  assertCallId(callId);
  return join(dataDir, 'tracks', callId + '.track');
}

/** `YYYY-MM-DD` in UTC of a wall time in milliseconds. */
export function utcDay(wallMs: number): string {
  // eslint-disable-next-line no-restricted-globals -- writes a given time down, reads no clock
  return new Date(wallMs).toISOString().slice(0, 10);
}
