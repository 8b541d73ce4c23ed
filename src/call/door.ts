/** Things that may wait while one is being handled; more means that something feeds on itself. */
const MAX_WAITING = 256;

export interface DoorKeeper {
  /** Everything that is due by `t` happens, each thing at its own time. */
  advanceTo(t: number): void;
  /** Nothing could be sent until `t`: the caller has heard a gap, and speech goes on from here, not in one burst. */
  skipTo(t: number): void;
  /** Something threw, or more waits than may. */
  fault(thrown: unknown): void;
  /** The door is at rest again. */
  rested(): void;
}

interface Waiting {
  readonly t: number;
  readonly run: () => void;
  readonly stalled: boolean;
}

/**
 * One call's door: whatever happens to the call passes here, one thing at a time, in order, with time moved up to it first.
 * What is posted meanwhile waits. A throw inside ends up with the keeper and nowhere else.
 */
export class Door {
  readonly #keeper: DoorKeeper;
  readonly #waiting: Waiting[] = [];
  #busy = false;
  #closed = false;

  constructor(keeper: DoorKeeper) {
    this.#keeper = keeper;
  }

  /** Things that wait for the one under way. */
  get waiting(): number {
    return this.#waiting.length;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** @param stalled see {@link DoorKeeper.skipTo}. */
  enter(t: number, run: () => void, stalled = false): void {
    if (this.#closed) return;
    if (!this.#busy) {
      this.#work(t, run, stalled);
      return;
    }
    if (this.#waiting.length >= MAX_WAITING) {
      this.#keeper.fault(new Error(`more than ${MAX_WAITING} inputs wait for each other`));
      return;
    }
    this.#waiting.push({ t, run, stalled });
  }

  /** Like `enter`, before everything that waits. */
  enterFirst(t: number, run: () => void): void {
    if (this.#busy) this.#waiting.unshift({ t, run, stalled: false });
    else this.#work(t, run, false);
  }

  /** Nothing passes any more; what waits is dropped. */
  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
  }

  /** Nearly always what comes is alone: it passes without a place in the queue. */
  #work(t: number, run: () => void, stalled: boolean): void {
    this.#busy = true;
    try {
      this.#pass(t, run, stalled);
      for (let next = this.#waiting.shift(); next; next = this.#waiting.shift())
        this.#pass(next.t, next.run, next.stalled);
    } finally {
      this.#busy = false;
    }
    if (!this.#closed) this.#keeper.rested();
  }

  #pass(t: number, run: () => void, stalled: boolean): void {
    try {
      if (stalled) this.#keeper.skipTo(t);
      this.#keeper.advanceTo(t);
      if (!this.#closed) run();
    } catch (thrown) {
      this.#keeper.fault(thrown);
    }
  }
}
