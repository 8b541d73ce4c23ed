import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentOptions } from '../../src/agent/options.ts';
import type { AgentProviders, PublishedEvent } from '../../src/call/ports.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLog, type Log } from '../../src/core/log.ts';
import {
  createTelnyxEmulator,
  type TelnyxEmulator,
  type TelnyxEmulatorOptions,
} from '../../src/emulator/telnyx/index.ts';
import { renderVoice } from '../../src/emulator/voice.ts';
import { encodeG711 } from '../../src/audio/g711.ts';
import type { LlmEvent, LlmRequest, SttEvent } from '../../src/providers/ports.ts';
import { startGateway, type Gateway, type GatewayOptions } from '../../src/server/gateway.ts';

/** Providers inside the test: the test says what was recognised and what the model answers; the voice has known words. */
export class TestProviders {
  heard: Buffer[] = [];
  requests: LlmRequest[] = [];
  answer: (request: LlmRequest) => readonly LlmEvent[] = () => [
    { type: 'llmDelta', text: 'Yes of course.' },
    { type: 'llmDone', finish: 'stop' },
  ];
  recognise: (event: SttEvent) => void = () => undefined;
  openStt = 0;

  readonly providers: AgentProviders = {
    stt: {
      name: 'test stt',
      open: (_options, emit) => {
        this.recognise = emit;
        this.openStt++;
        return {
          endsTurns: true,
          write: (bytes) => void this.heard.push(Buffer.from(bytes)),
          beginUtterance: () => undefined,
          finishUtterance: () => undefined,
          close: () => void this.openStt--,
        };
      },
    },
    llm: {
      name: 'test llm',
      warm: () => undefined,
      generate: (request, emit) => {
        this.requests.push(request);
        let live = true;
        const events = this.answer(request);
        setImmediate(() => {
          for (const event of events) if (live) emit(event);
        });
        return { abort: () => void (live = false) };
      },
    },
    tts: {
      name: 'test tts',
      open: (options, emit) => {
        let running = 0;
        let text = '';
        return {
          begin: (utterance) => {
            running = utterance;
            text = '';
          },
          text: (more) => void (text += more),
          end: () => {
            const utterance = running;
            const said = text;
            setImmediate(() => {
              if (running !== utterance) return;
              const { samples, words } = renderVoice(said, 8000);
              const bytes = encodeG711(options.format.codec === 'PCMA' ? 'PCMA' : 'PCMU', samples);
              for (let at = 0; at < bytes.length; at += 1111)
                emit({ type: 'ttsAudio', utterance, bytes: bytes.slice(at, at + 1111) });
              emit({ type: 'ttsText', utterance, text: said, fromByte: 0, toByte: bytes.length, words });
              emit({ type: 'ttsDone', utterance });
            });
          },
          cancel: () => void (running = 0),
          close: () => void (running = 0),
        };
      },
    },
  };
}

export interface GatewayWorld {
  readonly emulator: TelnyxEmulator;
  gateway: Gateway;
  readonly test: TestProviders;
  readonly events: PublishedEvent[];
  readonly dataDir: string;
  readonly logs: { level: string; fields: object; message: string }[];
  /** Another gateway on the same data and port, as after a crash. */
  restart(): Promise<Gateway>;
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly agent?: Record<string, unknown>;
  readonly providers?: AgentProviders;
  readonly emulator?: Partial<TelnyxEmulatorOptions>;
  readonly gateway?: Partial<GatewayOptions>;
}

/** A gateway and a Telnyx that meet on loopback. */
export async function gatewayWorld(options: WorldOptions = {}): Promise<GatewayWorld> {
  const dataDir = mkdtempSync(join(tmpdir(), 'landline-'));
  const logs: GatewayWorld['logs'] = [];
  const events: PublishedEvent[] = [];
  const emulator = await createTelnyxEmulator({
    webhookUrl: 'http://127.0.0.1:9/webhooks/telnyx',
    ...options.emulator,
  });
  const test = new TestProviders();
  const config = agentOptions.parse({
    greeting: 'Hello there.',
    tools: ['transfer_call', 'hang_up', 'send_dtmf'],
    transferTargets: { sales: '+15105550200' },
    ...options.agent,
  });
  const start = async (port: number): Promise<Gateway> => {
    const gateway = await startGateway({
      clock: systemClock,
      log: recordingLog(logs),
      software: 'landline test',
      host: '127.0.0.1',
      port,
      telnyx: { apiKey: emulator.apiKey, publicKeys: [emulator.publicKey], baseUrl: emulator.baseUrl },
      agents: new Map([
        [
          'reception',
          {
            config,
            providers: options.providers ?? test.providers,
            limits: { maxDurationMs: 60_000, noMediaMs: 15_000 },
          },
        ],
      ]),
      routing: { numbers: { '+13125550178': 'reception' }, defaultAgent: undefined },
      maxConcurrentCalls: 20,
      apiKeys: [],
      dataDir,
      ...options.gateway,
    });
    gateway.events.subscribe((event) => events.push(event));
    emulator.account.application.webhook_event_url = `${gateway.origin}/webhooks/telnyx`;
    return gateway;
  };
  const world: GatewayWorld = {
    emulator,
    gateway: await start(0),
    test,
    events,
    dataDir,
    logs,
    restart: async () => (world.gateway = await start(world.gateway.port)),
    close: async () => {
      await world.gateway.stop();
      await emulator.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
  return world;
}

function recordingLog(lines: GatewayWorld['logs']): Log {
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, fields, message });
  const log: Log = {
    ...silentLog,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => log,
  };
  return log;
}

/** Waits until `holds`, polling; says what was waited for when it never does. */
export async function until(holds: () => boolean, what: string, timeoutMs = 8000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
