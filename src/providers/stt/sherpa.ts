import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createDecoder } from '../../audio/codec.ts';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { ProviderFailure, SttEvent, SttOptions, SttProvider, SttStream } from '../ports.ts';

export interface SherpaSttOptions {
  /**
   * Folder of a streaming transducer model with `tokens.txt`, `encoder.onnx`, `decoder.onnx` and `joiner.onnx`, as the
   * k2-fsa project publishes them (rename or link the files of the precision you want).
   */
  readonly model: string;
  readonly clock: Clock;
  /** Silence behind words that ends a turn, milliseconds. Default 800. */
  readonly endOfTurnMs?: number;
  /** How `sherpa-onnx-node` is loaded. */
  readonly load?: () => Promise<SherpaModule>;
}

/** The part of `sherpa-onnx-node` that is used; the package has no types. */
export interface SherpaModule {
  readonly OnlineRecognizer: new (config: object) => SherpaRecognizer;
}

export interface SherpaRecognizer {
  createStream(): SherpaStream;
  isReady(stream: SherpaStream): boolean;
  decode(stream: SherpaStream): void;
  isEndpoint(stream: SherpaStream): boolean;
  reset(stream: SherpaStream): void;
  getResult(stream: SherpaStream): { readonly text: string };
}

export interface SherpaStream {
  acceptWaveform(wave: { readonly sampleRate: number; readonly samples: Float32Array }): void;
}

const MODEL_FILES = ['tokens.txt', 'encoder.onnx', 'decoder.onnx', 'joiner.onnx'] as const;

/** Not a literal in the import: the package is the user's to install, and the compiler must not look for it. */
const PACKAGE = 'sherpa-onnx-node';

/**
 * Open speech recognition without a network, with a model of your own: sherpa-onnx. It decodes in the main thread (its
 * binding has no other way), so it is for few calls at a time; `decode` of 100 ms takes a few milliseconds with the small models.
 */
export function createSherpaStt(options: SherpaSttOptions): SttProvider {
  const { model, load = () => import(PACKAGE) as Promise<SherpaModule>, endOfTurnMs = 800 } = options;
  let loading: Promise<SherpaRecognizer | ProviderFailure> | undefined;
  /** The model is loaded with the first call and shared by all. */
  const recognizer = (): Promise<SherpaRecognizer | ProviderFailure> =>
    (loading ??= loadRecognizer(model, load, endOfTurnMs));

  return {
    name: `sherpa ${model}`,
    open(streamOptions, emit) {
      return openStream(streamOptions, emit, recognizer());
    },
  };
}

async function loadRecognizer(
  model: string,
  load: () => Promise<SherpaModule>,
  endOfTurnMs: number,
): Promise<SherpaRecognizer | ProviderFailure> {
  const absent = MODEL_FILES.filter((file) => !existsSync(join(model, file)));
  if (absent.length > 0) return missing(`the sherpa model folder ${model} has no ${absent.join(', ')}`);
  let module: SherpaModule;
  try {
    module = await load();
  } catch (error) {
    return missing(`stt.provider sherpa needs the package ${PACKAGE}: npm install ${PACKAGE} (${messageOf(error)})`);
  }
  try {
    return new module.OnlineRecognizer({
      featConfig: { sampleRate: 16000, featureDim: 80 },
      modelConfig: {
        transducer: {
          encoder: join(model, 'encoder.onnx'),
          decoder: join(model, 'decoder.onnx'),
          joiner: join(model, 'joiner.onnx'),
        },
        tokens: join(model, 'tokens.txt'),
        numThreads: 1,
      },
      enableEndpoint: true,
      // Rule 1 is for streams without any words, which are no turn here: it only resets what noise has built up.
      rule1MinTrailingSilence: 10,
      rule2MinTrailingSilence: endOfTurnMs / 1000,
      rule3MinUtteranceLength: 30,
    });
  } catch (error) {
    return { kind: 'server', message: `sherpa cannot load the model ${model}: ${messageOf(error)}`, retryable: false };
  }
}

/** Many models write capitals only. */
function readable(text: string): string {
  const trimmed = text.trim();
  return trimmed === trimmed.toUpperCase() ? trimmed.toLowerCase() : trimmed;
}

function missing(message: string): ProviderFailure {
  return { kind: 'missing', message, retryable: false };
}

function openStream(
  { format }: SttOptions,
  emit: (event: SttEvent) => void,
  loading: Promise<SherpaRecognizer | ProviderFailure>,
): SttStream {
  const decoder = createDecoder(format);
  const early: Int16Array[] = [];
  let recognizer: SherpaRecognizer | undefined;
  let stream: SherpaStream | undefined;
  let over = false;
  let text = '';

  const hear = (samples: Int16Array): void => {
    if (!recognizer || !stream) {
      early.push(samples);
      return;
    }
    stream.acceptWaveform({
      sampleRate: format.sampleRate,
      samples: Float32Array.from(samples, (sample) => sample / 32768),
    });
    while (recognizer.isReady(stream)) recognizer.decode(stream);
    const now = readable(recognizer.getResult(stream).text);
    const isEnd = recognizer.isEndpoint(stream);
    if (now !== '' && text === '') emit({ type: 'sttSpeechStarted' });
    if (now !== '' && now !== text) emit({ type: 'sttPartial', text: now });
    text = now;
    if (!isEnd || over) return;
    recognizer.reset(stream);
    text = '';
    if (now !== '') emit({ type: 'sttEndOfTurn', text: now });
  };

  const guarded = (samples: Int16Array): void => {
    if (over) return;
    try {
      hear(samples);
    } catch (error) {
      over = true;
      emit({ type: 'sttFailed', failure: { kind: 'server', message: `sherpa: ${messageOf(error)}`, retryable: true } });
    }
  };

  void loading.then((loaded) => {
    if (over) return;
    if ('kind' in loaded) {
      over = true;
      emit({ type: 'sttFailed', failure: loaded });
      return;
    }
    recognizer = loaded;
    stream = loaded.createStream();
    emit({ type: 'sttOpened' });
    for (const samples of early.splice(0)) guarded(samples);
  });

  return {
    endsTurns: true,
    write(bytes) {
      guarded(decoder.decode(bytes));
    },
    beginUtterance: () => undefined,
    finishUtterance: () => undefined,
    close() {
      over = true;
      early.length = 0;
    },
  };
}
