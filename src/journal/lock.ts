import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../core/clock.ts';
import { LandlineError, messageOf } from '../core/errors.ts';
import { FILE_MODE, FOLDER_MODE } from './layout.ts';

export interface DataDirLock {
  /** Lets another process in. Idempotent. */
  release(): void;
}

/** SQLite's code for "another one holds the lock". */
const SQLITE_BUSY = 5;

/** A lock nobody refers to any more would be collected, and with it released. */
const held = new Set<DatabaseSync>();

/**
 * Makes this process the only one that writes into `dataDir`, which is created when missing.
 *
 * The lock is the kernel's (a record lock on `lock.db`, which Node reaches through SQLite), not a file that says so: it
 * ends with its process however that dies, needs no guess whether a pid from a file is still the same program (after a
 * container restarts it usually is the same number), and two starters cannot both take a dead one's place.
 * `lock.json` only tells people who holds it.
 *
 * @throws LandlineError `data_dir_locked` naming the process that holds it, `config_invalid` when the folder cannot be used.
 */
export function lockDataDir(dataDir: string, clock: Clock): DataDirLock {
  const holderPath = join(dataDir, 'lock.json');
  let lock: DatabaseSync | undefined;
  try {
    mkdirSync(dataDir, { recursive: true, mode: FOLDER_MODE });
    lock = new DatabaseSync(join(dataDir, 'lock.db'), { timeout: 0 });
    // In memory: the lock file itself is never written to.
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    chmodSync(join(dataDir, 'lock.db'), FILE_MODE);
    writeFileSync(holderPath, JSON.stringify({ pid: process.pid, startedAtMs: clock.wall() }) + '\n', {
      mode: FILE_MODE,
    });
  } catch (thrown) {
    lock?.close();
    if (isBusy(thrown)) {
      throw new LandlineError(
        'data_dir_locked',
        `${dataDir} is in use by ${describeHolder(holderPath)}: stop it, or set LANDLINE_DATA_DIR to a folder of its own`,
      );
    }
    throw new LandlineError(
      'config_invalid',
      `LANDLINE_DATA_DIR ${dataDir} cannot be used: ${messageOf(thrown)}; give a folder this user may write to`,
      { cause: thrown },
    );
  }
  const database = lock;
  held.add(database);
  return {
    release() {
      if (held.delete(database)) database.close();
    },
  };
}

function isBusy(thrown: unknown): boolean {
  return thrown instanceof Error && 'errcode' in thrown && thrown.errcode === SQLITE_BUSY;
}

function describeHolder(path: string): string {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value === 'object' && value !== null && 'pid' in value && typeof value.pid === 'number') {
      return `another landline (process ${value.pid})`;
    }
  } catch {
    // Taken this instant: the holder has not written its name yet.
  }
  return 'another landline';
}
