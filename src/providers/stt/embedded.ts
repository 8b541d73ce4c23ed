import { fileURLToPath } from 'node:url';
import { createDecoder } from '../../audio/codec.ts';
import { createResampler } from '../../audio/resample.ts';
import type { Clock } from '../../core/clock.ts';
import { LandlineError } from '../../core/errors.ts';
import { findPackage, resolveInstalled, type ResolvePackage } from '../engine-package.ts';
import type { ProviderFailure, SttEvent, SttOptions, SttProvider, SttStream } from '../ports.ts';
import type { AgentScript } from '../script.ts';
import { grammarOf } from '../script-grammar.ts';
import { createWorkerPool, workerUrl, type PoolJob, type WorkerPool } from '../worker-pool.ts';
import type { EmbeddedSttJob, EmbeddedSttWorkerData } from './embedded-worker.ts';
import type { Recognised } from './recogniser.ts';

export interface EmbeddedSttOptions {
  /** What callers may say; nothing else is understood. */
  readonly script: AgentScript;
  readonly clock: Clock;
  /** Recognising threads at a time, about 60 MB each. Default: the number of cores, at most 8. */
  readonly workers?: number;
  /** How `soundswallower` is found. */
  readonly resolve?: ResolvePackage;
}

export interface EmbeddedStt extends SttProvider {
  /**
   * Loads the recogniser and checks the script's words against its dictionary, so that a mistake shows at the start.
   * @throws LandlineError `provider_missing`, `script_invalid` or `provider_failed`.
   */
  prepare(): Promise<void>;
  /** Ends the threads. */
  close(): Promise<void>;
}

/** Kept from before `beginUtterance`: VAD hears speech late, and soft beginnings later. */
const LEAD_IN_MS = 500;
/** A longer utterance fits no grammar; what comes after it is not kept. */
const MAX_UTTERANCE_MS = 20_000;
/** Audio of the running utterance after which its words so far are looked for: first, and then as a factor. */
const FIRST_PARTIAL_MS = 500;
const NEXT_PARTIAL_FACTOR = 1.4;
/** Of a finished utterance this much may lead into the next: VAD waits longer than this for its end, so it is silence. */
const AFTER_END_MS = 200;
const SAMPLES_PER_MS = 8;

/**
 * Speech recognition without a key and without a network: `soundswallower` (PocketSphinx in WebAssembly, US English, 8 kHz)
 * in worker threads. It understands the sentences of its script and refuses everything else.
 */
export function createEmbeddedStt(options: EmbeddedSttOptions): EmbeddedStt {
  const { script, clock, workers, resolve = resolveInstalled } = options;
  const found = findPackage('soundswallower', resolve, 'the embedded recogniser');
  const pool = 'url' in found ? createPool(found.url, script, clock, workers) : undefined;
  const missing = 'failure' in found ? found.failure : undefined;

  /** Tells `done` once, later, whether the recogniser can be used. */
  const warm = (done: (failure: ProviderFailure | undefined) => void): PoolJob => {
    if (pool) return pool.warm(done);
    return clock.after(0, () => done(missing));
  };

  return {
    name: 'embedded soundswallower',
    open: (streamOptions, emit) => openStream(streamOptions, emit, clock, pool, warm),
    prepare: () =>
      new Promise((ready, refuse) => {
        warm((failure) => (failure ? refuse(asError(failure)) : ready()));
      }),
    close: () => pool?.close() ?? Promise.resolve(),
  };
}

function asError({ kind, message }: ProviderFailure): LandlineError {
  if (kind === 'missing') return new LandlineError('provider_missing', message);
  return new LandlineError(kind === 'bad_request' ? 'script_invalid' : 'provider_failed', message);
}

function createPool(
  engine: URL,
  script: AgentScript,
  clock: Clock,
  size: number | undefined,
): WorkerPool<EmbeddedSttJob, Recognised> {
  const workerData: EmbeddedSttWorkerData = {
    engineUrl: engine.href,
    modelBase: fileURLToPath(new URL('./model/', engine)),
    grammar: grammarOf(script),
  };
  return createWorkerPool({
    name: 'the embedded recogniser',
    script: workerUrl('embedded-worker', import.meta.url),
    workerData,
    clock,
    ...(size === undefined ? {} : { size }),
  });
}

function openStream(
  { format, language }: SttOptions,
  emit: (event: SttEvent) => void,
  clock: Clock,
  pool: WorkerPool<EmbeddedSttJob, Recognised> | undefined,
  warm: (done: (failure: ProviderFailure | undefined) => void) => PoolJob,
): SttStream {
  const decoder = createDecoder(format);
  const resampler = createResampler(format.sampleRate, 8000);
  const audio = createUtteranceAudio();
  /** Everything asked for and not answered yet. */
  const pending = new Set<PoolJob>();
  const answers: { readonly utterance: number; result?: Recognised }[] = [];
  let partial: PoolJob | undefined;
  let nextPartialMs = Infinity;
  let partialText = '';
  let over = false;

  const end = (): void => {
    over = true;
    for (const job of pending) job.cancel();
    pending.clear();
    partial?.cancel();
  };
  const fail = (failure: ProviderFailure): void => {
    if (over) return;
    end();
    emit({ type: 'sttFailed', failure });
  };

  const opening =
    language.toLowerCase().split('-')[0] === 'en'
      ? warm((failure) => opened(failure))
      : clock.after(0, () => opened(notEnglish(language)));
  pending.add(opening);
  const opened = (failure: ProviderFailure | undefined): void => {
    pending.delete(opening);
    if (failure) fail(failure);
    else emit({ type: 'sttOpened' });
  };

  const lookForWords = (): void => {
    if (partial || audio.utteranceMs() < nextPartialMs) return;
    // Only on a thread that has nothing else to do: the end of somebody's utterance goes first.
    partial = pool?.runIfIdle({ samples: audio.copy(), isWhole: false }, (outcome) => {
      partial = undefined;
      if (!outcome.ok) {
        fail(outcome.failure);
      } else if (outcome.result.text !== '' && outcome.result.text !== partialText) {
        partialText = outcome.result.text;
        emit({ type: 'sttPartial', text: partialText });
      }
    });
    if (partial) nextPartialMs = audio.utteranceMs() * NEXT_PARTIAL_FACTOR;
  };

  /** In the order of the utterances: a short one may be recognised before the long one it came after. */
  const tellAnswers = (): void => {
    for (let next = answers[0]; next?.result && !over; next = answers[0]) {
      const { text, rejected } = next.result;
      answers.shift();
      emit({ type: 'sttUtterance', utterance: next.utterance, text, ...(rejected ? { rejected } : {}) });
    }
  };

  return {
    endsTurns: false,
    write(bytes) {
      if (over) return;
      // Wire bytes are decoded at once, so nothing of the caller's buffer is kept.
      audio.push(resampler.process(decoder.decode(bytes)));
      lookForWords();
    },
    beginUtterance() {
      if (over) return;
      audio.begin();
      partialText = '';
      nextPartialMs = FIRST_PARTIAL_MS;
    },
    finishUtterance(utterance) {
      if (over) return;
      partial?.cancel();
      partial = undefined;
      nextPartialMs = Infinity;
      const answer: (typeof answers)[number] = { utterance };
      answers.push(answer);
      const job = pool?.run({ samples: audio.end(), isWhole: true }, (outcome) => {
        if (job) pending.delete(job);
        if (!outcome.ok) {
          fail(outcome.failure);
          return;
        }
        answer.result = outcome.result;
        tellAnswers();
      });
      if (job) pending.add(job);
    },
    close: end,
  };
}

function notEnglish(language: string): ProviderFailure {
  return {
    kind: 'bad_request',
    message: `the embedded recogniser understands English only, not "${language}": use stt.provider deepgram or sherpa`,
    retryable: false,
  };
}

/** The caller's last half second, and everything since while an utterance runs. Samples at 8 kHz. */
interface UtteranceAudio {
  push(samples: Int16Array): void;
  begin(): void;
  /** Since `begin`; 0 when none runs. */
  utteranceMs(): number;
  copy(): Int16Array;
  /** The utterance with its lead-in. */
  end(): Int16Array;
}

function createUtteranceAudio(): UtteranceAudio {
  const leadIn = LEAD_IN_MS * SAMPLES_PER_MS;
  const max = leadIn + MAX_UTTERANCE_MS * SAMPLES_PER_MS;
  let buffer = new Int16Array(leadIn * 4);
  let length = 0;
  let begunAt: number | undefined;

  const keepLeadIn = (): void => {
    buffer.copyWithin(0, Math.max(0, length - leadIn), length);
    length = Math.min(length, leadIn);
  };
  return {
    push(samples) {
      if (begunAt === undefined && length + samples.length > buffer.length) keepLeadIn();
      const taken = begunAt === undefined ? samples : samples.subarray(0, Math.max(0, max - length));
      if (length + taken.length > buffer.length) {
        const larger = new Int16Array(Math.max(buffer.length * 2, length + taken.length));
        larger.set(buffer.subarray(0, length));
        buffer = larger;
      }
      buffer.set(taken, length);
      length += taken.length;
    },
    begin() {
      keepLeadIn();
      begunAt = length;
    },
    utteranceMs: () => (begunAt === undefined ? 0 : (length - begunAt) / SAMPLES_PER_MS),
    copy: () => buffer.slice(0, length),
    end() {
      const utterance = buffer.slice(0, length);
      begunAt = undefined;
      buffer = new Int16Array(leadIn * 4);
      const tail = utterance.subarray(Math.max(0, utterance.length - AFTER_END_MS * SAMPLES_PER_MS));
      buffer.set(tail);
      length = tail.length;
      return utterance;
    },
  };
}
