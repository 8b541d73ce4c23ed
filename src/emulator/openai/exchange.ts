import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../core/clock.ts';

/** What an endpoint does instead of answering. */
export type Refusal =
  | {
      readonly type: 'status';
      readonly status: number;
      readonly retryAfterSeconds?: number;
      readonly message?: string;
      readonly code?: string;
    }
  /** Takes the request and never says anything. */
  | { readonly type: 'silent' }
  /** 200 and headers, then nothing. */
  | { readonly type: 'headersOnly' };

/** What goes wrong in the middle of a body, after `after` frames or chunks. */
export type BodyFault =
  | { readonly type: 'stall'; readonly after: number }
  /** The TCP connection is cut. */
  | { readonly type: 'drop'; readonly after: number };

/** Answers by count (the last one again and again) or made from the request. */
export type Script<Request, Reply> = readonly [Reply, ...Reply[]] | ((request: Request, count: number) => Reply);

/** The reply to the `count`-th request, counted from 0. */
export function scripted<Request, Reply>(script: Script<Request, Reply>, request: Request, count: number): Reply {
  if (typeof script === 'function') return script(request, count);
  return script[Math.min(count, script.length - 1)] as Reply;
}

/** One request and its answer, with the client's departure in view. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Resolves after `ms`, or at once with false when the client has gone. 0 lets the bytes written so far leave. */
  pause(ms: number): Promise<boolean>;
  /** Writes bytes in TCP writes of at most `size`; false when the client has gone. */
  write(bytes: Uint8Array, size?: number): Promise<boolean>;
  json(status: number, body: unknown, headers?: Readonly<Record<string, string>>): void;
  /** OpenAI's error body. */
  refuse(status: number, message: string, code?: string, headers?: Readonly<Record<string, string>>): void;
  /** Carries a refusal out. */
  perform(refusal: Refusal, contentType: string): void;
  /** Cuts the connection without an end. */
  drop(): void;
}

export function createExchange(req: IncomingMessage, res: ServerResponse, clock: Clock): Exchange {
  const gone = (): boolean => res.destroyed || res.writableEnded;
  let wake: (() => void) | undefined;
  res.once('close', () => wake?.());

  const json: Exchange['json'] = (status, body, headers = {}) => {
    res.writeHead(status, { ...headers, 'content-type': 'application/json' });
    res.end(JSON.stringify(body));
  };
  const refuse: Exchange['refuse'] = (status, message, code, headers) =>
    json(status, { error: { message, type: errorType(status), param: null, code: code ?? null } }, headers);

  const exchange: Exchange = {
    req,
    res,
    async pause(ms) {
      if (ms <= 0) await nextTurn();
      else {
        await new Promise<void>((resolve) => {
          const timer = clock.after(ms, resolve);
          wake = () => {
            timer.cancel();
            resolve();
          };
          if (gone()) wake();
        });
      }
      return !gone();
    },
    async write(bytes, size = bytes.length) {
      for (let at = 0; at < bytes.length; at += size) {
        if (gone()) return false;
        res.write(bytes.subarray(at, at + size));
        if (!(await exchange.pause(0))) return false;
      }
      return !gone();
    },
    json,
    refuse,
    perform(refusal, contentType) {
      if (refusal.type === 'silent') return;
      if (refusal.type === 'headersOnly') {
        res.writeHead(200, { 'content-type': contentType });
        res.flushHeaders();
        return;
      }
      const { status, retryAfterSeconds, message = `emulated ${status}`, code } = refusal;
      const retry = retryAfterSeconds === undefined ? undefined : { 'retry-after': String(retryAfterSeconds) };
      refuse(status, message, code, retry);
    },
    drop: () => void req.socket.destroy(),
  };
  return exchange;
}

function errorType(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}
