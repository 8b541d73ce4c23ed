import type { Clock, TimerHandle } from '../core/clock.ts';
import { LandlineError, messageOf } from '../core/errors.ts';
import { createIds } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import type { LaneScope, Store, Work } from '../store/port.ts';

/** What a handler is told beside its work. */
export interface Attempt {
  /** Aborted when the worker stops, or when the work takes longer than its deadline. */
  readonly signal: AbortSignal;
  /** No other attempt will follow if this one fails: the moment to write down that it came to nothing. */
  readonly isLast: boolean;
  /** Not again before so many milliseconds, should this attempt fail: the far side asked for it. */
  readonly retryAfter: (ms: number) => void;
}

/**
 * Does one piece of work. Resolved: done. Rejected: tried again later, unless it rejects with a LandlineError that is not
 * `retryable`. The same work may come again after a kill, so a handler does it once by its `key`.
 */
export type WorkHandler = (work: Work, attempt: Attempt) => Promise<void>;

export interface OutboxOptions {
  readonly store: Pick<Store, 'dueWork' | 'nextDue' | 'workDone' | 'workFailed'>;
  readonly clock: Clock;
  readonly log: Log;
  /** By kind. */
  readonly handlers: Readonly<Record<string, WorkHandler>>;
  /** Pieces of work at a time. Default 8. */
  readonly concurrency?: number;
  /** Attempts before work is given up. Default 84: with the pauses between them about 72 h. */
  readonly maxAttempts?: number;
  /** Longest time for one attempt, milliseconds. Default 10 minutes. */
  readonly deadlineMs?: number;
  /** The lanes it works on; all of the outbox when left out. */
  readonly lanes?: LaneScope;
  /** Told after every attempt, for metrics. */
  readonly observe?: (work: Work, outcome: WorkOutcome) => void;
}

export type WorkOutcome = 'done' | 'retry' | 'givenUp';

export interface OutboxState {
  /** Attempts under way. */
  readonly running: number;
  /** Given up since the start. */
  readonly givenUp: number;
  /** Present while the store cannot be used: why. */
  readonly failed?: string;
}

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 3_600_000;
/** Looks so often although nobody called {@link OutboxWorker.wake}: another process may put work into the same store. */
const LOOK_EVERY_MS = 60_000;
/** The same while the next due work is one that cannot be started now: it hides what is due behind it. */
const LOOK_BEHIND_MS = 1_000;
const LONGEST_STORE_PAUSE_MS = 30_000;
/** How long {@link OutboxWorker.stop} waits for handlers that were told to stop. */
const STOP_MS = 5_000;

/**
 * Pause after the `attempt`-th attempt failed (counted from 1): 1 s, 2 s, 4 s … 1 h, a quarter more or less, the same for
 * the same work, so that what failed together does not come back together.
 */
export function pauseAfter(key: string, attempt: number): number {
  const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempt - 1, 20));
  return Math.round(pause * (0.75 + createIds(key).fraction(`attempt ${attempt}`) / 2));
}

/**
 * Does what stands in the store's outbox: lane by lane in order, many lanes at a time, again after a failure and after a
 * restart. At least once: a process killed between an attempt and its note in the store makes that attempt again.
 */
export class OutboxWorker {
  readonly #options: OutboxOptions;
  readonly #concurrency: number;
  readonly #running = new Map<number, Promise<void>>();
  readonly #unknown = new Set<number>();
  readonly #unknownKinds = new Set<string>();
  readonly #abort = new AbortController();
  #timer: TimerHandle | undefined;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #started = false;
  #givenUp = 0;
  #failed: string | undefined;
  #storePauseMs = FIRST_PAUSE_MS;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#concurrency = options.concurrency ?? 8;
  }

  start(): void {
    this.#started = true;
    this.wake();
  }

  /** Looks for due work now: something was put in. */
  wake(): void {
    if (!this.#started || this.#abort.signal.aborted) return;
    if (this.#looking) {
      this.#lookAgain = true;
      return;
    }
    this.#timer?.cancel();
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined;
      if (!this.#lookAgain) return;
      this.#lookAgain = false;
      this.wake();
    });
  }

  /** Starts nothing new, aborts what runs and waits for it, 5 s at most. What is not done stays in the store. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#timer?.cancel();
    const { clock } = this.#options;
    await new Promise<void>((resolve) => {
      const patience = clock.after(STOP_MS, resolve);
      void Promise.all([this.#looking, ...this.#running.values()]).then(() => {
        patience.cancel();
        resolve();
      });
    });
  }

  state(): OutboxState {
    return {
      running: this.#running.size,
      givenUp: this.#givenUp,
      ...(this.#failed === undefined ? {} : { failed: this.#failed }),
    };
  }

  /** Starts what is due and has a place, and says when to look again. Never rejects. */
  async #look(): Promise<void> {
    const { store, clock, lanes } = this.#options;
    const places = this.#concurrency - this.#running.size;
    // Its end looks again.
    if (places <= 0) return;
    try {
      // What runs, and what nobody here knows, is due as well and must not hide the rest.
      const due = await store.dueWork(clock.wall(), places + this.#running.size + this.#unknown.size, lanes);
      this.#storeIsBack();
      let free = places;
      for (const work of due) {
        if (this.#abort.signal.aborted || free === 0) return;
        if (this.#running.has(work.id) || !this.#isKnown(work)) continue;
        free -= 1;
        this.#begin(work);
      }
      if (free === 0) return;
      const next = await store.nextDue(lanes);
      const now = clock.wall();
      this.#wakeIn(next === undefined ? LOOK_EVERY_MS : next <= now ? LOOK_BEHIND_MS : next - now);
    } catch (thrown) {
      this.#storeIsGone(thrown);
      this.#wakeIn(this.#storePauseMs);
      this.#storePauseMs = Math.min(this.#storePauseMs * 2, LONGEST_STORE_PAUSE_MS);
    }
  }

  #wakeIn(ms: number): void {
    if (this.#abort.signal.aborted) return;
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(Math.min(ms, LOOK_EVERY_MS), () => this.wake());
  }

  /** Work of a kind that a later version put in waits for that version to come back. */
  #isKnown({ id, kind }: Work): boolean {
    if (Object.hasOwn(this.#options.handlers, kind)) return true;
    this.#unknown.add(id);
    if (!this.#unknownKinds.has(kind)) {
      this.#unknownKinds.add(kind);
      this.#options.log.warn(
        { kind },
        'the outbox holds work of a kind that this version does not know; it is left there',
      );
    }
    return false;
  }

  #begin(work: Work): void {
    const ended = this.#do(work).finally(() => {
      this.#running.delete(work.id);
      this.wake();
    });
    this.#running.set(work.id, ended);
  }

  async #do(work: Work): Promise<void> {
    const { store, clock, log, maxAttempts = 84, observe } = this.#options;
    const attempt = work.attempts + 1;
    const isLast = attempt >= maxAttempts;
    const fields = { kind: work.kind, key: work.key, callId: work.callId ?? undefined, attempt };
    let thrown: unknown;
    let askedMs = 0;
    try {
      await this.#attempt(work, isLast, (ms) => (askedMs = ms));
      if (await this.#settle(() => store.workDone(work.id))) observe?.(work, 'done');
      return;
    } catch (reason) {
      thrown = reason;
    }
    // Cut short by our own stop: not the work's fault, the next process does it.
    if (this.#abort.signal.aborted) return;
    const error = messageOf(thrown);
    const isHopeless = isLast || (thrown instanceof LandlineError && !thrown.retryable);
    const pauseMs = Math.max(askedMs, pauseAfter(work.key, attempt));
    const dueAt = isHopeless ? undefined : clock.wall() + pauseMs;
    if (isHopeless) {
      this.#givenUp += 1;
      log.error({ ...fields, error }, 'work after a call was given up');
    } else log.warn({ ...fields, error, againInMs: pauseMs }, 'work after a call failed and is tried again');
    if (await this.#settle(() => store.workFailed(work.id, error, dueAt)))
      observe?.(work, isHopeless ? 'givenUp' : 'retry');
  }

  async #attempt(work: Work, isLast: boolean, retryAfter: Attempt['retryAfter']): Promise<void> {
    const { clock, handlers, deadlineMs = 600_000 } = this.#options;
    const tooLate = new AbortController();
    let deadline: TimerHandle | undefined;
    try {
      await Promise.race([
        handlers[work.kind]?.(work, {
          signal: AbortSignal.any([this.#abort.signal, tooLate.signal]),
          isLast,
          retryAfter,
        }),
        new Promise<never>((_, reject) => {
          deadline = clock.after(deadlineMs, () => {
            tooLate.abort();
            reject(new LandlineError('internal_error', `not done within ${deadlineMs / 1000} s`, { retryable: true }));
          });
        }),
      ]);
    } finally {
      deadline?.cancel();
    }
  }

  /** Writes an outcome down, as often as it takes: done work must not be done again only because the store was away. */
  async #settle(write: () => Promise<void>): Promise<boolean> {
    const { clock } = this.#options;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_STORE_PAUSE_MS)) {
      try {
        await write();
        this.#storeIsBack();
        return true;
      } catch (thrown) {
        this.#storeIsGone(thrown);
      }
      const { signal } = this.#abort;
      if (signal.aborted) return false;
      await new Promise<void>((resolve) => {
        const end = (): void => {
          timer.cancel();
          signal.removeEventListener('abort', end);
          resolve();
        };
        const timer = clock.after(pauseMs, end);
        signal.addEventListener('abort', end);
      });
    }
  }

  #storeIsGone(thrown: unknown): void {
    if (this.#failed === undefined) {
      this.#options.log.warn({ error: messageOf(thrown) }, 'the outbox cannot use the store; its work waits');
    }
    this.#failed = messageOf(thrown);
  }

  #storeIsBack(): void {
    if (this.#failed !== undefined) this.#options.log.info({}, 'the outbox can use the store again');
    this.#failed = undefined;
    this.#storePauseMs = FIRST_PAUSE_MS;
  }
}
