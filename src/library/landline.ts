import type { FastifyInstance } from 'fastify';
import type { PublishedEvent } from '../call/ports.ts';
import { loadConfig, type Config, type ConfigInput } from '../config.ts';
import type { Env } from '../config-environment.ts';
import { LandlineError, messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { TelnyxEmulator } from '../emulator/telnyx/index.ts';
import { createCalls, type Calls } from './calls.ts';
import { followEvents } from './event-feed.ts';
import { problemLog } from './problem-log.ts';
import { run, type Running } from './run.ts';

/** What happens on calls, as `/v1/events` tells it; see docs/events.md. */
export type LandlineEvent = PublishedEvent;
export type LandlineEventType = LandlineEvent['type'];

export interface LandlineOptions {
  /** As in a config file, or the path of one. Default: what LANDLINE_CONFIG says, else `./landline.config.{ts,js,json}`. */
  readonly config?: ConfigInput | string | undefined;
  /** The variables of docs and `.env.example`. Default: `process.env`. */
  readonly env?: Env | undefined;
  /** Folder from which relative paths are seen. Default: the process' own. */
  readonly cwd?: string | undefined;
  /** `emulator`: no real telephone, whatever keys there are. Default: real when there is a TELNYX_API_KEY. */
  readonly telnyx?: 'emulator' | undefined;
  /** Journals, recordings, database; belongs to one gateway at a time. Default: LANDLINE_DATA_DIR, else `./data`. */
  readonly dataDir?: string | undefined;
  /** pino, Fastify's `app.log`, or anything of this shape. Default: warnings and errors as JSON lines on stderr. */
  readonly log?: Log | undefined;
}

export interface GatewayListenOptions extends LandlineOptions {
  /** Listen address; default as for `landline serve`. */
  readonly host?: string | undefined;
  /** 0: any free one. Default: PORT, else 8080. */
  readonly port?: number | undefined;
}

/** A gateway inside a program. */
export interface Landline {
  /** What `/v1` can do with calls, as methods; refused with a LandlineError whose code docs/errors.md explains. */
  readonly calls: Calls;
  /** Where it is reached, e.g. `http://127.0.0.1:8080`; empty while it does not listen. */
  readonly url: string;
  /** The telephones and the Telnyx of emulator mode: place calls with it. Undefined: there is a real one. */
  readonly emulator: TelnyxEmulator | undefined;
  /** @returns a function that ends it. A listener that throws or rejects is logged and harms nobody. */
  on<T extends LandlineEventType>(
    type: T,
    listener: (event: Extract<LandlineEvent, { readonly type: T }>) => unknown,
  ): () => void;
  /** Everything from now on, until the loop is left or the gateway closes. */
  events(): AsyncIterableIterator<LandlineEvent>;
  /** No new calls; resolves when the live ones have ended, by themselves until `timeoutMs`, then with a goodbye. */
  drain(timeoutMs?: number): Promise<void>;
}

/** A gateway with a server of its own. */
export interface LandlineGateway extends Landline {
  /** Its server, once it listens: for `inject` in tests. */
  readonly app: FastifyInstance;
  /** Checks the config and starts. @returns `url`. @throws LandlineError `config_invalid` with every problem, a line each. */
  listen(): Promise<string>;
  /** Ends every call at once, and then everything else. Before a `listen`, or twice: nothing happens. */
  close(): Promise<void>;
}

const DRAIN_MS = 600_000;

/** A gateway in your program: `await createGateway({ config }).listen()`. */
export function createGateway(options: GatewayListenOptions = {}): LandlineGateway {
  const gateway = new RunningLandline();
  let listening: Promise<string> | undefined;
  return Object.assign(gateway, {
    listen: () => {
      listening ??= (async () => {
        const { config, env, log } = await settle(options);
        gateway.began(await run(config, log, { env }), log);
        return gateway.url;
      })();
      return listening;
    },
    close: async () => {
      // A start that failed has closed what it had opened, and was told to who asked for it.
      await listening?.catch(() => undefined);
      await gateway.stop();
    },
  });
}

/** What the options come to: a checked config, its environment, a log. */
export async function settle(
  options: GatewayListenOptions,
): Promise<{ readonly config: Config; readonly env: Env; readonly log: Log }> {
  const { config: given, telnyx, dataDir, host, port, cwd = process.cwd(), log = problemLog() } = options;
  const env: Record<string, string | undefined> = {
    ...(options.env ?? process.env),
    ...(typeof given === 'string' ? { LANDLINE_CONFIG: given } : {}),
    ...(telnyx === 'emulator' ? { TELNYX_API_KEY: undefined } : {}),
    ...(dataDir === undefined ? {} : { LANDLINE_DATA_DIR: dataDir }),
    ...(host === undefined ? {} : { HOST: host }),
    ...(port === undefined ? {} : { PORT: String(port) }),
  };
  const config = await loadConfig({
    env,
    cwd,
    isTty: false,
    ...(typeof given === 'object' ? { config: given } : {}),
  });
  for (const warning of config.warnings) log.warn({}, warning);
  return { config, env, log };
}

/** A gateway as programs see it; before it runs there is nothing but its listeners. */
export class RunningLandline implements Landline {
  readonly calls: Calls = createCalls(() => this.#need().gateway.inside());
  readonly #listeners = new Set<(event: LandlineEvent) => unknown>();
  readonly #over = new AbortController();
  #running: Running | undefined;

  began(running: Running, log: Log): void {
    this.#running = running;
    running.gateway.events.subscribe((event) => {
      for (const listener of this.#listeners) {
        const failed = (thrown: unknown): void =>
          log.error({ event: event.type, callId: event.callId, error: messageOf(thrown) }, 'event listener failed');
        try {
          const result = listener(event);
          if (result instanceof Promise) result.catch(failed);
        } catch (thrown) {
          failed(thrown);
        }
      }
    });
  }

  get url(): string {
    return this.#running?.gateway.origin ?? '';
  }

  get app(): FastifyInstance {
    return this.#need().gateway.app;
  }

  get emulator(): TelnyxEmulator | undefined {
    return this.#need().emulator;
  }

  on<T extends LandlineEventType>(
    type: T,
    listener: (event: Extract<LandlineEvent, { readonly type: T }>) => unknown,
  ): () => void {
    const isWanted = (event: LandlineEvent): event is Extract<LandlineEvent, { readonly type: T }> =>
      event.type === type;
    return this.#subscribe((event) => (isWanted(event) ? listener(event) : undefined));
  }

  events(): AsyncIterableIterator<LandlineEvent> {
    return followEvents((listener) => this.#subscribe(listener), this.#over.signal);
  }

  async drain(timeoutMs: number = DRAIN_MS): Promise<void> {
    await this.#need().gateway.drain(timeoutMs);
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
    this.#over.abort();
  }

  #subscribe(listener: (event: LandlineEvent) => unknown): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #need(): Running {
    if (this.#running) return this.#running;
    throw new LandlineError('request_invalid', 'the gateway is not running: call listen() first, and wait for it');
  }
}
