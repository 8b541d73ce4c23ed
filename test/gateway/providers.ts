import { encodeG711 } from '../../src/audio/g711.ts';
import type { AgentProviders } from '../../src/call/ports.ts';
import { renderVoice } from '../../src/emulator/voice.ts';
import type { LlmEvent, LlmRequest, SttEvent, SttOptions } from '../../src/providers/ports.ts';

/** One recognition stream as the gateway opened it. */
export interface TestEar {
  readonly options: SttOptions;
  readonly heard: Buffer[];
  readonly emit: (event: SttEvent) => void;
  isOpen: boolean;
}

/** Providers inside the test: the test says what was recognised and what the model answers; the voice has known words. */
export class TestProviders {
  /** Everything any stream heard. */
  heard: Buffer[] = [];
  readonly ears: TestEar[] = [];
  requests: LlmRequest[] = [];
  answer: (request: LlmRequest) => readonly LlmEvent[] = () => [
    { type: 'llmDelta', text: 'Yes of course.' },
    { type: 'llmDone', finish: 'stop' },
  ];
  /** To the stream that was opened last. */
  recognise: (event: SttEvent) => void = () => undefined;
  /** The recogniser says now and then that it hears speech. */
  notices = true;
  openStt = 0;
  openVoices = 0;

  readonly providers: AgentProviders = {
    stt: {
      name: 'test stt',
      open: (options, emit) => {
        this.recognise = emit;
        this.openStt++;
        const ear: TestEar = { options, heard: [], emit, isOpen: true };
        this.ears.push(ear);
        return {
          endsTurns: true,
          write: (bytes) => {
            const copy = Buffer.from(bytes);
            // A recogniser that never says anything to a caller who speaks is taken for deaf and replaced.
            if (this.notices && ear.heard.length % 10 === 0) emit({ type: 'sttSpeechStarted' });
            this.heard.push(copy);
            ear.heard.push(copy);
          },
          beginUtterance: () => undefined,
          finishUtterance: () => undefined,
          close: () => {
            if (ear.isOpen) this.openStt--;
            ear.isOpen = false;
          },
        };
      },
    },
    llm: {
      name: 'test llm',
      warm: () => undefined,
      generate: (request, emit) => {
        this.requests.push(request);
        let live = true;
        const events = this.answer(request);
        setImmediate(() => {
          for (const event of events) if (live) emit(event);
        });
        return { abort: () => void (live = false) };
      },
    },
    tts: {
      name: 'test tts',
      open: (options, emit) => {
        let running = 0;
        let text = '';
        let isOpen = true;
        this.openVoices++;
        return {
          begin: (utterance) => {
            running = utterance;
            text = '';
          },
          text: (more) => void (text += more),
          end: () => {
            const utterance = running;
            const said = text;
            setImmediate(() => {
              if (running !== utterance) return;
              const { samples, words } = renderVoice(said, 8000);
              const bytes = encodeG711(options.format.codec === 'PCMA' ? 'PCMA' : 'PCMU', samples);
              for (let at = 0; at < bytes.length; at += 1111)
                emit({ type: 'ttsAudio', utterance, bytes: bytes.slice(at, at + 1111) });
              emit({ type: 'ttsText', utterance, text: said, fromByte: 0, toByte: bytes.length, words });
              emit({ type: 'ttsDone', utterance });
            });
          },
          cancel: () => void (running = 0),
          close: () => {
            running = 0;
            if (isOpen) this.openVoices--;
            isOpen = false;
          },
        };
      },
    },
  };

  /** The model answers every request with these words. */
  say(text: string): void {
    this.answer = () => [
      { type: 'llmDelta', text },
      { type: 'llmDone', finish: 'stop' },
    ];
  }

  /** The model calls a tool once, after a few words if there are any, and says `then` from there on. */
  call(name: string, args: object, text = '', then = 'Yes of course.'): void {
    this.answer = () => {
      this.say(then);
      return [
        ...(text === '' ? [] : [{ type: 'llmDelta', text } as const]),
        { type: 'llmToolCall', call: { id: `call_${name}`, name, arguments: JSON.stringify(args) } },
        { type: 'llmDone', finish: 'tool_calls' },
      ];
    };
  }

  /** What the model was last told, without the system prompt. */
  lastMessages(): { role: string; content: string }[] {
    const messages = this.requests.at(-1)?.messages ?? [];
    return messages.filter(({ role }) => role !== 'system').map(({ role, content }) => ({ role, content }));
  }
}
