import { generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentOptions } from '../../src/agent/options.ts';
import type { AgentProviders, PublishedEvent } from '../../src/call/ports.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Log, LogFields } from '../../src/core/log.ts';
import {
  createTelnyxEmulator,
  type EmulatedCall,
  type PlaceCallOptions,
  type TelnyxEmulator,
  type TelnyxEmulatorOptions,
} from '../../src/emulator/telnyx/index.ts';
import { eventProblem } from '../../src/server/event-schemas.ts';
import { startGateway, type Gateway, type GatewayOptions } from '../../src/server/gateway.ts';
import { ApiContract, type OpenApi } from './api-contract.ts';
import { TestProviders } from './providers.ts';
import { standingChecks } from './standing.ts';

export const RECEPTION = '+13125550178';
export const NEIGHBOUR = '+13125550199';
export const CALLER = '+14155550142';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: LogFields;
  readonly message: string;
}

export interface GatewayWorld {
  readonly emulator: TelnyxEmulator;
  gateway: Gateway;
  /** Providers of the agent at {@link RECEPTION}. */
  readonly test: TestProviders;
  /** Providers of the agent at {@link NEIGHBOUR}, who speaks long and cannot be interrupted. */
  readonly neighbour: TestProviders;
  readonly events: PublishedEvent[];
  /** Where an event was none that the documentation knows. */
  readonly eventProblems: readonly string[];
  /** Where an answer was none that the OpenAPI document knows. */
  readonly answerProblems: readonly string[];
  readonly dataDir: string;
  readonly logs: LogLine[];
  /** A person calls reception. */
  ring(options?: Partial<PlaceCallOptions>): EmulatedCall;
  /** A person calls reception and has heard the greeting. */
  talk(options?: Partial<PlaceCallOptions>): Promise<EmulatedCall>;
  /** The id that `/v1` and events use. */
  idOf(call: EmulatedCall): string;
  /** Events of one call, or of all, of one type. */
  of<T extends PublishedEvent['type']>(type: T, call?: EmulatedCall): Extract<PublishedEvent, { type: T }>[];
  /** Telnyx commands of a call, by name, in the order of their first try. */
  commands(call?: EmulatedCall): string[];
  /** A request to the gateway. */
  request(path: string, init?: RequestInit): Promise<{ status: number; headers: Headers; text: string; json: unknown }>;
  /** Sends a webhook as Telnyx would; `type` and `payload`, or exact text. */
  webhook(body: string, change?: { timestamp?: string; signature?: string; key?: KeyObject }): Promise<Answer>;
  /** A genuine webhook, not sent: its signature, and the whole HTTP request. */
  sign(body: string, timestamp?: string): { signature: string; request: string };
  /** Another gateway on the same data and port, as after a crash. */
  restart(): Promise<Gateway>;
  close(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface WorldOptions {
  readonly agent?: Record<string, unknown>;
  readonly providers?: AgentProviders;
  /** More agents, by the number they answer. */
  readonly others?: Readonly<Record<string, AgentProviders>>;
  readonly emulator?: Partial<TelnyxEmulatorOptions>;
  readonly gateway?: Partial<GatewayOptions>;
  /** The gateway may place calls: it has an application and a caller id. */
  readonly dials?: boolean;
  readonly noMediaMs?: number;
  readonly maxDurationMs?: number;
}

/** What the neighbour says all the time. */
export const LONG_SPEECH = Array.from({ length: 40 }, (_, n) => `word${n} follows word${n + 1}`).join(' ');

/** A gateway and a Telnyx that meet on loopback. */
export async function gatewayWorld(options: WorldOptions = {}): Promise<GatewayWorld> {
  const dataDir = mkdtempSync(join(tmpdir(), 'landline-'));
  const logs: LogLine[] = [];
  const events: PublishedEvent[] = [];
  const eventProblems: string[] = [];
  const answerProblems: string[] = [];
  let contract: ApiContract | undefined;
  const keyPair = generateKeyPairSync('ed25519');
  const emulator = await createTelnyxEmulator({
    webhookUrl: 'http://127.0.0.1:9/webhooks/telnyx',
    keyPair,
    ...options.emulator,
  });
  const test = new TestProviders();
  const neighbour = new TestProviders();
  const config = agentOptions.parse({
    greeting: 'Hello there.',
    tools: ['transfer_call', 'hang_up', 'send_dtmf'],
    transferTargets: { sales: '+15105550200' },
    ...options.agent,
  });
  const limits = { maxDurationMs: options.maxDurationMs ?? 60_000, noMediaMs: options.noMediaMs ?? 15_000 };
  const callOf = new Map<string, string>();
  const quiet = agentOptions.parse({ greeting: LONG_SPEECH, interruptible: false });
  const start = async (port: number): Promise<Gateway> => {
    const gateway = await startGateway({
      clock: systemClock,
      log: recordingLog(logs),
      software: 'landline test',
      host: '127.0.0.1',
      port,
      telnyx: {
        apiKey: emulator.apiKey,
        publicKeys: [emulator.publicKey],
        baseUrl: emulator.baseUrl,
        ...(options.dials === true ? { connectionId: emulator.connectionId, fromNumber: RECEPTION } : {}),
      },
      agents: new Map([
        ['reception', { config, providers: options.providers ?? test.providers, limits }],
        ['neighbour', { config: quiet, providers: neighbour.providers, limits }],
        ...Object.entries(options.others ?? {}).map(
          ([number, providers]) => [number, { config, providers, limits }] as const,
        ),
      ]),
      routing: {
        numbers: {
          [RECEPTION]: 'reception',
          [NEIGHBOUR]: 'neighbour',
          ...Object.fromEntries(Object.keys(options.others ?? {}).map((number) => [number, number])),
        },
        defaultAgent: undefined,
      },
      maxConcurrentCalls: 20,
      apiKeys: [],
      dataDir,
      ...options.gateway,
    });
    gateway.events.subscribe((event) => {
      events.push(event);
      const problem = eventProblem(event);
      if (problem !== undefined) eventProblems.push(problem);
      for (const leg of Object.values(gateway.registry.sessions.get(event.callId)?.state.legs ?? {})) {
        callOf.set(leg.callControlId, event.callId);
      }
    });
    emulator.account.application.webhook_event_url = `${gateway.origin}/webhooks/telnyx`;
    return gateway;
  };
  const world: GatewayWorld = {
    emulator,
    gateway: await start(0),
    test,
    neighbour,
    events,
    eventProblems,
    answerProblems,
    dataDir,
    logs,
    ring: (call = {}) => emulator.placeCall({ from: CALLER, to: RECEPTION, ...call }),
    talk: async (call) => {
      const phone = world.ring(call);
      await until(() => world.of('turn.ended', phone).length === 1, 'the greeting to be heard');
      return phone;
    },
    idOf: (call) => callOf.get(call.ids.callControlId) ?? '',
    of: (type, call) => {
      const id = call && world.idOf(call);
      const isWanted = (event: PublishedEvent): event is Extract<PublishedEvent, { type: typeof type }> =>
        event.type === type && (id === undefined || event.callId === id);
      return events.filter(isWanted);
    },
    commands: (call) => {
      const told = new Map<string, string>();
      for (const [n, c] of emulator.commands.entries()) {
        if (!c.path.includes('/actions/') || (call && c.call_control_id !== call.ids.callControlId)) continue;
        // Tries of one command are one command.
        told.set(c.command_id ?? `${n}`, c.command);
      }
      return [...told.values()];
    },
    request: async (path, init) => {
      const response = await fetch(`${world.gateway.origin}${path}`, init);
      const text = await response.text();
      contract ??= await contractOf(world.gateway.origin);
      const problem = contract.answerProblem(init?.method ?? 'GET', path, {
        status: response.status,
        headers: response.headers,
        text,
      });
      if (problem !== undefined) answerProblems.push(problem);
      return { status: response.status, headers: response.headers, text, json: parsed(text) };
    },
    webhook: async (body, { timestamp = String(Math.floor(Date.now() / 1000)), signature, key } = {}) => {
      const signed = sign(null, Buffer.from(`${timestamp}|${body}`), key ?? keyPair.privateKey).toString('base64');
      const response = await fetch(`${world.gateway.origin}/webhooks/telnyx`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'telnyx-timestamp': timestamp,
          'telnyx-signature-ed25519': signature ?? signed,
        },
        body,
      });
      return { status: response.status, headers: response.headers, text: await response.text() };
    },
    sign: (body, timestamp = String(Math.floor(Date.now() / 1000))) => {
      const signature = sign(null, Buffer.from(`${timestamp}|${body}`), keyPair.privateKey).toString('base64');
      const head = [
        'POST /webhooks/telnyx HTTP/1.1',
        'host: gateway.example.com',
        'content-type: application/json',
        `telnyx-timestamp: ${timestamp}`,
        `telnyx-signature-ed25519: ${signature}`,
        `content-length: ${Buffer.byteLength(body)}`,
      ];
      return { signature, request: `${head.join('\r\n')}\r\n\r\n${body}` };
    },
    restart: async () => (world.gateway = await start(world.gateway.port)),
    close: async () => {
      await world.gateway.stop();
      await emulator.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
  return world;
}

/** A test in a world of its own: afterwards nothing may be left behind, whatever the test itself looked at. */
export async function inWorld(
  options: WorldOptions & {
    /** Error lines this test provokes. */
    readonly expectErrors?: RegExp;
  },
  run: (world: GatewayWorld) => Promise<void>,
): Promise<void> {
  const world = await gatewayWorld(options);
  try {
    await run(world);
    await standingChecks(world, options.expectErrors);
  } catch (thrown) {
    const last = world.logs
      .slice(-12)
      .map(({ level, message, fields }) => `${level} ${message} ${JSON.stringify(fields)}`);
    if (thrown instanceof Error) thrown.message += `\nlast log lines:\n  ${last.join('\n  ')}`;
    throw thrown;
  } finally {
    await world.close();
  }
}

/** A v2 webhook as Telnyx shapes it. */
export function webhookBody(
  type: string,
  payload: Readonly<Record<string, unknown>>,
  id: string = randomUUID(),
): string {
  return JSON.stringify({
    data: { record_type: 'event', event_type: type, id, occurred_at: new Date().toISOString(), payload },
    meta: { attempt: 1, delivered_to: 'https://gateway.example.com/webhooks/telnyx' },
  });
}

function recordingLog(lines: LogLine[], bound: LogFields = {}): Log {
  const at = (level: LogLine['level']) => (fields: LogFields, message: string) =>
    void lines.push({ level, fields: { ...bound, ...fields }, message });
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (more) => recordingLog(lines, { ...bound, ...more }),
  };
}

/** One document serves every gateway of a test file: it depends on the routes alone. */
let document: Promise<OpenApi> | undefined;
async function contractOf(origin: string): Promise<ApiContract> {
  document ??= fetch(`${origin}/openapi.json`).then(async (answer) => (await answer.json()) as OpenApi);
  return new ApiContract(await document);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Waits until `holds`, polling; says what was waited for when it never does. A look that takes long (finding words in
 * sound) is taken more rarely: it runs on the processor of the call it looks at.
 */
export async function until(holds: () => boolean, what: string, timeoutMs = 12_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const began = performance.now();
    if (holds()) return;
    const now = performance.now();
    if (now > end) throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, Math.max(5, 10 * (now - began))));
  }
}
