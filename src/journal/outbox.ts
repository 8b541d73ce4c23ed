import type { Clock, TimerHandle } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { DiskOp, DiskResult } from './disk.ts';
import type { DiskThread, StartDiskThread } from './disk-thread.ts';
import { Lane } from './lane.ts';

/** What nobody waits for goes to the file together, this long after the first of it at the latest. */
const BATCH_MS = 250;
/** A failing disk and a dead thread are tried again at this pace. */
const RETRY_MS = 1000;
/** How long `stop` waits for a disk that neither takes nor refuses. */
const STOP_MS = 5000;

export interface OutboxOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly startThread: StartDiskThread;
  /** Some bytes have reached their files: there is room again. */
  readonly onDrained: () => void;
}

/**
 * All files on their way to the disk: decides when which lane's next operation goes to the thread, and tries again what
 * failed. It knows bytes and files, not records and calls.
 */
export class Outbox {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #startThread: StartDiskThread;
  readonly #onDrained: () => void;
  readonly #lanes = new Map<number, Lane>();
  readonly #onClosed = new Map<Lane, () => void>();
  /** Each says whether what it waits for has come. */
  readonly #waiters = new Set<() => boolean>();
  #nextLane = 1;
  #thread: DiskThread | undefined;
  #threadDown: string | undefined;
  #isUp = false;
  #isSendQueued = false;
  #isFailing = false;
  #batch: TimerHandle | undefined;
  #retry: TimerHandle | undefined;
  #restart: TimerHandle | undefined;
  #bytes = { journals: 0, tracks: 0 };

  constructor(options: OutboxOptions) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#startThread = options.startThread;
    this.#onDrained = options.onDrained;
    this.#start();
  }

  /** Bytes pushed and not yet known to be in a file. */
  get queued(): { readonly journals: number; readonly tracks: number } {
    return this.#bytes;
  }

  /** Age of the oldest of them, milliseconds; 0 when there is none. */
  get behindMs(): number {
    const now = this.#clock.mono();
    let behind = 0;
    for (const { oldest } of this.#lanes.values()) if (oldest !== undefined) behind = Math.max(behind, now - oldest);
    return behind;
  }

  /** Why writing does not work just now; undefined when it does. */
  get failed(): string | undefined {
    if (this.#threadDown !== undefined) return this.#threadDown;
    for (const { failing } of this.#lanes.values()) if (failing !== undefined) return failing;
    return undefined;
  }

  /** @param isJournal else a track. */
  add(path: string, isJournal: boolean): Lane {
    const lane = new Lane({ id: this.#nextLane++, path, isJournal });
    this.#lanes.set(lane.id, lane);
    return lane;
  }

  /** Copies `bytes`. With `onWritten` they go at once, and it runs when they are in the file. */
  push(lane: Lane, bytes: Uint8Array, onWritten?: () => void): void {
    this.#bytes[lane.isJournal ? 'journals' : 'tracks'] += bytes.length;
    lane.push(bytes, this.#clock.mono(), onWritten);
    if (lane.due) this.#sendSoon();
    else this.#batch ??= this.#clock.after(BATCH_MS, () => this.#sendBatch());
  }

  /** Closes the file after its last byte is written, and moves it when `moveTo` says where. */
  close(lane: Lane, moveTo: string | undefined, closed: () => void): void {
    this.#onClosed.set(lane, closed);
    lane.close(moveTo);
    this.#sendSoon();
  }

  /** Resolves when all pushed so far is written and all closed so far is moved. */
  flush(): Promise<void> {
    for (const lane of this.#lanes.values()) lane.due = true;
    this.#sendSoon();
    const goals = [...this.#lanes.values()].map((lane) => ({ lane, bytes: lane.pushed, closing: lane.closing }));
    return this.#when(() => goals.every(({ lane, bytes, closing }) => (closing ? lane.closed : lane.written >= bytes)));
  }

  /** Resolves when the first thread has come up. */
  started(): Promise<void> {
    return this.#when(() => this.#isUp);
  }

  /** Tries everything once more, gives up on what is refused or takes over 5 s, ends the thread. */
  async stop(): Promise<void> {
    for (const lane of this.#lanes.values()) {
      lane.due = true;
      lane.resting = false;
    }
    this.#sendSoon();
    let isLate = false;
    const deadline = this.#clock.after(STOP_MS, () => {
      isLate = true;
      this.#checkWaiters();
    });
    await this.#when(() => isLate || [...this.#lanes.values()].every((lane) => lane.idle || lane.resting));
    for (const timer of [deadline, this.#batch, this.#retry, this.#restart]) timer?.cancel();
    const lostBytes = this.#bytes.journals + this.#bytes.tracks;
    if (lostBytes > 0) this.#log.error({ lostBytes, reason: this.failed ?? 'too slow' }, 'journal stopped unwritten');
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.terminate();
  }

  #sendBatch(): void {
    this.#batch = undefined;
    for (const lane of this.#lanes.values()) lane.due ||= lane.queuedBytes > 0;
    this.#send();
  }

  /** Everything that becomes due in this macrotask goes to the thread in one message. */
  #sendSoon(): void {
    if (this.#isSendQueued) return;
    this.#isSendQueued = true;
    queueMicrotask(() => {
      this.#isSendQueued = false;
      this.#send();
    });
  }

  #send(): void {
    if (!this.#thread) return;
    const ops: DiskOp[] = [];
    for (const lane of this.#lanes.values()) {
      const op = lane.next();
      if (op) ops.push(op);
    }
    if (ops.length > 0) this.#thread.post(ops);
  }

  #settle(results: readonly DiskResult[]): void {
    this.#threadDown = undefined;
    this.#isUp = true;
    const fulfilled: (() => void)[] = [];
    for (const result of results) {
      const lane = this.#lanes.get(result.lane);
      if (!lane) continue;
      const before = lane.queuedBytes;
      const settled = lane.settle(result);
      this.#bytes[lane.isJournal ? 'journals' : 'tracks'] -= before - lane.queuedBytes;
      fulfilled.push(...settled.fulfilled);
      if (settled.missingBytes > 0) {
        this.#log.error(
          { missingBytes: settled.missingBytes },
          'a journal file was shortened or removed by someone else',
        );
      }
      if (lane.resting) this.#retry ??= this.#clock.after(RETRY_MS, () => this.#tryAgain());
      if (lane.closed) fulfilled.push(...this.#retire(lane));
    }
    this.#report();
    this.#onDrained();
    this.#send();
    for (const run of fulfilled) this.#guarded(run);
    this.#checkWaiters();
  }

  #retire(lane: Lane): (() => void)[] {
    this.#lanes.delete(lane.id);
    const closed = this.#onClosed.get(lane);
    this.#onClosed.delete(lane);
    return closed ? [closed] : [];
  }

  #tryAgain(): void {
    this.#retry = undefined;
    for (const lane of this.#lanes.values()) lane.resting = false;
    this.#send();
  }

  #start(): void {
    this.#thread = this.#startThread({
      results: (results) => this.#settle(results),
      died: (reason) => this.#died(reason),
    });
    this.#send();
  }

  #died(reason: string): void {
    this.#thread = undefined;
    this.#threadDown = `journal thread died: ${reason}`;
    for (const lane of this.#lanes.values()) lane.abandon();
    this.#report();
    this.#restart = this.#clock.after(RETRY_MS, () => this.#start());
  }

  /** One line when it begins to fail, one when it works again: a full disk must not fill the log as well. */
  #report(): void {
    const reason = this.failed;
    if ((reason !== undefined) === this.#isFailing) return;
    this.#isFailing = reason !== undefined;
    if (reason === undefined) this.#log.info({}, 'journal is written again');
    else this.#log.error({ reason }, 'journal cannot be written; calls go on in memory');
  }

  #guarded(run: () => void): void {
    try {
      run();
    } catch (thrown) {
      this.#log.error({ error: messageOf(thrown) }, 'an acknowledgement of the journal threw');
    }
  }

  #when(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.add(() => {
        if (!condition()) return false;
        resolve();
        return true;
      });
      this.#checkWaiters();
    });
  }

  #checkWaiters(): void {
    for (const waiter of this.#waiters) if (waiter()) this.#waiters.delete(waiter);
  }
}
