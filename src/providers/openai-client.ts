import OpenAI, { APIConnectionError, APIConnectionTimeoutError, APIError } from 'openai';
import { Agent, fetch as pooledFetch, type RequestInit } from 'undici';
import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { ProviderFailure } from './ports.ts';

/** What the three OpenAI adapters (llm, tts, stt) need to reach a server. */
export interface OpenAiClientOptions {
  /** Sent as bearer token; may be empty for local servers that need none. */
  readonly apiKey: string;
  /** Including `/v1`. Default: OpenAI itself. */
  readonly baseUrl?: string;
  readonly clock: Clock;
  readonly log: Log;
}

export interface OpenAiClient {
  readonly sdk: OpenAI;
  /** Opens or refreshes a pooled connection by a small request; at most one every 10 s. Never throws. */
  warm(): void;
  /** Puts anything the SDK or the socket threw into our words. `doing` names vendor, model and attempt. */
  failure(doing: string, thrown: unknown): ProviderFailure;
}

const WARM_EVERY_MS = 10_000;
const WARM_DEADLINE_MS = 5_000;
/** How long a finished answer may take to end its body before the connection is given up. */
const DRAIN_MS = 1_000;
const MAX_MESSAGE_CHARS = 300;

/**
 * One pool for all calls of the process. Node's own fetch drops an idle connection after 4 s, less than a caller's
 * utterance, so every turn would pay a TCP and TLS handshake. The deadlines are ours (Clock), so undici's are off.
 * HTTP/1.1, because closing the connection on abort is what makes a server stop generating.
 */
const pool = new Agent({ keepAliveTimeout: 60_000, headersTimeout: 0, bodyTimeout: 0, allowH2: false });

/** @throws never; a wrong key or address shows as the failure of the first request. */
export function createOpenAiClient(options: OpenAiClientOptions): OpenAiClient {
  const { clock, log } = options;
  let warmedAt = -Infinity;

  const sdk = new OpenAI({
    // Stated, because the SDK would else take it from the environment: configuration is read in one place.
    apiKey: options.apiKey === '' ? 'none' : options.apiKey,
    baseURL: options.baseUrl ?? 'https://api.openai.com/v1',
    adminAPIKey: null,
    organization: null,
    project: null,
    // A live turn cannot wait for the SDK's back-off (1.3 s for three tries on 503); the dialogue decides about retries.
    maxRetries: 0,
    logLevel: 'off',
    fetch: async (input, init) => {
      // The SDK passes a URL string; only the two declarations of RequestInit (Node's, undici's) differ.
      const response = await pooledFetch(input as string, { ...(init as unknown as RequestInit), dispatcher: pool });
      const { status, statusText, body } = response;
      const headers = Object.fromEntries(response.headers);
      return new Response(body && toItsEnd(body, clock), { status, statusText, headers });
    },
  });

  return {
    sdk,
    warm() {
      if (clock.mono() - warmedAt < WARM_EVERY_MS) return;
      warmedAt = clock.mono();
      const abort = new AbortController();
      const deadline = clock.after(WARM_DEADLINE_MS, () => abort.abort());
      // The body is read to its end, else the connection could not be used again. Any answer will do, also a 404.
      sdk
        .get('/models', { signal: abort.signal })
        .asResponse()
        .then((response) => response.arrayBuffer())
        .catch((error: unknown) => log.debug({ error: messageOf(error) }, 'openai warm-up request failed'))
        .finally(() => deadline.cancel())
        .catch(() => undefined);
    },
    failure: (doing, thrown) => {
      const failure = describe(thrown);
      let message = `${doing}: ${failure.message}`;
      // Some servers quote the key they refuse.
      if (options.apiKey.length >= 4) message = message.replaceAll(options.apiKey, '•••');
      return { ...failure, message: message.slice(0, MAX_MESSAGE_CHARS) };
    },
  };
}

/**
 * The SDK cancels a stream's body at `[DONE]`. When the end of the body comes in a later packet, that throws away a
 * connection which is fine, and the next turn pays a new handshake: so a cancelled body is read on to its end. A real
 * abort goes through the request's signal and still closes at once.
 */
function toItsEnd(body: ReadableStream<Uint8Array>, clock: Clock): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel() {
      const deadline = clock.after(DRAIN_MS, () => void reader.cancel().catch(() => undefined));
      const drain = async (): Promise<void> => {
        while (!(await reader.read()).done);
      };
      void drain()
        .catch(() => undefined)
        .finally(() => deadline.cancel());
    },
  });
}

function describe(thrown: unknown): Omit<ProviderFailure, 'message'> & { message: string } {
  const message = messageOf(thrown);
  if (thrown instanceof APIConnectionTimeoutError) return { kind: 'timeout', message, retryable: true };
  if (thrown instanceof APIConnectionError) {
    const cause = innermostCause(thrown);
    const code = codeOf(cause);
    const lost = code !== undefined && LOST_CONNECTION.has(code);
    const why = cause === thrown ? message : `${message} (${messageOf(cause)})`;
    return { kind: lost ? 'dropped' : 'connect', message: why, retryable: true };
  }
  if (thrown instanceof APIError) {
    // In a frame inside the stream some servers put the HTTP status into `code`.
    const status = (thrown.status as number | undefined) ?? httpStatus(thrown.code);
    if (status === undefined) return { kind: 'server', message, retryable: true };
    return { ...ofStatus(status, thrown.code), status, message };
  }
  if (thrown instanceof SyntaxError) return { kind: 'malformed', message, retryable: true };
  // undici's own error for a socket that died while the body came: `TypeError: terminated`, with the socket's as cause.
  if (thrown instanceof TypeError && thrown.cause instanceof Error)
    return { kind: 'dropped', message, retryable: true };
  return { kind: 'malformed', message, retryable: false };
}

/** After the request was on its way: the peer went, the address was right. */
const LOST_CONNECTION: ReadonlySet<string> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

function ofStatus(status: number, code: unknown): Pick<ProviderFailure, 'kind' | 'retryable'> {
  if (status === 401 || status === 403) return { kind: 'auth', retryable: false };
  // An empty account answers 429 too, and no waiting helps.
  if (status === 429) return { kind: 'rate_limited', retryable: code !== 'insufficient_quota' };
  if (status === 408) return { kind: 'timeout', retryable: true };
  if (status >= 500) return { kind: 'server', retryable: true };
  return { kind: 'bad_request', retryable: false };
}

function httpStatus(code: unknown): number | undefined {
  const status = Number(code);
  return status >= 400 && status <= 599 ? status : undefined;
}

function innermostCause(thrown: Error): Error {
  let error = thrown;
  while (error.cause instanceof Error && error.cause !== error) error = error.cause;
  return error;
}

function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
