import { connect, type Socket } from 'node:net';
import OpenAI, { toFile } from 'openai';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { VirtualClock } from '../../src/core/clock.ts';
import type { ChatReply } from '../../src/emulator/openai/chat.ts';
import { refusalOf } from '../../src/emulator/openai/chat-request.ts';
import { parseMultipart } from '../../src/emulator/openai/multipart.ts';
import {
  createOpenAiEmulator,
  type OpenAiEmulator,
  type OpenAiEmulatorOptions,
} from '../../src/emulator/openai/openai-emulator.ts';
import { renderVoice } from '../../src/emulator/voice.ts';

const emulators: OpenAiEmulator[] = [];
afterEach(async () => {
  await Promise.all(emulators.splice(0).map((emulator) => emulator.close()));
});

async function emulate(options: OpenAiEmulatorOptions = {}): Promise<OpenAiEmulator> {
  const emulator = await createOpenAiEmulator(options);
  emulators.push(emulator);
  return emulator;
}

/** The SDK as it comes, with Node's fetch. */
function sdkAt({ baseUrl }: OpenAiEmulator, apiKey = 'k'): OpenAI {
  return new OpenAI({ apiKey, baseURL: baseUrl, maxRetries: 0, logLevel: 'off' });
}

const chatBody = { model: 'm', stream: true, messages: [{ role: 'user', content: 'Hi' }] };

function post(emulator: OpenAiEmulator, path: string, body: unknown): Promise<Response> {
  return fetch(emulator.baseUrl + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

async function sse(emulator: OpenAiEmulator, body: object = chatBody): Promise<string[]> {
  const text = await (await post(emulator, '/chat/completions', body)).text();
  return text.split('\n\n').filter((frame) => frame !== '');
}

describe('chat completions', () => {
  test('are the frames of the documented wire', async () => {
    const emulator = await emulate({ chat: [{ text: 'Sure, ok', toolCalls: [{ name: 'f', arguments: '{"a":1}' }] }] });

    const frames = await sse(emulator, { ...chatBody, stream_options: { include_usage: true } });

    const chunk = (delta: object, finish: string | null = null): object => ({
      id: 'chatcmpl-0',
      object: 'chat.completion.chunk',
      created: 1_767_603_600,
      model: 'm',
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
    });
    const tool = (call: object): object => chunk({ tool_calls: [{ index: 0, ...call }] });
    expect(frames.at(-1)).toBe('data: [DONE]');
    expect(frames.slice(0, -1).map((frame) => JSON.parse(frame.replace('data: ', '')) as unknown)).toEqual([
      chunk({ role: 'assistant', content: '' }),
      chunk({ content: 'Sure,' }),
      chunk({ content: ' ok' }),
      tool({ id: 'call_0_0', type: 'function', function: { name: 'f', arguments: '' } }),
      tool({ function: { arguments: '{"a' } }),
      tool({ function: { arguments: '":1}' } }),
      chunk({}, 'tool_calls'),
      { ...chunk({}), choices: [], usage: { prompt_tokens: 32, completion_tokens: 5, total_tokens: 37 } },
    ]);
  });

  test('are understood by the real SDK', async () => {
    const emulator = await emulate();

    const stream = await sdkAt(emulator).chat.completions.create({
      model: 'm',
      stream: true,
      messages: [{ role: 'user', content: 'good morning' }],
    });
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';

    expect(text).toBe('You said: good morning');
    expect(emulator.requests).toMatchObject([{ method: 'POST', path: '/v1/chat/completions', connection: 1 }]);
  });

  test('follow a list of replies, the last one again and again, or a function of the request', async () => {
    const listed = await emulate({ chat: [{ frames: ['a'] }, { frames: ['b'] }] });
    const computed = await emulate({ chat: (request, n): ChatReply => ({ frames: [request.messages.length, n] }) });

    const first = async (emulator: OpenAiEmulator): Promise<string[]> => (await sse(emulator)).slice(0, -1);
    expect([await first(listed), await first(listed), await first(listed)]).toEqual([
      ['data: "a"'],
      ['data: "b"'],
      ['data: "b"'],
    ]);
    expect([await first(computed), await first(computed)]).toEqual([
      ['data: 1', 'data: 0'],
      ['data: 1', 'data: 1'],
    ]);
  });

  test('interleave the pieces of tool calls when told to', async () => {
    const toolCalls = [
      { name: 'f', arguments: ['1', '2', '3'] },
      { name: 'g', arguments: ['x'] },
    ];
    const emulator = await emulate({ chat: [{ toolCalls, interleave: true }] });

    const indexes = (await sse(emulator)).flatMap((frame) => /"tool_calls":\[\{"index":(\d)/.exec(frame)?.[1] ?? []);

    expect(indexes).toEqual(['0', '1', '0', '1', '0', '0']);
  });

  test('wait for the first and between later tokens on the clock', async () => {
    const clock = new VirtualClock();
    const emulator = await emulate({ clock, chat: [{ text: 'One two', firstTokenMs: 400, interTokenMs: 50 }] });
    const answer = post(emulator, '/chat/completions', chatBody);
    await vi.waitFor(() => expect(clock.pending).toBe(1));

    clock.advance(399);
    expect(clock.pending).toBe(1);
    clock.advance(1);
    const response = await answer;
    const decoder = new TextDecoder();
    let text = '';
    const read = (async (): Promise<void> => {
      for await (const chunk of response.body!) text += decoder.decode(chunk as Uint8Array);
    })();

    await vi.waitFor(() => expect(text).toContain('One'));
    await vi.waitFor(() => expect(clock.pending).toBe(1));
    expect(text).not.toContain('two');
    clock.advance(50);
    await vi.waitFor(() => expect(text).toContain('two'));
    await vi.waitFor(() => expect(clock.pending).toBe(1));
    clock.advance(50);
    await read;
    expect(text).toContain('[DONE]');
  });

  test('can be cut into TCP writes of any size', async () => {
    const emulator = await emulate({ chat: [{ frames: ['ü'], writeBytes: 1 }] });

    const bytes = await rawAnswer(emulator);

    // One HTTP chunk per write: the two bytes of the character come apart.
    expect(bytes.toString('latin1')).toContain('1\r\n\xc3\r\n1\r\n\xbc\r\n');
  });
});

/** A chat request by hand, and everything that comes back until the server closes or the stream ends. */
async function rawAnswer(emulator: OpenAiEmulator, closeAfter = '0\r\n\r\n'): Promise<Buffer> {
  const { port } = new URL(emulator.baseUrl);
  const socket: Socket = connect(Number(port), '127.0.0.1');
  const body = JSON.stringify(chatBody);
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    if (Buffer.concat(chunks).includes(closeAfter)) break;
  }
  return Buffer.concat(chunks);
}

describe('faults of the chat', () => {
  test('a refusal has the status, the error body and retry-after', async () => {
    const fault = { type: 'status', status: 429, retryAfterSeconds: 7, code: 'rate_limit_exceeded' } as const;
    const emulator = await emulate({ chat: [{ fault }] });

    const response = await post(emulator, '/chat/completions', chatBody);

    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '7']);
    expect(await response.json()).toEqual({
      error: { message: 'emulated 429', type: 'rate_limit_error', param: null, code: 'rate_limit_exceeded' },
    });
  });

  test.each([
    ['noDone', { type: 'noDone' }, ['"delta":{"role"', '"content":"Hi"', '"finish_reason":"stop"']],
    ['noFinish', { type: 'noFinish' }, ['"delta":{"role"', '"content":"Hi"', '[DONE]']],
    ['errorFrame', { type: 'errorFrame', after: 1 }, ['"delta":{"role"', '{"error":{"message":"emulated error"']],
    [
      'badJson',
      { type: 'badJson', after: 1 },
      ['"delta":{"role"', '"choices": [{', '"content":"Hi"', '"finish_reason":"stop"', '[DONE]'],
    ],
  ] satisfies [string, ChatReply['fault'], string[]][])('%s', async (_, fault, expected) => {
    const emulator = await emulate({ chat: [{ text: 'Hi', fault }] });

    const frames = await sse(emulator);

    expect(frames).toHaveLength(expected.length);
    for (const [at, part] of expected.entries()) expect(frames[at]).toContain(part);
    expect(emulator.disconnects).toEqual([]);
  });

  test('drop cuts the connection in the middle of the body', async () => {
    const emulator = await emulate({ chat: [{ text: 'Hi there', fault: { type: 'drop', after: 2 } }] });

    const text = (await rawAnswer(emulator)).toString();

    expect(text).toContain('"Hi"');
    expect(text).not.toContain('there');
    expect(text.endsWith('0\r\n\r\n')).toBe(false);
  });

  test.each([
    ['silent', { type: 'silent' }, undefined],
    ['headersOnly', { type: 'headersOnly' }, '200 OK'],
    ['stall', { type: 'stall', after: 2 }, '"Hi"'],
    ['hangAfterFinish', { type: 'hangAfterFinish' }, '"finish_reason":"stop"'],
  ] satisfies [string, ChatReply['fault'], string | undefined][])(
    '%s leaves the connection open until the client goes, which is recorded',
    async (_, fault, last) => {
      const emulator = await emulate({ chat: [{ text: 'Hi there', fault }] });
      const { port } = new URL(emulator.baseUrl);
      const socket = connect(Number(port), '127.0.0.1');
      const body = JSON.stringify(chatBody);
      socket.write(
        `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
      let text = '';
      socket.on('data', (bytes) => (text += bytes.toString()));
      await vi.waitFor(() => expect(emulator.requests).toHaveLength(1));
      if (last) await vi.waitFor(() => expect(text).toContain(last));
      expect(emulator.disconnects).toEqual([]);

      socket.destroy();

      await vi.waitFor(() => expect(emulator.disconnects).toMatchObject([{ request: 0 }]));
      expect(emulator.openConnections).toBe(0);
      expect(text === '').toBe(last === undefined);
    },
  );
});

describe('what OpenAI would refuse', () => {
  const call = { id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } };
  const user = { role: 'user', content: 'Hi' };
  const calling = { role: 'assistant', content: null, tool_calls: [call] };
  const result = { role: 'tool', tool_call_id: 'c1', content: 'ok' };
  const table: readonly (readonly [string, unknown, RegExp | undefined])[] = [
    ['a good request', chatBody, undefined],
    ['a whole tool exchange', { ...chatBody, messages: [user, calling, result, user] }, undefined],
    ['no JSON', undefined, /JSON/],
    ['no model', { ...chatBody, model: undefined }, /model/],
    ['no messages', { ...chatBody, messages: undefined }, /messages/],
    ['empty messages', { ...chatBody, messages: [] }, /empty array/],
    ['empty tools', { ...chatBody, tools: [] }, /'tools'/],
    ['no streaming', { ...chatBody, stream: false }, /stream/],
    ['a foreign role', { ...chatBody, messages: [{ role: 'caller', content: 'x' }] }, /'caller'/],
    ['a message without content', { ...chatBody, messages: [{ role: 'assistant', content: null }] }, /content/],
    ['a tool call without result', { ...chatBody, messages: [user, calling, user] }, /c1/],
    ['a tool call without result at the end', { ...chatBody, messages: [user, calling] }, /c1/],
    ['a result without call', { ...chatBody, messages: [user, result] }, /messages\[1\]/],
    ['two results of one call', { ...chatBody, messages: [user, calling, result, result] }, /messages\[3\]/],
  ];

  test.each(table)('%s', (_, body, expected) => {
    if (expected) expect(refusalOf(body)).toMatch(expected);
    else expect(refusalOf(body)).toBeUndefined();
  });

  test('is refused with 400 on the wire', async () => {
    const emulator = await emulate();

    const response = await post(emulator, '/chat/completions', { ...chatBody, messages: [] });

    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error' } });
  });

  test('a wrong key is refused with 401, on every path', async () => {
    const emulator = await emulate({ apiKey: 'right', models: [{ id: 'm' }] });

    await expect(sdkAt(emulator, 'wrong').models.list()).rejects.toMatchObject({
      status: 401,
      code: 'invalid_api_key',
    });
    expect((await sdkAt(emulator, 'right').models.list()).data).toHaveLength(1);
  });

  test('an unknown path is refused with 404', async () => {
    const emulator = await emulate();

    expect((await fetch(`${emulator.baseUrl}/completions`)).status).toBe(404);
  });
});

describe('speech', () => {
  test('is the voice as 24 kHz PCM, in chunks of odd sizes', async () => {
    const emulator = await emulate();

    const response = await sdkAt(emulator).audio.speech.create({
      model: 'm',
      voice: 'alloy',
      input: 'Hello there',
      response_format: 'pcm',
    });
    const sizes: number[] = [];
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      sizes.push(chunk.length);
      chunks.push(chunk);
    }

    const { samples } = renderVoice('Hello there', 24_000);
    expect(Buffer.concat(chunks)).toEqual(Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength));
    expect(sizes.slice(0, 2)).toEqual([4799, 4801]);
  });

  test.each([
    ['no voice', { model: 'm', input: 'x' }, /voice/],
    ['no input', { model: 'm', voice: 'v', input: ' ' }, /too short/],
    ['input that is too long', { model: 'm', voice: 'v', input: 'x'.repeat(4097) }, /too long/],
  ])('%s is refused', async (_, body, expected) => {
    const emulator = await emulate();

    const response = await post(emulator, '/audio/speech', body);

    expect(response.status).toBe(400);
    expect(await response.text()).toMatch(expected);
  });
});

describe('transcriptions', () => {
  test('keep what the real SDK uploads and answer the script', async () => {
    const emulator = await emulate({ transcripts: [{ text: 'one' }, { text: 'two' }] });
    const file = Buffer.from([0, 13, 10, 45, 45, 255, 13, 10]);
    const transcribe = async (): Promise<string> => {
      const upload = await toFile(file, 'a.wav', { type: 'audio/wav' });
      return (await sdkAt(emulator).audio.transcriptions.create({ file: upload, model: 'm', language: 'de' })).text;
    };

    expect([await transcribe(), await transcribe(), await transcribe()]).toEqual(['one', 'two', 'two']);
    expect(emulator.uploads[0]).toEqual({ fields: { model: 'm', language: 'de' }, filename: 'a.wav', file });
  });

  test.each([
    ['not multipart', 'application/json', '{}', /expected multipart/],
    ['another boundary', 'multipart/form-data; boundary=x', '--y\r\n', /does not begin/],
    [
      'a part without end',
      'multipart/form-data; boundary=x',
      '--x\r\ncontent-disposition: form-data; name="a"\r\n\r\nb',
      /no end/,
    ],
    [
      'a part without name',
      'multipart/form-data; boundary=x',
      '--x\r\ncontent-disposition: form-data\r\n\r\nb\r\n--x--',
      /no name/,
    ],
  ])('%s is refused', (_, type, body, expected) => {
    expect(parseMultipart(type, Buffer.from(body))).toMatch(expected);
  });

  test('no file or no model is refused', async () => {
    const emulator = await emulate();
    const form = new FormData();
    form.set('model', 'm');
    const answer = async (body: FormData): Promise<string> =>
      (await fetch(`${emulator.baseUrl}/audio/transcriptions`, { method: 'POST', body })).text();

    expect(await answer(form)).toContain("'file'");
    form.delete('model');
    form.set('file', new Blob(['x']), 'a.wav');
    expect(await answer(form)).toContain('model');
  });
});

test('models say when they will be switched off', async () => {
  const emulator = await emulate({ models: [{ id: 'old', shutdownDate: '2027-01-14' }, { id: 'new' }] });

  const { data } = await sdkAt(emulator).models.list();

  expect(data).toMatchObject([
    { id: 'old', shutdown_date: '2027-01-14' },
    { id: 'new', object: 'model' },
  ]);
  expect('shutdown_date' in data[1]!).toBe(false);
});

test('a keep-alive hint is given only when asked for', async () => {
  const silent = await emulate();
  const hinting = await emulate({ keepAliveSeconds: 7 });

  expect((await fetch(`${silent.baseUrl}/models`)).headers.get('keep-alive')).toBeNull();
  expect((await fetch(`${hinting.baseUrl}/models`)).headers.get('keep-alive')).toBe('timeout=7');
});

test('close ends what hangs', async () => {
  const emulator = await emulate({ chat: [{ fault: { type: 'silent' } }] });
  const answer = post(emulator, '/chat/completions', chatBody);
  answer.catch(() => undefined);
  await vi.waitFor(() => expect(emulator.requests).toHaveLength(1));

  await emulator.close();

  await expect(answer).rejects.toThrow('fetch failed');
  expect(emulator.openConnections).toBe(0);
});
