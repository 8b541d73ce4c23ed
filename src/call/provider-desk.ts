import type { DialogueEffect, DialogueInput } from '../agent/dialogue/inputs.ts';
import type { AudioFormat } from '../audio/format.ts';
import { bytesPerMs } from '../audio/format.ts';
import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type {
  LlmGeneration,
  LlmRequest,
  ProviderFailure,
  SttEvent,
  SttStream,
  TtsEvent,
  TtsSession,
} from '../providers/ports.ts';
import { EarMemory } from './ear-memory.ts';
import type { AgentProviders } from './ports.ts';

/** Caller audio since the last recognised turn, kept for a recognition stream that replaces a broken one. */
const EAR_MEMORY_MS = 3000;

export interface DeskSink {
  readonly clock: Clock;
  readonly language: string;
  /** Agent audio as it goes onto the wire. */
  readonly outbound: AudioFormat;
  inboundFormat(): AudioFormat;
  input(input: DialogueInput): void;
  /** Agent audio of `utterance`, which belongs to turn `turn`; `first` of that utterance. */
  audio(utterance: number, turn: number, bytes: Uint8Array, first: boolean): void;
}

export type ProviderEffect = Extract<
  DialogueEffect,
  {
    type:
      | 'sttOpen'
      | 'sttBegin'
      | 'sttFinish'
      | 'sttClose'
      | 'llmWarm'
      | 'llmStart'
      | 'llmAbort'
      | 'ttsOpen'
      | 'ttsBegin'
      | 'ttsText'
      | 'ttsEnd'
      | 'ttsCancel'
      | 'ttsClose';
  }
>;

/** Holds one call's open provider streams: one ear, one thought, one voice. Carries out the dialogue's provider effects. */
export class ProviderDesk {
  readonly #providers: AgentProviders;
  readonly #sink: DeskSink;
  #ear: { readonly number: number; readonly stream: SttStream } | undefined;
  readonly #memory: EarMemory;
  #thought: { readonly number: number; readonly generation: LlmGeneration } | undefined;
  #voice: { readonly number: number; readonly session: TtsSession } | undefined;
  #speaking: { readonly utterance: number; readonly turn: number; begun: boolean } | undefined;
  #closed = false;

  constructor(providers: AgentProviders, sink: DeskSink) {
    this.#providers = providers;
    this.#sink = sink;
    this.#memory = new EarMemory(EAR_MEMORY_MS * bytesPerMs(sink.outbound));
  }

  /** Caller audio, in order, original bytes. */
  hear(bytes: Uint8Array): void {
    this.#memory.push(bytes);
    this.#tellEar((stream) => stream.write(bytes));
  }

  /** The law of the caller's audio was not what it was said to be: the recogniser starts again with the right one. */
  reopenEars(): void {
    const number = this.#ear?.number;
    if (number !== undefined) this.#openEar(number, true);
  }

  run(effect: ProviderEffect): void {
    switch (effect.type) {
      case 'sttOpen':
        this.#openEar(effect.stream, effect.stream > 1);
        return;
      case 'sttBegin':
        if (this.#ear?.number === effect.stream) this.#tellEar((stream) => stream.beginUtterance(effect.utterance));
        return;
      case 'sttFinish':
        if (this.#ear?.number === effect.stream) this.#tellEar((stream) => stream.finishUtterance(effect.utterance));
        return;
      case 'sttClose':
        if (this.#ear?.number === effect.stream) this.#closeEar();
        return;
      case 'llmWarm':
        quietly(() => this.#providers.llm.warm());
        return;
      case 'llmStart':
        this.#think(effect);
        return;
      case 'llmAbort':
        if (this.#thought?.number === effect.generation) this.#forgetThought();
        return;
      case 'ttsOpen':
        this.#openVoice(effect.session);
        return;
      case 'ttsBegin':
        this.#speaking = { utterance: effect.utterance, turn: effect.turn, begun: false };
        this.#tellVoice((session) => session.begin(effect.utterance));
        return;
      case 'ttsText':
        this.#tellVoice((session) => session.text(effect.text));
        return;
      case 'ttsEnd':
        this.#tellVoice((session) => session.end());
        return;
      case 'ttsCancel':
        this.#speaking = undefined;
        this.#tellVoice((session) => session.cancel(effect.heardMs));
        return;
      case 'ttsClose':
        if (this.#voice?.number === effect.session) this.#closeVoice();
    }
  }

  /** Everything is closed exactly once; nothing is told afterwards. */
  close(): void {
    this.#closed = true;
    this.#closeEar();
    this.#forgetThought();
    this.#closeVoice();
  }

  #tellEar(tell: (stream: SttStream) => void): void {
    const ear = this.#ear;
    if (!ear) return;
    try {
      tell(ear.stream);
    } catch (thrown) {
      this.#closeEar();
      this.#sink.input({ type: 'stt', stream: ear.number, event: { type: 'sttFailed', failure: failureOf(thrown) } });
    }
  }

  #closeEar(): void {
    const ear = this.#ear;
    this.#ear = undefined;
    quietly(() => ear?.stream.close());
  }

  #forgetThought(): void {
    const thought = this.#thought;
    this.#thought = undefined;
    quietly(() => thought?.generation.abort());
  }

  #tellVoice(tell: (session: TtsSession) => void): void {
    const voice = this.#voice;
    if (!voice) return;
    const utterance = this.#speaking?.utterance;
    try {
      tell(voice.session);
    } catch (thrown) {
      this.#closeVoice();
      const about = utterance === undefined ? {} : { utterance };
      const event = { type: 'ttsFailed', failure: failureOf(thrown), ...about } as const;
      this.#sink.input({ type: 'tts', session: voice.number, event });
    }
  }

  #closeVoice(): void {
    const voice = this.#voice;
    this.#voice = this.#speaking = undefined;
    quietly(() => voice?.session.close());
  }

  #openEar(number: number, again: boolean): void {
    const format = this.#sink.inboundFormat();
    this.#closeEar();
    try {
      const stream = this.#providers.stt.open({ format, language: this.#sink.language, keyterms: [] }, (event) =>
        this.#onStt(number, event),
      );
      this.#ear = { number, stream };
      this.#sink.input({ type: 'sttReady', stream: number, endsTurns: stream.endsTurns });
      // A stream that takes over in the middle of a sentence hears its unanswered beginning too.
      const missed = again && stream.endsTurns ? this.#memory.read() : undefined;
      if (missed && missed.length > 0) stream.write(missed);
    } catch (thrown) {
      this.#closeEar();
      this.#sink.input({ type: 'stt', stream: number, event: { type: 'sttFailed', failure: failureOf(thrown) } });
    }
  }

  #onStt(number: number, event: SttEvent): void {
    if (this.#closed || (this.#ear && this.#ear.number !== number)) return;
    try {
      if (event.type === 'sttEndOfTurn' || event.type === 'sttUtterance') this.#memory.forget();
      this.#sink.input({ type: 'stt', stream: number, event });
    } catch (thrown) {
      this.#sink.input({ type: 'stt', stream: number, event: { type: 'sttFailed', failure: unreadable(thrown) } });
    }
  }

  #think(effect: Extract<ProviderEffect, { type: 'llmStart' }>): void {
    const number = effect.generation;
    this.#forgetThought();
    try {
      const generation = this.#providers.llm.generate(requestOf(effect), (event) => {
        if (!this.#closed) this.#sink.input({ type: 'llm', generation: number, event });
      });
      this.#thought = { number, generation };
    } catch (thrown) {
      this.#sink.input({ type: 'llm', generation: number, event: { type: 'llmFailed', failure: failureOf(thrown) } });
    }
  }

  #openVoice(number: number): void {
    this.#closeVoice();
    try {
      const session = this.#providers.tts.open(
        { format: this.#sink.outbound, language: this.#sink.language },
        (event) => this.#onTts(number, event),
      );
      this.#voice = { number, session };
    } catch (thrown) {
      this.#sink.input({ type: 'tts', session: number, event: { type: 'ttsFailed', failure: failureOf(thrown) } });
    }
  }

  #onTts(number: number, event: TtsEvent): void {
    if (this.#closed || (this.#voice && this.#voice.number !== number)) return;
    try {
      if (event.type === 'ttsAudio') this.#onAudio(event);
      else this.#sink.input({ type: 'tts', session: number, event });
    } catch (thrown) {
      this.#sink.input({ type: 'tts', session: number, event: { type: 'ttsFailed', failure: unreadable(thrown) } });
    }
  }

  #onAudio(event: Extract<TtsEvent, { type: 'ttsAudio' }>): void {
    const speaking = this.#speaking;
    if (speaking?.utterance !== event.utterance || event.bytes.length === 0) return;
    const first = !speaking.begun;
    speaking.begun = true;
    this.#sink.audio(speaking.utterance, speaking.turn, event.bytes, first);
  }
}

function requestOf({ messages, tools, document }: Extract<ProviderEffect, { type: 'llmStart' }>): LlmRequest {
  return { messages, tools, ...(document && { document }) };
}

/** Runs what has no outcome that matters: an adapter that throws at its end has ended. */
function quietly(run: () => void): void {
  try {
    run();
  } catch {
    // The call goes on without it.
  }
}

/** What an adapter told us and we cannot read is its failure, and must not come back to it as an exception. */
function unreadable(thrown: unknown): ProviderFailure {
  return { kind: 'malformed', message: messageOf(thrown), retryable: false };
}

/** Adapters must not throw; if one does, it has failed. */
function failureOf(thrown: unknown): ProviderFailure {
  return { kind: 'connect', message: messageOf(thrown), retryable: false };
}
