import { resolve } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { describeConfig, loadConfig, type Config } from '../config.ts';
import { secretsOf } from '../config-environment.ts';
import { systemClock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { createRedactor } from '../core/redaction.ts';
import { redactingLog } from '../core/redacting-log.ts';
import { createTelnyxEmulator, type TelnyxEmulator } from '../emulator/telnyx/index.ts';
import { createProviders, type ProviderSet } from '../providers/create.ts';
import { findFfmpeg } from '../records/encoder.ts';
import { readRecordingKeys } from '../records/recording-keys.ts';
import { startGateway, type Gateway, type GatewayAgent } from '../server/gateway.ts';
import type { Tracing } from '../server/tracing/port.ts';
import type { ExitCode } from './exit-code.ts';
import { phoneRoute } from './phone-route.ts';
import { createLog } from './pino-log.ts';
import { SOFTWARE } from './software.ts';

export interface ServeOptions {
  readonly config?: string;
  readonly port?: string;
}

/** A gateway as `serve` and `demo` run it, with its emulator when there is no real Telnyx. */
export interface Running {
  readonly gateway: Gateway;
  readonly emulator: TelnyxEmulator | undefined;
  readonly providers: ProviderSet;
  stop(): Promise<void>;
}

/** Starts everything a config asks for. */
export async function run(config: Config, plainLog: Log): Promise<Running> {
  // Providers and emulator write through the same gate as the gateway.
  const log = redactingLog(plainLog, createRedactor(config.redaction, secretsOf(process.env)));
  const clock = systemClock;
  const emulator =
    config.mode === 'emulator'
      ? // The webhook address is known once the gateway listens.
        await createTelnyxEmulator({
          webhookUrl: 'http://127.0.0.1:9/webhooks/telnyx',
          log: log.child({ part: 'emulator' }),
        })
      : undefined;
  const tracing = config.tracesUrl === undefined ? undefined : await startTracing(config.tracesUrl, log);
  const providers = createProviders(config.agents, {
    env: process.env,
    clock,
    log,
    resolvePath: (path) => resolve(config.dir, path),
  });
  try {
    await providers.prepare();
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
          }
        : { ...config.telnyx, apiKey: config.telnyx.apiKey ?? '' },
      agents: agentsOf(config, providers),
      routing: config,
      destinations: config.destinations,
      maxConcurrentCalls: config.maxConcurrentCalls,
      media: config.media,
      apiKeys: config.apiKeys,
      redaction: config.redaction,
      secrets: secretsOf(process.env),
      retention: config.retention,
      recordings: {
        options: config.recordings,
        dir: config.dir,
        // Said once, by loadConfig.
        keys: readRecordingKeys(process.env, () => undefined),
        ffmpeg: findFfmpeg(process.env),
        env: process.env,
      },
      breakers: () => providers.breakers(),
      tracing,
      dataDir: config.dataDir,
      databaseUrl: config.databaseUrl,
      ...(emulator ? { extend: (app: FastifyInstance) => phoneRoute(app, emulator, config.host) } : {}),
    });
    if (emulator) emulator.account.application.webhook_event_url = `${gateway.origin}/webhooks/telnyx`;
    return {
      gateway,
      emulator,
      providers,
      stop: async () => {
        await gateway.stop();
        await emulator?.close();
        await providers.close();
        await tracing?.close();
      },
    };
  } catch (thrown) {
    await emulator?.close();
    await providers.close();
    await tracing?.close();
    throw thrown;
  }
}

/** OpenTelemetry is loaded only where traces are wanted. */
async function startTracing(url: string, log: Log): Promise<Tracing> {
  const { createOtlpTracing } = await import('../server/tracing/otlp.ts');
  return createOtlpTracing({ clock: systemClock, log, software: SOFTWARE, url });
}

function agentsOf(config: Config, providers: ProviderSet): Map<string, GatewayAgent> {
  const agents = new Map<string, GatewayAgent>();
  for (const [name, agent] of Object.entries(config.agents)) {
    const own = providers.agents.get(name);
    if (!own) continue;
    const maxDurationMs = (agent.maxDurationSeconds ?? config.maxDurationSeconds) * 1000;
    agents.set(name, {
      config: agent,
      providers: own,
      summaryLlm: own.summaryLlm,
      limits: { maxDurationMs, noMediaMs: config.noMediaSeconds * 1000 },
    });
  }
  return agents;
}

/** `landline serve`: runs until a signal ends it. */
export async function serve(options: ServeOptions): Promise<ExitCode> {
  const env = {
    ...process.env,
    ...(options.config === undefined ? {} : { LANDLINE_CONFIG: options.config }),
    ...(options.port === undefined ? {} : { PORT: options.port }),
  };
  const config = await loadConfig({ env, cwd: process.cwd() });
  const log = createLog({ ...config.log, fd: 1 });
  const ended = signals(log);
  for (const warning of config.warnings) log.warn({}, warning);
  log.info({ config: describeConfig(config).split('\n') }, 'starting');
  const running = await run(config, log);
  const { gateway } = running;
  announce(config, gateway, running.emulator);
  gateway.recovered.catch((error: unknown) => log.error({ error: messageOf(error) }, 'recovery failed'));

  const first = await Promise.race([ended.first, ended.fault]);
  if (first !== 'fault') {
    const forced = ended.second.then((signal) => log.warn({ signal }, 'second signal: ending every call now'));
    await Promise.race([gateway.drain(config.drainTimeoutSeconds * 1000), forced, ended.fault]);
  }
  await running.stop();
  log.info({}, 'stopped');
  return first === 'fault' ? 1 : 0;
}

/** The one line that says that traffic is accepted, and in emulator mode how to call. */
function announce(config: Config, gateway: Gateway, emulator: TelnyxEmulator | undefined): void {
  const url = `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${gateway.port}`;
  const ready = `landline ready on ${url}`;
  if (config.log.format === 'json') {
    process.stdout.write(
      `${JSON.stringify({ level: 'info', time: new Date().toISOString(), event: 'ready', port: gateway.port, mode: config.mode, msg: ready })}\n`,
    );
    return;
  }
  process.stdout.write(`${ready}\n`);
  if (!emulator) return;
  process.stdout.write(
    [
      '',
      '  NO REAL PHONE: TELNYX_API_KEY is not set, so calls come from the embedded Telnyx emulator.',
      `  Call it from a browser:  ${url}/phone   (microphone and keypad)`,
      `  Call it with a file:     npm run landline -- phone fixtures/demo/caller/02-hours.wav --gateway ${url}`,
      '  Going live: see "Going live" in README.md, then run: npm run landline -- doctor',
      '',
    ].join('\n'),
  );
}

/** First and second signal, and the fault that nobody caught. */
function signals(log: Log): {
  readonly first: Promise<string>;
  readonly second: Promise<string>;
  readonly fault: Promise<'fault'>;
} {
  const waiting: ((signal: string) => void)[] = [];
  const next = (): Promise<string> => new Promise((resolve) => waiting.push(resolve));
  const [first, second] = [next(), next()];
  let fail: (what: 'fault') => void = () => undefined;
  const fault = new Promise<'fault'>((resolve) => (fail = resolve));
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      log.info({ signal }, 'signal');
      waiting.shift()?.(signal);
    });
  }
  const uncaught = (error: unknown): void => {
    log.error(
      { error: messageOf(error), stack: error instanceof Error ? error.stack : undefined },
      'uncaught: ending every call',
    );
    fail('fault');
  };
  process.on('uncaughtException', uncaught);
  process.on('unhandledRejection', uncaught);
  return { first, second, fault };
}
