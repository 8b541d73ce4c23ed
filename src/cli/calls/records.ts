import { join, resolve } from 'node:path';
import { loadConfig } from '../../config.ts';
import { readEnvironment } from '../../config-environment.ts';
import { followUpsOf } from '../../config-webhooks.ts';
import { systemClock } from '../../core/clock.ts';
import { LandlineError } from '../../core/errors.ts';
import { lockDataDir } from '../../journal/lock.ts';
import { openStore, type OpenedStore } from '../../store/client.ts';
import type { FollowUps } from '../../store/follow-ups.ts';
import { createLog } from '../pino-log.ts';

/** Where this machine's calls are, as the variables say it. */
export interface RecordsPlace {
  readonly dataDir: string;
  readonly databaseUrl: string;
  /** Where the config is looked for. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

/** @throws LandlineError `config_invalid` naming the variable. */
export function recordsPlace(env: NodeJS.ProcessEnv, cwd: string): RecordsPlace {
  const problems: string[] = [];
  const { dataDir: given, databaseUrl } = readEnvironment(env, (where, what) => {
    if (where === 'DATABASE_URL' || where === 'LANDLINE_DATA_DIR') problems.push(`${where} ${what}`);
  });
  if (problems.length > 0) throw new LandlineError('config_invalid', problems.join('\n'));
  const dataDir = resolve(cwd, given ?? 'data');
  return { env, cwd, dataDir, databaseUrl: databaseUrl ?? `sqlite:${join(dataDir, 'landline.db')}` };
}

/**
 * Opens the records for one command. Beside a running gateway it only reads; when none runs, what a killed one left in
 * its journals is brought in first.
 */
export async function withRecords<T>(place: RecordsPlace, use: (store: OpenedStore) => Promise<T>): Promise<T> {
  const log = createLog({ level: 'silent', format: 'json', fd: 2 });
  const lock = tryLock(place.dataDir);
  // What is brought in without its follow-ups would never be told to webhooks: rather it waits for the gateway.
  const followUps = lock && (await followUpsHere(place));
  const projector = followUps && { dataDir: place.dataDir, followUps };
  const store = openStore({
    databaseUrl: place.databaseUrl,
    clock: systemClock,
    log,
    ...(projector ? { projector } : {}),
  });
  try {
    // The first question brings the schema up to date, and says when there is no database to ask.
    await store.ping();
    if (projector) await store.rest();
    return await use(store);
  } finally {
    await store.close();
    lock?.release();
  }
}

/** Undefined: the config cannot be used, so nobody can say what follows from a call. */
async function followUpsHere({ env, cwd }: Pick<RecordsPlace, 'env' | 'cwd'>): Promise<FollowUps | undefined> {
  return loadConfig({ env, cwd }).then(followUpsOf, () => undefined);
}

function tryLock(dataDir: string): ReturnType<typeof lockDataDir> | undefined {
  try {
    return lockDataDir(dataDir, systemClock);
  } catch (thrown) {
    // A gateway has it, and keeps the store up to date itself.
    if (thrown instanceof LandlineError && thrown.code === 'data_dir_locked') return undefined;
    throw thrown;
  }
}
