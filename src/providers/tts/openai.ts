import { RATES_IN } from '../../audio/resample.ts';
import { LandlineError } from '../../core/errors.ts';
import { createOpenAiClient, type OpenAiClientOptions } from '../openai-client.ts';
import type { ProviderFailure, TtsEvent, TtsOptions, TtsProvider, TtsSession } from '../ports.ts';
import { createSentences, isSpeakable, type Sentences } from './sentences.ts';
import { requestSpeech, type SpeechParameters, type SpeechRequest } from './speech-request.ts';

export interface OpenAiTtsOptions extends OpenAiClientOptions {
  readonly model: string;
  /** Default `alloy`. */
  readonly voice?: string;
  /** Rate of the PCM the server sends, Hz. Default 24000, OpenAI's; some local servers have 22050 or 16000. */
  readonly sampleRate?: number;
  /** From the request (or the end of the sentence before) to the first audio. Default 4000. */
  readonly firstByteMs?: number;
  /** Longest silence inside an answer. Default 3000. */
  readonly idleMs?: number;
  /** More fields of the request body, e.g. `speed` or `instructions`. */
  readonly extraBody?: Readonly<Record<string, unknown>>;
}

/** The sentence that is spoken and the one behind it. */
const SENTENCES_AHEAD = 2;

interface Piece {
  readonly text: string;
  /** Audio that came while the piece before was not over. */
  readonly audio: Uint8Array[];
  request: SpeechRequest | undefined;
  state: 'waiting' | 'requested' | 'complete';
  failure: ProviderFailure | undefined;
}

interface Utterance {
  readonly number: number;
  readonly sentences: Sentences;
  /** The first one is being spoken. */
  readonly pieces: Piece[];
  textEnded: boolean;
  /** Bytes emitted. */
  bytes: number;
  /** Bytes whose text was reported. */
  reported: number;
}

/**
 * `POST /audio/speech` of OpenAI and compatible (local) servers: one request a sentence, the next one on its way while
 * the last one sounds. There is no G.711 on this API, so 24 kHz PCM is resampled and encoded here. The voices speak the
 * language of the text; `TtsOptions.language` has no field to go into.
 * @throws LandlineError `config_invalid` for a sample rate that cannot be resampled.
 */
export function createOpenAiTts(options: OpenAiTtsOptions): TtsProvider {
  const { sampleRate = 24_000 } = options;
  if (!RATES_IN.includes(sampleRate)) {
    throw new LandlineError(
      'config_invalid',
      `tts sampleRate must be one of ${RATES_IN.join(', ')}, got ${sampleRate}`,
    );
  }
  const client = createOpenAiClient(options);
  const parameters: SpeechParameters = {
    model: options.model,
    voice: options.voice ?? 'alloy',
    sampleRate,
    firstByteMs: options.firstByteMs ?? 4_000,
    idleMs: options.idleMs ?? 3_000,
    extraBody: options.extraBody ?? {},
  };

  return {
    name: `openai ${options.model}`,
    open(session: TtsOptions, emit: (event: TtsEvent) => void): TtsSession {
      let current: Utterance | undefined;
      let closed = false;

      const start = (utterance: Utterance, piece: Piece): void => {
        if (piece.state !== 'waiting') return;
        piece.state = 'requested';
        // A dash or an emoji alone: some servers refuse it, none says it.
        if (!isSpeakable(piece.text)) {
          piece.state = 'complete';
          return;
        }
        piece.request = requestSpeech(client, options.clock, parameters, piece.text.trim(), session.format, {
          audio(bytes) {
            piece.audio.push(bytes);
            advance(utterance);
          },
          done() {
            piece.state = 'complete';
            advance(utterance);
          },
          failed(failure) {
            piece.failure = failure;
            advance(utterance);
          },
        });
        if (piece === utterance.pieces[0]) piece.request.attend();
      };

      /** Starts what may start and emits, in the order of the text, what has come. Any `emit` may cancel the utterance. */
      const advance = (utterance: Utterance): void => {
        while (current === utterance) {
          for (const piece of utterance.pieces.slice(0, SENTENCES_AHEAD)) start(utterance, piece);
          const head = utterance.pieces[0];
          if (!head) {
            if (!utterance.textEnded) return;
            current = undefined;
            emit({ type: 'ttsDone', utterance: utterance.number });
            return;
          }
          const bytes = head.audio.shift();
          if (bytes) {
            utterance.bytes += bytes.length;
            emit({ type: 'ttsAudio', utterance: utterance.number, bytes });
          } else if (head.failure) {
            drop();
            emit({ type: 'ttsFailed', utterance: utterance.number, failure: head.failure });
            return;
          } else if (head.state === 'complete') {
            utterance.pieces.shift();
            utterance.pieces[0]?.request?.attend();
            const fromByte = utterance.reported;
            const toByte = utterance.bytes;
            utterance.reported = toByte;
            emit({ type: 'ttsText', utterance: utterance.number, text: head.text, fromByte, toByte });
          } else {
            return;
          }
        }
      };

      const drop = (): void => {
        for (const piece of current?.pieces ?? []) piece.request?.abort();
        current = undefined;
      };

      const add = (utterance: Utterance, texts: readonly string[]): void => {
        for (const text of texts) {
          utterance.pieces.push({ text, audio: [], request: undefined, state: 'waiting', failure: undefined });
        }
        advance(utterance);
      };

      client.warm();
      queueMicrotask(() => {
        if (!closed) emit({ type: 'ttsOpened' });
      });

      return {
        begin(number) {
          if (closed) return;
          drop();
          const sentences = createSentences();
          current = { number, sentences, pieces: [], textEnded: false, bytes: 0, reported: 0 };
        },
        text(text) {
          if (current && !current.textEnded) add(current, current.sentences.push(text));
        },
        end() {
          if (!current || current.textEnded) return;
          current.textEnded = true;
          add(current, current.sentences.flush());
        },
        cancel: drop,
        close() {
          closed = true;
          drop();
        },
      };
    },
  };
}
