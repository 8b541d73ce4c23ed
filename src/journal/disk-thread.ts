import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { messageOf } from '../core/errors.ts';
import type { DiskOp, DiskResult } from './disk.ts';

export interface DiskThreadEvents {
  /** The answers to one `post`, in its order; an empty list once, when the thread has come up. */
  results(results: readonly DiskResult[]): void;
  /** The thread is gone without being asked to; answers that have not come will not come. Once. */
  died(reason: string): void;
}

export interface DiskThread {
  /** Takes the buffers of the writes away from the caller. */
  post(ops: readonly DiskOp[]): void;
  /** Ends the thread; no event follows. */
  terminate(): Promise<void>;
}

/** Starts a thread that runs {@link DiskOp}s. The writer's seam: tests hand in threads that die and disks that fail. */
export type StartDiskThread = (events: DiskThreadEvents) => DiskThread;

// A clone runs writer-worker.ts as it is, the published package writer-worker.js: the worker is what we are.
const WORKER = new URL(`./writer-worker${extname(import.meta.url)}`, import.meta.url);

export const startDiskThread: StartDiskThread = (events) => {
  // It needs neither our flags nor our environment, which holds keys.
  const worker = new Worker(WORKER, { name: 'landline-journal', execArgv: [], env: {} });
  let over = false;
  const died = (reason: string): void => {
    if (over) return;
    over = true;
    events.died(reason);
  };
  worker.on('message', (results: readonly DiskResult[]) => {
    if (!over) events.results(results);
  });
  worker.on('error', (error) => died(messageOf(error)));
  worker.on('exit', (code) => died(`exited with code ${code}`));
  return {
    post(ops) {
      worker.postMessage(
        ops,
        ops.flatMap((op) => (op.op === 'write' ? [op.bytes.buffer] : [])),
      );
    },
    async terminate() {
      over = true;
      await worker.terminate();
    },
  };
};
