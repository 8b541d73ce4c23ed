import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { examine } from '../../src/cli/doctor/examine.ts';
import type { Finding } from '../../src/cli/doctor/finding.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createDeepgramEmulator, type DeepgramEmulator } from '../../src/emulator/deepgram/emulator.ts';
import {
  createOpenAiEmulator,
  type OpenAiEmulator,
  type OpenAiEmulatorOptions,
} from '../../src/emulator/openai/openai-emulator.ts';
import { createTelnyxEmulator, type TelnyxEmulator } from '../../src/emulator/telnyx/index.ts';

export const NUMBER = '+13125550178';
export const CONNECTION = '2764019283746512345';

/** A right account and config on loopback, and everything about it that can be made wrong. */
export class DoctorWorld {
  readonly telnyx: TelnyxEmulator;
  readonly deepgram: DeepgramEmulator;
  readonly openai: OpenAiEmulator;
  readonly cwd: string = mkdtempSync(join(tmpdir(), 'landline-doctor-'));
  /** Where the gateway of the config listens, or would. */
  readonly port: number;
  readonly env: Record<string, string>;
  readonly agent: Record<string, unknown> = {
    greeting: 'Hello.',
    instructions: 'Be brief.',
    consent: 'This call is recorded.',
    stt: { provider: 'deepgram', model: 'flux-general-en' },
    llm: { provider: 'openai', model: 'gpt-test' },
    tts: { provider: 'deepgram', model: 'aura-2-thalia-en' },
    transferTargets: { desk: 'sip:desk@example.com' },
  };
  readonly config: Record<string, unknown> = {
    agents: { reception: this.agent },
    numbers: { [NUMBER]: 'reception' },
    defaultAgent: 'reception',
    destinations: { allow: ['+1'] },
  };
  /** How far this machine's clock is off. */
  skewMs = 0;
  readonly #closing: (() => unknown)[] = [];

  constructor(telnyx: TelnyxEmulator, deepgram: DeepgramEmulator, openai: OpenAiEmulator, port: number) {
    this.telnyx = telnyx;
    this.deepgram = deepgram;
    this.openai = openai;
    this.port = port;
    this.env = {
      HOST: '127.0.0.1',
      PORT: String(port),
      LANDLINE_CONFIG: join(this.cwd, 'landline.config.json'),
      TELNYX_API_KEY: telnyx.apiKey,
      TELNYX_PUBLIC_KEY: telnyx.publicKey,
      TELNYX_CONNECTION_ID: CONNECTION,
      TELNYX_BASE_URL: telnyx.baseUrl,
      DEEPGRAM_API_KEY: 'deepgram-key-of-the-test',
      DEEPGRAM_BASE_URL: deepgram.baseUrl,
      OPENAI_API_KEY: 'openai-key-of-the-test',
      OPENAI_BASE_URL: openai.baseUrl,
    };
    this.lead(`http://127.0.0.1:${port}`);
  }

  static async create(openai: OpenAiEmulatorOptions = {}): Promise<DoctorWorld> {
    return new DoctorWorld(
      await createTelnyxEmulator({ webhookUrl: 'http://127.0.0.1:9/', numbers: [NUMBER], connectionId: CONNECTION }),
      await createDeepgramEmulator({ apiKey: 'deepgram-key-of-the-test' }),
      await createOpenAiEmulator({ apiKey: 'openai-key-of-the-test', models: [{ id: 'gpt-test' }], ...openai }),
      await freePort(),
    );
  }

  /** PUBLIC_URL and the application's webhook URL, which belong together. */
  lead(origin: string): void {
    this.env['PUBLIC_URL'] = origin;
    this.telnyx.account.application.webhook_event_url = `${origin}/webhooks/telnyx`;
  }

  /** A server in front of the gateway. @returns its origin. */
  async front(options: {
    /** Default: forwards to the gateway. */
    readonly answer?: RequestListener;
    /** Default: forwards upgrades; `false` treats them as plain requests, as a proxy does that was not told. */
    readonly upgrades?: boolean;
    readonly tls?: ServerOptions;
  }): Promise<string> {
    const { answer = forward(this.port), upgrades = true, tls } = options;
    const server: Server = tls ? createTlsServer(tls, answer) : createServer(answer);
    if (upgrades) server.on('upgrade', forwardUpgrade(this.port));
    const port = await listen(server, 0);
    this.#closing.push(() => {
      server.close();
      server.closeAllConnections();
    });
    return tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`;
  }

  /** Takes the gateway's own port. */
  async occupy(answer: RequestListener): Promise<void> {
    const server = createServer(answer);
    await listen(server, this.port);
    this.#closing.push(() => server.close());
  }

  closing(run: () => unknown): void {
    this.#closing.push(run);
  }

  writeConfig(): void {
    writeFileSync(join(this.cwd, 'landline.config.json'), JSON.stringify(this.config));
  }

  async examine(): Promise<readonly Finding[]> {
    this.writeConfig();
    const clock = { ...systemClock, wall: () => Date.now() + this.skewMs };
    const examination = await examine({ env: this.env, cwd: this.cwd, clock });
    examination.close();
    return examination.findings;
  }

  async close(): Promise<void> {
    for (const run of this.#closing.splice(0).reverse()) await run();
    await Promise.all([this.telnyx.close(), this.deepgram.close(), this.openai.close()]);
    rmSync(this.cwd, { recursive: true });
  }
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server, 0);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A reverse proxy, the plain half: hop-by-hop headers stay behind. */
function forward(port: number): RequestListener {
  return (incoming, outgoing) => {
    const { connection: _, upgrade: __, ...headers } = incoming.headers;
    const { method, url } = incoming;
    const onward = request({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.writeHead(502).end('Bad Gateway'));
    incoming.pipe(onward);
  };
}

/** The other half: the bytes of an upgrade, as they are. */
function forwardUpgrade(port: number): (incoming: Parameters<RequestListener>[0], socket: Duplex) => void {
  return (incoming, socket) => {
    const onward = connect(port, '127.0.0.1', () => {
      const lines = [`GET ${incoming.url ?? '/'} HTTP/1.1`];
      for (let i = 0; i < incoming.rawHeaders.length; i += 2) {
        lines.push(`${incoming.rawHeaders[i] ?? ''}: ${incoming.rawHeaders[i + 1] ?? ''}`);
      }
      onward.write(`${lines.join('\r\n')}\r\n\r\n`);
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  };
}
