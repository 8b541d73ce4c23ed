import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDeepgramEmulator, type DeepgramEmulator } from '../../src/emulator/deepgram/emulator.ts';
import { createOpenAiEmulator, type OpenAiEmulator } from '../../src/emulator/openai/openai-emulator.ts';
import { createTelnyxEmulator, type TelnyxEmulator } from '../../src/emulator/telnyx/index.ts';
import { CALLER, RECEPTION, until } from './world.ts';

const ENTRY = new URL('../../bin/landline.js', import.meta.url).pathname;

/** A gateway in a process of its own, as `npm start` runs it. */
export interface Child {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Every line it wrote, stdout and stderr. */
  readonly lines: string[];
  readonly exit: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

/** The real command line with the real adapters, and everybody it talks to as emulators in this process. */
export interface ChildWorld {
  readonly telnyx: TelnyxEmulator;
  readonly deepgram: DeepgramEmulator;
  readonly openai: OpenAiEmulator;
  readonly dataDir: string;
  readonly port: number;
  readonly origin: string;
  /** Starts the gateway; resolves when it says that it is ready. */
  start(): Promise<Child>;
  /** Starts it and does not wait. */
  spawn(): Child;
  /** What the model was asked, each time: the texts after the system prompt. */
  asked(): string[][];
  json(path: string): Promise<unknown>;
}

export interface ChildOptions {
  readonly config?: Record<string, unknown>;
  readonly agent?: Record<string, unknown>;
  /** Error lines that the test provokes. */
  readonly expectErrors?: RegExp;
}

export async function inChildWorld(options: ChildOptions, run: (world: ChildWorld) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'landline-child-'));
  const dataDir = join(folder, 'data');
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const telnyx = await createTelnyxEmulator({ webhookUrl: `${origin}/webhooks/telnyx` });
  const deepgram = await createDeepgramEmulator();
  const openai = await createOpenAiEmulator({
    chat: ({ messages }) => ({ text: `Answer ${messages.filter(({ role }) => role === 'user').length} for you.` }),
  });
  deepgram.hear(Array.from({ length: 200 }, (_, n) => `question ${n}`));
  const config = {
    agents: {
      reception: {
        greeting: 'Hello there.',
        instructions: 'Answer.',
        stt: { provider: 'deepgram', model: 'flux-general-en' },
        llm: { provider: 'openai', model: 'test-model' },
        tts: { provider: 'deepgram', model: 'aura-2-thalia-en' },
        tools: ['hang_up', 'transfer_call'],
        transferTargets: { sales: '+15105550200' },
        ...options.agent,
      },
    },
    numbers: { [RECEPTION]: 'reception' },
    ...options.config,
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  const children: Child[] = [];
  const spawnChild = (): Child => {
    const child = spawn(process.execPath, [ENTRY, 'serve'], {
      cwd: folder,
      env: {
        PATH: process.env['PATH'],
        LANDLINE_CONFIG: join(folder, 'config.json'),
        LANDLINE_DATA_DIR: dataDir,
        HOST: '127.0.0.1',
        PORT: String(port),
        PUBLIC_URL: origin,
        TELNYX_API_KEY: telnyx.apiKey,
        TELNYX_PUBLIC_KEY: telnyx.publicKey,
        TELNYX_CONNECTION_ID: telnyx.connectionId,
        TELNYX_BASE_URL: telnyx.baseUrl,
        DEEPGRAM_API_KEY: 'dg-canary-secret',
        DEEPGRAM_BASE_URL: deepgram.baseUrl,
        OPENAI_API_KEY: 'oa-canary-secret',
        OPENAI_BASE_URL: openai.baseUrl,
        LOG_FORMAT: 'json',
        LOG_LEVEL: 'debug',
      },
    });
    const lines: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes: Buffer) => lines.push(...bytes.toString().split('\n').filter(Boolean)));
    }
    const exit = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
      child.on('exit', (code, signal) => resolve({ code, signal }));
    });
    const started: Child = { process: child, pid: child.pid ?? 0, lines, exit };
    children.push(started);
    return started;
  };
  const world: ChildWorld = {
    telnyx,
    deepgram,
    openai,
    dataDir,
    port,
    origin,
    spawn: spawnChild,
    start: async () => {
      const child = spawnChild();
      await until(
        () => child.lines.some((line) => line.includes('"event":"ready"')),
        'the gateway to be ready',
        20_000,
      );
      return child;
    },
    asked: () =>
      openai.requests
        .filter(({ path }) => path.endsWith('/chat/completions'))
        .map(({ body }) =>
          (body as { messages: { role: string; content: string }[] }).messages
            .filter(({ role }) => role !== 'system')
            .map(({ content }) => content),
        ),
    json: async (path) => (await fetch(origin + path)).json(),
  };
  try {
    await run(world);
    await until(() => telnyx.liveCalls().length === 0, 'every leg to be down');
    const lines = children.flatMap((child) => child.lines);
    const secrets = [
      telnyx.apiKey,
      'canary',
      CALLER,
      RECEPTION,
      ...telnyx.commands.map((c) => c.call_control_id ?? '?'),
    ];
    const isError = (line: string): boolean =>
      line.includes('"level":"error"') && options.expectErrors?.test(line) !== true;
    const bad = lines.filter((line) => isError(line) || secrets.some((secret) => line.includes(secret)));
    if (bad.length > 0) throw new Error(`the gateway wrote:\n${bad.join('\n')}`);
  } catch (thrown) {
    const last = children.map((child) => child.lines.slice(-15).join('\n  ')).join('\n  ---\n  ');
    if (thrown instanceof Error) thrown.message += `\nlast lines of each process:\n  ${last.slice(0, 8000)}`;
    throw thrown;
  } finally {
    for (const { process: child, exit } of children) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await exit;
      }
    }
    await telnyx.close();
    await openai.close();
    await deepgram.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
