import type { Clock, TimerHandle } from '../core/clock.ts';
import type { Engine } from './engine.ts';

/** Erasures come in runs (all calls of a number, a day's retention): what they left is wiped once, behind the last one. */
const QUIET_MS = 1_000;
/** Another process reads, or the disk is full. */
const AGAIN_MS = 60_000;

/** Sees to it that the bytes of what was erased go, too. */
export class Wiper {
  readonly #engine: Pick<Engine, 'wipe'>;
  readonly #clock: Clock;
  #isDue = false;
  #isClosed = false;
  #timer: TimerHandle | undefined;
  #running: Promise<void> | undefined;

  constructor(engine: Pick<Engine, 'wipe'>, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
  }

  /** Something was erased. */
  erased(): void {
    this.#isDue = true;
    this.#wipeIn(QUIET_MS);
  }

  /** Does now what is still to be done. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#running;
    if (this.#isDue) await this.#wipe();
  }

  #wipeIn(ms: number): void {
    this.#timer?.cancel();
    if (this.#isClosed) return;
    this.#timer = this.#clock.after(ms, () => {
      // What is erased meanwhile asks again when it is done.
      this.#running ??= this.#wipe().finally(() => {
        this.#running = undefined;
        if (this.#isDue) this.#wipeIn(AGAIN_MS);
      });
    });
  }

  async #wipe(): Promise<void> {
    this.#isDue = false;
    const isWiped = await this.#engine.wipe().catch(() => false);
    if (!isWiped) this.#isDue = true;
  }
}
