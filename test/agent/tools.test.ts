import { describe, expect, it } from 'vitest';
import type { DialogueEffect, DialogueInput } from '../../src/agent/dialogue/inputs.ts';
import { createDialogue, messagesOf, type DialogueState, type PlayoutView } from '../../src/agent/dialogue/state.ts';
import { stepDialogue } from '../../src/agent/dialogue/step.ts';
import { agentOptions } from '../../src/agent/options.ts';
import type { LlmEvent, ToolCall } from '../../src/providers/ports.ts';
import type { ToolOutcome, ToolTerms } from '../../src/tools/tool.ts';

const FACTS = { from: '+14155550142', to: '+13125550178', direction: 'inbound' } as const;
const WAIT = 'One moment, please.';
const WAIT_MORE = 'I am still on it, thank you for waiting.';

function terms(name: string, more: Partial<ToolTerms> = {}): ToolTerms {
  return {
    spec: { name, description: name, parameters: { type: 'object', properties: {} } },
    deadlineMs: 10_000,
    filler: undefined,
    ...more,
  };
}

/** The dialogue with timers that fire by themselves and a voice that says everything at once, 60 ms a character. */
class Talk {
  state: DialogueState;
  t = 0;
  readonly effects: DialogueEffect[] = [];
  readonly texts: string[] = [];
  #timers = new Map<string, number>();
  #written = 0;
  #startedAt = 0;
  #turn = 0;
  #text = '';

  constructor(tools: readonly ToolTerms[], config: Record<string, unknown> = {}) {
    const parsed = agentOptions.parse({
      tools: ['transfer_call', 'hang_up', 'send_dtmf'],
      transferTargets: { sales: '+15105550200' },
      recording: false,
      idle: { afterSeconds: 0 },
      ...config,
    });
    this.state = createDialogue(parsed, FACTS, undefined, tools);
    this.in({ type: 'streamUp', bytesPerMs: 8 });
    this.in({ type: 'sttReady', stream: 1, endsTurns: true });
  }

  #view(): PlayoutView {
    const heardBytes = Math.min(this.#written, Math.max(0, this.t - this.#startedAt) * 8);
    return { turn: this.#turn, writtenBytes: this.#written, sentBytes: this.#written, heardBytes };
  }

  in(input: DialogueInput): void {
    const { state, effects } = stepDialogue(this.state, input, this.t, this.#view());
    this.state = structuredClone(state);
    const speeches: number[] = [];
    for (const effect of effects) {
      this.effects.push(effect);
      if (effect.type === 'setTimer') this.#timers.set(effect.name, this.t + effect.ms);
      if (effect.type === 'cancelTimer') this.#timers.delete(effect.name);
      if (effect.type === 'playBegin') {
        this.#turn = effect.turn;
        this.#written = 0;
        this.#startedAt = this.t;
      }
      if (effect.type === 'ttsBegin') this.#text = '';
      if (effect.type === 'ttsText') this.#text += effect.text;
      if (effect.type === 'ttsEnd') speeches.push(this.state.utterance);
    }
    for (const utterance of speeches) this.#synthesise(utterance);
  }

  #synthesise(utterance: number): void {
    const text = this.#text;
    this.texts.push(text.trim());
    const bytes = text.length * 480;
    if (this.#view().heardBytes >= this.#written) this.#startedAt = this.t - this.#written / 8;
    const from = this.state.speech?.baseByte ?? 0;
    this.#written += bytes;
    const session = this.state.tts.session;
    this.in({ type: 'ttsFirstAudio', utterance });
    this.in({
      type: 'tts',
      session,
      event: { type: 'ttsText', utterance, text, fromByte: 0, toByte: this.#written - from },
    });
    this.in({ type: 'tts', session, event: { type: 'ttsDone', utterance } });
  }

  /** Moves time, firing timers and telling when an ended turn was played. */
  run(ms: number): void {
    const end = this.t + ms;
    for (;;) {
      const [name, due] = [...this.#timers].sort((a, b) => a[1] - b[1])[0] ?? ['', Infinity];
      if (due > end) break;
      this.t = Math.max(this.t, due);
      this.#timers.delete(name);
      this.in({ type: 'timer', name: name as never });
    }
    this.t = end;
    const { speech } = this.state;
    if (speech?.textDone && this.#view().heardBytes >= this.#written) {
      this.in({ type: 'played', turn: speech.turn, by: 'mark' });
    }
  }

  says(text: string): void {
    this.in({ type: 'stt', stream: this.state.ears.stream, event: { type: 'sttEndOfTurn', text } });
  }

  llm(...events: LlmEvent[]): void {
    for (const event of events) this.in({ type: 'llm', generation: this.state.generations, event });
  }

  answers(text: string): void {
    this.llm({ type: 'llmDelta', text }, { type: 'llmDone', finish: 'stop' });
  }

  calls(text: string, ...calls: readonly (readonly [name: string, args?: string, id?: string])[]): void {
    if (text !== '') this.llm({ type: 'llmDelta', text });
    calls.forEach(([name, args = '{}', id = `c${name}`]) => {
      const call: ToolCall = { id, name, arguments: args };
      this.llm({ type: 'llmToolCall', call });
    });
    this.llm({ type: 'llmDone', finish: 'tool_calls' });
  }

  done(id: string, outcome: ToolOutcome = { ok: true, result: 'free at 5' }): void {
    this.in({ type: 'toolDone', id, outcome });
  }

  of<T extends DialogueEffect['type']>(type: T): Extract<DialogueEffect, { type: T }>[] {
    return this.effects.filter((effect): effect is Extract<DialogueEffect, { type: T }> => effect.type === type);
  }

  started(): string[] {
    return this.of('toolStart').map(({ id }) => id);
  }

  ended(): string[] {
    return this.of('event').flatMap(({ event }) =>
      event.type === 'tool.ended' ? [`${event.data.id}: ${event.data.result}`] : [],
    );
  }

  history(): string[] {
    return messagesOf(this.state)
      .slice(1)
      .map((message) => `${message.role}: ${message.content}`);
  }
}

function asking(tools: readonly ToolTerms[] = [terms('look_up'), terms('book')], config = {}): Talk {
  const talk = new Talk(tools, config);
  talk.says('when are you free');
  return talk;
}

describe('a tool of the operator', () => {
  it('is offered, started once, and its result is spoken in the same turn', () => {
    const talk = asking();
    expect(talk.of('llmStart')[0]?.tools.map(({ name }) => name)).toContain('look_up');
    talk.calls('Let me see.', ['look_up', '{"day":"monday"}']);
    expect(talk.of('toolStart')).toEqual([
      { type: 'toolStart', id: 'clook_up', name: 'look_up', arguments: '{"day":"monday"}' },
    ]);
    talk.run(300);
    talk.done('clook_up');
    talk.answers('At five.');

    expect(talk.texts).toEqual(['Let me see.', 'At five.']);
    talk.run(5000);
    expect(talk.history()).toEqual([
      'user: when are you free',
      'assistant: Let me see.',
      'tool: free at 5',
      'assistant: At five.',
    ]);
    expect(talk.state.speech).toBeUndefined();
  });

  it('lets what was said before it be heard at once', () => {
    const talk = asking();
    talk.calls('Let me see.', ['look_up']);

    expect(talk.texts).toEqual(['Let me see.']);
    expect(talk.of('playEnd')).toEqual([]);
  });

  it('has a failure told to the model', () => {
    const talk = asking();
    talk.calls('', ['look_up']);
    talk.done('clook_up', { ok: false, kind: 'failed', message: 'the tool failed' });

    expect(talk.history().at(-1)).toBe('tool: {"status":"error","error":"the tool failed"}');
    expect(talk.of('llmStart')).toHaveLength(2);
  });

  it('that is late is told as timed out, stopped, and ignored when it comes', () => {
    const talk = asking([terms('look_up', { deadlineMs: 5000 })]);
    talk.calls('', ['look_up']);
    talk.run(4999);
    expect(talk.ended()).toEqual([]);
    talk.run(1);

    expect(talk.of('toolStop').map(({ id }) => id)).toEqual(['clook_up']);
    expect(talk.ended()).toEqual(['clook_up: {"status":"timeout","error":"no answer within 5 s"}']);
    const before = talk.effects.length;
    talk.done('clook_up');
    expect(talk.effects.slice(before)).toEqual([]);
    expect(talk.history().filter((line) => line.startsWith('tool'))).toHaveLength(1);
  });

  it('several run at once, and the model reads their results in the order it asked', () => {
    const talk = asking();
    talk.calls('', ['look_up'], ['book']);
    expect(talk.started()).toEqual(['clook_up', 'cbook']);
    talk.done('cbook', { ok: true, result: 'booked' });
    expect(talk.of('llmStart')).toHaveLength(1);
    talk.done('clook_up');

    expect(talk.of('llmStart')).toHaveLength(2);
    expect(talk.history().slice(-2)).toEqual(['tool: free at 5', 'tool: booked']);
  });

  it('each has its own deadline', () => {
    const talk = asking([terms('look_up', { deadlineMs: 2000 }), terms('book', { deadlineMs: 4000 })]);
    talk.calls('', ['look_up'], ['book']);
    talk.run(2000);
    expect(talk.ended()).toHaveLength(1);
    expect(talk.of('llmStart')).toHaveLength(1);
    talk.run(2000);

    expect(talk.ended()).toHaveLength(2);
    expect(talk.of('llmStart')).toHaveLength(2);
  });

  it('holds back a hang-up of the same answer until it is done', () => {
    const talk = asking();
    talk.calls('Booked, goodbye.', ['book'], ['hang_up']);
    talk.run(4000);
    expect(talk.of('signal')).toEqual([]);
    talk.done('cbook');
    talk.run(4000);

    expect(talk.of('signal').map(({ signal }) => signal)).toEqual([{ type: 'hangup', reason: 'agent_hangup' }]);
    expect(talk.of('llmStart')).toHaveLength(1);
  });

  it('an id that the provider uses again is another call', () => {
    const talk = asking();
    talk.calls('', ['look_up', '{"day":1}', 'x'], ['look_up', '{"day":2}', 'x']);
    expect(talk.started()).toEqual(['x', 'x_2']);
    talk.done('x_2', { ok: true, result: 'two' });
    talk.done('x', { ok: true, result: 'one' });
    talk.calls('', ['look_up', '{"day":3}', 'x']);
    talk.done('x_3', { ok: true, result: 'three' });

    expect(talk.history().filter((line) => line.startsWith('tool'))).toEqual(['tool: one', 'tool: two', 'tool: three']);
  });

  it('that nobody has is refused with the names there are', () => {
    const talk = asking();
    talk.calls('', ['lookup']);

    expect(talk.started()).toEqual([]);
    expect(talk.history().at(-1)).toContain('the tools are transfer_call, hang_up, send_dtmf, look_up, book');
  });

  it('is not started with a megabyte of arguments, and the model does not read them again', () => {
    const talk = asking();
    talk.calls('', ['look_up', JSON.stringify('x'.repeat(1_000_000))]);

    expect(talk.started()).toEqual([]);
    expect(talk.ended()[0]).toContain('too long');
    expect(JSON.stringify(messagesOf(talk.state)).length).toBeLessThan(10_000);
  });
});

describe('a model that calls a tool again and again', () => {
  it('with the same arguments is stopped at the third time, and answers without tools', () => {
    const talk = asking();
    for (const args of ['{"a":1,"b":2}', '{"b":2, "a":1}']) {
      talk.calls('', ['look_up', args]);
      talk.done(talk.started().at(-1) ?? '');
    }
    talk.calls('', ['look_up', '{"a":1,"b":2}']);

    expect(talk.started()).toHaveLength(2);
    expect(talk.ended().at(-1)).toContain('was called with these arguments before');
    expect(
      talk
        .of('llmStart')
        .at(-1)
        ?.tools.map(({ name }) => name),
    ).toEqual(['hang_up']);
  });

  it('even without being offered any makes the agent apologise, and the call goes on', () => {
    const talk = asking();
    for (let n = 0; n < 4; n++) {
      talk.calls('', ['look_up', `{"n":${n}}`]);
      const id = talk.started()[n];
      if (id !== undefined) talk.done(id);
    }
    expect(talk.started()).toHaveLength(3);
    expect(talk.texts).toEqual(['Sorry, I have a technical problem. Could you say that again?']);
    talk.run(10_000);
    expect(talk.of('signal')).toEqual([]);

    talk.says('when are you free');
    expect(
      talk
        .of('llmStart')
        .at(-1)
        ?.tools.map(({ name }) => name),
    ).toContain('look_up');
  });

  it('has twenty calls in a whole call', () => {
    const talk = asking();
    for (let turn = 0; turn < 8; turn++) {
      for (let n = 0; n < 3; n++) {
        talk.calls('', ['look_up', `{"n":${n}}`]);
        const id = talk.state.runningTools[0]?.id;
        if (id !== undefined) talk.done(id);
      }
      talk.answers('So.');
      talk.run(2000);
      talk.says('again');
    }

    expect(talk.started()).toHaveLength(20);
  });

  it('starts eight at most in one answer', () => {
    const talk = asking();
    talk.calls('', ...Array.from({ length: 10 }, (_, n) => ['look_up', `{"n":${n}}`, `c${n}`] as const));

    expect(talk.started()).toHaveLength(8);
    expect(talk.ended()).toHaveLength(2);
  });
});

describe('a caller who waits for a tool', () => {
  it('hears a line after 1.2 s of silence, another after 8 s, and then the answer', () => {
    const talk = asking([terms('look_up', { deadlineMs: 30_000 })]);
    talk.calls('', ['look_up']);
    talk.run(1199);
    expect(talk.texts).toEqual([]);
    talk.run(1);
    expect(talk.texts).toEqual([WAIT]);
    talk.run(7999);
    expect(talk.texts).toEqual([WAIT]);
    talk.run(1);
    expect(talk.texts).toEqual([WAIT, WAIT_MORE]);
    talk.run(8000);
    expect(talk.texts).toEqual([WAIT, WAIT_MORE, WAIT_MORE]);
    talk.done('clook_up');
    talk.answers('At five.');

    expect(talk.texts.at(-1)).toBe('At five.');
    talk.run(6000);
    expect(talk.history().filter((line) => line.includes(WAIT))).toEqual([
      `assistant: ${WAIT} ${WAIT_MORE} ${WAIT_MORE}`,
    ]);
  });

  it('is not talked over: the silence begins when what was said before was heard', () => {
    const talk = asking();
    const said = 'Let me have a look at the calendar.';
    talk.calls(said, ['look_up']);
    talk.run(said.length * 60 + 1199);
    expect(talk.texts).toEqual([said]);
    talk.run(1);

    expect(talk.texts).toEqual([said, WAIT]);
  });

  it('who is quick to be answered hears no line', () => {
    const talk = asking();
    talk.calls('', ['look_up']);
    talk.run(1000);
    talk.done('clook_up');
    talk.run(5000);

    expect(talk.texts).toEqual([]);
  });

  it('hears the answer behind the line, not over it', () => {
    const talk = asking();
    talk.calls('', ['look_up']);
    talk.run(1300);
    talk.done('clook_up');
    talk.answers('At five.');

    expect(talk.texts).toEqual([WAIT, 'At five.']);
    expect(talk.of('playDrop')).toEqual([]);
    expect(talk.of('playBegin')).toHaveLength(1);
  });

  it.each([
    [
      ['Looking.', 'Still looking.'],
      ['Looking.', 'Still looking.', 'Still looking.'],
    ],
    [['Looking.'], ['Looking.', 'Looking.', 'Looking.']],
    [[], []],
  ])('hears the own lines of the tool: %j', (filler, heard) => {
    const talk = asking([terms('look_up', { deadlineMs: 30_000, filler })]);
    talk.calls('', ['look_up']);
    talk.run(18_000);

    expect(talk.texts).toEqual(heard);
  });

  it('in another language hears it in that', () => {
    const talk = asking([terms('look_up')], { language: 'nl-BE' });
    talk.calls('', ['look_up']);
    talk.run(1200);

    expect(talk.texts).toEqual(['Een ogenblik, alstublieft.']);
  });

  it('and speaks takes the turn; the tool goes on, and its result is told when it comes', () => {
    const talk = asking();
    talk.calls('', ['look_up']);
    talk.run(1300);
    talk.says('are you there');
    expect(talk.of('toolStop')).toEqual([]);
    expect(talk.history()).toContain('tool: {"status":"running"}');
    talk.answers('Yes, one moment.');
    talk.run(3000);
    expect(talk.state.speech).toBeUndefined();

    talk.done('clook_up');
    expect(talk.history()).toContain('tool: free at 5');
    expect(talk.history().at(-1)).toBe('user: [look_up has answered]');
    talk.answers('At five.');
    talk.run(3000);
    expect(talk.texts.at(-1)).toBe('At five.');
    expect(talk.history().filter((line) => line.startsWith('tool'))).toEqual(['tool: free at 5']);
  });

  it('whose tool comes back while the agent says something else hears of it afterwards', () => {
    const talk = asking();
    talk.calls('', ['look_up']);
    talk.run(1300);
    talk.says('are you there');
    talk.answers('Yes, one moment.');
    talk.done('clook_up');
    const asked = talk.of('llmStart').length;
    talk.run(3000);

    expect(talk.of('llmStart')).toHaveLength(asked + 1);
    expect(talk.history().at(-1)).toBe('user: [look_up has answered]');
  });
});

describe('the end of a call', () => {
  it('stops what runs, gives it its one result, and starts nothing any more', () => {
    const talk = asking();
    talk.calls('', ['look_up']);
    talk.in({ type: 'close' });

    expect(talk.of('toolStop').map(({ id }) => id)).toEqual(['clook_up']);
    expect(talk.ended()).toEqual(['clook_up: {"status":"cancelled","reason":"the call ended"}']);
    talk.calls('', ['book']);
    talk.done('clook_up');
    expect(talk.started()).toEqual(['clook_up']);
    expect(talk.ended()).toHaveLength(1);
  });

  it('that is being said is not talked over by a tool that comes back', () => {
    const talk = asking();
    talk.calls('', ['look_up']);
    talk.in({ type: 'wrapUp', reason: 'max_duration' });
    talk.done('clook_up');

    expect(talk.of('llmStart')).toHaveLength(1);
    expect(talk.ended()).toEqual(['clook_up: free at 5']);
  });
});

describe('after a restart', () => {
  it('a tool that had not come back is known as unknown, is not run again, and the caller is answered', () => {
    const config = agentOptions.parse({ recording: false });
    const call = { id: 'a', name: 'look_up', arguments: '{}' };
    const state = createDialogue(
      config,
      FACTS,
      {
        history: [
          { role: 'user', content: 'when are you free' },
          { role: 'assistant', content: '', toolCalls: [call] },
        ],
        toolResults: { a: '{"status":"outcome unknown"}' },
        turn: 3,
        recorded: true,
      },
      [terms('look_up')],
    );
    const view = { turn: 0, writtenBytes: 0, sentBytes: 0, heardBytes: 0 };
    const { effects } = stepDialogue(state, { type: 'streamUp', bytesPerMs: 8 }, 0, view);
    const asked = effects.find((effect) => effect.type === 'llmStart');

    expect(asked?.messages.at(-1)).toEqual({
      role: 'tool',
      toolCallId: 'a',
      content: '{"status":"outcome unknown"}',
    });
    expect(effects.filter((effect) => effect.type === 'toolStart')).toEqual([]);
  });
});
