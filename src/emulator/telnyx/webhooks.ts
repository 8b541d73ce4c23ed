import { generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import type { ClientRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Clock } from '../../core/clock.ts';
import { randomId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import type { WebhookFaults } from './faults.ts';
import type { Scheduler } from './scheduler.ts';

/** `data` of a webhook. */
export interface WebhookEvent {
  readonly record_type: 'event';
  readonly event_type: string;
  readonly id: string;
  readonly occurred_at: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** One try to deliver one event (or the note that a fault dropped it). */
export interface WebhookTry {
  /** Monotonic milliseconds at which it began. */
  readonly t: number;
  readonly type: string;
  readonly event: WebhookEvent;
  readonly attempt: number;
  readonly url: string;
  /** HTTP status, or why there was none; `pending` until then. */
  status: number | 'pending' | 'timeout' | 'unreachable' | 'dropped';
  /** Milliseconds until the answer. */
  ms: number;
}

/** Where a leg's webhooks go, when its commands said so. Mutable: each command may change it. */
export interface WebhookRoutes {
  url: string | undefined;
  urls: Readonly<Record<string, readonly string[]>>;
  retriesMs: Readonly<Record<string, readonly number[]>>;
}

export interface WebhookEnvironment {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly log: Log;
  readonly privateKey: KeyObject;
  /** Read at every event: a running application can be changed. */
  readonly application: () => { url: string; failoverUrl: string | undefined; timeoutMs: number };
  readonly retriesMs: readonly number[];
  readonly faults: WebhookFaults;
  readonly tries: WebhookTry[];
  /** A try got its answer. */
  readonly changed: () => void;
}

interface Job {
  readonly session: string;
  readonly event: WebhookEvent;
  readonly urls: readonly string[];
  readonly retriesMs: readonly number[];
  readonly timeoutMs: number;
  attempt: number;
}

/**
 * Signs and delivers webhooks. Within a session the first try of an event starts when the first try of the one before
 * has been answered (or has failed), so order is kept by default; retries run beside, as Telnyx gives no order at all.
 * Tried again: no answer in time, no connection, 3xx, 408, 429, 5xx; the failover URL follows the primary at once.
 */
export class Webhooks {
  readonly #env: WebhookEnvironment;
  readonly #strangersKey: KeyObject = generateKeyPairSync('ed25519').privateKey;
  readonly #lanes = new Map<string, Promise<void>>();
  /** Jobs held back by `reorder`, by session and the type they wait for. */
  readonly #held = new Map<string, Job[]>();
  readonly #agents = { http: new HttpAgent({ keepAlive: true }), https: new HttpsAgent({ keepAlive: true }) };
  readonly #open = new Set<ClientRequest>();
  #lastMicros = 0;
  #closed = false;

  constructor(env: WebhookEnvironment) {
    this.#env = env;
  }

  /** Sends an event of a leg of `session`. Never throws, never waits. */
  emit(session: string, routes: WebhookRoutes, type: string, payload: Readonly<Record<string, unknown>>): void {
    if (this.#closed) return;
    const { application, faults, scheduler, tries } = this.#env;
    const event: WebhookEvent = {
      record_type: 'event',
      event_type: type,
      id: randomId(),
      occurred_at: this.timestamp(),
      payload,
    };
    const { url, failoverUrl, timeoutMs } = application();
    const primary = routes.url ?? url;
    const urls = routes.urls[type] ?? (failoverUrl === undefined ? [primary] : [primary, failoverUrl]);
    const retriesMs = routes.retriesMs[type] ?? this.#env.retriesMs;
    const job: Job = { session, event, urls, retriesMs, timeoutMs, attempt: 0 };

    if (faults.take(type, 'drop')) {
      tries.push({ t: scheduler.now(), type, event, attempt: 0, url: primary, status: 'dropped', ms: 0 });
      return;
    }
    const delay = faults.take(type, 'delay');
    if (delay) {
      scheduler.after(delay.ms, () => void this.#deliver(job));
      return;
    }
    const reorder = faults.take(type, 'reorder');
    if (reorder) {
      const key = `${session} ${reorder.after}`;
      this.#held.set(key, [...(this.#held.get(key) ?? []), job]);
      return;
    }
    this.#queue(job);
  }

  /** Now, ISO 8601 with microseconds, strictly increasing: what events can be ordered by. */
  timestamp(): string {
    this.#lastMicros = Math.max(this.#env.clock.wall() * 1000, this.#lastMicros + 1);
    const milliseconds = new Date(Math.floor(this.#lastMicros / 1000)).toISOString().slice(0, -1);
    return `${milliseconds}${String(this.#lastMicros % 1000).padStart(3, '0')}Z`;
  }

  /** Ends all tries; nothing is sent any more. */
  close(): void {
    this.#closed = true;
    for (const request of this.#open) request.destroy();
    this.#agents.http.destroy();
    this.#agents.https.destroy();
  }

  #queue(job: Job): void {
    const lane = (this.#lanes.get(job.session) ?? Promise.resolve()).then(() => this.#deliver(job));
    this.#lanes.set(job.session, lane);
    void lane.then(() => {
      if (this.#lanes.get(job.session) === lane) this.#lanes.delete(job.session);
    });
  }

  /** First try and its copies; what failed is scheduled again. */
  async #deliver(job: Job): Promise<void> {
    await this.#round(job, 0);
    const copies = this.#env.faults.take(job.event.event_type, 'duplicate')?.copies ?? 0;
    for (let copy = 0; copy < copies; copy++) await this.#round({ ...job, attempt: 0, retriesMs: [] }, 0);
    const key = `${job.session} ${job.event.event_type}`;
    const held = this.#held.get(key) ?? [];
    this.#held.delete(key);
    for (const next of held) this.#queue(next);
  }

  async #round(job: Job, round: number): Promise<void> {
    for (const url of job.urls) {
      if (this.#closed) return;
      job.attempt += 1;
      const status = await this.#try(job, url);
      if (!isRetried(status)) return;
    }
    const delay = job.retriesMs[round];
    if (delay !== undefined) this.#env.scheduler.after(delay, () => void this.#round(job, round + 1));
  }

  #try(job: Job, url: string): Promise<WebhookTry['status']> {
    const { clock, faults, log, privateKey, scheduler, tries } = this.#env;
    const { event, attempt } = job;
    const body = JSON.stringify({ data: event, meta: { attempt, delivered_to: url } });
    const late = faults.take(event.event_type, 'staleTimestamp')?.seconds ?? 0;
    const timestamp = String(Math.floor(clock.wall() / 1000) - late);
    const key = faults.take(event.event_type, 'wrongSignature') ? this.#strangersKey : privateKey;
    const signature = sign(null, Buffer.from(`${timestamp}|${body}`), key).toString('base64');
    const started = scheduler.now();
    const record: WebhookTry = { t: started, type: event.event_type, event, attempt, url, status: 'pending', ms: 0 };
    tries.push(record);
    if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
      record.status = 'unreachable';
      return Promise.resolve(record.status);
    }

    return new Promise((resolve) => {
      const finish = (status: WebhookTry['status']): void => {
        if (record.status !== 'pending') return;
        record.status = status;
        record.ms = scheduler.now() - started;
        timer.cancel();
        this.#open.delete(request);
        log.debug({ type: event.event_type, attempt, status }, 'emulator webhook');
        this.#env.changed();
        resolve(status);
      };
      const isHttps = url.startsWith('https:');
      const request = (isHttps ? httpsRequest : httpRequest)(url, {
        method: 'POST',
        agent: isHttps ? this.#agents.https : this.#agents.http,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'user-agent': 'telnyx-webhooks',
          'telnyx-timestamp': timestamp,
          'telnyx-signature-ed25519': signature,
        },
      });
      const timer = scheduler.after(job.timeoutMs, () => {
        finish('timeout');
        request.destroy();
      });
      this.#open.add(request);
      request.on('response', (response) => {
        // The body means nothing to Telnyx, but has to be read for the connection to be used again.
        response.resume().on('error', () => undefined);
        finish(response.statusCode ?? 0);
      });
      request.on('error', () => finish('unreachable'));
      request.end(body);
    });
  }
}

function isRetried(status: WebhookTry['status']): boolean {
  if (typeof status !== 'number') return true;
  return status === 408 || status === 429 || status >= 500 || (status >= 300 && status < 400);
}

/** 32 raw bytes of an Ed25519 public key in base64, as Telnyx' portal shows it. */
export function rawPublicKey(publicKey: KeyObject): string {
  return Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url').toString('base64');
}
