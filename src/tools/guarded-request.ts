import { request, type Dispatcher } from 'undici';
import { urlProblem, hostOf, portOf } from './address-guard.ts';
import { NotConnected } from './guarded-agent.ts';

export interface GuardedRequest {
  readonly url: URL;
  readonly method: Dispatcher.HttpMethod;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly signal: AbortSignal;
}

export interface GuardedAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const MAX_REDIRECTS = 3;
/** Methods whose repetition changes nothing. */
const REPEATABLE: ReadonlySet<string> = new Set(['GET', 'PUT', 'DELETE']);
/** A gateway in front of the server says that it was not reached. */
const NOT_REACHED: ReadonlySet<number> = new Set([502, 503, 504]);

/**
 * One request with its redirects. Every hop is judged like the first; what the operator sends along (headers, signature)
 * stays within the origin it was meant for, and so does a body.
 * @throws Error with a message for people; {@link NotConnected} when nothing has left.
 */
export async function guardedRequest(
  agent: Dispatcher,
  allowPrivate: readonly string[],
  first: GuardedRequest,
): Promise<GuardedAnswer> {
  let hop = first;
  for (let redirects = 0; ; redirects++) {
    const problem = urlProblem(hop.url, allowPrivate);
    if (problem !== undefined) throw new NotConnected(`the address ${problem}`, false);
    const response = await request(hop.url, {
      ...{ dispatcher: agent, method: hop.method, headers: hop.headers, signal: hop.signal },
      body: hop.body ?? null,
    });
    const { statusCode: status } = response;
    const location = response.headers['location'];
    if (status < 300 || status > 399 || status === 304 || typeof location !== 'string') {
      const type = response.headers['content-type'];
      return { status, contentType: typeof type === 'string' ? type : '', body: await response.body.text() };
    }
    await response.body.dump({ limit: 65_536 });
    if (redirects === MAX_REDIRECTS) throw new Error(`the server redirects more than ${MAX_REDIRECTS} times`);
    hop = redirected(hop, status, location);
  }
}

function redirected(from: GuardedRequest, status: number, location: string): GuardedRequest {
  const url = URL.parse(location, from.url.href);
  if (!url) throw new Error('the server redirects to what is no address');
  if (from.url.protocol === 'https:' && url.protocol !== 'https:') {
    throw new Error('the server redirects from https to http');
  }
  const port = portOf(url);
  if (port !== portOf(from.url) && port !== 443) throw new Error(`the server redirects to port ${port}`);
  const sameOrigin = url.origin === from.url.origin;
  const keepsMethod = status === 307 || status === 308 || from.method === 'GET';
  if (!sameOrigin && keepsMethod && from.body !== undefined) {
    throw new Error(`the server redirects the request's content to another origin, ${hostOf(url)}`);
  }
  const headers = sameOrigin ? from.headers : {};
  return keepsMethod
    ? { ...from, url, headers }
    : { ...from, url, headers: withoutBodyHeaders(headers), method: 'GET', body: undefined };
}

function withoutBodyHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  // The signature is of the body that is not sent.
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !/^(content-|webhook-)/i.test(name)));
}

/** The same, once more where that can do no harm: nothing had left, or doing it twice is doing it once. */
export async function guardedRequestTwice(
  agent: Dispatcher,
  allowPrivate: readonly string[],
  first: GuardedRequest,
): Promise<GuardedAnswer> {
  const repeatable = REPEATABLE.has(first.method);
  try {
    const answer = await guardedRequest(agent, allowPrivate, first);
    if (!repeatable || !NOT_REACHED.has(answer.status)) return answer;
  } catch (thrown) {
    const cause = causeOf(thrown);
    const mayRepeat = cause instanceof NotConnected ? cause.retryable : repeatable && isNetworkError(cause);
    if (first.signal.aborted || !mayRepeat) throw cause;
  }
  try {
    return await guardedRequest(agent, allowPrivate, first);
  } catch (thrown) {
    throw causeOf(thrown);
  }
}

/** Undici may wrap what the connector said. */
function causeOf(thrown: unknown): unknown {
  return thrown instanceof Error && thrown.cause instanceof NotConnected ? thrown.cause : thrown;
}

function isNetworkError(thrown: unknown): boolean {
  return (
    thrown instanceof Error && 'code' in thrown && /^(UND_ERR_SOCKET|ECONN|EPIPE|ETIMEDOUT)/.test(String(thrown.code))
  );
}
