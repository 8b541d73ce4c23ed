import type { AudioFormat } from '../audio/format.ts';

/**
 * What the gateway asks of speech and language vendors. An adapter owns its vendor's connection, deadlines and formats,
 * and turns everything that happens into the events below by a synchronous `emit`; it never throws out of a method and
 * never emits after `close`/`abort` returned. One adapter file per vendor; vendor types do not leave it.
 */

/** Why a provider could not do its work. `retryable`: would a new attempt within seconds have a chance? */
export interface ProviderFailure {
  readonly kind:
    | 'connect' // refused, DNS, TLS, handshake without an HTTP status
    | 'auth' // 401, 403, missing key
    | 'rate_limited' // 429
    | 'bad_request' // other 4xx: our request or the config is wrong
    | 'server' // 5xx, vendor error frame
    | 'timeout' // no first answer within its deadline
    | 'stalled' // began, then went silent
    | 'dropped' // connection lost in the middle
    | 'truncated' // ended without its proper end
    | 'malformed' // an answer that cannot be read
    | 'missing'; // package, model or program is not installed
  /** For logs and the journal: vendor, what was tried, what came back. Never contains a key. */
  readonly message: string;
  /** HTTP status or WebSocket close code when there was one. */
  readonly status?: number;
  /** Which of several stand-ins it was, by its name; set where there are several. */
  readonly vendor?: string;
  readonly retryable: boolean;
}

/** A word with its place in time, milliseconds from the start of the stream (STT) or of the utterance (TTS). */
export interface TimedWord {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
}

// ---------------------------------------------------------------- speech to text

/** `opened` once per stream, then any of the others; `failed` is the last event. */
export type SttEvent =
  | { readonly type: 'sttOpened' }
  /** The recogniser itself heard speech begin (only when `endsTurns`). */
  | { readonly type: 'sttSpeechStarted' }
  /** All the text of the running utterance so far; replaces the previous partial. */
  | { readonly type: 'sttPartial'; readonly text: string }
  /** The turn is probably over (Flux): the LLM may start early. */
  | { readonly type: 'sttEagerEndOfTurn'; readonly text: string }
  /** It was not over: what was started is discarded. */
  | { readonly type: 'sttTurnResumed' }
  /** The turn is over; `text` is final and may be empty. */
  | { readonly type: 'sttEndOfTurn'; readonly text: string; readonly words?: readonly TimedWord[] }
  /** Answer to `finishUtterance`; `text` may be empty (noise, or speech that was not understood: `rejected`). */
  | { readonly type: 'sttUtterance'; readonly utterance: number; readonly text: string; readonly rejected?: boolean }
  | { readonly type: 'sttFailed'; readonly failure: ProviderFailure };

/** One recognition stream of one leg, open for the whole call. */
export interface SttStream {
  /**
   * True: the recogniser decides where turns end (`sttEndOfTurn`). False: our own VAD does, and the dialogue calls
   * `beginUtterance`/`finishUtterance`.
   */
  readonly endsTurns: boolean;
  /** Caller audio in the stream's format, in order, any size. Valid only during the call: copy what is kept. */
  write(bytes: Uint8Array): void;
  /** VAD heard speech begin. The adapter keeps at least 500 ms of audio before this moment as lead-in. */
  beginUtterance(utterance: number): void;
  /** VAD heard the end: recognise everything since `beginUtterance` and answer with `sttUtterance`. */
  finishUtterance(utterance: number): void;
  /** Graceful end: no more audio will come, nothing more is emitted. Idempotent. */
  close(): void;
}

export interface SttOptions {
  readonly format: AudioFormat;
  /** BCP 47. */
  readonly language: string;
  /** Words to expect (names, products), for recognisers that take hints. */
  readonly keyterms: readonly string[];
}

export interface SttProvider {
  /** e.g. `deepgram flux-general-en`, for logs. */
  readonly name: string;
  open(options: SttOptions, emit: (event: SttEvent) => void): SttStream;
}

// ---------------------------------------------------------------- language model

export type ChatMessage =
  | { readonly role: 'system'; readonly content: string }
  | { readonly role: 'user'; readonly content: string }
  | { readonly role: 'assistant'; readonly content: string; readonly toolCalls?: readonly ToolCall[] }
  | { readonly role: 'tool'; readonly toolCallId: string; readonly content: string };

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** The arguments exactly as the model wrote them: JSON text, perhaps malformed. The reader validates. */
  readonly arguments: string;
}

/** A tool as the model is told about it; `parameters` is JSON Schema. */
export interface ToolSpec {
  readonly name: string;
  readonly description: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

export interface LlmRequest {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ToolSpec[];
  /** Set when no turn of a conversation is wanted but a text about one, for which nobody waits on the line. */
  readonly document?: DocumentRequest;
}

/** How a {@link LlmRequest} for a text differs from a turn: it may take a minute to begin, and it may have a form. */
export interface DocumentRequest {
  /** JSON Schema that the answer, JSON text, should follow. A vendor may not hold itself to it: the reader validates. */
  readonly schema?: Readonly<Record<string, unknown>>;
  /** Most tokens of the answer. */
  readonly maxTokens: number;
}

export interface LlmUsage {
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** `llmDelta`* then `llmToolCall`*, in any mixture, then exactly one of `llmDone` or `llmFailed`. */
export type LlmEvent =
  | { readonly type: 'llmDelta'; readonly text: string }
  | { readonly type: 'llmToolCall'; readonly call: ToolCall }
  | {
      readonly type: 'llmDone';
      readonly finish: 'stop' | 'tool_calls' | 'length' | 'filtered';
      readonly usage?: LlmUsage;
    }
  | { readonly type: 'llmFailed'; readonly failure: ProviderFailure };

export interface LlmGeneration {
  /** Stops the request and its connection at once; nothing is emitted afterwards. Idempotent. */
  abort(): void;
}

export interface LlmProvider {
  readonly name: string;
  generate(request: LlmRequest, emit: (event: LlmEvent) => void): LlmGeneration;
  /** Makes the next `generate` cheap (open connection). Called when the caller starts to speak; must not throw. */
  warm(): void;
}

// ---------------------------------------------------------------- text to speech

/**
 * Per utterance: `ttsAudio`*, `ttsText`*, then exactly one of `ttsDone` or `ttsFailed` carrying its number. A failure of
 * the whole connection arrives as `ttsFailed` for the running utterance, or with `utterance: undefined` when idle.
 */
export type TtsEvent =
  | { readonly type: 'ttsOpened' }
  /** Agent audio in the session's format, any size, in order. The adapter gives the buffer away. */
  | { readonly type: 'ttsAudio'; readonly utterance: number; readonly bytes: Uint8Array }
  /**
   * `text` is what the audio bytes [`fromByte`, `toByte`) of this utterance say. `words` (times from the utterance's
   * start) when the vendor knows them. Sent once the piece's end is known, in order, covering all text.
   */
  | {
      readonly type: 'ttsText';
      readonly utterance: number;
      readonly text: string;
      readonly fromByte: number;
      readonly toByte: number;
      readonly words?: readonly TimedWord[];
    }
  | { readonly type: 'ttsDone'; readonly utterance: number }
  /** Vendor's own account of what was heard before `cancel` (Flux TTS Interrupt). May come after `cancel`. */
  | { readonly type: 'ttsSpoken'; readonly utterance: number; readonly text: string }
  | { readonly type: 'ttsFailed'; readonly utterance?: number; readonly failure: ProviderFailure };

/** One synthesis connection of one call; utterances come one after the other, never interleaved. */
export interface TtsSession {
  /** Begins utterance `utterance`; numbers grow. Only after the previous one ended or was cancelled. */
  begin(utterance: number): void;
  /** More text of the running utterance: whole tokens as the model streams them. */
  text(text: string): void;
  /** No more text: synthesise what is left, then `ttsDone`. */
  end(): void;
  /**
   * Stops the running utterance; its audio that is still on the way is dropped. `heardMs`: how much of it the caller
   * heard, for vendors that report the spoken text from that.
   */
  cancel(heardMs: number): void;
  /** Closes the connection; nothing is emitted afterwards. Idempotent. */
  close(): void;
}

export interface TtsOptions {
  /** The bytes must come in exactly this format; an adapter whose vendor cannot make it converts (audio/). */
  readonly format: AudioFormat;
  readonly language: string;
}

export interface TtsProvider {
  readonly name: string;
  open(options: TtsOptions, emit: (event: TtsEvent) => void): TtsSession;
}
