import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const MODULES = realpathSync(join(ROOT, 'node_modules'));
const PACKAGE = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
};
/** What the build and `npm pack` read; the tests, notably, are not among it. */
const SOURCES = ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts', 'src', 'bin', 'docs', 'examples'];
const DOCUMENTS = ['README.md', 'CHANGELOG.md', 'LICENSE', '.env.example', 'fixtures/demo'];

const temp = realpathSync(mkdtempSync(join(tmpdir(), 'landline-package-')));
/** A project that has installed the package: real files, beside links to the packages that it declares. */
const app = join(temp, 'app');
const installed = join(app, 'node_modules', 'landline');
const BIN = join(installed, 'bin', 'landline.js');

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit') as Promise<[code: number | null]>;
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  return { code, out, err };
}

const landline = (...args: readonly string[]): Promise<Ended> => run(process.execPath, [BIN, ...args], app);

function link(name: string): void {
  const place = join(app, 'node_modules', name);
  mkdirSync(dirname(place), { recursive: true });
  symlinkSync(join(MODULES, name), place);
}

beforeAll(async () => {
  const stage = join(temp, 'stage');
  for (const name of [...SOURCES, ...DOCUMENTS]) cpSync(join(ROOT, name), join(stage, name), { recursive: true });
  symlinkSync(MODULES, join(stage, 'node_modules'));
  const packed = await run('npm', ['pack', '--offline', '--pack-destination', temp], stage);
  expect(packed.code, packed.out + packed.err).toBe(0);

  mkdirSync(installed, { recursive: true });
  const tarball = join(temp, `landline-${PACKAGE.version}.tgz`);
  const unpacked = await run('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1'], temp);
  expect(unpacked.code, unpacked.err).toBe(0);
  for (const name of Object.keys({ ...PACKAGE.dependencies, ...PACKAGE.optionalDependencies })) link(name);
  writeFileSync(join(app, 'package.json'), '{"type":"module"}');
  // Nothing may be found where it was built.
  rmSync(stage, { recursive: true });
});
afterAll(() => rmSync(temp, { recursive: true, force: true }));

function filesIn(folder: string): string[] {
  return readdirSync(join(installed, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe('the package', () => {
  it('holds JavaScript with types, the demo, documents, and nothing else', () => {
    expect(readdirSync(installed).sort()).toEqual(
      ['bin', 'dist', 'fixtures', 'package.json', ...['docs', 'examples'], ...DOCUMENTS.slice(0, 4)].sort(),
    );
    const dist = filesIn('dist');
    expect(dist.filter((file) => !/\.(js|d\.ts)$/.test(file))).toEqual([]);
    expect(dist.filter((file) => file.endsWith('.js')).map((file) => file.replace(/js$/, 'd.ts'))).toEqual(
      dist.filter((file) => file.endsWith('.d.ts')),
    );
    expect(readdirSync(join(installed, 'fixtures'))).toEqual(['demo']);
  });

  it('imports only its own files, its declared dependencies and Node', () => {
    const declared = Object.keys({ ...PACKAGE.dependencies, ...PACKAGE.optionalDependencies });
    const own = new Set(filesIn('dist'));
    const strangers = [...own].flatMap((file) => {
      if (!file.endsWith('.js')) return [];
      const { importedFiles } = ts.preProcessFile(readFileSync(file, 'utf8'), true, true);
      return importedFiles
        .map(({ fileName }) => fileName)
        .filter((name) => {
          if (name.startsWith('.')) return !own.has(resolve(dirname(file), name));
          if (name.startsWith('node:')) return !isBuiltin(name);
          return !declared.some((dependency) => name === dependency || name.startsWith(`${dependency}/`));
        })
        .map((name) => `${file}: ${name}`);
    });

    expect(own.size).toBeGreaterThan(200);
    expect(strangers).toEqual([]);
  });

  it('types a config in TypeScript, refuses a wrong one, and is imported by name', async () => {
    for (const name of ['@types/node', '@types/ws']) link(name);
    writeFileSync(
      join(app, 'landline.config.ts'),
      `import { defineConfig, LandlineError, type ConfigInput } from 'landline';
const config: ConfigInput = defineConfig({
  agents: {
    desk: {
      greeting: 'Hello.',
      stt: { provider: 'embedded' },
      llm: { provider: 'scripted', script: 'desk.yaml' },
      tts: { provider: 'embedded' },
    },
  },
  defaultAgent: 'desk',
});
export default config;
console.log(LandlineError.name, config.defaultAgent);
`,
    );
    writeFileSync(
      join(app, 'wrong.ts'),
      `import { defineConfig } from 'landline';
export default defineConfig({ agents: {}, defaultAgent: 1 });
`,
    );
    const compilerOptions = { module: 'nodenext', target: 'es2024', strict: true, noEmit: true, types: ['node'] };
    const files = ['landline.config.ts', 'wrong.ts'];
    writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));

    const compiler = join(MODULES, 'typescript', 'bin', 'tsc');
    const checked = await run(process.execPath, [compiler, '-p', 'tsconfig.json', '--pretty', 'false'], app);
    const ran = await run(process.execPath, ['landline.config.ts'], app);

    expect(checked.out.trim().split('\n')).toEqual([
      "wrong.ts(2,43): error TS2322: Type 'number' is not assignable to type 'string'.",
    ]);
    expect(ran).toEqual({ code: 0, out: 'LandlineError desk\n', err: '' });
  });
});

describe('its library', () => {
  it('exports exactly the names that are documented', async () => {
    const program = "console.log(JSON.stringify(Object.keys(await import('landline')).sort()))";
    const ran = await run(process.execPath, ['--input-type=module', '-e', program], app);

    expect(ran.err).toBe('');
    const names = JSON.parse(ran.out) as string[];
    expect(names).toEqual(
      [
        ...['ERROR_CODES', 'LandlineError', 'ToolError', 'createGateway', 'defineAgent', 'defineConfig', 'defineTool'],
        ...['landlinePlugin', 'readJournal', 'verifyWebhook'],
      ].sort(),
    );
    const documented = readFileSync(join(installed, 'docs', 'library.md'), 'utf8');
    expect(names.filter((name) => !documented.includes(`\`${name}`))).toEqual([]);
  });

  it('compiles and runs as the README shows it', async () => {
    for (const name of ['@types/node', '@types/ws']) if (!existsSync(join(app, 'node_modules', name))) link(name);
    const readme = readFileSync(join(installed, 'README.md'), 'utf8');
    const snippet = /## As a library[\s\S]*?```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
    const script = join(installed, 'fixtures', 'demo', 'hotel.yaml');
    // Without keys, and over as soon as it listens.
    const program = snippet
      .replace(/stt: .*\n/, "stt: { provider: 'embedded' },\n")
      .replace(/llm: .*\n/, `llm: { provider: 'scripted', script: ${JSON.stringify(script)} },\n`)
      .replace(
        /tts: .*\n/,
        "tts: { provider: 'embedded' },\ntools: ['transfer_call', 'hang_up'],\ntransferTargets: { desk: 'sip:desk@hotel.example' },\n",
      );
    expect(program).toContain('createGateway');
    const folder = join(app, 'readme');
    mkdirSync(folder);
    writeFileSync(join(folder, 'snippet.ts'), snippet);
    writeFileSync(join(folder, 'program.ts'), `${program}\nawait gateway.close();\n`);
    const compilerOptions = { module: 'nodenext', target: 'es2024', strict: true, noEmit: true, types: ['node'] };
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: ['snippet.ts', 'program.ts'] }),
    );

    const compiler = join(MODULES, 'typescript', 'bin', 'tsc');
    const checked = await run(process.execPath, [compiler, '-p', 'tsconfig.json', '--pretty', 'false'], folder);
    const ran = await run(process.execPath, ['program.ts'], folder, { PORT: '0', HOST: '127.0.0.1' });

    expect(checked.out).toBe('');
    expect(ran.code, ran.err).toBe(0);
    expect(ran.out).toMatch(/^listening on http:\/\/127\.0\.0\.1:\d+\n$/);
  });
});

describe('its command line', () => {
  it('has help for everything', async () => {
    const help = await landline('--help');
    const serve = await landline('serve', '--help');

    expect(help).toMatchObject({ code: 0, err: '' });
    for (const command of ['serve', 'demo', 'phone', 'calls', 'doctor']) expect(help.out).toContain(`\n  ${command} `);
    expect(serve).toMatchObject({ code: 0, err: '' });
    expect(serve.out).toMatch(/--port <port>[\s\S]*--help/);
  });

  it('says its version', async () => {
    expect(await landline('--version')).toEqual({ code: 0, out: `${PACKAGE.version}\n`, err: '' });
  });

  it.each([
    ['a command it does not know', 'sevre', /unknown command 'sevre'/],
    ['no command', '', /Usage: landline/],
  ])('refuses %s, exit 2', async (_what, command, message) => {
    const { code, out, err } = await landline(...(command === '' ? [] : [command]));

    expect(err).toMatch(message);
    expect(out).toBe('');
    expect(code).toBe(2);
  });

  it('says in one sentence that a Node is too old, exit 2', async () => {
    const older = 'Object.defineProperty(process.versions, "node", { value: "22.12.0" })';
    const preload = `data:text/javascript,${encodeURIComponent(older)}`;

    const { code, out, err } = await run(process.execPath, ['--import', preload, BIN, 'serve'], app);

    expect(err).toMatch(/^landline needs Node 24 or newer, this is Node 22\.12\.0: .*\.\n$/);
    expect(out).toBe('');
    expect(code).toBe(2);
  });
});

describe('the gateway of the package, run by plain Node', () => {
  it('serves a whole call in emulator mode, from its own files alone', async () => {
    const list = join(temp, 'loaded.json');
    // Every module that is loaded, those of require() too.
    const watch = `import { registerHooks } from 'node:module'; import { writeFileSync } from 'node:fs';
      const loaded = [];
      registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
      process.on('exit', () => writeFileSync(${JSON.stringify(list)}, JSON.stringify(loaded)));`;
    const env = {
      PATH: process.env['PATH'],
      HOST: '127.0.0.1',
      PORT: '0',
      LOG_FORMAT: 'json',
      LANDLINE_DATA_DIR: 'data',
    };
    // An empty folder: no config, so the built-in demo agent.
    const cwd = join(temp, 'empty');
    mkdirSync(cwd);
    const preload = `data:text/javascript,${encodeURIComponent(watch)}`;
    const gateway = spawn(process.execPath, ['--import', preload, BIN, 'serve'], { cwd, env });
    const exited = once(gateway, 'exit') as Promise<[code: number | null]>;
    try {
      const origin = `http://127.0.0.1:${await readyPort(gateway.stdout)}`;

      const recording = join(installed, 'fixtures', 'demo', 'caller', '03-location.wav');
      const phone = await run(process.execPath, [BIN, 'phone', recording, '--gateway', origin], cwd);

      expect(phone.out).toMatch(/agent +Good day, this is the Harbor Hotel\./);
      expect(phone.out).toMatch(/agent +We are at twelve Harbor Street/);
      expect(phone).toMatchObject({ code: 0, err: '' });

      const { calls } = (await (await fetch(`${origin}/v1/calls`)).json()) as {
        calls: { id: string; status: string }[];
      };
      expect(calls.map(({ status }) => status)).toEqual(['ended']);
      const sound = await fetch(`${origin}/v1/calls/${calls[0]?.id ?? ''}/recording`);
      expect(Buffer.from(await sound.arrayBuffer()).toString('latin1', 0, 4)).toBe('RIFF');
      expect(await (await fetch(`${origin}/phone`)).text()).toContain('<title>Landline phone');
    } finally {
      gateway.kill('SIGTERM');
    }

    expect((await exited)[0]).toBe(0);
    const loaded = (JSON.parse(readFileSync(list, 'utf8')) as string[]).filter((url) => url.startsWith('file:'));
    const ours = loaded.filter((url) => fileURLToPath(url).startsWith(installed));
    const elsewhere = loaded.filter((url) => !ours.includes(url));
    expect(ours).toContain(new URL(`file://${installed}/dist/src/server/gateway.js`).href);
    expect(elsewhere.filter((url) => !fileURLToPath(url).startsWith(MODULES))).toEqual([]);
    const listed = await run(process.execPath, [BIN, 'calls', '--json'], cwd, env);
    expect(listed.out).toContain('caller_hangup');
  });
});

async function readyPort(output: AsyncIterable<Buffer>): Promise<number> {
  let seen = '';
  for await (const bytes of output) {
    seen += bytes.toString();
    const port = /"event":"ready","port":(\d+)/.exec(seen)?.[1];
    if (port !== undefined) return Number(port);
  }
  throw new Error(`the gateway ended: ${seen}`);
}
