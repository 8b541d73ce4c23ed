import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentOptions } from '../../src/agent/options.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import { startGateway, type Gateway } from '../../src/server/gateway.ts';
import { serveParent, usage } from './child.ts';
import { Lateness } from './lateness.ts';
import { noOpProviders, type NoOpProviders } from './providers.ts';

export interface GatewaySetup {
  readonly telnyxUrl: string;
  readonly apiKey: string;
  readonly publicKey: string;
  /** How long the voice speaks whatever it is asked to say; 0: the agent has no greeting and waits. */
  readonly utteranceMs: number;
  /** May the caller talk over the greeting? */
  readonly interruptible: boolean;
  /** Keep both sides' audio on disk. */
  readonly recording: boolean;
  /** Stamp every frame handed to a socket. Off where CPU is measured. */
  readonly timesFrames: boolean;
  /** Default: SQLite beside the journals. */
  readonly databaseUrl?: string;
}

/*
 * The whole gateway as `landline serve` runs it (server, sockets, journal on disk, VAD, marks, metrics), except that its
 * providers do no work.
 */
const dataDir = mkdtempSync(join(tmpdir(), 'landline-bench-'));
process.on('exit', () => rmSync(dataDir, { recursive: true, force: true }));

let gateway: Gateway | undefined;
let providers: NoOpProviders | undefined;
const lateness = new Lateness();

const handlers = {
  start: async (setup: GatewaySetup): Promise<string> => {
    const { telnyxUrl, apiKey, publicKey, utteranceMs, interruptible, recording, databaseUrl } = setup;
    const greeting = utteranceMs > 0 ? { greeting: 'Good morning and welcome.' } : {};
    const config = agentOptions.parse({ ...greeting, interruptible, recording, idle: { afterSeconds: 0 } });
    providers = noOpProviders(utteranceMs > 0 ? utteranceMs : 200);
    const limits = { maxDurationMs: 3_600_000, noMediaMs: 15_000 };
    gateway = await startGateway({
      clock: systemClock,
      log: silentLog,
      software: 'landline bench',
      host: '127.0.0.1',
      port: 0,
      telnyx: { apiKey, publicKeys: [publicKey], baseUrl: telnyxUrl },
      agents: new Map([['reception', { config, providers, limits }]]),
      routing: { numbers: {}, defaultAgent: 'reception' },
      maxConcurrentCalls: 2000,
      apiKeys: [],
      dataDir,
      databaseUrl,
    });
    if (setup.timesFrames) timeFrames(gateway);
    return `${gateway.origin}/webhooks/telnyx`;
  },
  calls: (): number => gateway?.registry.sessions.size ?? 0,
  /** What the recognisers of ended calls were given. */
  heard: () => providers?.heard,
  underruns: (): number => {
    let sum = 0;
    for (const session of gateway?.registry.sessions.values() ?? []) sum += session.media.playout.underruns;
    return sum;
  },
  lateness: () => lateness.report(),
  forgetLateness: () => lateness.forget(),
  beginLateness: () => lateness.begin(),
  usage: (collect: boolean) => usage(collect),
  stop: async () => gateway?.stop(),
};
export type GatewayProcess = typeof handlers;

/** Puts a stopwatch between each call and its socket. */
function timeFrames({ registry }: Gateway): void {
  const redeem = registry.redeem.bind(registry);
  registry.redeem = (token) => {
    const ticket = redeem(token);
    if (!ticket) return undefined;
    const { session } = ticket;
    const opened = session.mediaOpened.bind(session);
    session.mediaOpened = (leg, epoch, socket) => {
      const sent = lateness.call();
      opened(leg, epoch, {
        send: (text) => {
          socket.send(text);
          if (text.startsWith('{"event":"media"')) sent.push(performance.now());
        },
        close: (code, reason) => socket.close(code, reason),
        get bufferedAmount() {
          return socket.bufferedAmount;
        },
      });
    };
    return ticket;
  };
}

serveParent(handlers);
