import type { TimerHandle } from '../../core/clock.ts';

export interface GatherOptions {
  readonly minimum: number;
  readonly maximum: number;
  readonly timeoutMs: number;
  readonly initialTimeoutMs: number;
  readonly betweenMs: number;
  readonly terminator: string;
  readonly validDigits: string;
}

export type GatherStatus = 'valid' | 'invalid' | 'call_hangup' | 'cancelled' | 'timeout';

/** One `gather`: collects keys until it has enough, the terminating key comes, or time is up. Ends exactly once. */
export class Gather {
  readonly #options: GatherOptions;
  readonly #after: (ms: number, run: () => void) => TimerHandle;
  readonly #ended: (digits: string, status: GatherStatus) => void;
  readonly #limit: TimerHandle;
  #between: TimerHandle;
  #digits = '';
  #isOver = false;

  constructor(
    options: GatherOptions,
    after: (ms: number, run: () => void) => TimerHandle,
    ended: (digits: string, status: GatherStatus) => void,
  ) {
    this.#options = options;
    this.#after = after;
    this.#ended = ended;
    this.#limit = after(options.timeoutMs, () => this.#timeOut());
    this.#between = after(options.initialTimeoutMs, () => this.#timeOut());
  }

  press(digit: string): void {
    const { minimum, maximum, terminator, validDigits, betweenMs } = this.#options;
    if (digit === terminator) {
      this.end(this.#digits.length >= minimum ? 'valid' : 'invalid');
      return;
    }
    this.#digits += digit;
    if (!validDigits.includes(digit)) {
      this.end('invalid');
      return;
    }
    if (this.#digits.length >= maximum) {
      this.end('valid');
      return;
    }
    this.#between.cancel();
    this.#between = this.#after(betweenMs, () => this.#timeOut());
  }

  end(status: GatherStatus): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#limit.cancel();
    this.#between.cancel();
    this.#ended(this.#digits, status);
  }

  #timeOut(): void {
    this.end(this.#digits.length > 0 && this.#digits.length >= this.#options.minimum ? 'valid' : 'timeout');
  }
}
