import type { PublishedEvent } from '../call/ports.ts';
import { LandlineError } from '../core/errors.ts';
import type { ExitCode } from './exit-code.ts';
import { followEvents } from './phone/events.ts';
import { Screen, type Output } from './screen.ts';
import { Transcript } from './transcript.ts';

export interface CallOptions {
  readonly gateway: string;
  readonly agent?: string;
  readonly from?: string;
  /** `key=value` each. */
  readonly metadata: readonly string[];
  readonly dtmf?: string;
  readonly machineDetection?: string;
  readonly ringTimeout?: string;
  readonly maxDuration?: string;
  /** Leave when somebody has answered, or will not; the call goes on. */
  readonly wait?: boolean;
  /** Events as JSON lines; with `wait` the call, or the problem. */
  readonly json?: boolean;
}

/** Where the command runs; the process by default. */
export interface CallPlace {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: Output;
  /** Calls `run` when the person wants to stop. @returns how not to listen any more. */
  onInterrupt(run: () => void): () => void;
}

interface CallAnswer {
  readonly id: string;
  readonly status: string;
  readonly endReason: string | null;
  readonly hangup: { readonly text: string } | null;
}

const PROCESS: CallPlace = {
  env: process.env,
  out: process.stdout,
  onInterrupt: (run) => {
    process.once('SIGINT', run);
    return () => process.off('SIGINT', run);
  },
};
/** How often the call is looked at while its events are silent. */
const LOOK_MS = 2000;
const SOON_MS = 50;
const EXITS: Readonly<Record<string, ExitCode>> = { no_answer: 3, busy: 4, rejected: 5, machine: 6 };
/** Endings of a call that came to be. */
const FINE: ReadonlySet<string> = new Set([
  'caller_hangup',
  'agent_hangup',
  'api_hangup',
  'transferred',
  'max_duration',
]);

/**
 * `landline call +1…`: has a running gateway place a call and shows the conversation until it ends.
 * @returns see docs/outbound.md: 0 talked, 3 no answer, 4 busy, 5 rejected, 6 machine, 1 anything else.
 */
export async function call(to: string, options: CallOptions, place: CallPlace = PROCESS): Promise<ExitCode> {
  const api = new GatewayApi(options.gateway, place.env['LANDLINE_API_KEY']);
  const body = requestOf(to, options);
  if (options.wait === true) return waitForAnswer(api, body, options, place.out);

  const screen = new Screen(place.out, place.env);
  const transcript = new Transcript(screen);
  const show = (event: PublishedEvent): void => {
    if (options.json === true) place.out.write(`${JSON.stringify(event)}\n`);
    else transcript.on(event);
  };
  const ended = Promise.withResolvers<undefined>();
  const early: PublishedEvent[] = [];
  let id: string | undefined;
  const see = (event: PublishedEvent): void => {
    // The first events may be here before the answer that says which call is ours.
    if (id === undefined) early.push(event);
    else if (event.callId === id) {
      show(event);
      // Its last turns are shown at the next moment.
      if (event.type === 'call.ended') setImmediate(() => ended.resolve(undefined));
    }
  };
  const unfollow = await api.follow(see);
  try {
    const placed = await api.place(body);
    id = placed.id;
    for (const event of early.splice(0)) see(event);
    const unlisten = place.onInterrupt(() => void api.hangUp(placed.id).catch(() => undefined));
    const last = await api.until(placed.id, ended.promise).finally(unlisten);
    if (options.json !== true && last.hangup) screen.line(last.hangup.text);
    return exitOf(last.endReason, last.answeredAt !== null);
  } finally {
    unfollow();
  }
}

async function waitForAnswer(
  api: GatewayApi,
  body: Readonly<Record<string, unknown>>,
  { json }: CallOptions,
  out: Output,
): Promise<ExitCode> {
  const { status, answer } = await api.send('POST', '/v1/calls', { ...body, waitUntilAnswered: true });
  if (status !== 201 && status !== 409) throw problem(answer);
  const {
    code,
    detail,
    call: over,
    id,
  } = answer as {
    readonly code?: string;
    readonly detail?: string;
    readonly call?: CallAnswer;
    readonly id?: string;
  };
  if (status === 409 && !over) throw problem(answer);
  if (json === true) out.write(`${JSON.stringify(answer)}\n`);
  else
    out.write(status === 201 ? `answered: ${id ?? ''}\n` : `${(code ?? '').replaceAll('_', ' ')}: ${detail ?? ''}\n`);
  return status === 201 ? 0 : exitOf(over?.endReason ?? null, false);
}

function exitOf(endReason: string | null, isAnswered: boolean): ExitCode {
  const exit = EXITS[endReason ?? ''];
  if (exit !== undefined) return exit;
  return isAnswered && FINE.has(endReason ?? '') ? 0 : 1;
}

/** @throws LandlineError `request_invalid` naming the option. */
function requestOf(to: string, options: CallOptions): Readonly<Record<string, unknown>> {
  const { agent, from, dtmf, machineDetection, ringTimeout, maxDuration } = options;
  const metadata = Object.fromEntries(
    options.metadata.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new LandlineError('request_invalid', `--metadata must be key=value, got "${pair}"`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
  const given = {
    to,
    agent,
    from,
    dtmf,
    machineDetection: machineDetection === 'true' ? true : machineDetection === 'false' ? false : machineDetection,
    ringTimeoutSeconds: seconds('--ring-timeout', ringTimeout),
    maxDurationSeconds: seconds('--max-duration', maxDuration),
    metadata: options.metadata.length === 0 ? undefined : metadata,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function seconds(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) {
    throw new LandlineError('request_invalid', `${name} must be a number of seconds, got "${text}"`);
  }
  return value;
}

function problem(answer: unknown): LandlineError {
  const { code, detail } = answer as { readonly code?: string; readonly detail?: string };
  return new LandlineError(
    'request_invalid',
    `the gateway says no (${code ?? 'unknown'}): ${detail ?? 'without a reason'}`,
  );
}

/** The API of a running gateway, as far as this command asks it. */
class GatewayApi {
  readonly #origin: string;
  readonly #key: string | undefined;

  constructor(gateway: string, keys: string | undefined) {
    const url = URL.parse(gateway);
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
      throw new LandlineError(
        'request_invalid',
        `--gateway must be an address like http://127.0.0.1:8080, got "${gateway}"`,
      );
    }
    this.#origin = url.origin;
    this.#key = keys?.split(',')[0]?.trim();
  }

  async send(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly answer: unknown }> {
    let response: Response;
    try {
      response = await fetch(`${this.#origin}${path}`, {
        method,
        headers: {
          ...(this.#key === undefined ? {} : { authorization: `Bearer ${this.#key}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (cause) {
      throw new LandlineError('not_found', `no gateway answers at ${this.#origin}: start one with "npm start"`, {
        cause,
      });
    }
    return { status: response.status, answer: await response.json().catch(() => ({})) };
  }

  async place(body: Readonly<Record<string, unknown>>): Promise<CallAnswer> {
    const { status, answer } = await this.send('POST', '/v1/calls', body);
    if (status !== 201) throw problem(answer);
    return answer as CallAnswer;
  }

  async hangUp(id: string): Promise<void> {
    await this.send('POST', `/v1/calls/${id}/hangup`, {});
  }

  async follow(onEvent: (event: PublishedEvent) => void): Promise<() => void> {
    const stop = await followEvents(this.#origin, this.#key, onEvent).catch((cause: unknown) => {
      throw new LandlineError('not_found', `no gateway answers at ${this.#origin}: start one with "npm start"`, {
        cause,
      });
    });
    if (stop) return stop;
    throw new LandlineError('unauthorized', 'set LANDLINE_API_KEY to the key of this gateway');
  }

  /** The call once it has ended, as its events say, or as it is seen to have when they are lost. */
  async until(id: string, told: Promise<unknown>): Promise<CallAnswer & { readonly answeredAt: string | null }> {
    for (let isTold = false; ;) {
      const look = Promise.withResolvers<boolean>();
      // What has ended is told a moment before it is on file.
      const timer = setTimeout(() => look.resolve(isTold), isTold ? SOON_MS : LOOK_MS);
      isTold = await (isTold ? look.promise : Promise.race([look.promise, told.then(() => true)]));
      clearTimeout(timer);
      const { status, answer } = await this.send('GET', `/v1/calls/${id}`);
      if (status === 404) throw problem(answer);
      const seen = answer as CallAnswer & { readonly answeredAt: string | null };
      if (status === 200 && seen.status === 'ended') return seen;
    }
  }
}
