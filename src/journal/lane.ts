import { ByteQueue } from './byte-queue.ts';
import type { DiskOp, DiskResult } from './disk.ts';

/** Largest single write: a long backlog of one call must not hold up the intent of another. */
const WRITE_BYTES = 256 * 1024;

export interface LaneOptions {
  /** Names the lane to the disk thread. */
  readonly id: number;
  readonly path: string;
  /** A journal (lines) or a track (binary records): how an old file is continued differs. */
  readonly isJournal: boolean;
}

/**
 * One file on its way to the disk: the bytes not yet known to be in it, and what to do next about them. At most one
 * operation is under way, so order, repetition and acknowledgement have nothing to sort out.
 *
 *     push ──> queue ──next()──> operation under way ──settle()──> acknowledged, `onWritten` run
 *                ^                        │
 *                └──── failed, or thread died: opened again, sent again
 */
export class Lane {
  readonly id: number;
  /** Else a track. */
  readonly isJournal: boolean;
  readonly #path: string;
  readonly #queue = new ByteQueue();
  /** Who waits for which byte, counted from the lane's first. */
  readonly #waiting: { readonly end: number; readonly run: () => void }[] = [];
  #pushed = 0;
  #written = 0;
  /** Bytes known to be in the file; unknown until it was opened once. */
  #length: number | undefined;
  #opened = false;
  #underWay: 'nothing' | 'open' | 'write' | 'close' = 'nothing';
  #close: { readonly moveTo: string | undefined } | undefined;
  #closed = false;
  /** `mono` of the oldest byte that is not acknowledged. */
  #since: number | undefined;
  #sentSince: number | undefined;
  /** Should the next operation go as soon as the lane is free? Otherwise it waits for the batch. */
  due = false;
  /** Why the last operation failed; cleared by a write or close that succeeded. */
  failing: string | undefined;
  /** It failed and rests until the retry. */
  resting = false;

  constructor(options: LaneOptions) {
    this.id = options.id;
    this.#path = options.path;
    this.isJournal = options.isJournal;
  }

  /** Bytes not yet known to be in the file. */
  get queuedBytes(): number {
    return this.#queue.length;
  }

  /** Bytes ever pushed and bytes ever acknowledged. */
  get pushed(): number {
    return this.#pushed;
  }

  get written(): number {
    return this.#written;
  }

  get closing(): boolean {
    return this.#close !== undefined;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Has it anything left to do? */
  get idle(): boolean {
    return this.#closed || (this.#queue.length === 0 && this.#close === undefined);
  }

  /** Monotonic time of the oldest byte that is not in the file. */
  get oldest(): number | undefined {
    return this.#sentSince ?? this.#since;
  }

  push(bytes: Uint8Array, now: number, onWritten?: () => void): void {
    this.#queue.push(bytes);
    this.#pushed += bytes.length;
    this.#since ??= now;
    if (onWritten) this.#waiting.push({ end: this.#pushed, run: onWritten });
    if (onWritten || this.#queue.length >= WRITE_BYTES) this.due = true;
  }

  /** After everything pushed is written: close the file, and move it when `moveTo` says where. */
  close(moveTo: string | undefined): void {
    this.#close = { moveTo };
    this.due = true;
  }

  /** The operation to send now, if any. It counts as under way until `settle` or `abandon`. */
  next(): DiskOp | undefined {
    if (this.#underWay !== 'nothing' || this.resting || this.#closed || !this.due) return undefined;
    const lane = this.id;
    if (this.#queue.length === 0) {
      this.due = false;
      if (!this.#close) return undefined;
      this.#underWay = 'close';
      return { op: 'close', lane, path: this.#path, moveTo: this.#close.moveTo };
    }
    if (!this.#opened || this.#length === undefined) {
      this.#underWay = 'open';
      return { op: 'open', lane, path: this.#path, lines: this.isJournal, length: this.#length };
    }
    this.#underWay = 'write';
    const bytes = this.#queue.peek(WRITE_BYTES);
    this.due = this.#close !== undefined || bytes.length < this.#queue.length;
    this.#sentSince = this.#since;
    if (bytes.length === this.#queue.length) this.#since = undefined;
    return { op: 'write', lane, offset: this.#length, bytes };
  }

  /**
   * Takes the disk's answer. Returns the `onWritten`s that it fulfils, in order, and how many bytes an open file was
   * found to lack: somebody else shortened or removed it.
   */
  settle(result: DiskResult): { readonly fulfilled: readonly (() => void)[]; readonly missingBytes: number } {
    const op = this.#underWay;
    this.#underWay = 'nothing';
    if (!result.ok) {
      this.failing = result.reason;
      this.resting = true;
      this.#again();
      return { fulfilled: [], missingBytes: 0 };
    }
    if (op === 'open') {
      const missingBytes = Math.max(0, (this.#length ?? 0) - result.length);
      this.#opened = true;
      this.#length = result.length;
      return { fulfilled: [], missingBytes };
    }
    this.failing = undefined;
    if (op === 'close') {
      this.#closed = true;
      return { fulfilled: [], missingBytes: 0 };
    }
    const n = result.length - (this.#length ?? 0);
    this.#length = result.length;
    this.#queue.drop(n);
    this.#written += n;
    this.#sentSince = undefined;
    const fulfilled: (() => void)[] = [];
    for (let first = this.#waiting[0]; first && first.end <= this.#written; first = this.#waiting[0]) {
      this.#waiting.shift();
      fulfilled.push(first.run);
    }
    return { fulfilled, missingBytes: 0 };
  }

  /** The thread died: whatever was under way may or may not have happened, and is done again. */
  abandon(): void {
    this.#underWay = 'nothing';
    this.resting = false;
    this.#again();
  }

  #again(): void {
    this.#opened = false;
    this.#since = this.#sentSince ?? this.#since;
    this.#sentSince = undefined;
    if (!this.idle) this.due = true;
  }
}
