import { resolve } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config.ts';
import { secretsOf, type Env } from '../config-environment.ts';
import { followUpsOf } from '../config-webhooks.ts';
import { readHoldMusic } from '../call/hold-file.ts';
import { systemClock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { createRedactor } from '../core/redaction.ts';
import { redactingLog } from '../core/redacting-log.ts';
import { createTelnyxEmulator, type TelnyxEmulator } from '../emulator/telnyx/index.ts';
import { usePhoneBook } from '../emulator/telnyx/phone-book.ts';
import { createProviders, type ProviderSet } from '../providers/create.ts';
import { findFfmpeg } from '../records/encoder.ts';
import { readRecordingKeys } from '../records/recording-keys.ts';
import { startGateway, type Gateway, type GatewayAgent } from '../server/gateway.ts';
import type { Tracing } from '../server/tracing/port.ts';
import { createTools, type ToolSet } from '../tools/create.ts';
import { SOFTWARE } from './software.ts';

/** A gateway that a config asks for, with its emulator when there is no real Telnyx. */
export interface Running {
  readonly gateway: Gateway;
  readonly emulator: TelnyxEmulator | undefined;
  readonly providers: ProviderSet;
  stop(): Promise<void>;
}

export interface RunOptions {
  /** Where keys and secrets are. Default: the process' own. */
  readonly env?: Env | undefined;
  /** See `GatewayOptions.within`. */
  readonly within?: FastifyInstance | undefined;
  /** Adds routes before the server listens. */
  readonly extend?: ((app: FastifyInstance, emulator: TelnyxEmulator | undefined) => Promise<void>) | undefined;
}

/** Who calls out when nothing says so, so that `landline call` works before anything is configured; a fictional number. */
const EMULATED_NUMBER = '+13125550178';

/** Calls are taken without the tools of a server that takes longer; they come for later calls. */
const TOOLS_START_MS = 3_000;

/** Starts everything a config asks for: the one way there is, for the command line, for programs and for the plugin. */
export async function run(config: Config, plainLog: Log, options: RunOptions = {}): Promise<Running> {
  const { env = process.env, within, extend } = options;
  // Providers and emulator write through the same gate as the gateway.
  const log = redactingLog(plainLog, createRedactor(config.redaction, secretsOf(env)));
  const clock = systemClock;
  const emulator =
    config.mode === 'emulator'
      ? // The webhook address is known once the gateway listens.
        await createTelnyxEmulator({
          webhookUrl: 'http://127.0.0.1:9/webhooks/telnyx',
          log: log.child({ part: 'emulator' }),
        })
      : undefined;
  if (emulator) usePhoneBook(emulator.targets);
  const tracing = config.tracesUrl === undefined ? undefined : await startTracing(config.tracesUrl, log);
  const providers = createProviders(config.agents, {
    env,
    clock,
    log,
    resolvePath: (path) => resolve(config.dir, path),
  });
  const tools = createTools(config.agents, { env, clock, log, dir: config.dir, software: SOFTWARE });
  try {
    await providers.prepare();
    await tools.start(TOOLS_START_MS);
    const gateway = await startGateway({
      clock,
      log,
      software: SOFTWARE,
      host: config.host,
      port: config.port,
      publicUrl: config.publicUrl,
      telnyx: emulator
        ? {
            apiKey: emulator.apiKey,
            publicKeys: [emulator.publicKey],
            baseUrl: emulator.baseUrl,
            connectionId: emulator.connectionId,
            fromNumber: config.telnyx.fromNumber ?? Object.keys(config.numbers)[0] ?? EMULATED_NUMBER,
          }
        : { ...config.telnyx, apiKey: config.telnyx.apiKey ?? '' },
      agents: agentsOf(config, providers, tools),
      toolFailures: () => tools.failures(),
      routing: config,
      destinations: config.destinations,
      outbound: config.outbound,
      maxConcurrentCalls: config.maxConcurrentCalls,
      media: config.media,
      apiKeys: config.apiKeys,
      apiRateLimit: config.apiRateLimit,
      redaction: config.redaction,
      sounds: config.sounds,
      secrets: secretsOf(env),
      retention: config.retention,
      recordings: {
        options: config.recordings,
        dir: config.dir,
        // Said once, by loadConfig.
        keys: readRecordingKeys(env, () => undefined),
        ffmpeg: findFfmpeg(env),
        env,
      },
      breakers: () => providers.breakers(),
      tracing,
      dataDir: config.dataDir,
      databaseUrl: config.databaseUrl,
      followUps: followUpsOf(config),
      webhooks: { endpoints: config.webhooks, env },
      within,
      listening: (origin) => {
        if (emulator) emulator.account.application.webhook_event_url = `${origin}/webhooks/telnyx`;
      },
      ...(extend ? { extend: (app: FastifyInstance) => extend(app, emulator) } : {}),
    });
    return {
      gateway,
      emulator,
      providers,
      stop: async () => {
        await gateway.stop();
        await emulator?.close();
        await providers.close();
        await tools.close();
        await tracing?.close();
      },
    };
  } catch (thrown) {
    await emulator?.close();
    await providers.close();
    await tools.close();
    await tracing?.close();
    throw thrown;
  }
}

/** OpenTelemetry is loaded only where traces are wanted. */
async function startTracing(url: string, log: Log): Promise<Tracing> {
  const { createOtlpTracing } = await import('../server/tracing/otlp.ts');
  return createOtlpTracing({ clock: systemClock, log, software: SOFTWARE, url });
}

function agentsOf(config: Config, providers: ProviderSet, tools: ToolSet): Map<string, GatewayAgent> {
  const agents = new Map<string, GatewayAgent>();
  for (const [name, agent] of Object.entries(config.agents)) {
    const own = providers.agents.get(name);
    if (!own) continue;
    const maxDurationMs = (agent.maxDurationSeconds ?? config.maxDurationSeconds) * 1000;
    agents.set(name, {
      config: agent,
      providers: own,
      tools: () => tools.of(name),
      summaryLlm: own.summaryLlm,
      holdMusic: agent.holdMusic === undefined ? undefined : readHoldMusic(agent.holdMusic),
      limits: { maxDurationMs, noMediaMs: config.noMediaSeconds * 1000 },
    });
  }
  return agents;
}
