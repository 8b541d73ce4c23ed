import { createEncoder } from '../../audio/codec.ts';
import type { AudioFormat } from '../../audio/format.ts';
import { createL16Reader } from '../../audio/linear.ts';
import { createResampler } from '../../audio/resample.ts';
import type { Clock } from '../../core/clock.ts';
import type { OpenAiClient } from '../openai-client.ts';
import type { ProviderFailure } from '../ports.ts';
import { createWatchdog } from '../watchdog.ts';
import { foreignContentType, inspectAudioBody } from './audio-body.ts';

export interface SpeechParameters {
  readonly model: string;
  readonly voice: string;
  /** Rate of the PCM that the server sends, Hz. */
  readonly sampleRate: number;
  readonly firstByteMs: number;
  readonly idleMs: number;
  readonly extraBody: Readonly<Record<string, unknown>>;
}

/** `audio`*, then exactly one of `done` and `failed`; nothing after `abort`. */
export interface SpeechSink {
  /** In the asked format; the buffer is the receiver's. */
  audio(bytes: Uint8Array): void;
  done(): void;
  failed(failure: ProviderFailure): void;
}

export interface SpeechRequest {
  /** From now on somebody waits for it: the deadlines run. Before, the server may still be busy with the last sentence. */
  attend(): void;
  /** Closes the connection at once. Idempotent. */
  abort(): void;
}

/** Synthesises one sentence by `POST /audio/speech` and turns the answer, as it comes, into audio in `format`. */
export function requestSpeech(
  client: OpenAiClient,
  clock: Clock,
  parameters: SpeechParameters,
  text: string,
  format: AudioFormat,
  sink: SpeechSink,
): SpeechRequest {
  const { model, voice, sampleRate, firstByteMs, idleMs, extraBody } = parameters;
  const doing = `openai ${model} speech`;
  const abort = new AbortController();
  const watchdog = createWatchdog(clock);
  let attended = false;
  let began = false;
  let over = false;

  const finish = (): boolean => {
    if (over) return false;
    over = true;
    watchdog.stop();
    return true;
  };
  const fail = (failure: ProviderFailure): void => {
    if (!finish()) return;
    abort.abort();
    sink.failed(failure);
  };
  const malformed = (what: string): void => fail({ kind: 'malformed', message: `${doing}: ${what}`, retryable: false });

  const watch = (): void => {
    if (!attended || over) return;
    const ms = began ? idleMs : firstByteMs;
    watchdog.arm(ms, () =>
      fail({
        kind: began ? 'stalled' : 'timeout',
        message: `${doing}: ${began ? `silent for ${ms} ms in the middle` : `no audio within ${ms} ms`}`,
        retryable: true,
      }),
    );
  };

  const run = async (): Promise<void> => {
    const body = { model, voice, input: text, ...extraBody, response_format: 'pcm' as const };
    const response = await client.sdk.audio.speech.create(body, { signal: abort.signal });
    const foreign = foreignContentType(response.headers.get('content-type'));
    if (foreign) {
      malformed(`answered ${foreign} although response_format is pcm`);
      return;
    }
    const reader = createL16Reader('little');
    const resampler = createResampler(sampleRate, format.sampleRate);
    const encoder = createEncoder(format);
    const give = (samples: Int16Array): void => {
      if (samples.length > 0 && !over) sink.audio(encoder.encode(samples));
    };
    // Until its first bytes have told that it is PCM, the body is held back; that is a matter of four bytes.
    let head: Uint8Array | undefined = new Uint8Array(0);
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      if (over) return;
      if (chunk.length === 0) continue;
      began = true;
      watch();
      let bytes = chunk;
      if (head) {
        bytes = Buffer.concat([head, chunk]);
        const verdict = inspectAudioBody(bytes, false);
        if (verdict.is === 'foreign') {
          malformed(`sent ${verdict.name} although response_format is pcm`);
          return;
        }
        head = verdict.is === 'unclear' ? bytes : undefined;
        if (head) continue;
      }
      give(resampler.process(reader.push(bytes)));
    }
    if (over) return;
    if (!began) {
      malformed('an answer without audio');
      return;
    }
    if (head) {
      const verdict = inspectAudioBody(head, true);
      if (verdict.is === 'foreign') {
        malformed(`sent ${verdict.name} although response_format is pcm`);
        return;
      }
      give(resampler.process(reader.push(head)));
    }
    give(resampler.flush());
    if (finish()) sink.done();
  };

  run().catch((error: unknown) => {
    if (!over) fail(client.failure(doing, error));
  });

  return {
    attend() {
      attended = true;
      watch();
    },
    abort() {
      over = true;
      watchdog.stop();
      abort.abort();
    },
  };
}
