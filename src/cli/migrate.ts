import { existsSync } from 'node:fs';
import { systemClock } from '../core/clock.ts';
import { applyMigrations, pendingMigrations } from '../store/migrations.ts';
import { openEngine } from '../store/open-engine.ts';
import { recordsPlace } from './calls/records.ts';
import type { CallsSurroundings } from './calls.ts';
import type { ExitCode } from './exit-code.ts';
import { createLog } from './pino-log.ts';

/** `landline migrate`: applies what the database lacks and says what that was. */
export async function migrate(
  options: { readonly check?: boolean },
  { out, env, cwd }: CallsSurroundings = { out: process.stdout, env: process.env, cwd: process.cwd() },
): Promise<ExitCode> {
  const { databaseUrl } = recordsPlace(env, cwd);
  if (options.check && databaseUrl.startsWith('sqlite:') && !existsSync(databaseUrl.slice(7))) {
    out.write('there is no database yet; "landline migrate" or the first "landline serve" makes it\n');
    return 1;
  }
  const engine = openEngine(databaseUrl, createLog({ level: 'silent', format: 'json', fd: 2 }));
  try {
    const names = options.check ? await pendingMigrations(engine) : await applyMigrations(engine, systemClock.wall());
    for (const name of names) out.write(`${options.check ? 'to be applied' : 'applied'}: ${name}\n`);
    if (names.length === 0) out.write('the database is up to date\n');
    return options.check && names.length > 0 ? 1 : 0;
  } catch (thrown) {
    throw engine.failure(thrown);
  } finally {
    await engine.db.destroy();
  }
}
