import type { Clock, TimerHandle } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { SpanCounts } from '../metrics/sources.ts';

/** How a batch went: `undefined` it was taken, else why not. Called once, at any time. */
export type ExportBatch<S> = (spans: readonly S[], done: (failure: string | undefined) => void) => void;

export interface SpanQueueOptions<S> {
  readonly clock: Clock;
  readonly log: Log;
  readonly send: ExportBatch<S>;
  /** 4096. */
  readonly capacity?: number;
}

const BATCH = 512;
const EVERY_MS = 1_000;
/** A collector that has not answered by then has failed: later than its client gives up by itself. */
const PATIENCE_MS = 30_000;

/**
 * Spans on their way to a collector, one batch at a time. Beyond its capacity what comes is dropped and counted; a
 * collector that is down, slow or mad is said once, and once again when it is back.
 */
export class SpanQueue<S> {
  readonly #options: SpanQueueOptions<S>;
  readonly #capacity: number;
  #waiting: S[] = [];
  #timer: TimerHandle | undefined;
  #sending = 0;
  #failing = false;
  #isClosed = false;
  #idle: (() => void)[] = [];
  readonly #counts = { exported: 0, dropped: 0, failed: 0 };

  constructor(options: SpanQueueOptions<S>) {
    this.#options = options;
    this.#capacity = options.capacity ?? 4096;
  }

  push(span: S): void {
    if (this.#isClosed || this.#waiting.length + this.#sending >= this.#capacity) {
      this.#counts.dropped++;
      return;
    }
    this.#waiting.push(span);
    this.#plan();
  }

  counts(): SpanCounts {
    return { ...this.#counts, queued: this.#waiting.length + this.#sending };
  }

  /** Takes no more, and resolves when the rest is sent or `ms` are over; what still waits then is dropped. */
  async close(ms: number): Promise<void> {
    this.#isClosed = true;
    this.#flush();
    if (this.#waiting.length + this.#sending === 0) return;
    await new Promise<void>((resolve) => {
      const patience = this.#options.clock.after(ms, resolve);
      this.#idle.push(() => {
        patience.cancel();
        resolve();
      });
    });
    this.#timer?.cancel();
    this.#counts.dropped += this.#waiting.length;
    this.#waiting = [];
  }

  #plan(): void {
    if (this.#timer || this.#sending > 0) return;
    this.#timer = this.#options.clock.after(EVERY_MS, () => this.#flush());
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#sending > 0 || this.#waiting.length === 0) return;
    const batch = this.#waiting.splice(0, BATCH);
    this.#sending = batch.length;
    let isOver = false;
    const done = (failure: string | undefined): void => {
      if (isOver) return;
      isOver = true;
      patience.cancel();
      this.#sent(batch.length, failure);
    };
    const patience = this.#options.clock.after(PATIENCE_MS, () => done('no answer'));
    try {
      this.#options.send(batch, done);
    } catch (thrown) {
      done(thrown instanceof Error ? thrown.message : 'unknown');
    }
  }

  #sent(count: number, failure: string | undefined): void {
    this.#sending = 0;
    this.#counts[failure === undefined ? 'exported' : 'failed'] += count;
    if (failure !== undefined && !this.#failing)
      this.#options.log.warn({ error: failure }, 'traces cannot be delivered; calls go on without them');
    if (failure === undefined && this.#failing) this.#options.log.info({}, 'traces are delivered again');
    this.#failing = failure !== undefined;
    if (this.#waiting.length === 0) {
      for (const tell of this.#idle.splice(0)) tell();
      return;
    }
    // The rest of a burst goes at once; a collector that fails gets time.
    if (this.#isClosed || (this.#waiting.length >= BATCH && !this.#failing)) this.#flush();
    else this.#plan();
  }
}
