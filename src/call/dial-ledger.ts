import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import { randomId } from '../core/ids.ts';
import type { Log } from '../core/log.ts';

/** A leg that we had dialled. Times are wall milliseconds since the Unix epoch. */
export interface Dial {
  readonly id: string;
  readonly at: number;
  readonly to: string;
  readonly callId: string | null;
  /** Estimate. */
  readonly spend: number;
}

/** The part of the store that keeps dialled legs across restarts. */
export interface DialStore {
  addDial(dial: Dial): Promise<void>;
  dialsSince(since: number): Promise<{ readonly count: number; readonly spend: number }>;
}

export interface DialTotals {
  /** Legs in the last 60 minutes. */
  readonly hour: number;
  /** Legs, and their estimate, in the last 24 hours. */
  readonly day: number;
  readonly spend: number;
}

export interface DialLedgerOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Undefined: what was dialled is forgotten with the process. */
  readonly store: DialStore | undefined;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** How finely the past is asked for: what happened within a slice counts as happened at its end, never earlier. */
const SLICES: readonly number[] = [
  ...Array.from({ length: 12 }, (_, i) => (i + 1) * 5 * MINUTE),
  ...Array.from({ length: 23 }, (_, i) => (i + 2) * HOUR),
];
const RETRY_MS = 5_000;

/**
 * Counts what was dialled in the last hour and day. Decides from memory, so that no dial waits for a database: the past is
 * read once, in the background, and what is dialled is written behind; both are tried until they succeed.
 */
export class DialLedger {
  readonly #options: DialLedgerOptions;
  readonly #startedAt: number;
  /** Oldest first, but for what was read from the store late. */
  #entries: { readonly at: number; readonly count: number; readonly spend: number }[] = [];
  #unwritten: Dial[] = [];
  #writing = false;
  #closed = false;
  #complained = false;
  readonly #retries = new Set<{ cancel(): void }>();

  constructor(options: DialLedgerOptions) {
    this.#options = options;
    this.#startedAt = options.clock.wall();
    if (options.store) void this.#readPast(options.store);
  }

  totals(): DialTotals {
    const now = this.#options.clock.wall();
    this.#entries = this.#entries.filter(({ at }) => at > now - DAY);
    let [hour, day, spend] = [0, 0, 0];
    for (const entry of this.#entries) {
      day += entry.count;
      spend += entry.spend;
      if (entry.at > now - HOUR) hour += entry.count;
    }
    return { hour, day, spend };
  }

  add(to: string, callId: string | null, spend: number): void {
    const at = this.#options.clock.wall();
    this.#entries.push({ at, count: 1, spend });
    if (!this.#options.store || this.#closed) return;
    this.#unwritten.push({ id: randomId(), at, to, callId, spend });
    void this.#write(this.#options.store);
  }

  /** Stops trying. Resolves when what can be written now was. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const retry of this.#retries) retry.cancel();
    const { store } = this.#options;
    if (!store || this.#writing) return;
    for (const dial of this.#unwritten.splice(0)) await store.addDial(dial).catch(() => undefined);
  }

  /** What was dialled before this process, as of its start: everything since then is in memory already. */
  async #readPast(store: DialStore): Promise<void> {
    try {
      const start = this.#startedAt;
      const totals = await Promise.all([-1, ...SLICES].map((age) => store.dialsSince(start - age)));
      const past = SLICES.map((_, i) => {
        const [newer, older] = [totals[i], totals[i + 1]];
        const at = start - (i === 0 ? 0 : (SLICES[i - 1] ?? 0));
        return {
          at,
          count: (older?.count ?? 0) - (newer?.count ?? 0),
          spend: (older?.spend ?? 0) - (newer?.spend ?? 0),
        };
      });
      this.#entries.push(...past.filter(({ count }) => count > 0));
    } catch (thrown) {
      this.#complain(thrown);
      this.#later(() => void this.#readPast(store));
    }
  }

  async #write(store: DialStore): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    try {
      for (let next = this.#unwritten[0]; next; next = this.#unwritten[0]) {
        await store.addDial(next);
        this.#unwritten.shift();
        this.#complained = false;
      }
    } catch (thrown) {
      this.#complain(thrown);
      // What is older than a day counts no more.
      this.#unwritten = this.#unwritten.filter(({ at }) => at > this.#options.clock.wall() - DAY);
      this.#later(() => void this.#write(store));
    } finally {
      this.#writing = false;
    }
  }

  #later(run: () => void): void {
    if (this.#closed) return;
    const retry = this.#options.clock.after(RETRY_MS, () => {
      this.#retries.delete(retry);
      run();
    });
    this.#retries.add(retry);
  }

  #complain(thrown: unknown): void {
    if (this.#complained || this.#closed) return;
    this.#complained = true;
    this.#options.log.warn({ error: messageOf(thrown) }, 'dialled legs cannot be stored: limits go on from memory');
  }
}
