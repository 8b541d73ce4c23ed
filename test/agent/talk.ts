import { expect } from 'vitest';
import type { DialogueEffect, DialogueInput } from '../../src/agent/dialogue/inputs.ts';
import { createDialogue, messagesOf, type DialogueState, type PlayoutView } from '../../src/agent/dialogue/state.ts';
import { stepDialogue } from '../../src/agent/dialogue/step.ts';
import { textOf } from '../../src/agent/dialogue/wording.ts';
import { agentOptions } from '../../src/agent/options.ts';
import type { LlmEvent, ProviderFailure, SttEvent, TtsEvent } from '../../src/providers/ports.ts';

export const FACTS = { from: '+14155550142', to: '+13125550178', direction: 'inbound' } as const;
export const SERVER: ProviderFailure = { kind: 'server', message: '503', retryable: true };
export const AUTH: ProviderFailure = { kind: 'auth', message: '401', retryable: false };

/** The machine with its inputs by hand. Effects come back in a form that a table can hold; cancelled timers are left out. */
export class Talk {
  state: DialogueState;
  t = 0;
  view: PlayoutView = { turn: 0, writtenBytes: 0, sentBytes: 0, heardBytes: 0 };

  constructor(config: Record<string, unknown> = {}) {
    const parsed = agentOptions.parse({
      tools: ['transfer_call', 'hang_up', 'send_dtmf'],
      transferTargets: { sales: '+15105550200' },
      recording: false,
      ...config,
    });
    this.state = createDialogue(parsed, FACTS);
  }

  in(input: DialogueInput): string[] {
    const before = structuredClone(this.state);
    const step = stepDialogue(this.state, input, this.t, this.view);
    expect(this.state, 'the state that came in is not changed').toEqual(before);
    this.state = step.state;
    return step.effects.flatMap(brief);
  }

  stt(event: SttEvent): string[] {
    return this.in({ type: 'stt', stream: this.state.ears.stream, event });
  }

  llm(...events: LlmEvent[]): string[] {
    return events.flatMap((event) => this.in({ type: 'llm', generation: this.state.generations, event }));
  }

  tts(event: Exclude<TtsEvent, { type: 'ttsAudio' }>): string[] {
    return this.in({ type: 'tts', session: this.state.tts.session, event });
  }

  says(text: string): string[] {
    return this.stt({ type: 'sttEndOfTurn', text });
  }

  answers(text: string): string[] {
    return this.llm({ type: 'llmDelta', text }, { type: 'llmDone', finish: 'stop' });
  }

  calls(name: string, args: string, text = ''): string[] {
    return this.llm(
      ...(text === '' ? [] : [{ type: 'llmDelta', text } as const]),
      { type: 'llmToolCall', call: { id: 'c1', name, arguments: args } },
      { type: 'llmDone', finish: 'tool_calls' },
    );
  }

  /** The voice has said all of the running turn; `heardMs` of it were played. */
  voiced(heardMs: number, msPerChar = 60): void {
    const { speech, utterance } = this.state;
    const text = speech ? textOf(speech) : '';
    const bytes = text.length * msPerChar * 8;
    this.view = { turn: speech?.turn ?? 0, writtenBytes: bytes, sentBytes: bytes, heardBytes: heardMs * 8 };
    this.in({ type: 'ttsFirstAudio', utterance });
    this.tts({ type: 'ttsText', utterance, text, fromByte: 0, toByte: bytes });
    this.tts({ type: 'ttsDone', utterance });
  }

  played(): string[] {
    return this.in({ type: 'played', turn: this.state.speech?.turn ?? 0, by: 'mark' });
  }

  history(): string[] {
    return messagesOf(this.state)
      .slice(1)
      .map((message) => `${message.role}: ${message.content}`);
  }
}

/** An effect as a table can hold it. */
function brief(effect: DialogueEffect): string[] {
  switch (effect.type) {
    case 'cancelTimer':
      return [];
    case 'setTimer':
      return [`in ${effect.ms} ${effect.name}`];
    case 'event': {
      const { type, data } = effect.event;
      const told = ['role', 'text', 'heard', 'digit', 'name', 'result', 'provider', 'kind'] as const;
      const values = told.flatMap((key) => (key in data ? [String((data as Record<string, unknown>)[key])] : []));
      return [['!', type, ...values].join(' ')];
    }
    case 'signal': {
      const { type, ...rest } = effect.signal;
      return [['signal', type, ...(Object.values(rest) as unknown[])].join(' ')];
    }
    case 'llmStart':
      return [`llmStart ${effect.generation}`];
    default: {
      const { type, ...rest } = effect;
      return [[type, ...(Object.values(rest) as (string | number)[])].join(' ')];
    }
  }
}

/** Live, no greeting, waiting for the caller. */
export function live(config: Record<string, unknown> = {}): Talk {
  const talk = new Talk(config);
  talk.in({ type: 'streamUp', bytesPerMs: 8 });
  talk.in({ type: 'sttReady', stream: 1, endsTurns: config['ownTurns'] !== true });
  return talk;
}

export const voice = (
  change: 'started' | 'sustained' | 'stopped',
  voicedMs = 600,
  silenceMs = 200,
): Extract<DialogueInput, { type: 'voice' }> => ({
  type: 'voice',
  change,
  voicedMs,
  silenceMs: change === 'stopped' ? silenceMs : 0,
});
