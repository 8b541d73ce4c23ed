import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../core/errors.ts';
import type { ScriptGrammar } from '../script-grammar.ts';
import type { WorkerMessage } from '../worker-pool.ts';
import { createRecogniser, GrammarError, type Engine, type Recognised, type Recogniser } from './recogniser.ts';

/** What the thread is started with. */
export interface EmbeddedSttWorkerData {
  /** File URL of the engine's module and, ending in a slash, path of its models. */
  readonly engineUrl: string;
  readonly modelBase: string;
  readonly grammar: ScriptGrammar;
}

/** One utterance, or the beginning of one. */
export interface EmbeddedSttJob {
  /** 8 kHz. */
  readonly samples: Int16Array;
  readonly isWhole: boolean;
}

const port = parentPort;
if (!port) throw new Error('embedded-worker runs as a worker thread');
const tell = (message: WorkerMessage<Recognised>): void => port.postMessage(message);

async function load(data: EmbeddedSttWorkerData): Promise<Recogniser> {
  const silent = (): void => undefined;
  const module = (await import(data.engineUrl)) as { readonly default: (options: object) => Promise<Engine> };
  // Without modelBase it looks in the working directory; without the stubs it prints a line for every rejected utterance.
  const engine = await module.default({ modelBase: data.modelBase, print: silent, printErr: silent });
  return createRecogniser(engine, data.grammar);
}

load(workerData as EmbeddedSttWorkerData).then(
  (recogniser) => {
    port.on('message', ({ samples, isWhole }: EmbeddedSttJob) => {
      // A throw leaves the decoder inside an utterance, of no more use: it ends the thread, and the pool starts another.
      const result = isWhole
        ? recogniser.recognise(samples)
        : { text: recogniser.recogniseSoFar(samples), rejected: false };
      tell({ type: 'result', result });
    });
    tell({ type: 'ready' });
  },
  (error: unknown) => {
    const kind = error instanceof GrammarError ? 'bad_request' : 'server';
    tell({ type: 'unusable', kind, message: messageOf(error) });
  },
);
