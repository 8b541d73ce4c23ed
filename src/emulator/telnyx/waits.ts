import type { Scheduler } from './scheduler.ts';

const POLL_MS = 10;

interface Wait {
  readonly holds: () => boolean;
  readonly about: () => string;
  readonly deadline: number;
  readonly timeoutMs: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Promises for conditions: asked when told that something happened, and every 10 ms. None outlives the emulator. */
export class Waits {
  readonly #scheduler: Scheduler;
  readonly #open = new Set<Wait>();
  #isPolling = false;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** @param about what was waited for and how things stand, for the error. */
  until(holds: () => boolean, timeoutMs: number, about: () => string): Promise<void> {
    return new Promise((resolve, reject) => {
      const wait = { holds, about, timeoutMs, deadline: this.#scheduler.now() + timeoutMs, resolve, reject };
      this.#open.add(wait);
      this.#check(wait);
      this.#poll();
    });
  }

  /** Something happened. */
  check(): void {
    for (const wait of this.#open) this.#check(wait);
  }

  close(): void {
    for (const wait of this.#open) {
      wait.reject(new Error(`the emulator was closed while waiting for ${wait.about()}`));
    }
    this.#open.clear();
  }

  #poll(): void {
    if (this.#isPolling || this.#open.size === 0) return;
    this.#isPolling = true;
    this.#scheduler.after(POLL_MS, () => {
      this.#isPolling = false;
      this.check();
      this.#poll();
    });
  }

  #check(wait: Wait): void {
    try {
      if (wait.holds()) {
        this.#open.delete(wait);
        wait.resolve();
        return;
      }
    } catch (thrown) {
      this.#open.delete(wait);
      wait.reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
      return;
    }
    if (this.#scheduler.now() < wait.deadline) return;
    this.#open.delete(wait);
    wait.reject(new Error(`waited ${wait.timeoutMs} ms for ${wait.about()}`));
  }
}
