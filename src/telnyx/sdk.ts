import Telnyx, { APIError } from 'telnyx';
import { LandlineError, messageOf } from '../core/errors.ts';
import { maskId } from '../core/log.ts';
import { type BoundedFetch, createBoundedFetch } from './bounded-fetch.ts';
import { isObject, objectOf, textOf } from './json-fields.ts';

/** What Telnyx says by default; the SDK would otherwise look into the environment behind our configuration's back. */
const TELNYX_URL = 'https://api.telnyx.com/v2';
const MAX_MESSAGE = 300;

export interface SdkOptions {
  readonly apiKey: string;
  /** API base including `/v2`. */
  readonly baseUrl?: string | undefined;
  /** Milliseconds until an attempt without a complete answer is cut. */
  readonly timeoutMs: number;
  /** For tests. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/**
 * The SDK as this room uses it: one attempt per call (`maxRetries: 0`, re-sends are ours), nothing from the
 * environment, silent (its log lines carry whole call control ids).
 * @throws LandlineError `config_invalid` for a key or an address that can never work.
 */
export function createSdk(options: SdkOptions): { readonly telnyx: Telnyx; readonly http: BoundedFetch } {
  if (!/^[\x21-\x7e]+$/.test(options.apiKey)) {
    throw new LandlineError(
      'config_invalid',
      'The Telnyx API key (TELNYX_API_KEY) is empty or has characters no key has, such as a space or a line break; copy it again from the Telnyx portal (API Keys).',
    );
  }
  const baseURL = options.baseUrl ?? TELNYX_URL;
  if (!/^https?:$/.test(URL.parse(baseURL)?.protocol ?? '')) {
    throw new LandlineError(
      'config_invalid',
      `The Telnyx address (TELNYX_BASE_URL) must be an http(s) URL that includes /v2, such as ${TELNYX_URL}.`,
    );
  }
  const http = createBoundedFetch(options.fetch);
  const telnyx = new Telnyx({
    apiKey: options.apiKey,
    baseURL,
    publicKey: null,
    clientID: null,
    clientSecret: null,
    maxRetries: 0,
    timeout: options.timeoutMs,
    logLevel: 'off',
    fetch: http.fetch,
  });
  return { telnyx, http };
}

/**
 * The JSON of a 2xx, `undefined` when it is none. (Awaiting the SDK's promise itself would throw a SyntaxError for cut
 * JSON and hand out HTML as a string; its pages would take both for empty lists.)
 */
export async function bodyOf(call: { asResponse(): Promise<Response> }): Promise<unknown> {
  const response = await call.asResponse();
  return response.json().catch(() => undefined);
}

/** An attempt that did not end in 2xx. */
export interface Failure {
  /** HTTP status; undefined when no answer came. */
  readonly status: number | undefined;
  /** Telnyx' error code, e.g. `90018`. */
  readonly code: string | undefined;
  readonly message: string;
  /** With a 429: how long until the next attempt has a chance, as Telnyx says. */
  readonly retryAfterMs?: number;
  /** The request never left: an argument no request can be made of. */
  readonly unsendable: boolean;
}

/**
 * Reads whatever the SDK threw. Bodies may be HTML, empty or cut: then the status has to do.
 * @param callControlId is masked in the text: Telnyx quotes it, it commands the call and has no place in logs.
 */
export function readFailure(thrown: unknown, callControlId = ''): Failure {
  const { message, ...failure } = readThrown(thrown);
  return { ...failure, message: clip(hide(message, callControlId)) };
}

function readThrown(thrown: unknown): Failure {
  if (!(thrown instanceof APIError)) {
    return { status: undefined, code: undefined, message: messageOf(thrown), unsendable: true };
  }
  const status = typeof thrown.status === 'number' ? thrown.status : undefined;
  if (status === undefined) {
    return { status, code: undefined, message: rootMessage(thrown), unsendable: false };
  }
  const errors = objectOf(thrown.error)['errors'];
  const first = objectOf(Array.isArray(errors) ? errors[0] : undefined);
  const code = textOf(first['code']);
  const title = textOf(first['title']);
  const detail = textOf(first['detail']);
  const said = detail !== undefined && detail !== title ? [title, detail] : [title];
  const text = said.filter((part) => part !== undefined).join(': ') || `HTTP ${status} without a Telnyx error`;
  const retryAfterMs = status === 429 ? waitOf(thrown.headers) : undefined;
  return { status, code, message: text, unsendable: false, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** `x-ratelimit-reset` and `retry-after`, both in seconds from now. */
function waitOf(headers: unknown): number | undefined {
  if (!(headers instanceof Headers)) return undefined;
  const text = headers.get('x-ratelimit-reset') ?? headers.get('retry-after') ?? '';
  return /^\d{1,5}(\.\d+)?$/.test(text) ? Number(text) * 1000 : undefined;
}

/** `fetch failed` says nothing; the reason (`connect ECONNREFUSED …`) is the innermost cause. */
function rootMessage(error: Error): string {
  let inner: unknown = error;
  for (let depth = 0; depth < 5 && inner instanceof Error && inner.cause !== undefined; depth++) inner = inner.cause;
  // An AggregateError (every address of a host refused) has a code but no message.
  const code = isObject(inner) ? textOf(inner['code']) : undefined;
  return messageOf(inner) || (code ?? messageOf(error));
}

function hide(text: string, callControlId: string): string {
  if (callControlId === '') return text;
  const masked = maskId(callControlId);
  return text.replaceAll(callControlId, masked).replaceAll(encodeURIComponent(callControlId), masked);
}

function clip(text: string): string {
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text;
}
