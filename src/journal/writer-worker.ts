import fs from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { createDisk, type DiskOp } from './disk.ts';

/**
 * The thread that does all writing. It keeps nothing but open files: what to write, where, and when to try again is the
 * writer's knowledge, so a dead thread is simply started anew.
 */
const disk = createDisk(fs);
const port = parentPort;
// No answers yet, but here: a writer whose thread had died learns that it writes again.
port?.postMessage([]);
port?.on('message', (ops: readonly DiskOp[]) => port.postMessage(ops.map((op) => disk.run(op))));
