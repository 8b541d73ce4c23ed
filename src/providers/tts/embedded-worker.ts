import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { AudioFormat } from '../../audio/format.ts';
import { messageOf } from '../../core/errors.ts';
import type { WorkerMessage } from '../worker-pool.ts';
import { encodeSpeech } from './encode-speech.ts';
import { createFlite, type FliteVoice } from './flite.ts';

/** What the thread is started with. */
export interface EmbeddedTtsWorkerData {
  /** File URL of `flite.wasm`. */
  readonly wasmUrl: string;
  readonly voice: FliteVoice;
}

/** One sentence. */
export interface EmbeddedTtsJob {
  readonly text: string;
  readonly format: AudioFormat;
}

const port = parentPort;
if (!port) throw new Error('embedded-worker runs as a worker thread');
const tell = (message: WorkerMessage<Uint8Array>): void => port.postMessage(message);

const { wasmUrl, voice } = workerData as EmbeddedTtsWorkerData;
try {
  const speak = createFlite(readFileSync(new URL(wasmUrl)));
  port.on('message', ({ text, format }: EmbeddedTtsJob) => {
    try {
      tell({ type: 'result', result: encodeSpeech(speak(voice, text), format) });
    } catch (error) {
      tell({ type: 'failed', message: messageOf(error) });
    }
  });
  tell({ type: 'ready' });
} catch (error) {
  tell({ type: 'unusable', kind: 'server', message: `cannot load ${wasmUrl}: ${messageOf(error)}` });
}
