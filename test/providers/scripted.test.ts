import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { VirtualClock } from '../../src/core/clock.ts';
import { createScriptedLlm } from '../../src/providers/llm/scripted.ts';
import type { ChatMessage, LlmEvent, LlmProvider, ToolCall, ToolSpec } from '../../src/providers/ports.ts';
import { loadScript, parseScript } from '../../src/providers/script.ts';

const SCRIPT = parseScript(
  `
slots:
  size: { double: [double, for two], single: [single] }
intents:
  greeting: { phrases: [hello], reply: [Hello!, Hello again.] }
  price: { phrases: ["how much is a <size> room"], reply: A <size> room costs ninety. }
  breakfast: { phrases: [is breakfast included], reply: "Yes. Shall we bring it to your room? Press one." }
  room_service: { phrases: [yes please], pressed: "1", after: breakfast, reply: We will bring it up. }
  person: { phrases: [agent], pressed: "0", confirm: Shall I connect you to the desk?, reply: One moment., transfer: desk }
  bye: { phrases: [goodbye], reply: Goodbye., hangUp: true }
  menu: { phrases: [next menu], sendDtmf: "12#" }
  again: { phrases: [pardon], repeat: true }
yes: { phrases: [yes please?], pressed: "1" }
no: { phrases: [no], pressed: "2" }
declined: All right.
unclear: [Pardon?, I still did not understand.]
fallback: I cannot help with that.
outcomes:
  transfer_call: { completed: "", busy: The desk is busy., otherwise: Nobody is at the desk. }
`,
  'test.yaml',
);

const TOOLS: readonly ToolSpec[] = ['transfer_call', 'hang_up', 'send_dtmf'].map((name) => ({
  name,
  description: '',
  parameters: {},
}));

const user = (content: string): ChatMessage => ({ role: 'user', content });
const agent = (content: string): ChatMessage => ({ role: 'assistant', content });

function eventsOf(llm: LlmProvider, messages: readonly ChatMessage[], tools = TOOLS): readonly LlmEvent[] {
  const events: LlmEvent[] = [];
  llm.generate({ messages, tools }, (event) => events.push(event));
  return events;
}

interface Answer {
  readonly say: string;
  readonly call?: ToolCall;
}

function answerOf(messages: readonly ChatMessage[], tools = TOOLS, script = SCRIPT): Answer {
  const events = eventsOf(createScriptedLlm({ script }), messages, tools);
  const say = events.flatMap((event) => (event.type === 'llmDelta' ? [event.text] : [])).join('');
  const call = events.find((event) => event.type === 'llmToolCall')?.call;
  return call ? { say, call } : { say };
}

const transfer: ToolCall = { id: 'call_1', name: 'transfer_call', arguments: '{"target":"desk"}' };
const QUESTION = 'Shall I connect you to the desk?';

describe('a scripted agent', () => {
  it.each<[string, readonly ChatMessage[], Answer]>([
    ['says nothing without a caller turn', [{ role: 'system', content: 'Be brief.' }, agent('Welcome.')], { say: '' }],
    ['answers', [agent('Welcome.'), user('hello')], { say: 'Hello!' }],
    [
      'fills slots',
      [user('How much is a room? I mean, how much is a for two room')],
      { say: 'A double room costs ninety.' },
    ],
    [
      'answers differently the second time, and stays there',
      [user('hello'), agent('Hello!'), user('hello'), agent('Hello again.'), user('hello')],
      { say: 'Hello again.' },
    ],
    ['admits what it cannot do', [user('sing a song')], { say: 'I cannot help with that.' }],
    ['asks again for unclear speech', [user('[unclear]')], { say: 'Pardon?' }],
    [
      'asks differently the second time in a row',
      [user('[unclear]'), agent('Pardon?'), user('[unclear]')],
      { say: 'I still did not understand.' },
    ],
    [
      'begins anew once it has understood',
      [user('[unclear]'), agent('Pardon?'), user('hello'), agent('Hello!'), user('[unclear]')],
      { say: 'Pardon?' },
    ],
    ['hangs up', [user('goodbye')], { say: 'Goodbye.', call: { id: 'call_1', name: 'hang_up', arguments: '{}' } }],
    [
      'sends tones without a word',
      [user('next menu')],
      { say: '', call: { id: 'call_1', name: 'send_dtmf', arguments: '{"digits":"12#"}' } },
    ],
    ['asks before a transfer', [user('agent')], { say: QUESTION }],
    ['takes a key for a phrase', [user('[pressed 0]')], { say: QUESTION }],
    ['transfers after a yes', [user('agent'), agent(QUESTION), user('yes')], { say: 'One moment.', call: transfer }],
    [
      'takes a key for a yes',
      [user('agent'), agent(QUESTION), user('[pressed 1]')],
      { say: 'One moment.', call: transfer },
    ],
    ['takes a key for a no', [user('agent'), agent(QUESTION), user('[pressed 2]')], { say: 'All right.' }],
    ['knows no key it was not told', [user('[pressed 7]')], { say: 'I cannot help with that.' }],
    [
      'forgets the question after a no',
      [user('agent'), agent(QUESTION), user('no'), agent('All right.'), user('yes')],
      { say: 'I cannot help with that.' },
    ],
    [
      'forgets the question after another wish',
      [user('agent'), agent(QUESTION), user('hello'), agent('Hello!'), user('yes')],
      { say: 'I cannot help with that.' },
    ],
    ['knows no yes without a question', [user('yes')], { say: 'I cannot help with that.' }],
    [
      'takes a yes to the part of the question that was heard',
      [user('agent'), agent('Shall I conn'), user('yes')],
      { say: 'One moment.', call: transfer },
    ],
    ['takes no yes to a question nobody heard', [user('agent'), user('yes')], { say: 'I cannot help with that.' }],
    [
      'takes no yes to other words',
      [user('agent'), agent('Sorry, one second.'), user('yes')],
      { say: 'I cannot help with that.' },
    ],
    [
      'repeats the question after unclear speech',
      [user('agent'), agent(QUESTION), user('[unclear]')],
      { say: `Pardon? ${QUESTION}` },
    ],
    [
      'takes the yes to the repeated question',
      [user('agent'), agent(QUESTION), user('[unclear]'), agent(`Pardon? ${QUESTION}`), user('yes')],
      { say: 'One moment.', call: transfer },
    ],
    [
      'takes no yes when only the words before the repeated question were heard',
      [user('agent'), agent(QUESTION), user('[unclear]'), agent('Pardon?'), user('yes')],
      { say: 'I cannot help with that.' },
    ],
    [
      'goes on with what belongs to its last answer',
      [user('is breakfast included'), agent('Yes.'), user('yes please')],
      { say: 'We will bring it up.' },
    ],
    [
      'only right after it',
      [user('is breakfast included'), agent('Yes.'), user('hello'), agent('Hello!'), user('[pressed 1]')],
      { say: 'I cannot help with that.' },
    ],
    [
      'repeats its last answer in full, however much was heard',
      [user('hello'), agent('Hel'), user('pardon')],
      { say: 'Hello!' },
    ],
    [
      'repeats its question as a question',
      [user('agent'), agent(QUESTION), user('pardon'), agent(QUESTION), user('yes')],
      { say: 'One moment.', call: transfer },
    ],
  ])('%s', (_name, messages, answer) => {
    expect(answerOf(messages)).toEqual(answer);
  });

  it.each([
    ['{"outcome":"busy"}', 'The desk is busy.'],
    ['{"outcome":"no_answer"}', 'Nobody is at the desk.'],
    ['{"outcome":"completed"}', ''],
    ['not JSON at all', 'Nobody is at the desk.'],
    ['null', 'Nobody is at the desk.'],
  ])('after the tool result %s it says "%s"', (content, say) => {
    const messages: readonly ChatMessage[] = [
      user('agent'),
      agent(QUESTION),
      user('yes'),
      { role: 'assistant', content: 'One moment.', toolCalls: [transfer] },
      { role: 'tool', toolCallId: 'call_1', content },
    ];

    expect(answerOf(messages)).toEqual({ say });
  });

  it('numbers its tool calls through the whole call', () => {
    const messages: readonly ChatMessage[] = [
      user('next menu'),
      {
        role: 'assistant',
        content: '',
        toolCalls: [{ id: 'call_1', name: 'send_dtmf', arguments: '{"digits":"12#"}' }],
      },
      { role: 'tool', toolCallId: 'call_1', content: '{"outcome":"sent"}' },
      user('goodbye'),
    ];

    expect(answerOf(messages).call?.id).toBe('call_2');
  });

  it('says the outcome instead of calling a tool that it was not offered', () => {
    expect(answerOf([user('agent'), agent(QUESTION), user('yes')], [])).toEqual({ say: 'Nobody is at the desk.' });
    expect(answerOf([user('goodbye')], [])).toEqual({ say: 'I cannot help with that.' });
  });

  it('streams word by word and then ends', () => {
    expect(eventsOf(createScriptedLlm({ script: SCRIPT }), [user('agent'), agent(QUESTION), user('yes')])).toEqual([
      { type: 'llmDelta', text: 'One ' },
      { type: 'llmDelta', text: 'moment.' },
      { type: 'llmToolCall', call: transfer },
      { type: 'llmDone', finish: 'tool_calls' },
    ]);
  });

  it('speaks at the pace it was given', () => {
    const clock = new VirtualClock();
    const llm = createScriptedLlm({ script: SCRIPT, pace: { clock, firstMs: 300, wordMs: 50 } });
    const heard: string[] = [];
    llm.generate({ messages: [user('hello'), agent('Hello!'), user('hello')], tools: [] }, (event) => {
      heard.push(`${clock.mono()} ${event.type === 'llmDelta' ? event.text : event.type}`);
    });

    clock.advance(1000);

    expect(heard).toEqual(['300 Hello ', '350 again.', '350 llmDone']);
    expect(clock.pending).toBe(0);
  });

  it.each([0, 300, 320])('says nothing more once it is aborted after %i ms', (ms) => {
    const clock = new VirtualClock();
    const llm = createScriptedLlm({ script: SCRIPT, pace: { clock, firstMs: 300, wordMs: 50 } });
    const heard: LlmEvent[] = [];
    const generation = llm.generate({ messages: [user('agent')], tools: [] }, (event) => heard.push(event));
    clock.advance(ms);
    const before = heard.length;

    generation.abort();
    generation.abort();
    clock.advance(5000);

    expect(heard.length).toBe(before);
    expect(clock.pending).toBe(0);
  });
});

describe('the demo call', () => {
  it('leads through every intent it expects', () => {
    const demo = new URL('../../fixtures/demo/', import.meta.url);
    const call = parse(readFileSync(new URL('call.yaml', demo), 'utf8')) as {
      readonly turns: readonly { readonly transcript?: string; readonly press?: string; readonly expect: string }[];
    };
    const script = loadScript(fileURLToPath(new URL('hotel.yaml', demo)));
    const messages: ChatMessage[] = [];
    const answers: Answer[] = [];

    for (const turn of call.turns) {
      messages.push(user(turn.press ? `[pressed ${turn.press}]` : (turn.transcript ?? '')));
      const answer = answerOf(messages, TOOLS, script);
      answers.push(answer);
      messages.push(agent(answer.say));
    }

    const replyOf = (name: string): string | undefined =>
      script.intents.find((intent) => intent.name === name)?.reply[0];
    expect(answers.map(({ say }) => say)).toEqual([
      replyOf('greeting'),
      replyOf('hours'),
      replyOf('location'),
      replyOf('wifi'),
      replyOf('wifi'),
      replyOf('do_not_disturb'),
      replyOf('quiet_morning'),
      script.intents.find((intent) => intent.name === 'trouble')?.confirm,
      replyOf('trouble'),
    ]);
    expect(answers.at(-1)?.call).toMatchObject({ name: 'transfer_call', arguments: '{"target":"desk"}' });
  });
});
