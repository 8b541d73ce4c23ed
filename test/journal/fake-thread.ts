import fs from 'node:fs';
import { createDisk, type Disk, type DiskFs, type DiskOp } from '../../src/journal/disk.ts';
import type { DiskThreadEvents, StartDiskThread } from '../../src/journal/disk-thread.ts';

/** `node:fs` with a switch. */
export interface FaultyFs extends DiskFs {
  /** While set, writes beyond `room` throw it; `EROFS` also keeps files from being opened and moved. */
  failure: string | undefined;
  /** Bytes that still fit; a write is cut where they end. */
  room: number;
}

export function createFaultyFs(): FaultyFs {
  const fail = (call: string): never => {
    throw new Error(`${faulty.failure ?? ''}: injected, ${call}`);
  };
  const faulty: FaultyFs = {
    ...fs,
    failure: undefined,
    room: 0,
    openSync(path, flags, mode) {
      return faulty.failure === 'EROFS' ? fail('open') : fs.openSync(path, flags, mode);
    },
    renameSync(from, to) {
      if (faulty.failure === 'EROFS') fail('rename');
      fs.renameSync(from, to);
    },
    writeSync(fd: number, bytes: unknown, offset?: unknown, length?: unknown, at?: unknown) {
      let n = length as number;
      if (faulty.failure !== undefined) {
        n = Math.min(n, faulty.room);
        faulty.room -= n;
        if (n === 0) fail('write');
      }
      return fs.writeSync(fd, bytes as Uint8Array, offset as number, n, at as number);
    },
  };
  return faulty;
}

interface Life {
  readonly events: DiskThreadEvents;
  readonly disk: Disk;
  readonly waiting: (readonly DiskOp[])[];
}

/**
 * The disk thread without a thread: `step` does what was posted, `die` ends it at a chosen operation, as a crash would. It
 * writes real files through `fs`.
 */
export class FakeThread {
  readonly fs: FaultyFs = createFaultyFs();
  /** Posts in the order of arrival, for tests that look at batches. */
  readonly posts: (readonly DiskOp[])[] = [];
  starts = 0;
  /** Answer at the next microtask, as a thread in a hurry would. */
  auto: boolean;
  #life: Life | undefined;

  constructor(options: { auto: boolean }) {
    this.auto = options.auto;
  }

  readonly start: StartDiskThread = (events) => {
    this.starts += 1;
    const life: Life = { events, disk: createDisk(this.fs), waiting: [] };
    this.#life = life;
    queueMicrotask(() => {
      if (this.#life === life) events.results([]);
    });
    return {
      post: (ops) => {
        this.posts.push(ops);
        life.waiting.push(ops);
        if (this.auto) queueMicrotask(() => this.step());
      },
      terminate: async () => {
        this.#life = undefined;
      },
    };
  };

  get busy(): boolean {
    return (this.#life?.waiting.length ?? 0) > 0;
  }

  /** Does the oldest post and answers it. */
  step(): void {
    const life = this.#life;
    const ops = life?.waiting.shift();
    if (life && ops) life.events.results(ops.map((op) => life.disk.run(op)));
  }

  /** Does `done` of the operations that wait, answers none of them, and is gone. */
  die(done: number): void {
    const life = this.#life;
    if (!life) return;
    for (const op of life.waiting.flat().slice(0, done)) life.disk.run(op);
    this.#life = undefined;
    life.events.died('injected');
  }
}
