import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { callShape } from '../src/call/routing.ts';

/*
 * There is no Docker where this runs. What can be said of the files without one is said here; that the built package runs
 * with nothing but its own files and dependencies is the matter of package.test.ts.
 */

const ROOT = join(import.meta.dirname, '..');
const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8');

interface Instruction {
  readonly name: string;
  /** Everything behind the name, lines joined. */
  readonly args: string;
}

interface Stage {
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

function stagesOf(dockerfile: string): Stage[] {
  const lines = dockerfile
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const stages: { name: string | undefined; instructions: Instruction[] }[] = [];
  for (const line of lines) {
    const [, name = '', args = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
    if (name === 'FROM') stages.push({ name: / AS (\S+)$/.exec(args)?.[1], instructions: [] });
    stages.at(-1)?.instructions.push({ name, args });
  }
  return stages;
}

const stages = stagesOf(read('Dockerfile'));
const build = stages[0]!;
const final = stages.at(-1)!;

function argsOf(stage: Stage, name: string): string[] {
  return stage.instructions.filter((each) => each.name === name).map(({ args }) => args);
}

/** What a COPY takes. */
function sourcesOf(args: string): string[] {
  return args
    .split(/\s+/)
    .filter((word) => !word.startsWith('--'))
    .slice(0, -1);
}

describe('the Dockerfile', () => {
  it('has a stage that builds and one that runs', () => {
    expect(stages.map(({ name }) => name)).toEqual(['build', undefined]);
  });

  it('copies into the build only what the clone has and .dockerignore leaves', () => {
    const ignored = read('.dockerignore').trim().split('\n');
    const sources = argsOf(build, 'COPY').flatMap(sourcesOf);

    expect(sources).toContain('.');
    expect(sources.filter((name) => !existsSync(join(ROOT, name)))).toEqual([]);
    expect(sources.filter((name) => ignored.includes(name))).toEqual([]);
  });

  it('keeps keys, history and everything that is made out of the build', () => {
    const made = read('.gitignore')
      .trim()
      .split('\n')
      .map((name) => name.replace(/\/$/, ''));

    expect(read('.dockerignore').trim().split('\n').sort()).toEqual([...made, '.git'].sort());
  });

  it('copies into the image only what the clone has or the build makes', () => {
    const made = new Set(['node_modules', 'dist']);
    const copies = argsOf(final, 'COPY');
    const sources = copies.flatMap(sourcesOf).map((source) => /^\/build\/(.+)$/.exec(source)?.[1] ?? '');

    expect(copies.every((args) => args.startsWith('--from=build '))).toBe(true);
    expect(sources.filter((name) => !made.has(name) && !existsSync(join(ROOT, name)))).toEqual([]);
    // The sources must not be there: the entry would run them, through Node's own type stripping.
    expect(sources.sort()).toEqual(['LICENSE', 'bin', 'dist', 'fixtures/demo', 'node_modules', 'package.json']);
    expect(argsOf(build, 'WORKDIR')).toEqual(['/build']);
  });

  it('runs on the Node that the package asks for, in both stages', () => {
    const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
    const major = engines.node.replace('>=', '');

    expect(stages.flatMap((stage) => argsOf(stage, 'FROM')).map((args) => args.split(' ')[0])).toEqual(
      stages.map(() => `node:${major}-bookworm-slim`),
    );
  });

  it('runs as a user who is not root and owns the data folder', () => {
    const users = argsOf(final, 'USER');
    const names = final.instructions.map(({ name }) => name);
    const data = argsOf(final, 'RUN').find((args) => args.includes('chown')) ?? '';

    expect(users).toEqual(['node']);
    expect(data).toBe('mkdir data && chown node:node data');
    expect(argsOf(final, 'WORKDIR')).toEqual(['/app']);
    expect(argsOf(final, 'VOLUME')).toEqual(['/app/data']);
    // A volume is filled from the image when it is made, and nothing that follows USER runs as root.
    expect(names.indexOf('VOLUME')).toBeGreaterThan(names.indexOf('RUN'));
    expect(names.indexOf('USER')).toBeGreaterThan(names.lastIndexOf('RUN'));
  });

  it('starts Node itself, without a shell in between, so that SIGTERM reaches it', () => {
    const [command = ''] = argsOf(final, 'CMD');
    const [program, script = '', ...args] = JSON.parse(command) as string[];

    expect([program, ...args]).toEqual(['node', 'serve']);
    expect(existsSync(join(ROOT, script))).toBe(true);
    expect(argsOf(final, 'STOPSIGNAL')).toEqual(['SIGTERM']);
    expect(argsOf(final, 'ENTRYPOINT')).toEqual([]);
  });

  it('asks for its health where the gateway tells it', () => {
    const [check = ''] = argsOf(final, 'HEALTHCHECK');
    const [program, flag, script = ''] = JSON.parse(/CMD (\[.*\])$/.exec(check)?.[1] ?? '[]') as string[];
    const path = /\$\{process\.env\.PORT \|\| (\d+)\}(\/[a-z]+)`/.exec(script);

    expect([program, flag]).toEqual(['node', '-e']);
    expect(path?.slice(1)).toEqual([argsOf(final, 'EXPOSE')[0], '/healthz']);
    expect(read('src/server/operations-routes.ts')).toContain(`app.get('${path?.[2] ?? ''}'`);
    expect(read('src/server/gateway.ts')).toContain('addOperationsRoutes(');
  });
});

describe('its health check', () => {
  const [check = ''] = argsOf(final, 'HEALTHCHECK');
  const [, ...args] = JSON.parse(/CMD (\[.*\])$/.exec(check)?.[1] ?? '[]') as string[];

  it.each([
    [200, 0],
    [503, 1],
  ])('ends for an answer of %i with %i', async (status, code) => {
    const asked: (string | undefined)[] = [];
    const server = createServer(({ url }, response) => {
      asked.push(url);
      response.writeHead(status).end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const env = { PORT: String((server.address() as AddressInfo).port) };

    const exited = (await once(spawn(process.execPath, args, { env }), 'exit')) as [number | null];
    server.close();

    expect(exited[0]).toBe(code);
    expect(asked).toEqual(['/healthz']);
  });
});

describe('compose.yaml', () => {
  interface Service {
    readonly environment: Readonly<Record<string, string>>;
    readonly ports: readonly string[];
    readonly volumes: readonly (string | { readonly target: string; readonly source: string })[];
    readonly stop_grace_period: string;
  }
  const { services } = parse(read('compose.yaml')) as { services: { landline: Service } };
  const { environment, ports, volumes, stop_grace_period } = services.landline;

  it('publishes the port on loopback only: the internet comes through a proxy', () => {
    expect(ports).toEqual([`127.0.0.1:8080:${environment['PORT'] ?? ''}`]);
    expect(environment['HOST']).toBe('0.0.0.0');
  });

  it('keeps the data folder in a volume, and finds the config where the gateway looks', () => {
    expect(volumes).toEqual([
      `landline-data:${environment['LANDLINE_DATA_DIR'] ?? ''}`,
      expect.objectContaining({ source: './landline.config.json', target: '/app/landline.config.json' }),
    ]);
    expect(environment['LANDLINE_DATA_DIR']).toBe(argsOf(final, 'VOLUME')[0]);
  });

  it('waits longer for the calls to end than the gateway does by default', () => {
    const minutes = Number(/^(\d+)m$/.exec(stop_grace_period)?.[1]);
    const drainSeconds = callShape.drainTimeoutSeconds.parse(undefined);

    // Goodbye and last hangups take another 30 s at most.
    expect(minutes * 60).toBeGreaterThan(drainSeconds + 30);
  });
});
