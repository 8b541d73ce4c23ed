import type { Clock, TimerHandle } from '../core/clock.ts';
import type { DialTurnRefusal } from './inputs.ts';
import type { OutboundOptions } from './outbound-options.ts';

export interface DialTurn {
  readonly waitedMs: number;
  readonly refused?: DialTurnRefusal;
}

/** Whose turn it is to dial. */
export interface DialTurns {
  /**
   * Waits in line; `turn` is called once, never within this call. Who comes back because Telnyx turned the dial away goes to the
   * head of the line, and nobody is dialled within `afterMs`.
   */
  enter(callId: string, afterMs: number, turn: (turn: DialTurn) => void): void;
  /** The call is over: its place, in line or on the line, is free. */
  leave(callId: string): void;
}

interface Waiting {
  readonly callId: string;
  readonly turn: (turn: DialTurn) => void;
  /** When it came first: the time limit counts all its waiting. */
  readonly since: number;
}

export interface DialQueueState {
  readonly queued: number;
  readonly active: number;
}

/** The line of calls out: first come, first dialled, never faster and never more at a time than the config allows. */
export class DialQueue implements DialTurns {
  readonly #clock: Clock;
  readonly #options: OutboundOptions;
  readonly #waited: (ms: number) => void;
  #line: Waiting[] = [];
  /** Calls that had their turn -> when they first came. */
  readonly #active = new Map<string, number>();
  #nextAt = -Infinity;
  #closed = false;
  #timer: TimerHandle | undefined;

  /** @param waited hears how long each call waited for its turn, for the metric. */
  constructor(clock: Clock, options: OutboundOptions, waited: (ms: number) => void = () => undefined) {
    this.#clock = clock;
    this.#options = options;
    this.#waited = waited;
  }

  /** Nobody else may get in line. */
  get isFull(): boolean {
    return this.#line.length >= this.#options.maxQueued;
  }

  get state(): DialQueueState {
    return { queued: this.#line.length, active: this.#active.size };
  }

  enter(callId: string, afterMs: number, turn: (turn: DialTurn) => void): void {
    const now = this.#clock.mono();
    const before = this.#active.get(callId);
    this.#active.delete(callId);
    if (before === undefined) this.#line.push({ callId, turn, since: now });
    else this.#line.unshift({ callId, turn, since: before });
    if (afterMs > 0) this.#nextAt = Math.max(this.#nextAt, now + afterMs);
    this.#look(0);
  }

  leave(callId: string): void {
    this.#active.delete(callId);
    this.#line = this.#line.filter((one) => one.callId !== callId);
    this.#look(0);
  }

  /** Nobody is dialled any more, and who waits is told. */
  close(): void {
    this.#closed = true;
    this.#look(0);
  }

  #look(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#line.length === 0 ? undefined : this.#clock.after(ms, () => this.#advance());
  }

  #advance(): void {
    this.#timer = undefined;
    const now = this.#clock.mono();
    const { maxConcurrent, maxPerSecond, maxQueueSeconds } = this.#options;
    const limitMs = maxQueueSeconds * 1000;
    const isLate = ({ since }: Waiting): boolean => this.#closed || now - since >= limitMs;
    const late = this.#line.filter(isLate);
    this.#line = this.#line.filter((one) => !isLate(one));
    const next = this.#active.size < maxConcurrent && now >= this.#nextAt ? this.#line.shift() : undefined;
    if (next) {
      this.#active.set(next.callId, next.since);
      this.#nextAt = now + 1000 / maxPerSecond;
    }
    const oldest = Math.min(...this.#line.map(({ since }) => since));
    const turnAt = this.#active.size < maxConcurrent ? this.#nextAt : Infinity;
    if (this.#line.length > 0) this.#look(Math.max(0, Math.min(turnAt, oldest + limitMs) - now));
    for (const { turn, since } of late) {
      turn({ waitedMs: Math.round(now - since), refused: this.#closed ? 'draining' : 'timeout' });
    }
    if (!next) return;
    this.#waited(now - next.since);
    next.turn({ waitedMs: Math.round(now - next.since) });
  }
}
