import type { Clock } from '../core/clock.ts';
import type { PublishedEvent } from '../call/ports.ts';
import { messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';

/** Events kept in memory for readers that are behind or come back. */
const KEPT = 10_000;

/** Passes events of all calls on to whoever listens, and keeps the newest for those who come back. */
export class EventBus {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #capacity: number;
  readonly #kept: PublishedEvent[] = [];
  readonly #listeners = new Set<(event: PublishedEvent) => void>();
  readonly #readers = new Set<object>();
  #last: number;
  #forgotten: number;

  /**
   * @param clock gives ids their place in time
   * @param log hears of listeners that throw
   * @param capacity how many events are kept; 10,000
   */
  constructor(clock: Clock, log: Log, capacity: number = KEPT) {
    this.#clock = clock;
    this.#log = log;
    this.#capacity = capacity;
    this.#last = Math.floor(clock.wall() * 1000);
    this.#forgotten = this.#last;
  }

  /** Increasing decimals, over all calls and over restarts: microseconds of wall time, or one more than the last. */
  nextId(): string {
    this.#last = Math.max(this.#last + 1, Math.floor(this.#clock.wall() * 1000));
    return String(this.#last);
  }

  /** Later ids will be higher than this one, of an earlier process, also when the wall clock was set back. */
  startAfter(id: string): void {
    this.#last = Math.max(this.#last, Number(id) || 0);
    this.#forgotten = Math.max(this.#forgotten, this.#kept.length === 0 ? this.#last : 0);
  }

  publish(event: PublishedEvent): void {
    this.#kept.push(event);
    if (this.#kept.length > this.#capacity * 1.1) {
      const dropped = this.#kept.splice(0, this.#kept.length - this.#capacity);
      this.#forgotten = Number(dropped.at(-1)?.id ?? this.#forgotten);
    }
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (thrown) {
        // A listener's fault is never the call's.
        this.#log.error({ event: event.type, error: messageOf(thrown) }, 'event listener failed');
      }
    }
  }

  /** The id of the newest event there may have been so far: where a reader begins who wants only what comes. */
  get newest(): number {
    return this.#last;
  }

  /** Events up to this id, of this process or an earlier one, are only in the journals. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** The first kept event with a higher id than `id`. */
  after(id: number): PublishedEvent | undefined {
    let [low, high] = [0, this.#kept.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (Number(this.#kept[middle]?.id) <= id) low = middle + 1;
      else high = middle;
    }
    return this.#kept[low];
  }

  /** Somebody outside follows the events; listeners of the house do not count. @returns a function that ends it. */
  join(): () => void {
    const reader = {};
    this.#readers.add(reader);
    return () => void this.#readers.delete(reader);
  }

  get readers(): number {
    return this.#readers.size;
  }

  /** Takes the events of an erased call out of memory. */
  forget(callId: string): void {
    const rest = this.#kept.filter((event) => event.callId !== callId);
    this.#kept.splice(0, this.#kept.length, ...rest);
  }

  /** @returns a function that ends the subscription. */
  subscribe(listener: (event: PublishedEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
