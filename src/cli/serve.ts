import { describeConfig, loadConfig, type Config } from '../config.ts';
import { LandlineError, messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { TelnyxEmulator } from '../emulator/telnyx/index.ts';
import { run as runConfig, type Running } from '../library/run.ts';
import type { Gateway } from '../server/gateway.ts';
import type { ExitCode } from './exit-code.ts';
import { phoneRoute } from './phone-route.ts';
import { createLog } from './pino-log.ts';

export type { Running } from '../library/run.ts';

export interface ServeOptions {
  readonly config?: string;
  readonly port?: string;
}

/** Starts everything a config asks for, in emulator mode with the telephone. */
export function run(config: Config, log: Log): Promise<Running> {
  return runConfig(config, log, {
    extend: async (app, emulator) => {
      if (emulator) await phoneRoute(app, emulator, config.host);
    },
  });
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
  const running = await run(config, log).catch((thrown: unknown) => {
    throw portProblem(thrown, config) ?? thrown;
  });
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

/** Where it cannot listen, and what to do. */
function portProblem(thrown: unknown, { host, port }: Config): LandlineError | undefined {
  const code = (thrown as Partial<NodeJS.ErrnoException> | undefined)?.code;
  const todo = 'set PORT, or --port; 0 picks a free one';
  if (code === 'EADDRINUSE') return new LandlineError('config_invalid', `PORT ${port} of ${host} is in use: ${todo}`);
  if (code === 'EACCES') return new LandlineError('config_invalid', `PORT ${port} may not be used: ${todo}`);
  if (code === 'EADDRNOTAVAIL')
    return new LandlineError('config_invalid', `HOST ${host} is no address of this machine`);
  return undefined;
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
