import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { systemClock, VirtualClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import type { ChatFault, ChatReply } from '../../src/emulator/openai/chat.ts';
import {
  createOpenAiEmulator,
  type OpenAiEmulator,
  type OpenAiEmulatorOptions,
} from '../../src/emulator/openai/openai-emulator.ts';
import { createOpenAiLlm, type OpenAiLlmOptions } from '../../src/providers/llm/openai.ts';
import type { ChatMessage, LlmEvent, LlmProvider, LlmRequest, ToolSpec } from '../../src/providers/ports.ts';

const open: OpenAiEmulator[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((emulator) => emulator.close()));
});

async function emulate(options: OpenAiEmulatorOptions = {}): Promise<OpenAiEmulator> {
  const emulator = await createOpenAiEmulator(options);
  open.push(emulator);
  return emulator;
}

function llmAt(emulator: OpenAiEmulator, options: Partial<OpenAiLlmOptions> = {}): LlmProvider {
  const { baseUrl } = emulator;
  return createOpenAiLlm({
    apiKey: 'sk-secret',
    baseUrl,
    model: 'gpt-test',
    clock: systemClock,
    log: silentLog,
    ...options,
  });
}

const HELLO: LlmRequest = { messages: [{ role: 'user', content: 'Hello' }], tools: [] };

interface Listener {
  readonly events: LlmEvent[];
  readonly emit: (event: LlmEvent) => void;
  readonly ended: Promise<LlmEvent>;
}

function listener(): Listener {
  const events: LlmEvent[] = [];
  const { promise, resolve } = Promise.withResolvers<LlmEvent>();
  const emit = (event: LlmEvent): void => {
    events.push(event);
    if (event.type === 'llmDone' || event.type === 'llmFailed') resolve(event);
  };
  return { events, emit, ended: promise };
}

/** Everything one generation emits; one more round through the event loop would show a second terminal event. */
async function generate(llm: LlmProvider, request: LlmRequest = HELLO): Promise<readonly LlmEvent[]> {
  const { events, emit, ended } = listener();
  llm.generate(request, emit);
  await ended;
  await new Promise((resolve) => setImmediate(resolve));
  return events;
}

const textOf = (events: readonly LlmEvent[]): string =>
  events.map((event) => (event.type === 'llmDelta' ? event.text : '')).join('');
const callsOf = (events: readonly LlmEvent[]): unknown[] =>
  events.filter((event) => event.type === 'llmToolCall').map(({ call }) => call);
const failureOf = (events: readonly LlmEvent[]): unknown => {
  const last = events.at(-1);
  return last?.type === 'llmFailed' ? last.failure : last;
};
const frame = (delta: object, finish: string | null = null): unknown => ({
  choices: [{ index: 0, delta, finish_reason: finish }],
});

describe('an answer', () => {
  test('comes as deltas, then done with the usage', async () => {
    const emulator = await emulate({ chat: [{ text: 'Sure, one moment.' }] });

    expect(await generate(llmAt(emulator))).toEqual([
      { type: 'llmDelta', text: 'Sure,' },
      { type: 'llmDelta', text: ' one' },
      { type: 'llmDelta', text: ' moment.' },
      { type: 'llmDone', finish: 'stop', usage: { promptTokens: 35, completionTokens: 3 } },
    ]);
  });

  test('is the same when TCP cuts it through frames and through characters', async () => {
    const text = 'Grüße — 你好 👋🏽, 8 €.';
    const emulator = await emulate({
      chat: [
        { text, writeBytes: 1 },
        { text, writeBytes: 7 },
      ],
    });
    const llm = llmAt(emulator);

    expect(textOf(await generate(llm))).toBe(text);
    expect(textOf(await generate(llm))).toBe(text);
  });

  test.each([
    ['length', 'length'],
    ['content_filter', 'filtered'],
    ['eos', 'stop'],
    ['tool_calls', 'stop'],
  ])('with finish_reason %s is done as %s', async (wire, finish) => {
    const emulator = await emulate({ chat: [{ text: 'Well', finish: wire }] });

    expect((await generate(llmAt(emulator))).at(-1)).toMatchObject({ type: 'llmDone', finish });
  });

  test('may be empty', async () => {
    const emulator = await emulate({ chat: [{}] });

    expect(await generate(llmAt(emulator))).toMatchObject([{ type: 'llmDone', finish: 'stop' }]);
  });

  test('may be a refusal, which the caller hears', async () => {
    const emulator = await emulate({ chat: [{ frames: [frame({ refusal: 'I cannot.' }), frame({}, 'stop')] }] });

    expect(textOf(await generate(llmAt(emulator)))).toBe('I cannot.');
  });

  test.each([
    ['without [DONE]', { fault: { type: 'noDone' } }],
    [
      'with usage on the finish frame',
      {
        frames: [
          frame({ content: 'Hi' }),
          { ...(frame({}, 'stop') as object), usage: { prompt_tokens: 1, completion_tokens: 1 } },
        ],
      },
    ],
    ['with text on the finish frame', { frames: [frame({ content: 'H' }), frame({ content: 'i' }, 'stop')] }],
    [
      'with reasoning',
      {
        frames: [
          frame({ reasoning_content: 'Hmm' }),
          frame({ reasoning: 'Hmm' }),
          frame({ content: 'Hi' }),
          frame({}, 'stop'),
        ],
      },
    ],
    [
      'with odd frames between',
      {
        frames: [
          null,
          7,
          [],
          {},
          { choices: [] },
          { choices: [{}] },
          { choices: [{ delta: null }] },
          { choices: [{ delta: { content: null, tool_calls: null } }] },
          frame({ content: 'Hi' }, ''),
          frame({}, 'stop'),
          frame({ content: ' late' }),
        ],
      },
    ],
  ] satisfies [string, ChatReply][])('%s is whole', async (_, reply) => {
    const emulator = await emulate({ chat: [{ text: 'Hi', ...reply }] });

    const events = await generate(llmAt(emulator));

    expect(textOf(events)).toBe('Hi');
    expect(events.at(-1)).toMatchObject({ type: 'llmDone', finish: 'stop' });
  });

  test('is whole when the server forgets to end it', async () => {
    const clock = new VirtualClock();
    const emulator = await emulate({ chat: [{ text: 'Bye', fault: { type: 'hangAfterFinish' } }] });
    const { events, emit, ended } = listener();
    llmAt(emulator, { clock }).generate(HELLO, emit);
    await vi.waitFor(() => expect(textOf(events)).toBe('Bye'));

    // The finish is in the frame behind; only once it has been read does the short wait stand instead of the long one.
    await vi.waitFor(() => {
      clock.advance(501);
      expect(events.at(-1)).toEqual({ type: 'llmDone', finish: 'stop' });
    });
    await ended;
    await vi.waitFor(() => expect(emulator.disconnects).toHaveLength(1));
    expect(clock.pending).toBe(0);
  });

  test('beyond 16,000 characters is ended with length and the connection is closed', async () => {
    const emulator = await emulate({ chat: [{ text: Array.from({ length: 5000 }, () => 'word ') }] });

    const events = await generate(llmAt(emulator));

    expect(textOf(events)).toHaveLength(16_000);
    expect(events.at(-1)).toEqual({ type: 'llmDone', finish: 'length' });
    await vi.waitFor(() => expect(emulator.disconnects).toHaveLength(1));
  });
});

describe('tool calls', () => {
  test('come after the text, whole, in the order of their index, also when interleaved', async () => {
    const toolCalls = [
      { id: 'a', name: 'transfer_call', arguments: ['{"tar', 'get":', '"sales"}'] },
      { id: 'b', name: 'hang_up', arguments: '{}' },
    ];
    const emulator = await emulate({ chat: [{ text: 'One moment', toolCalls, interleave: true }] });

    expect(await generate(llmAt(emulator))).toEqual([
      { type: 'llmDelta', text: 'One' },
      { type: 'llmDelta', text: ' moment' },
      { type: 'llmToolCall', call: { id: 'a', name: 'transfer_call', arguments: '{"target":"sales"}' } },
      { type: 'llmToolCall', call: { id: 'b', name: 'hang_up', arguments: '{}' } },
      { type: 'llmDone', finish: 'tool_calls', usage: { promptTokens: 35, completionTokens: 9 } },
    ]);
  });

  const call = (more: object, name?: string, args?: unknown): object => ({
    ...more,
    function: { name, arguments: args },
  });
  const A = { id: 'a', name: 'f', arguments: '{"x":1}' };
  const B = { id: 'b', name: 'g', arguments: '{}' };
  const dialects: readonly (readonly [string, readonly object[][], readonly object[]])[] = [
    [
      'whole in one delta',
      [[call({ index: 0, id: 'a' }, 'f', '{"x":1}'), call({ index: 1, id: 'b' }, 'g', '{}')]],
      [A, B],
    ],
    [
      'in the wrong order',
      [[call({ index: 1, id: 'b' }, 'g', '{}')], [call({ index: 0, id: 'a' }, 'f', '{"x":1}')]],
      [A, B],
    ],
    [
      'without index',
      [[call({ id: 'a' }, 'f', '{"x"')], [call({}, undefined, ':1}')], [call({ id: 'b' }, 'g', '{}')]],
      [A, B],
    ],
    [
      'without index, the id repeated',
      [
        [call({ id: 'a' }, 'f', '{"x"')],
        [call({ id: 'b' }, 'g', '{')],
        [call({ id: 'a' }, 'f', ':1}')],
        [call({ id: 'b' }, 'g', '}')],
      ],
      [A, B],
    ],
    [
      'all numbered 0',
      [
        [call({ index: 0, id: 'a' }, 'f', '{"x":')],
        [call({ index: 0 }, undefined, '1}')],
        [call({ index: 0, id: 'b' }, 'g', '{}')],
      ],
      [A, B],
    ],
    [
      'with a new id on every piece',
      [[call({ index: 0, id: 'a' }, 'f', '{"x"')], [call({ index: 0, id: 'zzz' }, undefined, ':1}')]],
      [A],
    ],
    [
      'without ids',
      [[call({ index: 0 }, 'f', '{"x":1}'), call({ index: 1 }, 'g', '{}')]],
      [
        { ...A, id: 'call_0' },
        { ...B, id: 'call_1' },
      ],
    ],
    [
      'without index and ids',
      [[call({}, 'f', '{"x":1}'), call({}, 'g', '{}')]],
      [
        { ...A, id: 'call_0' },
        { ...B, id: 'call_1' },
      ],
    ],
    [
      'with one id for two calls',
      [[call({ index: 0, id: 'a' }, 'f', '{"x":1}'), call({ index: 1, id: 'a' }, 'g', '{}')]],
      [A, { ...B, id: 'call_1' }],
    ],
    ['with an object as arguments', [[call({ index: 0, id: 'a' }, 'f', { x: 1 })]], [A]],
    ['without arguments', [[call({ index: 0, id: 'a' }, 'f')]], [{ ...A, arguments: '' }]],
  ];
  test.each(dialects)('%s are understood', async (_, deltas, expected) => {
    const frames = [...deltas.map((tool_calls) => frame({ tool_calls })), frame({}, 'stop')];
    const emulator = await emulate({ chat: [{ frames }] });

    const events = await generate(llmAt(emulator));

    expect(callsOf(events)).toEqual(expected);
    expect(events.at(-1)).toEqual({ type: 'llmDone', finish: 'tool_calls' });
  });

  test('get no id that the conversation has used', async () => {
    const messages: ChatMessage[] = [
      { role: 'assistant', content: '', toolCalls: [{ id: 'call_1', name: 'f', arguments: '{}' }] },
      { role: 'tool', toolCallId: 'call_1', content: 'ok' },
    ];
    const tool_calls = [call({ index: 0 }, 'f', '{}'), call({ index: 1, id: 'call_1' }, 'f', '{}')];
    const emulator = await emulate({ chat: [{ frames: [frame({ tool_calls }), frame({}, 'tool_calls')] }] });

    const calls = callsOf(await generate(llmAt(emulator), { messages, tools: [] }));

    expect(calls).toMatchObject([{ id: 'call_2' }, { id: 'call_3' }]);
  });

  test('cut by the length limit are dropped unless their arguments are whole; a filtered answer has none', async () => {
    const tool_calls = [call({ index: 0, id: 'a' }, 'f', '{"x":1}'), call({ index: 1, id: 'b' }, 'g', '{"y"')];
    const emulator = await emulate({
      chat: [
        { frames: [frame({ tool_calls }), frame({}, 'length')] },
        { frames: [frame({ tool_calls }), frame({}, 'content_filter')] },
      ],
    });
    const llm = llmAt(emulator);

    expect(await generate(llm)).toEqual([
      { type: 'llmToolCall', call: A },
      { type: 'llmDone', finish: 'length' },
    ]);
    expect(await generate(llm)).toEqual([{ type: 'llmDone', finish: 'filtered' }]);
  });

  test.each([
    ['without a name', [call({ index: 0, id: 'a' }, undefined, '{}')]],
    ['with more than 64 KiB of arguments', [call({ index: 0, id: 'a' }, 'f', 'x'.repeat(65_537))]],
    ['in absurd number', Array.from({ length: 33 }, (_, index) => call({ index }, 'f', '{}'))],
  ])('%s are malformed', async (_, tool_calls) => {
    const emulator = await emulate({ chat: [{ frames: [frame({ tool_calls }), frame({}, 'tool_calls')] }] });

    const events = await generate(llmAt(emulator));

    expect(events).toHaveLength(1);
    expect(failureOf(events)).toMatchObject({ kind: 'malformed' });
  });
});

describe('faults', () => {
  const table: readonly (readonly [string, ChatFault, object])[] = [
    ['401', { type: 'status', status: 401 }, { kind: 'auth', status: 401, retryable: false }],
    ['403', { type: 'status', status: 403 }, { kind: 'auth', status: 403, retryable: false }],
    [
      '429',
      { type: 'status', status: 429, retryAfterSeconds: 30 },
      { kind: 'rate_limited', status: 429, retryable: true },
    ],
    [
      '429 of an empty account',
      { type: 'status', status: 429, code: 'insufficient_quota' },
      { kind: 'rate_limited', status: 429, retryable: false },
    ],
    ['400', { type: 'status', status: 400 }, { kind: 'bad_request', status: 400, retryable: false }],
    ['404', { type: 'status', status: 404 }, { kind: 'bad_request', status: 404, retryable: false }],
    ['408', { type: 'status', status: 408 }, { kind: 'timeout', status: 408, retryable: true }],
    ['422', { type: 'status', status: 422 }, { kind: 'bad_request', status: 422, retryable: false }],
    ['500', { type: 'status', status: 500 }, { kind: 'server', status: 500, retryable: true }],
    ['503', { type: 'status', status: 503 }, { kind: 'server', status: 503, retryable: true }],
    ['a drop before the first token', { type: 'drop', after: 0 }, { kind: 'dropped', retryable: true }],
    ['a drop in the middle', { type: 'drop', after: 2 }, { kind: 'dropped', retryable: true }],
    ['no finish_reason', { type: 'noFinish' }, { kind: 'truncated', retryable: true }],
    ['an error frame', { type: 'errorFrame', after: 2 }, { kind: 'server', retryable: true }],
    [
      'an error frame with a status',
      { type: 'errorFrame', after: 2, code: 429 },
      { kind: 'rate_limited', status: 429, retryable: true },
    ],
    ['a frame that is not JSON', { type: 'badJson', after: 2 }, { kind: 'malformed', retryable: true }],
  ];

  test.each(table)('%s', async (_, fault, expected) => {
    const error = vi.spyOn(console, 'error');
    const emulator = await emulate({ chat: [{ text: 'One two three', fault }] });

    const events = await generate(llmAt(emulator));

    expect(failureOf(events)).toEqual({ ...expected, message: expect.stringMatching(/^openai gpt-test: /) as string });
    expect(events.filter((event) => event.type === 'llmFailed' || event.type === 'llmDone')).toHaveLength(1);
    expect(textOf(events)).toBe(
      'after' in fault && fault.after === 2 ? 'One' : fault.type === 'noFinish' ? 'One two three' : '',
    );
    expect(emulator.requests).toHaveLength(1);
    expect(error).not.toHaveBeenCalled();
    error.mockRestore();
  });

  test('after the finish cost nothing', async () => {
    const fault: ChatFault = { type: 'drop', after: 3 };
    const emulator = await emulate({
      chat: [{ frames: [frame({ content: 'Hi' }), frame({}, 'stop'), {}, {}], fault }],
    });

    expect(await generate(llmAt(emulator))).toEqual([
      { type: 'llmDelta', text: 'Hi' },
      { type: 'llmDone', finish: 'stop' },
    ]);
  });

  test('nobody listens at the address', async () => {
    const emulator = await emulate();
    const llm = llmAt(emulator);
    await emulator.close();

    expect(failureOf(await generate(llm))).toMatchObject({
      kind: 'connect',
      retryable: true,
      message: expect.stringContaining('ECONNREFUSED') as string,
    });
  });

  test('a server that says itself that it gave up', async () => {
    const emulator = await emulate({ chat: [{ frames: [frame({ content: 'Well' }), frame({}, 'error')] }] });

    expect(failureOf(await generate(llmAt(emulator)))).toMatchObject({ kind: 'truncated', retryable: true });
  });

  test('a base URL without /v1', async () => {
    const emulator = await emulate();
    const wrong = llmAt(emulator, { baseUrl: emulator.baseUrl.replace('/v1', '') });

    expect(failureOf(await generate(wrong))).toMatchObject({ kind: 'bad_request', status: 404 });
  });

  test('a base URL at which a web page answers', async () => {
    const server = createServer((_, res) => res.setHeader('content-type', 'text/html').end('<html>Hello</html>'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const wrong = llmAt(await emulate(), { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });

    const events = await generate(wrong);
    server.closeAllConnections();
    server.close();

    expect(failureOf(events)).toMatchObject({
      kind: 'malformed',
      message: expect.stringContaining('base URL') as string,
    });
  });

  test('a key that the server quotes is not in the message', async () => {
    const emulator = await emulate({
      chat: [{ fault: { type: 'status', status: 401, message: 'bad key sk-secret' } }],
    });

    expect(failureOf(await generate(llmAt(emulator)))).toMatchObject({ message: 'openai gpt-test: 401 bad key •••' });
  });

  test.each([
    ['never answers', { type: 'silent' }],
    ['sends headers and nothing else', { type: 'headersOnly' }],
    ['sends only the role', { type: 'stall', after: 1 }],
  ] satisfies [string, ChatFault][])(
    'a server that %s is given up after the first-token deadline',
    async (_, fault) => {
      const clock = new VirtualClock();
      const emulator = await emulate({ chat: [{ text: 'Hi', fault }] });
      const { events, emit } = listener();
      llmAt(emulator, { clock, firstTokenMs: 2500 }).generate(HELLO, emit);
      await vi.waitFor(() => expect(emulator.requests).toHaveLength(1));

      clock.advance(2499);
      expect(events).toEqual([]);
      clock.advance(1);

      expect(events).toEqual([
        {
          type: 'llmFailed',
          failure: { kind: 'timeout', retryable: true, message: 'openai gpt-test: no token within 2500 ms' },
        },
      ]);
      await vi.waitFor(() => expect(emulator.disconnects).toHaveLength(1));
      expect(clock.pending).toBe(0);
      expect(events).toHaveLength(1);
    },
  );

  test('reasoning does not count as a token, and the failure says so', async () => {
    const frames = [frame({ reasoning_content: 'Hmm' }), frame({ content: 'Hi' })];
    const emulator = await emulate({ chat: [{ frames, fault: { type: 'stall', after: 1 } }] });

    // On the real clock: that the reasoning has been read shows in nothing but the message.
    const events = await generate(llmAt(emulator, { firstTokenMs: 300 }));

    expect(failureOf(events)).toMatchObject({
      kind: 'timeout',
      message: expect.stringContaining('reasoningEffort') as string,
    });
  });

  test('a stream that goes silent in the middle is given up after the inter-token deadline', async () => {
    const clock = new VirtualClock();
    const emulator = await emulate({ chat: [{ text: 'One two three', fault: { type: 'stall', after: 3 } }] });
    const { events, emit } = listener();
    llmAt(emulator, { clock, interTokenMs: 3000 }).generate(HELLO, emit);
    await vi.waitFor(() => expect(textOf(events)).toBe('One two'));

    clock.advance(2999);
    expect(events).toHaveLength(2);
    clock.advance(1);

    expect(failureOf(events)).toMatchObject({ kind: 'stalled', retryable: true });
    await vi.waitFor(() => expect(emulator.disconnects).toHaveLength(1));
    expect(clock.pending).toBe(0);
  });
});

describe('abort', () => {
  test('in the middle closes the connection, and nothing is emitted afterwards', async () => {
    const clock = new VirtualClock();
    const emulator = await emulate({ chat: [{ text: 'word '.repeat(500), interTokenMs: 2 }] });
    const { events, emit } = listener();
    const generation = llmAt(emulator, { clock }).generate(HELLO, emit);
    await vi.waitFor(() => expect(events.length).toBeGreaterThan(2));

    generation.abort();
    generation.abort();
    const heard = events.length;

    await vi.waitFor(() => expect(emulator.disconnects).toMatchObject([{ request: 0 }]));
    expect(emulator.openConnections).toBe(0);
    clock.advance(60_000);
    expect(events).toHaveLength(heard);
    expect(clock.pending).toBe(0);
  });

  test('before the first byte closes the connection too', async () => {
    const emulator = await emulate({ chat: [{ fault: { type: 'silent' } }] });
    const { events, emit } = listener();
    const generation = llmAt(emulator).generate(HELLO, emit);
    await vi.waitFor(() => expect(emulator.requests).toHaveLength(1));

    generation.abort();

    await vi.waitFor(() => expect(emulator.disconnects).toHaveLength(1));
    expect(events).toEqual([]);
  });

  test('at once sends nothing', async () => {
    const emulator = await emulate();
    const llm = llmAt(emulator);
    const { events, emit } = listener();

    llm.generate(HELLO, emit).abort();

    await generate(llm);
    expect(events).toEqual([]);
    expect(emulator.requests).toHaveLength(1);
  });

  test('from inside an event stops the rest of that answer', async () => {
    const emulator = await emulate({
      chat: [
        {
          text: 'One two',
          toolCalls: [
            { name: 'f', arguments: '{}' },
            { name: 'g', arguments: '{}' },
          ],
        },
      ],
    });
    const events: LlmEvent[] = [];
    const generation = llmAt(emulator).generate(HELLO, (event) => {
      events.push(event);
      if (event.type === 'llmToolCall') generation.abort();
    });
    await vi.waitFor(() => expect(events).toHaveLength(3));
    await generate(llmAt(emulator));

    expect(events.map((event) => event.type)).toEqual(['llmDelta', 'llmDelta', 'llmToolCall']);
  });
});

describe('the request', () => {
  const tool: ToolSpec = {
    name: 'hang_up',
    description: 'Ends the call',
    parameters: { type: 'object', properties: {} },
  };
  const messages: ChatMessage[] = [
    { role: 'system', content: 'You answer the phone.' },
    { role: 'user', content: 'Bye' },
    { role: 'assistant', content: '', toolCalls: [{ id: 'c1', name: 'hang_up', arguments: '{}' }] },
    { role: 'tool', toolCallId: 'c1', content: 'done' },
    { role: 'assistant', content: 'Goodbye' },
  ];

  test('has the messages and tools in the wire shape', async () => {
    const emulator = await emulate();

    await generate(llmAt(emulator), { messages, tools: [tool] });

    expect(emulator.requests).toMatchObject([
      { method: 'POST', path: '/v1/chat/completions', headers: { authorization: 'Bearer sk-secret' } },
    ]);
    expect(emulator.requests[0]?.body).toEqual({
      model: 'gpt-test',
      messages: [
        { role: 'system', content: 'You answer the phone.' },
        { role: 'user', content: 'Bye' },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c1', type: 'function', function: { name: 'hang_up', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'c1', content: 'done' },
        { role: 'assistant', content: 'Goodbye' },
      ],
      tools: [
        {
          type: 'function',
          function: { name: 'hang_up', description: 'Ends the call', parameters: { type: 'object', properties: {} } },
        },
      ],
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  test('has the optional fields only when they are set, and extra ones win', async () => {
    const emulator = await emulate();

    await generate(
      llmAt(emulator, {
        maxTokens: 300,
        temperature: 0.2,
        reasoningEffort: 'none',
        extraBody: { temperature: 0, top_k: 5 },
      }),
    );

    expect(emulator.requests[0]?.body).toEqual({
      model: 'gpt-test',
      messages: [{ role: 'user', content: 'Hello' }],
      stream: true,
      stream_options: { include_usage: true },
      max_completion_tokens: 300,
      reasoning_effort: 'none',
      temperature: 0,
      top_k: 5,
    });
  });

  test('works without a key, for local servers', async () => {
    const emulator = await emulate({ chat: [{ text: 'Hi' }] });

    expect(textOf(await generate(llmAt(emulator, { apiKey: '' })))).toBe('Hi');
  });
});

describe('the connection', () => {
  test('is one for many turns, also when the server ends each body late', async () => {
    const emulator = await emulate({ chat: [{ text: 'Hi', endDelayMs: 20 }] });
    const llm = llmAt(emulator);

    for (let turn = 0; turn < 3; turn++) {
      await generate(llm);
      await new Promise((resolve) => setTimeout(resolve, 60));
    }

    expect(emulator.requests.map((request) => request.connection)).toEqual([1, 1, 1]);
  });

  test("outlives a caller's utterance, for which Node's own fetch would not keep it", async () => {
    const emulator = await emulate();
    const llm = llmAt(emulator);

    await generate(llm);
    await new Promise((resolve) => setTimeout(resolve, 5500));
    await generate(llm);

    expect(emulator.requests.map((request) => request.connection)).toEqual([1, 1]);
  });

  test('is opened by warm, once in 10 s, and used by the next generation', async () => {
    const clock = new VirtualClock();
    const emulator = await emulate();
    const llm = llmAt(emulator, { clock });

    llm.warm();
    llm.warm();
    await vi.waitFor(() => expect(emulator.requests).toHaveLength(1));
    await vi.waitFor(() => expect(clock.pending).toBe(0));
    clock.advance(9999);
    llm.warm();
    await generate(llm);
    clock.advance(1);
    llm.warm();
    await vi.waitFor(() => expect(emulator.requests).toHaveLength(3));

    expect(emulator.requests.map(({ path }) => path)).toEqual(['/v1/models', '/v1/chat/completions', '/v1/models']);
    expect(emulator.requests[1]?.connection).toBe(1);
  });

  test('warm never throws, whatever the server does', async () => {
    const clock = new VirtualClock();
    const refused = llmAt(await emulate({ apiKey: 'other' }), { clock });
    const gone = await emulate();
    const unreachable = llmAt(gone, { clock });
    await gone.close();

    refused.warm();
    unreachable.warm();

    await vi.waitFor(() => expect(clock.pending).toBe(0));
  });
});
