import { existsSync, readFileSync } from 'node:fs';
import { VirtualClock } from '../../src/core/clock.ts';
import { silentLog, type Log } from '../../src/core/log.ts';
import { encodeRecord, type JournalRecord } from '../../src/journal/format.ts';
import { createJournalWriter, type JournalWriter } from '../../src/journal/writer.ts';
import { FakeThread } from './fake-thread.ts';
import { temporaryFolder } from './samples.ts';

export interface Setup {
  readonly dataDir: string;
  readonly clock: VirtualClock;
  readonly thread: FakeThread;
  readonly writer: JournalWriter;
  /** Log messages at warn and above, and the recovery lines at info. */
  readonly logged: string[];
}

export function setup(options: { auto?: boolean; queueBytes?: number } = {}): Setup {
  const dataDir = temporaryFolder();
  const clock = new VirtualClock();
  const thread = new FakeThread({ auto: options.auto ?? true });
  const logged: string[] = [];
  const keep = (_: unknown, message: string): void => void logged.push(message);
  const log: Log = { ...silentLog, info: keep, warn: keep, error: keep };
  const { queueBytes } = options;
  const writer = createJournalWriter({
    dataDir,
    clock,
    log,
    startThread: thread.start,
    ...(queueBytes === undefined ? {} : { queueBytes }),
  });
  return { dataDir, clock, thread, writer, logged };
}

/** Lets microtasks run until the fake thread has answered everything. */
export async function settled(thread: FakeThread): Promise<void> {
  for (let quiet = 0; quiet < 5; quiet = thread.busy ? 0 : quiet + 1) await Promise.resolve();
}

export function content(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

export function lines(...records: readonly JournalRecord[]): string {
  return records.map(encodeRecord).join('');
}
