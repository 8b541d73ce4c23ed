import type { Clock, TimerHandle } from '../../core/clock.ts';

interface Task {
  readonly due: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** Node takes a longer timeout for one of 1 ms; waking for nothing once in a while is harmless. */
const LONGEST_MS = 2 ** 30;

/**
 * One timer for everything of all calls. Tasks have absolute deadlines and run in due order; what is late runs at once,
 * so that a stalled process catches up and no 20 ms frame is ever lost. Per-call timers drift and cost far more.
 */
export class Scheduler {
  readonly #clock: Clock;
  readonly #onThrow: (thrown: unknown) => void;
  /** Binary heap, earliest first. */
  readonly #heap: Task[] = [];
  #order = 0;
  #timer: TimerHandle | undefined;
  #timerDue = Infinity;
  #stopped = false;

  constructor(clock: Clock, onThrow: (thrown: unknown) => void) {
    this.#clock = clock;
    this.#onThrow = onThrow;
  }

  /** Monotonic milliseconds, the scale of every deadline here. */
  now(): number {
    return this.#clock.mono();
  }

  /** Runs `run` once, at `due` on {@link now}'s scale, never earlier. */
  at(due: number, run: () => void): TimerHandle {
    if (this.#stopped) return { cancel: () => undefined };
    const task: Task = { due, order: this.#order++, run };
    this.#push(task);
    this.#arm();
    return { cancel: () => void (task.run = undefined) };
  }

  after(ms: number, run: () => void): TimerHandle {
    return this.at(this.now() + ms, run);
  }

  /** Forgets every task; later ones are not taken. */
  stop(): void {
    this.#stopped = true;
    this.#heap.length = 0;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    const first = this.#heap[0];
    if (!first || (this.#timer && this.#timerDue <= first.due)) return;
    this.#timer?.cancel();
    this.#timerDue = first.due;
    this.#timer = this.#clock.after(Math.min(LONGEST_MS, Math.max(0, first.due - this.now())), () => this.#wake());
  }

  #wake(): void {
    this.#timer = undefined;
    for (let first = this.#heap[0]; first && first.due <= this.now(); first = this.#heap[0]) {
      this.#pop();
      try {
        first.run?.();
      } catch (thrown) {
        this.#onThrow(thrown);
      }
    }
    this.#arm();
  }

  #push(task: Task): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(task);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (!parent || before(parent, task)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = task;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let down = at * 2 + 1;
      let child = heap[down];
      if (!child) break;
      const right = heap[down + 1];
      if (right && before(right, child)) {
        child = right;
        down += 1;
      }
      if (before(last, child)) break;
      heap[at] = child;
      at = down;
    }
    heap[at] = last;
  }
}

function before(a: Task, b: Task): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}
