/** Samples of one millisecond: all positions of a call are counted at 8 kHz. */
export const CLOCK_RATE = 8;

/** The fastest frame of so long tells when audio arrives that nothing held up. */
const WINDOW_MS = 2000;
/** More missing time than this is a hole in the caller's audio, not the network's delay. */
const HOLE_MS = 200;

/**
 * A call's clock: samples of caller audio so far, lost ones included. Frames come in steps of 20 ms, with jitter, and
 * some are waited for; what happened at a moment of ours is placed between them by the arrival of the frames that were
 * held up least. The far side's crystal is followed, so a place is as true after an hour as after a second.
 */
export class CallClock {
  #samples: number;
  /** When sample 0 would have arrived, by the least delayed frames. */
  #origin = Number.NaN;
  #lowest = Infinity;
  #lowestBefore = Infinity;
  #windowAt = 0;
  #isNewStream = false;

  /** @param samples where it stands, after a restart. */
  constructor(samples: number) {
    this.#samples = samples;
  }

  /** Samples heard so far. */
  get samples(): number {
    return this.#samples;
  }

  /** Another stream goes on: the time without one passed too. */
  newStream(): void {
    this.#isNewStream = true;
  }

  /** The next `count` samples arrived at `t`. @returns the place of the first. */
  add(count: number, t: number): number {
    if (this.#isNewStream) {
      this.#isNewStream = false;
      this.#samples = Math.max(this.#samples, this.at(t) - count);
      this.#lowest = this.#lowestBefore = Infinity;
      this.#windowAt = t;
    }
    const place = this.#samples;
    this.#samples += count;
    this.#arrived(t - this.#samples / CLOCK_RATE, t);
    return place;
  }

  /** The sample that the far side was at, as seen from here, at `t`. */
  at(t: number): number {
    return Number.isNaN(this.#origin) ? this.#samples : Math.max(0, Math.round((t - this.#origin) * CLOCK_RATE));
  }

  #arrived(origin: number, t: number): void {
    if (t - this.#windowAt >= WINDOW_MS) {
      this.#lowestBefore = this.#lowest;
      this.#lowest = Infinity;
      this.#windowAt = t;
    }
    this.#lowest = Math.min(this.#lowest, origin);
    const lowest = Math.min(this.#lowest, this.#lowestBefore);
    const hole = lowest - this.#origin;
    if (hole > HOLE_MS && this.#lowestBefore < Infinity) {
      // The far side sent nothing for a while, and has not made up for it: that time belongs to the call.
      this.#samples += Math.round(hole * CLOCK_RATE);
      this.#lowest -= hole;
      this.#lowestBefore -= hole;
      return;
    }
    if (!(hole > HOLE_MS)) this.#origin = lowest;
  }
}
