import { request, type Dispatcher } from 'undici';
import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import { portOf } from '../tools/address-guard.ts';
import { guardedAgent } from '../tools/guarded-agent.ts';
import { readSecrets, signatureHeaders } from '../tools/sign.ts';
import type { WebhookEvent } from '../tools/verify-webhook.ts';
import type { WebhookOptions } from './webhook-options.ts';

export interface DeliveryOptions {
  readonly endpoint: WebhookOptions;
  /** Where the secret, and headers that are secret, are. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** E.g. `landline 0.1.0`. */
  readonly software: string;
}

/** What a try came to. `delivered` and `gone` are the end of it. */
export type DeliveryOutcome =
  | { readonly type: 'delivered'; readonly status: number }
  /** 410: nobody is there any more, and nobody will be. */
  | { readonly type: 'gone' }
  | {
      readonly type: 'failed';
      readonly why: string;
      /** The endpoint asked not to be tried again before this many milliseconds. */
      readonly retryAfterMs?: number;
    };

export const DELIVERY_TIMEOUT_MS = 10_000;
/** Nobody reads it; taking a little of it lets the connection be used again. */
const MAX_BODY_BYTES = 16 * 1024;
/** An endpoint that wants to wait longer is asked once a day all the same. */
const LONGEST_RETRY_AFTER_MS = 24 * 3_600_000;

/** Posts events to one endpoint, signed. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #agent: Dispatcher;
  readonly #keys: readonly Buffer[];
  readonly #headers: Readonly<Record<string, string>>;

  constructor(options: DeliveryOptions) {
    const { endpoint, env, software } = options;
    this.#options = options;
    const url = new URL(endpoint.url);
    // The brackets of IPv6 belong to the entry.
    const allowPrivate = endpoint.allowPrivate ? [`${url.hostname.replace(/\.$/, '')}:${portOf(url)}`] : [];
    this.#agent = guardedAgent({ allowPrivate, maxResponseBytes: MAX_BODY_BYTES });
    this.#keys = readSecrets(env[endpoint.secretEnv] ?? '');
    const own = Object.entries(endpoint.headers).map(
      ([name, value]) =>
        [name.toLowerCase(), typeof value === 'string' ? value : (env[value.env]?.trim() ?? '')] as const,
    );
    this.#headers = { 'user-agent': software.replace(' ', '/'), ...Object.fromEntries(own) };
  }

  /** One try, 10 seconds at most. Never rejects. */
  async post(event: WebhookEvent, signal?: AbortSignal): Promise<DeliveryOutcome> {
    const { clock, endpoint } = this.#options;
    const { id, type, callId, at, data } = event;
    const body = JSON.stringify({ id, type, callId, at, data });
    const late = new AbortController();
    const deadline = clock.after(DELIVERY_TIMEOUT_MS, () => late.abort());
    const stop = signal ? AbortSignal.any([late.signal, signal]) : late.signal;
    try {
      // undici follows no redirect unless it is told to: the signature is for this address.
      const {
        statusCode,
        headers,
        body: answer,
      } = await request(endpoint.url, {
        method: 'POST',
        headers: {
          ...this.#headers,
          'content-type': 'application/json',
          ...signatureHeaders(this.#keys, { id, body, atSeconds: clock.wall() / 1000 }),
        },
        body,
        dispatcher: this.#agent,
        signal: stop,
      });
      // The status is the answer, whatever becomes of the rest.
      await answer.dump({ limit: MAX_BODY_BYTES, signal: stop }).catch(() => undefined);
      return outcomeOf(statusCode, headers['retry-after'], clock.wall());
    } catch (thrown) {
      if (late.signal.aborted) return { type: 'failed', why: `no answer within ${DELIVERY_TIMEOUT_MS / 1000} s` };
      return { type: 'failed', why: whyOf(thrown) };
    } finally {
      deadline.cancel();
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

function outcomeOf(status: number, retryAfter: string | string[] | undefined, now: number): DeliveryOutcome {
  if (status >= 200 && status < 300) return { type: 'delivered', status };
  if (status === 410) return { type: 'gone' };
  if (status >= 300 && status < 400) {
    return { type: 'failed', why: `it answered ${status}: redirects are not followed, set the new address in "url"` };
  }
  const asked = status === 429 || status === 503 ? retryAfterMs(retryAfter, now) : undefined;
  return { type: 'failed', why: `it answered ${status}`, ...(asked === undefined ? {} : { retryAfterMs: asked }) };
}

/** Seconds, or an HTTP date. */
function retryAfterMs(header: string | string[] | undefined, now: number): number | undefined {
  const text = typeof header === 'string' ? header.trim() : '';
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), LONGEST_RETRY_AFTER_MS);
}

/** undici keeps the reason in `cause`, of several addresses in `errors`. */
function whyOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return whyOf(thrown.errors[0]);
  return messageOf(thrown);
}
