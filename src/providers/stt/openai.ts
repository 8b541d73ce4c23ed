import { createDecoder } from '../../audio/codec.ts';
import { writeWav } from '../../audio/wav.ts';
import { createOpenAiClient, type OpenAiClient, type OpenAiClientOptions } from '../openai-client.ts';
import type { ProviderFailure, SttEvent, SttOptions, SttProvider, SttStream } from '../ports.ts';
import { createWatchdog } from '../watchdog.ts';
import { createUtteranceAudio } from './utterance-audio.ts';

export interface OpenAiSttOptions extends OpenAiClientOptions {
  readonly model: string;
  /** From the end of the utterance to its text. Default 6000. */
  readonly deadlineMs?: number;
}

const LEAD_IN_MS = 500;
const MAX_UTTERANCE_MS = 60_000;
/** OpenAI refuses less: "Audio file is too short. Minimum audio length is 0.1 seconds". */
const MIN_UTTERANCE_MS = 100;
const MAX_TEXT_CHARS = 4_000;

interface Pending {
  readonly utterance: number;
  readonly abort: AbortController;
  outcome: { readonly text: string } | { readonly failure: ProviderFailure } | undefined;
}

/**
 * `POST /audio/transcriptions` of OpenAI and compatible servers: whole utterances only, cut by our own VAD. There are no
 * partial results and no end-of-turn decisions on this API, so a barge-in is confirmed only when the caller has finished.
 */
export function createOpenAiStt(options: OpenAiSttOptions): SttProvider {
  const client = createOpenAiClient(options);
  return {
    name: `openai ${options.model}`,
    open: (stream, emit) => openStream(client, options, stream, emit),
  };
}

function openStream(
  client: OpenAiClient,
  options: OpenAiSttOptions,
  stream: SttOptions,
  emit: (event: SttEvent) => void,
): SttStream {
  const { clock, log, model, deadlineMs = 6_000 } = options;
  const perMs = stream.format.sampleRate / 1000;
  const decoder = createDecoder(stream.format);
  const audio = createUtteranceAudio(LEAD_IN_MS * perMs, MAX_UTTERANCE_MS * perMs);
  /** In the order in which they were finished; answered in the same. */
  const pending: Pending[] = [];
  let closed = false;

  const close = (): void => {
    closed = true;
    for (const { abort } of pending.splice(0)) abort.abort();
  };

  const answer = (): void => {
    for (let head = pending[0]; head?.outcome && !closed; head = pending[0]) {
      pending.shift();
      const { outcome, utterance } = head;
      if ('text' in outcome) {
        emit({ type: 'sttUtterance', utterance, text: outcome.text });
      } else {
        close();
        emit({ type: 'sttFailed', failure: outcome.failure });
      }
    }
  };

  const recognise = async (samples: Int16Array, abort: AbortController): Promise<Pending['outcome']> => {
    const doing = `openai ${model} transcription`;
    const watchdog = createWatchdog(clock);
    watchdog.arm(deadlineMs, () => abort.abort());
    try {
      const { body, contentType } = form(samples, model, stream);
      const result = await client.sdk.post('/audio/transcriptions', {
        body,
        headers: { 'content-type': contentType },
        signal: abort.signal,
      });
      const text = (result as { text?: unknown } | null)?.text;
      if (typeof text === 'string') return { text: text.trim().slice(0, MAX_TEXT_CHARS) };
      return { failure: { kind: 'malformed', message: `${doing}: an answer without text`, retryable: true } };
    } catch (error) {
      // Aborted by `close`, nobody reads the outcome any more.
      if (!abort.signal.aborted) return { failure: client.failure(doing, error) };
      return { failure: { kind: 'timeout', message: `${doing}: no text within ${deadlineMs} ms`, retryable: true } };
    } finally {
      watchdog.stop();
    }
  };

  client.warm();
  queueMicrotask(() => {
    if (!closed) emit({ type: 'sttOpened' });
  });

  return {
    endsTurns: false,
    write(bytes) {
      if (!closed) audio.write(decoder.decode(bytes));
    },
    beginUtterance() {
      if (closed) return;
      audio.begin();
      // The connection opens while the caller talks.
      client.warm();
    },
    finishUtterance(utterance) {
      if (closed) return;
      const { samples, dropped } = audio.finish();
      if (dropped > 0)
        log.warn({ utterance, droppedMs: dropped / perMs }, 'utterance too long, its end is not recognised');
      const entry: Pending = { utterance, abort: new AbortController(), outcome: undefined };
      pending.push(entry);
      if (samples.length < MIN_UTTERANCE_MS * perMs) {
        entry.outcome = { text: '' };
        answer();
        return;
      }
      void recognise(samples, entry.abort).then((outcome) => {
        entry.outcome = outcome;
        answer();
      });
    },
    close,
  };
}

/** Not in any WAV of speech, and always the same, so that the same audio gives the same request. */
const BOUNDARY = 'landline-b94c27b9934d3e08a52e52d7da7dabfa';

/**
 * `multipart/form-data` by hand: the SDK's own form needs a fetch whose FormData is the global one, which undici's
 * (needed for the connection pool) is not.
 */
function form(samples: Int16Array, model: string, stream: SttOptions): { body: Uint8Array; contentType: string } {
  const { format, language, keyterms } = stream;
  const wav = writeWav({ sampleRate: format.sampleRate, channels: [samples] });
  const fields = {
    model,
    response_format: 'json',
    // ISO 639-1, without the region.
    language: language.split('-')[0] ?? language,
    ...(keyterms.length > 0 && { prompt: keyterms.join(', ') }),
  };
  const head = Object.entries(fields).map(
    ([name, value]) => `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const file = `--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="utterance.wav"\r\ncontent-type: audio/wav\r\n\r\n`;
  const body = Buffer.concat([Buffer.from(head.join('') + file), wav, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)]);
  return { body, contentType: `multipart/form-data; boundary=${BOUNDARY}` };
}
