import { Agent, fetch as undiciFetch } from 'undici';

export interface BoundedFetch {
  readonly fetch: typeof globalThis.fetch;
  /** Closes the kept connections; requests under way fail. */
  close(): void;
}

/** What is used of a response; the global `Response` and undici's are different classes. */
interface Answer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: AsyncIterable<Uint8Array> | null;
}
type Send = (input: string | URL | Request, init: RequestInit) => Promise<Answer>;

/** Telnyx' answers to commands have a few hundred bytes, a page of 250 numbers about 300 KB. */
const MAX_BODY_BYTES = 1024 * 1024;
/** Between two commands of a call pass seconds: a kept connection saves the TLS handshake from the caller's wait. */
const KEEP_ALIVE_MS = 30_000;
const CONNECT_MS = 2_000;
/** Of an answer: what its body is, and how long a rate limit lasts. */
const KEPT_HEADERS = ['content-type', 'x-ratelimit-reset', 'retry-after'] as const;

/**
 * A `fetch` that hands out complete answers only. The status line is the answer, the body merely explains it: a body
 * that breaks off, stalls until the caller aborts or is longer than 1 MiB is cut where it stands, and the status still
 * counts. (The SDK's own timeout stops at the headers; its `response.text()` would read 10 MiB of HTML.)
 *
 * Redirects are not followed: a POST that commands a call has one address. HTTP/2 stays off, so that the re-sends of a
 * command do not share the one connection that is stuck.
 * @param inner for tests; by default undici with connections kept for 30 s.
 */
export function createBoundedFetch(inner?: typeof globalThis.fetch): BoundedFetch {
  const agent = new Agent({ keepAliveTimeout: KEEP_ALIVE_MS, allowH2: false, connect: { timeout: CONNECT_MS } });
  const send: Send = inner ?? ((input, init) => sendVia(agent, input, init));
  return {
    async fetch(input, init) {
      const response = await send(input, { ...init, redirect: 'manual' });
      const body = await readBounded(response.body);
      const headers = KEPT_HEADERS.flatMap((name) => {
        const value = response.headers.get(name);
        return value === null ? [] : [[name, value] as [string, string]];
      });
      // 204 and 304 must not have a body, not even an empty one.
      return new Response(body.length === 0 ? null : body, { status: response.status, headers });
    },
    close: () => void agent.destroy(),
  };
}

/** Spelled out, because the types of undici and of the global `fetch` differ; the SDK's bodies here are JSON texts. */
function sendVia(agent: Agent, input: string | URL | Request, init: RequestInit): Promise<Answer> {
  return undiciFetch(input instanceof Request ? input.url : input, {
    method: init.method ?? 'GET',
    headers: Object.fromEntries(new Headers(init.headers)),
    body: typeof init.body === 'string' ? init.body : null,
    signal: init.signal ?? null,
    redirect: 'manual',
    dispatcher: agent,
  });
}

async function readBounded(body: AsyncIterable<Uint8Array> | null): Promise<Buffer<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  if (body) {
    try {
      for await (const chunk of body) {
        if (length + chunk.length > MAX_BODY_BYTES) break;
        chunks.push(chunk);
        length += chunk.length;
      }
    } catch {
      // Cut off: what came, came.
    }
  }
  return Buffer.concat(chunks, length);
}
