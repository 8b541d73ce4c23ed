import { isoTime, type Clock, type TimerHandle } from '../core/clock.ts';
import { LandlineError } from '../core/errors.ts';
import { randomId } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import type { Store, Work } from '../store/port.ts';
import type { WebhookEvent } from '../tools/verify-webhook.ts';
import { OutboxWorker, type Attempt, type WorkHandler, type WorkOutcome } from './outbox.ts';
import { Delivery } from './webhook-delivery.ts';
import type { WebhookOptions } from './webhook-options.ts';

/** What a gateway is told about its outgoing webhooks. */
export interface WebhooksSetup {
  readonly endpoints: readonly WebhookOptions[];
  /** Where the secrets are. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface WebhooksOptions extends WebhooksSetup {
  readonly store: Pick<Store, 'dueWork' | 'nextDue' | 'workDone' | 'workFailed' | 'waitingIn'>;
  readonly clock: Clock;
  readonly log: Log;
  /** E.g. `landline 0.1.0`. */
  readonly software: string;
  /** Told after every attempt, for metrics. */
  readonly observe?: (endpoint: string, outcome: WorkOutcome) => void;
}

/** One endpoint, for metrics and readiness. */
export interface EndpointState {
  readonly name: string;
  /** Events that wait for it. */
  readonly waiting: number;
  /** How long the oldest of them has, milliseconds; 0 when there is none. */
  readonly oldestMs: number;
  /** Why the last try failed; undefined: it did not. */
  readonly failing: string | undefined;
}

interface Told {
  waiting: number;
  oldestAt: number | null;
  failing: string | undefined;
  isGone: boolean;
}

/** Calls that are told of at the same time, at one endpoint. */
const CONCURRENCY = 8;
const COUNT_EVERY_MS = 10_000;
const GONE = 'it answered 410 Gone: nothing is sent there until the next start; take it out of the config';

/** The lanes of an endpoint; see `webhookWork`. */
export function lanesOf(endpoint: string): string {
  return `webhook:${endpoint}:`;
}

/** What `landline webhooks test` sends: shows that address, secret and receiver fit. */
export function pingEvent(clock: Clock): WebhookEvent {
  return { id: `ping-${randomId()}`, type: 'ping', callId: '', at: isoTime(clock.wall()), data: {} };
}

/**
 * Tells endpoints of events: what stands in the outbox, in order for each call, at least once. Every endpoint has a worker
 * of its own, so that one that is slow or gone holds up nobody else.
 */
export class Webhooks {
  /** The lanes that are worked on here. */
  readonly lanes: readonly string[];
  readonly #options: WebhooksOptions;
  readonly #workers: readonly OutboxWorker[];
  readonly #deliveries: readonly Delivery[];
  readonly #told = new Map<string, Told>();
  #timer: TimerHandle | undefined;
  #counting: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: WebhooksOptions) {
    const { endpoints, store, clock, log, observe } = options;
    this.#options = options;
    this.lanes = endpoints.map(({ name }) => lanesOf(name));
    for (const { name } of endpoints) {
      this.#told.set(name, { waiting: 0, oldestAt: null, failing: undefined, isGone: false });
    }
    this.#deliveries = endpoints.map((endpoint) => new Delivery({ ...options, endpoint }));
    this.#workers = this.#deliveries.map((delivery, at) => {
      const name = endpoints[at]?.name ?? '';
      return new OutboxWorker({
        ...{ store, clock, log: log.child({ endpoint: name }) },
        lanes: { within: lanesOf(name) },
        concurrency: CONCURRENCY,
        handlers: { webhook: (work, attempt) => this.#deliver(name, delivery, work, attempt) },
        observe: (_, outcome) => observe?.(name, outcome),
      });
    });
  }

  start(): void {
    for (const worker of this.#workers) worker.start();
    if (this.#workers.length > 0) this.#count();
  }

  /** Something was put in. */
  wake(): void {
    for (const worker of this.#workers) worker.wake();
  }

  /** Cuts what is under way; it is sent again by the next process. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await Promise.all(this.#workers.map((worker) => worker.stop()));
    await this.#counting;
    await Promise.all(this.#deliveries.map((delivery) => delivery.close()));
  }

  state(): readonly EndpointState[] {
    const now = this.#options.clock.wall();
    return [...this.#told].map(([name, { waiting, oldestAt, failing }]) => ({
      name,
      waiting,
      oldestMs: oldestAt === null ? 0 : Math.max(0, now - oldestAt),
      failing,
    }));
  }

  /** For work of endpoints that the config does not have any more: in the main worker, which has all other lanes. */
  readonly orphan: WorkHandler = async (work) => {
    const name = endpointOf(work);
    throw new LandlineError('webhook_failed', `there is no endpoint "${name}" in the config any more`);
  };

  async #deliver(name: string, delivery: Delivery, work: Work, attempt: Attempt): Promise<void> {
    const told = this.#told.get(name);
    const event = eventOf(work);
    // Erased meanwhile.
    if (!told || !event) return;
    if (told.isGone) throw new LandlineError('webhook_failed', `endpoint "${name}": ${GONE}`);
    const outcome = await delivery.post(event, attempt.signal);
    if (outcome.type === 'delivered') {
      told.failing = undefined;
      const { callId, id, type } = event;
      this.#options.log.debug({ endpoint: name, callId, event: type, eventId: id }, 'webhook delivered');
      return;
    }
    if (outcome.type === 'gone') {
      told.isGone = true;
      told.failing = GONE;
      this.#options.log.error({ endpoint: name }, 'a webhook endpoint is gone: nothing more is sent there');
      throw new LandlineError('webhook_failed', `endpoint "${name}": ${GONE}`);
    }
    told.failing = outcome.why;
    if (outcome.retryAfterMs !== undefined) attempt.retryAfter(outcome.retryAfterMs);
    throw new LandlineError('webhook_failed', `endpoint "${name}": ${outcome.why}`, { retryable: true });
  }

  #count(): void {
    const { store, clock } = this.#options;
    const counts = [...this.#told].map(async ([name, told]) => {
      const { count, oldestAt } = await store.waitingIn({ within: lanesOf(name) });
      told.waiting = count;
      told.oldestAt = oldestAt;
    });
    // A store that is away is said by itself; the last numbers stand.
    this.#counting = Promise.allSettled(counts).then(() => {
      if (!this.#isStopped) this.#timer = clock.after(COUNT_EVERY_MS, () => this.#count());
    });
  }
}

function endpointOf({ payload }: Work): string {
  return typeof payload['endpoint'] === 'string' ? payload['endpoint'] : '';
}

function eventOf({ payload }: Work): WebhookEvent | undefined {
  const { event } = payload;
  return typeof event === 'object' && event !== null ? (event as WebhookEvent) : undefined;
}
