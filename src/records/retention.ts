import type { Clock, TimerHandle } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { DataKind, Store } from '../store/port.ts';
import type { Erasure } from './erasure.ts';
import type { RetentionOptions } from './retention-options.ts';

export interface RetentionJobOptions {
  readonly retention: RetentionOptions;
  readonly store: Pick<Store, 'expired' | 'erase' | 'listCalls'>;
  readonly erasure: Pick<Erasure, 'expire' | 'transcript' | 'journal'>;
  readonly removeRecording: (callId: string) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of every kind after it was looked at, for metrics. */
  readonly observe?: ((kind: ExpiredKind, removed: number, failed: number) => void) | undefined;
}

export type ExpiredKind = keyof RetentionOptions;

const DAY_MS = 86_400_000;
/** Calls that are looked up at a time. */
const BATCH = 50;
/** Between two calls: the disk and the store have better things to do. */
const BREATH_MS = 10;

/**
 * Removes what is older than it may be: once at the start and once a day, kind by kind, call by call with a pause between.
 * What cannot be removed now is said and tried again the next day.
 */
export class RetentionJob {
  readonly #options: RetentionJobOptions;
  #timer: TimerHandle | undefined;
  #pause: { readonly timer: TimerHandle; readonly end: () => void } | undefined;
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: RetentionJobOptions) {
    this.#options = options;
  }

  /** The first run begins at once; nothing waits for it. With nothing to remove ever, there is none. */
  start(): void {
    if (Object.values(this.#options.retention).every((ms) => ms === Infinity)) return;
    this.#running = this.run();
    this.#timer = this.#options.clock.after(DAY_MS, () => this.start());
  }

  /** Ends after the call it is at. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#pause?.timer.cancel();
    this.#pause?.end();
    await this.#running;
  }

  /** One run over everything. Never rejects. */
  async run(): Promise<void> {
    const { retention, store, erasure, removeRecording } = this.#options;
    // Whole calls first: what is gone with them need not be looked at again.
    await this.#kind('calls', () => this.#oldCalls(), erasure.expire.bind(erasure));
    await this.#kind('recordings', this.#expired('recording', retention.recordings), async (callId) => {
      await removeRecording(callId);
      await store.erase(callId, 'recording');
    });
    await this.#kind(
      'transcripts',
      this.#expired('transcript', retention.transcripts),
      erasure.transcript.bind(erasure),
    );
    await this.#kind('events', this.#expired('events', retention.events), (callId) => store.erase(callId, 'events'));
    await this.#kind('journals', this.#expired('journal', retention.journals), erasure.journal.bind(erasure));
  }

  #expired(kind: DataKind, ms: number): () => Promise<readonly string[]> {
    return () => this.#options.store.expired(kind, this.#options.clock.wall() - ms, BATCH);
  }

  async #kind(
    kind: ExpiredKind,
    find: () => Promise<readonly string[]>,
    remove: (callId: string) => Promise<void>,
  ): Promise<void> {
    const { retention, log, observe } = this.#options;
    if (retention[kind] === Infinity || this.#isStopped) return;
    let removed = 0;
    const failed = new Set<string>();
    try {
      for (;;) {
        const found = (await find()).filter((callId) => !failed.has(callId));
        if (found.length === 0) break;
        for (const callId of found) {
          if (this.#isOver()) return;
          try {
            await remove(callId);
            removed += 1;
          } catch (thrown) {
            failed.add(callId);
            log.warn(
              { kind, callId, error: messageOf(thrown) },
              'expired data could not be removed; tried again tomorrow',
            );
          }
          await this.#breathe();
        }
        // What failed is found again and again, and may hide what is behind it.
        if (failed.size >= BATCH) break;
      }
    } catch (thrown) {
      log.warn({ kind, error: messageOf(thrown) }, 'expired data could not be looked for; tried again tomorrow');
    }
    if (removed > 0 || failed.size > 0) log.info({ kind, removed, failed: failed.size }, 'expired data removed');
    observe?.(kind, removed, failed.size);
  }

  /** Ended longer ago than calls are kept. */
  async #oldCalls(): Promise<readonly string[]> {
    const { retention, store, clock } = this.#options;
    const endedBefore = clock.wall() - retention.calls;
    const old: string[] = [];
    let cursor: string | null | undefined;
    do {
      // A call that was created later has not ended before it.
      const page = await store.listCalls({
        ...{ status: 'ended', before: endedBefore, limit: 200 },
        ...(cursor ? { cursor } : {}),
      });
      old.push(...page.calls.filter(({ endedAt }) => endedAt !== null && endedAt < endedBefore).map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor !== null && old.length < BATCH);
    return old;
  }

  #isOver(): boolean {
    return this.#isStopped;
  }

  #breathe(): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.#pause = undefined;
        resolve();
      };
      this.#pause = { timer: this.#options.clock.after(BREATH_MS, end), end };
    });
  }
}
