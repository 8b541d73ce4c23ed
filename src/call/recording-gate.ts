/** A stretch of the call's clock, `to` not included. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** Agent audio is told at most a turn's length, and the wait for its mark, after it was heard. */
const MEMORY_SAMPLES = 90 * 8000;

/**
 * Which stretches of a call are kept. Audio becomes known after the moment in which it was heard, so whether a sample is
 * kept is decided by its place, not by when we learn of it.
 */
export class RecordingGate {
  #kept: { from: number; to: number }[] = [];

  get isOpen(): boolean {
    return this.#kept.at(-1)?.to === Infinity;
  }

  open(at: number): void {
    if (this.isOpen) return;
    this.#kept = this.#kept.filter(({ to }) => to > at - MEMORY_SAMPLES);
    this.#kept.push({ from: Math.max(at, this.#kept.at(-1)?.to ?? 0), to: Infinity });
  }

  close(at: number): void {
    const last = this.#kept.at(-1);
    if (last?.to === Infinity) last.to = Math.max(last.from, at);
  }

  /** The parts of `count` samples from `at` on that are kept. */
  clip(at: number, count: number): Stretch[] {
    return this.#kept.flatMap((kept) => {
      const from = Math.max(at, kept.from);
      const to = Math.min(at + count, kept.to);
      return from < to ? [{ from, to }] : [];
    });
  }
}
