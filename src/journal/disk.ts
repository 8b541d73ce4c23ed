import type * as fs from 'node:fs';
import { constants } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf } from '../core/errors.ts';
import { FILE_MODE, FOLDER_MODE } from './layout.ts';

/**
 * What the writer asks of the disk; one answer per operation, in order. Every one may be repeated without harm, because
 * writes name their place: that is how nothing is lost or doubled when the thread dies between doing and answering.
 */
export type DiskOp =
  /**
   * Opens for writing, making file and folders where missing. `length` is what the writer knows to be in the file:
   * bytes after it are cut off. Unknown (a call taken over from a killed process): `lines` files are cut after their
   * last whole line, others keep everything.
   */
  | {
      readonly op: 'open';
      readonly lane: number;
      readonly path: string;
      readonly lines: boolean;
      readonly length: number | undefined;
    }
  /** Writes all of `bytes` at `offset`. */
  | { readonly op: 'write'; readonly lane: number; readonly offset: number; readonly bytes: Uint8Array<ArrayBuffer> }
  /** Closes, then moves the file. */
  | { readonly op: 'close'; readonly lane: number; readonly path: string; readonly moveTo: string | undefined };

export type DiskResult =
  /** `length` of the file after the operation; 0 after `close`. */
  | { readonly lane: number; readonly ok: true; readonly length: number }
  /** `reason` e.g. `ENOSPC: no space left on device, write`. */
  | { readonly lane: number; readonly ok: false; readonly reason: string };

/** The few calls of `node:fs` that are needed, so that tests can hand in a disk that fails. */
export type DiskFs = Pick<
  typeof fs,
  | 'closeSync'
  | 'existsSync'
  | 'fstatSync'
  | 'ftruncateSync'
  | 'mkdirSync'
  | 'openSync'
  | 'readSync'
  | 'renameSync'
  | 'writeSync'
>;

export interface Disk {
  /** Does one operation, blocking. Never throws: a failure is its answer. */
  run(op: DiskOp): DiskResult;
}

const TAIL_BYTES = 64 * 1024;

/** The hands of the journal: blocking file calls, made to live in a thread of its own. */
export function createDisk(io: DiskFs): Disk {
  const open = new Map<number, number>();

  const perform = (op: DiskOp): number => {
    switch (op.op) {
      case 'open':
        return openFile(op);
      case 'write':
        return writeAll(op);
      case 'close':
        return close(op);
    }
  };

  const openFile = (op: DiskOp & { op: 'open' }): number => {
    forget(op.lane);
    io.mkdirSync(dirname(op.path), { recursive: true, mode: FOLDER_MODE });
    const fd = io.openSync(op.path, constants.O_RDWR | constants.O_CREAT, FILE_MODE);
    open.set(op.lane, fd);
    const size = io.fstatSync(fd).size;
    const keep = op.length ?? (op.lines ? endOfLastLine(fd, size) : size);
    if (keep >= size) return size;
    io.ftruncateSync(fd, keep);
    return keep;
  };

  const writeAll = (op: DiskOp & { op: 'write' }): number => {
    const fd = open.get(op.lane);
    if (fd === undefined) throw new Error('EBADF: write before open');
    let done = 0;
    while (done < op.bytes.length) {
      done += io.writeSync(fd, op.bytes, done, op.bytes.length - done, op.offset + done);
    }
    return op.offset + done;
  };

  const close = (op: DiskOp & { op: 'close' }): number => {
    forget(op.lane);
    if (op.moveTo === undefined) return 0;
    // Gone from here: moved by an earlier attempt whose answer was lost, or removed by a person. Either way it is over.
    if (!io.existsSync(op.path)) return 0;
    io.mkdirSync(dirname(op.moveTo), { recursive: true, mode: FOLDER_MODE });
    io.renameSync(op.path, op.moveTo);
    return 0;
  };

  const forget = (lane: number): void => {
    const fd = open.get(lane);
    if (fd === undefined) return;
    open.delete(lane);
    io.closeSync(fd);
  };

  /** A record is what ends in a newline: the offset after the last one. */
  const endOfLastLine = (fd: number, size: number): number => {
    const tail = Buffer.alloc(Math.min(TAIL_BYTES, size));
    for (let end = size; end > 0;) {
      const from = Math.max(0, end - TAIL_BYTES);
      const n = io.readSync(fd, tail, 0, end - from, from);
      const newline = tail.subarray(0, n).lastIndexOf(0x0a);
      if (newline >= 0) return from + newline + 1;
      end = from;
    }
    return 0;
  };

  return {
    run(op) {
      try {
        return { lane: op.lane, ok: true, length: perform(op) };
      } catch (thrown) {
        return { lane: op.lane, ok: false, reason: messageOf(thrown) };
      }
    },
  };
}
