import { Buckets } from '../core/buckets.ts';
import type { Clock, TimerHandle } from '../core/clock.ts';

/** Something whose time comes again and again: a call session. */
export interface Timed {
  /** Next absolute monotonic deadline in milliseconds; `Infinity` when there is none. */
  readonly due: number;
  /** Does everything due by `now`. */
  advance(now: number): void;
}

/**
 * One timer for all calls. It sleeps until the earliest deadline (never less than a millisecond) and then serves every
 * call that is due: deadlines are absolute, so lateness never adds up. Measured against per-call timers in bench/.
 */
export class Wheel {
  /** How late deadlines were met, milliseconds: the frames of playout, and what else calls wait for. */
  readonly lateness: Buckets = new Buckets([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]);
  readonly #clock: Clock;
  readonly #members = new Set<Timed>();
  #timer: TimerHandle | undefined;
  #wakesAt = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(member: Timed): void {
    this.#members.add(member);
    this.changed(member);
  }

  remove(member: Timed): void {
    this.#members.delete(member);
    if (this.#members.size === 0) this.#sleepUntil(Infinity);
  }

  /** A member's deadline may have moved closer. Later deadlines need no call: the wheel looks again when it wakes. */
  changed(member: Timed): void {
    if (member.due < this.#wakesAt) this.#sleepUntil(member.due);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#wakesAt = Infinity;
    this.#members.clear();
  }

  #sleepUntil(due: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#wakesAt = due;
    if (due === Infinity) return;
    this.#timer = this.#clock.after(Math.max(1, due - this.#clock.mono()), () => this.#wake());
  }

  #wake(): void {
    this.#timer = undefined;
    this.#wakesAt = Infinity;
    const now = this.#clock.mono();
    let next = Infinity;
    for (const member of this.#members) {
      const { due } = member;
      if (due <= now) {
        // Without a past there is no lateness: speech that has just begun is due at once.
        if (due !== -Infinity) this.lateness.add(now - due);
        member.advance(now);
      }
      if (member.due < next) next = member.due;
    }
    // A member may have called `changed` meanwhile; the earlier of both counts.
    if (next < this.#wakesAt) this.#sleepUntil(next);
  }
}
