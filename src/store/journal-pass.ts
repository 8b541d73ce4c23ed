import { LandlineError } from '../core/errors.ts';
import { findJournal, readTail } from '../journal/reader.ts';
import { foldFrom, type CallFold } from './call-fold.ts';
import { endWork, webhookWork, type FollowUps } from './follow-ups.ts';
import type { CallBatch, JournalPosition } from './port.ts';

/** How far one call's journal has been read, and what it says up to there. */
export interface Reading {
  readonly fold: CallFold;
  /** Bytes read; the store has all of them once the batch made of them is in it. */
  readonly bytes: number;
  readonly damagedLines: number;
}

/** One pass over a journal: from where it stood to its last whole line. */
export interface Pass {
  readonly reading: Reading;
  /** Undefined: there is nothing the store lacks. */
  readonly batch: CallBatch | undefined;
}

/**
 * Reads what is new in a call's journal.
 *
 * @param path where the journal was a moment ago, when that is known: to find one among many days takes a look at each.
 * @param before the last pass of this process, if there was one; without it the journal is read from its beginning, and
 *   only what lies behind `stored` is new.
 * @param now wall milliseconds.
 * @returns undefined when there is no such journal, or not one whole line of it yet.
 * @throws LandlineError `journal_invalid`; `before` has then been read further than it says and cannot be used again.
 */
export async function readPass(options: {
  readonly dataDir: string;
  readonly callId: string;
  readonly path?: string | undefined;
  readonly before: Reading | undefined;
  readonly stored: JournalPosition | undefined;
  readonly followUps: FollowUps;
  readonly now: number;
}): Promise<Pass | undefined> {
  const { dataDir, callId, before, stored, followUps, now } = options;
  const path = options.path ?? (await findJournal(dataDir, callId));
  if (path === undefined) return undefined;
  const reading = await read(path, before, stored).catch(async (thrown: unknown) => {
    // Moved to its day between looking and opening: it is there now.
    const moved = await findJournal(dataDir, callId);
    if (moved === path) throw thrown;
    const known = before?.bytes ?? stored?.bytes ?? 0;
    return moved === undefined ? undefined : read(moved, undefined, { callId, bytes: known, complete: false });
  });
  if (!reading) return undefined;
  const { fold, bytes } = reading;
  if (fold.callId !== callId) {
    throw new LandlineError('journal_invalid', `${path} holds the journal of another call: ${fold.callId}`);
  }
  const isNew = bytes > (before?.bytes ?? stored?.bytes ?? 0) || (fold.ended && stored?.complete !== true);
  if (fold.empty || !isNew) return { reading, batch: undefined };
  const { turns, events, actions } = fold.take();
  const call = fold.call();
  const work = webhookWork(followUps, events, now);
  if (fold.ended && call.endedAt !== null) {
    work.push(...endWork(followUps, { ...call, endedAt: call.endedAt, recorded: fold.recorded }, now));
  }
  const position = { callId, bytes, complete: fold.ended };
  return { reading, batch: { call, legs: fold.legs(), turns, events, actions, work, position } };
}

async function read(
  path: string,
  before: Reading | undefined,
  stored: JournalPosition | undefined,
): Promise<Reading | undefined> {
  let fold = before?.fold;
  let bytes = before?.bytes ?? 0;
  let damagedLines = before?.damagedLines ?? 0;
  for await (const line of readTail(path, bytes)) {
    bytes = line.end;
    if ('record' in line) {
      if (fold) fold.add(line.record, line.end > (before?.bytes ?? stored?.bytes ?? 0));
      else fold = foldFrom(path, line.record);
    } else if (fold) damagedLines += 1;
    else throw new LandlineError('journal_invalid', `${path}: line 1 must be a journal's head record: ${line.damage}`);
  }
  return fold && { fold, bytes, damagedLines };
}
