import type { Log } from '../core/log.ts';
import type { Engine } from './engine.ts';
import { createPostgresEngine } from './postgres.ts';
import { createSqliteEngine } from './sqlite.ts';

const SQLITE = 'sqlite:';

/** @param databaseUrl `postgres://…`, or `sqlite:` and the path of the file. Nothing is opened before it is used. */
export function openEngine(databaseUrl: string, log: Log): Engine {
  if (databaseUrl.startsWith(SQLITE)) return createSqliteEngine(databaseUrl.slice(SQLITE.length));
  return createPostgresEngine(databaseUrl, log);
}
