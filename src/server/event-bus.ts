import type { Clock } from '../core/clock.ts';
import type { PublishedEvent } from '../call/ports.ts';

/** Events kept in memory for clients that reconnect. */
const KEPT = 10_000;

/** Passes events of all calls on to whoever listens, and keeps the newest for those who come back. */
export class EventBus {
  readonly #clock: Clock;
  readonly #kept: PublishedEvent[] = [];
  readonly #listeners = new Set<(event: PublishedEvent) => void>();
  #last = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Increasing decimals, over all calls and over restarts: microseconds of wall time, or one more than the last. */
  nextId(): string {
    this.#last = Math.max(this.#last + 1, Math.floor(this.#clock.wall() * 1000));
    return String(this.#last);
  }

  publish(event: PublishedEvent): void {
    this.#kept.push(event);
    if (this.#kept.length > KEPT * 1.1) this.#kept.splice(0, this.#kept.length - KEPT);
    for (const listener of this.#listeners) listener(event);
  }

  /** Kept events after `id`, oldest first; all kept ones without it. */
  since(id: string | undefined): readonly PublishedEvent[] {
    if (id === undefined) return [];
    const after = Number(id);
    return this.#kept.filter((event) => Number(event.id) > after);
  }

  /** @returns a function that ends the subscription. */
  subscribe(listener: (event: PublishedEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
