/** A pending timer; `cancel` is safe to call at any time, also after it fired. */
export interface TimerHandle {
  cancel(): void;
}

/**
 * The only source of time. Pure code never sees it (it gets stamps in its inputs); adapters and the shell take it
 * through their constructor, so that tests run on {@link VirtualClock}.
 */
export interface Clock {
  /** Monotonic milliseconds with fractions; only differences have a meaning. */
  mono(): number;
  /** Wall clock, milliseconds since the Unix epoch. May step. */
  wall(): number;
  /** Calls `run` once, `ms` milliseconds from now. A throw in `run` is the caller's to prevent. */
  after(ms: number, run: () => void): TimerHandle;
}

export const systemClock: Clock = {
  mono: () => performance.now(),
  wall: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** A wall-clock time as ISO 8601 in UTC, e.g. `2026-01-05T09:00:00.000Z`. */
export function isoTime(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

/** Milliseconds since the Unix epoch of an ISO 8601 date or time, e.g. `2026-01-05`; undefined when it is none. */
export function parseIsoTime(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/.test(text)) return undefined;
  // Without an offset it would be read as the machine's own time of day.
  const at = Date.parse(/T.*(?:Z|[+-]\d{2}:?\d{2})$/.test(text) || !text.includes('T') ? text : `${text}Z`);
  return Number.isNaN(at) ? undefined : at;
}

interface VirtualTimer {
  readonly due: number;
  readonly order: number;
  readonly run: () => void;
}

/** A clock that moves only when told to: a five-minute call takes milliseconds and always the same ones. */
export class VirtualClock implements Clock {
  #now: number;
  readonly #wallAtZero: number;
  #order = 0;
  readonly #timers = new Set<VirtualTimer>();

  constructor(startMono = 0, startWall: number = Date.UTC(2026, 0, 5, 9, 0, 0)) {
    this.#now = startMono;
    this.#wallAtZero = startWall - startMono;
  }

  mono(): number {
    return this.#now;
  }

  wall(): number {
    return this.#wallAtZero + this.#now;
  }

  after(ms: number, run: () => void): TimerHandle {
    const timer: VirtualTimer = { due: this.#now + Math.max(0, ms), order: this.#order++, run };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** Number of timers that wait; a test that leaves some has leaked them. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves time forward by `ms`, running every timer that becomes due, in due order, at its own due time. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      let next: VirtualTimer | undefined;
      for (const timer of this.#timers) {
        if (timer.due > end) continue;
        if (!next || timer.due < next.due || (timer.due === next.due && timer.order < next.order)) next = timer;
      }
      if (!next) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.due);
      next.run();
    }
    this.#now = end;
  }
}
