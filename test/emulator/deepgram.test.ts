import { DeepgramClient } from '@deepgram/sdk';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { decodeG711, encodeG711 } from '../../src/audio/g711.ts';
import { VirtualClock } from '../../src/core/clock.ts';
import type { DeepgramPath } from '../../src/emulator/deepgram/connection.ts';
import {
  createDeepgramEmulator,
  type DeepgramEmulator,
  type DeepgramEmulatorOptions,
} from '../../src/emulator/deepgram/emulator.ts';
import { findWords, renderVoice, wordTimes } from '../../src/emulator/voice.ts';

type Json = Record<string, unknown>;

const emulators: DeepgramEmulator[] = [];
afterEach(async () => {
  await Promise.all(emulators.splice(0).map((emulator) => emulator.close()));
});

async function start(options: DeepgramEmulatorOptions = {}): Promise<DeepgramEmulator> {
  const emulator = await createDeepgramEmulator({ firstByteMs: 0, speed: 1000, ...options });
  emulators.push(emulator);
  return emulator;
}

const until = (condition: () => boolean): Promise<unknown> => vi.waitUntil(condition, { interval: 2, timeout: 5_000 });

interface Client {
  readonly ws: WebSocket;
  /** Text messages, parsed, and audio as `{audio: bytes}`, in order. */
  readonly inbox: Json[];
  readonly types: () => unknown[];
  readonly send: (message: Json) => void;
  readonly closed: () => { code: number; reason: string } | undefined;
  readonly status: () => number | undefined;
  readonly got: (type: string, count?: number) => Promise<unknown>;
}

function connect(emulator: DeepgramEmulator, pathAndQuery: string, key = 'Token k'): Client {
  const ws = new WebSocket(emulator.baseUrl + pathAndQuery, { headers: { authorization: key } });
  const inbox: Json[] = [];
  let closed: { code: number; reason: string } | undefined;
  let status: number | undefined;
  ws.on('message', (data: Buffer, isBinary) => {
    inbox.push(isBinary ? { type: 'audio', audio: data } : (JSON.parse(data.toString()) as Json));
  });
  ws.on('error', () => undefined);
  ws.on('unexpected-response', (_request, response) => (status = response.statusCode));
  ws.on('close', (code, reason) => (closed = { code, reason: reason.toString() }));
  const client: Client = {
    ws,
    inbox,
    types: () => inbox.map((message) => message['event'] ?? message['type']),
    send: (message) => ws.send(JSON.stringify(message)),
    closed: () => closed,
    status: () => status,
    got: (type, count = 1) => until(() => client.types().filter((one) => one === type).length >= count),
  };
  return client;
}

const LISTEN_V1 =
  '/v1/listen?model=nova-3&encoding=mulaw&sample_rate=8000&interim_results=true&endpointing=300&utterance_end_ms=1000&vad_events=true';
const LISTEN_V2 = '/v2/listen?model=flux-general-en&encoding=mulaw&sample_rate=8000';
const SPEAK_V1 = '/v1/speak?model=aura-2-thalia-en&encoding=mulaw&sample_rate=8000&container=none';
const SPEAK_V2 = '/v2/speak?model=flux-haley-en&encoding=mulaw&sample_rate=8000';

const silence = (ms: number): Buffer => Buffer.alloc(ms * 8, 0xff);
const speech = (text: string): Buffer => Buffer.from(encodeG711('PCMU', renderVoice(text, 8000).samples));
const transcripts = (client: Client): unknown[] =>
  client.inbox
    .filter((message) => message['type'] === 'Results')
    .map((message) => {
      const { alternatives } = message['channel'] as { alternatives: { transcript: string }[] };
      return [alternatives[0]?.transcript, message['is_final'], message['speech_final']];
    });

describe('the door', () => {
  test.each<[string, string]>([
    ['', LISTEN_V1],
    ['Token ', LISTEN_V2],
    ['Token wrong', SPEAK_V1],
    ['Basic right', SPEAK_V2],
  ])('refuses authorization %j with 401', async (key, path) => {
    const emulator = await start({ apiKey: 'right' });
    const client = connect(emulator, path, key);
    await until(() => client.status() === 401);
    expect(emulator.requests.map(({ status }) => status)).toEqual([401]);
    client.ws.terminate();
  });

  test('says why in headers and body', async () => {
    const emulator = await start({ apiKey: 'right' });
    const response = await fetch(`${emulator.baseUrl}/v1/projects`, { headers: { authorization: 'Token wrong' } });
    expect(response.status).toBe(401);
    expect(response.headers.get('dg-error')).toBe('Invalid credentials.');
    expect(response.headers.get('dg-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(await response.json()).toMatchObject({ err_code: 'INVALID_AUTH', err_msg: 'Invalid credentials.' });
  });

  test('lists a project to whom it knows, by Token or Bearer', async () => {
    const emulator = await start({ apiKey: 'right' });
    for (const scheme of ['Token', 'Bearer']) {
      const response = await fetch(`${emulator.baseUrl}/v1/projects`, {
        headers: { authorization: `${scheme} right` },
      });
      expect(await response.json()).toMatchObject({ projects: [{ name: 'Emulated' }] });
    }
  });

  test.each([
    ['/v1/listen?model=nova-3&encoding=mulaw', 400],
    ['/v1/listen?model=nova-3&encoding=mulaw&sample_rate=abc', 400],
    ['/v1/listen?model=nova-3&encoding=opus&sample_rate=48000', 400],
    ['/v1/listen?model=nova-3&encoding=mulaw&sample_rate=8000&keywords=x', 400],
    ['/v1/listen?model=nova-2&encoding=mulaw&sample_rate=8000&keywords=x', 101],
    ['/v1/listen?model=nova-3&encoding=mulaw&sample_rate=8000&whatever=1', 101],
    [`${LISTEN_V2}&interim_results=true`, 400],
    [`${LISTEN_V2}&language_hint=en`, 400],
    [`${LISTEN_V2}&eot_threshold=0.4`, 400],
    [`${LISTEN_V2}&eot_threshold=1.0`, 400],
    [`${LISTEN_V2}&eot_threshold=`, 400],
    [`${LISTEN_V2}&eager_eot_threshold=0.8`, 400],
    [`${LISTEN_V2}&eager_eot_threshold=0.8&eot_threshold=0.9`, 101],
    [`${LISTEN_V2}&eot_timeout_ms=499`, 400],
    ['/v2/listen?model=nova-3&encoding=mulaw&sample_rate=8000', 400],
    ['/v2/listen?model=flux-general-multi&language_hint=de&encoding=alaw&sample_rate=8000', 101],
    ['/v1/speak?model=flux-haley-en', 400],
    ['/v1/speak?model=aura-2-thalia-en&container=wav', 400],
    ['/v1/speak?model=aura-2-thalia-en&encoding=mp3', 400],
    ['/v1/speak?model=aura-2-thalia-en&encoding=mulaw&sample_rate=24000', 400],
    ['/v2/speak?encoding=mulaw', 400],
    ['/v2/speak?model=aura-2-thalia-en', 400],
    [`${SPEAK_V2}&container=none`, 400],
    [`${SPEAK_V2}&expressivity=3`, 400],
    [`${SPEAK_V2}&expressivity=-2`, 101],
    [`${SPEAK_V2}&speed=1.05`, 400],
    ['/v3/listen', 404],
  ])('answers %s with %i', async (path, status) => {
    const emulator = await start();
    const client = connect(emulator, path);
    await until(() => emulator.requests.length === 1);
    expect(emulator.requests[0]).toMatchObject({ path: path.split('?')[0], status });
    client.ws.terminate();
  });

  test('does not compress, even when offered', async () => {
    const emulator = await start();
    const client = connect(emulator, SPEAK_V1);
    await client.got('Metadata');
    expect(client.ws.extensions).toBe('');
  });
});

describe('listen v1', () => {
  test('recognises the n-th utterance as the n-th text, in stream time', async () => {
    const emulator = await start();
    emulator.hear(['I need to move my booking', 'to Friday']);
    const client = connect(emulator, LISTEN_V1);
    await until(() => client.ws.readyState === 1);
    client.ws.send(Buffer.concat([silence(1000), speech('one two three four five six'), silence(1500)]));
    client.ws.send(Buffer.concat([speech('one two'), silence(400)]));
    await until(() => transcripts(client).filter((one) => (one as unknown[])[2] === true).length === 2);

    const end = wordTimes('one two three four five six').at(-1)!.endMs;
    expect(client.inbox[0]).toEqual({ type: 'SpeechStarted', channel: [0], timestamp: 1.03 });
    expect(transcripts(client).filter((one) => (one as unknown[])[1] === true)).toEqual([
      ['I need to move my booking', true, true],
      ['to Friday', true, true],
    ]);
    const final = client.inbox.find((message) => message['speech_final'] === true);
    expect(final).toMatchObject({ channel_index: [0, 1], start: 1.03 });
    const words = (final?.['channel'] as { alternatives: { words: { end: number }[] }[] }).alternatives[0]!.words;
    expect(Math.abs(words.at(-1)!.end - (1 + end / 1000))).toBeLessThan(0.005);
    expect(client.inbox.filter((message) => message['type'] === 'UtteranceEnd')).toHaveLength(1);
  });

  test('shows growing interim text while the speech runs', async () => {
    const emulator = await start();
    emulator.hear(['I need to move my booking']);
    const client = connect(emulator, LISTEN_V1);
    await until(() => client.ws.readyState === 1);
    client.ws.send(Buffer.concat([speech('one two three four five six'), silence(400)]));
    await until(() => client.inbox.some((message) => message['speech_final'] === true));
    const interims = transcripts(client).flatMap((one) =>
      (one as unknown[])[1] === false ? [(one as string[])[0]!] : [],
    );
    expect(interims.length).toBeGreaterThan(2);
    for (const text of interims) expect('I need to move my booking'.startsWith(text)).toBe(true);
  });

  test('makes no progress without audio', async () => {
    const emulator = await start();
    emulator.hear(['hello']);
    const client = connect(emulator, LISTEN_V1);
    await until(() => client.ws.readyState === 1);
    client.ws.send(Buffer.concat([speech('hello there'), silence(200)]));
    client.send({ type: 'KeepAlive' });
    await until(() => emulator.connections[0]!.messages.length === 1);
    expect(client.inbox.some((message) => message['speech_final'] === true)).toBe(false);
    client.ws.send(silence(200));
    await until(() => client.inbox.some((message) => message['speech_final'] === true));
  });

  test('finalises a long utterance on the way, and the pieces are the text', async () => {
    const emulator = await start({ finalEveryWords: 3 });
    emulator.hear(['one two three four five six seven']);
    const client = connect(emulator, LISTEN_V1);
    await until(() => client.ws.readyState === 1);
    client.ws.send(Buffer.concat([speech('a much longer piece of speech than before'), silence(400)]));
    await until(() => client.inbox.some((message) => message['speech_final'] === true));
    const finals = transcripts(client).filter((one) => (one as unknown[])[1] === true) as [string][];
    expect(finals.length).toBeGreaterThan(1);
    expect(finals.map(([text]) => text).join(' ')).toBe('one two three four five six seven');
  });

  test('understands a learned recording wherever it comes', async () => {
    const emulator = await start();
    const recording = Buffer.concat([silence(100), speech('alpha beta'), silence(500), speech('gamma'), silence(500)]);
    emulator.learn(recording, { encoding: 'mulaw', sampleRate: 8000 }, ['first', 'second']);
    emulator.hear(['by order']);
    const client = connect(emulator, LISTEN_V1);
    await until(() => client.ws.readyState === 1);
    client.ws.send(Buffer.concat([silence(37), speech('something else'), silence(400), recording]));
    await until(() => transcripts(client).filter((one) => (one as unknown[])[2] === true).length === 3);
    expect(
      transcripts(client).flatMap((one) => ((one as unknown[])[2] === true ? [(one as unknown[])[0]] : [])),
    ).toEqual(['by order', 'first', 'second']);
  });

  test('answers Finalize at once, marked', async () => {
    const emulator = await start();
    emulator.hear(['hello there my friend']);
    const client = connect(emulator, LISTEN_V1);
    await until(() => client.ws.readyState === 1);
    client.ws.send(speech('hello there my friend'));
    await until(() => transcripts(client).length > 0);
    client.send({ type: 'Finalize' });
    await until(() => client.inbox.some((message) => message['from_finalize'] === true));
    expect(client.inbox.at(-1)).toMatchObject({ type: 'Results', is_final: true, from_finalize: true });
  });

  test.each([1000, 1005] as const)('ends after CloseStream with the last words, Metadata, and %i', async (endCode) => {
    const emulator = await start({ endCode });
    emulator.hear(['hello there']);
    const client = connect(emulator, LISTEN_V1);
    await until(() => client.ws.readyState === 1);
    client.ws.send(speech('hello there'));
    client.send({ type: 'CloseStream' });
    await until(() => client.closed() !== undefined);
    expect(client.closed()?.code).toBe(endCode);
    expect(client.types().slice(-2)).toEqual(['Results', 'Metadata']);
  });

  test('takes an empty frame for the end', async () => {
    const emulator = await start();
    const client = connect(emulator, LISTEN_V1);
    await until(() => client.ws.readyState === 1);
    client.ws.send(Buffer.alloc(0));
    await until(() => client.closed()?.code === 1000);
  });

  test('hangs up after 10 s with neither audio nor KeepAlive', async () => {
    const clock = new VirtualClock();
    const emulator = await start({ clock });
    const client = connect(emulator, LISTEN_V1);
    await until(() => client.ws.readyState === 1);
    clock.advance(9_000);
    client.send({ type: 'KeepAlive' });
    await until(() => emulator.connections[0]!.messages.length === 1);
    clock.advance(9_999);
    expect(emulator.connections[0]!.isOpen).toBe(true);
    clock.advance(1);
    await until(() => client.closed() !== undefined);
    expect(client.closed()).toMatchObject({ code: 1011, reason: expect.stringContaining('NET-0001') as string });
  });

  test('cannot decode what was not declared', async () => {
    const client = connect(await start(), '/v1/listen?model=nova-3');
    await until(() => client.ws.readyState === 1);
    client.ws.send(silence(20));
    await until(() => client.closed() !== undefined);
    expect(client.closed()).toMatchObject({ code: 1008, reason: expect.stringContaining('DATA-0000') as string });
  });

  test('serves the SDK with its own transport', async () => {
    const emulator = await start();
    emulator.hear(['hello there']);
    const client = new DeepgramClient({ apiKey: 'k', baseUrl: emulator.baseUrl });
    const socket = await client.listen.v1.connect({
      model: 'nova-3',
      encoding: 'mulaw',
      sample_rate: 8000,
      endpointing: 300,
      reconnectAttempts: 0,
    });
    const messages: unknown[] = [];
    socket.on('message', (message) => messages.push(message));
    socket.connect();
    await socket.waitForOpen();
    socket.sendMedia(Buffer.concat([speech('hello there'), silence(400)]));
    await until(() => messages.length > 0);
    expect(messages[0]).toMatchObject({ type: 'Results', speech_final: true });
    socket.close();
  });
});

describe('listen v2', () => {
  async function flux(
    options: DeepgramEmulatorOptions & { query?: string; hear?: string[] },
  ): Promise<{ client: Client; emulator: DeepgramEmulator; events: () => unknown[] }> {
    const emulator = await start(options);
    emulator.hear(options.hear ?? []);
    const client = connect(emulator, LISTEN_V2 + (options.query ?? ''));
    await client.got('Connected');
    const events = (): unknown[] =>
      client.inbox.flatMap((message) =>
        message['type'] === 'TurnInfo' && message['event'] !== 'Update'
          ? [[message['event'], message['transcript'], message['turn_index']]]
          : [],
      );
    return { client, emulator, events };
  }

  test('numbers every message from 0, Connected first', async () => {
    const { client } = await flux({ hear: ['hello there'] });
    client.ws.send(Buffer.concat([speech('hello there'), silence(800)]));
    await client.got('EndOfTurn');
    expect(client.inbox[0]).toMatchObject({ type: 'Connected' });
    expect(client.inbox.map((message) => message['sequence_id'])).toEqual([...client.inbox.keys()]);
  });

  test('goes from start to eager to resumed to eager to end, and the eager text stands', async () => {
    const { client, events } = await flux({
      query: '&eager_eot_threshold=0.5',
      hear: ['can you move my booking | to Friday', 'thanks'],
    });
    client.ws.send(Buffer.concat([speech('can you move my booking'), silence(400), speech('to Friday'), silence(800)]));
    client.ws.send(Buffer.concat([speech('thanks a lot'), silence(800)]));
    await client.got('EndOfTurn', 2);
    expect(events()).toEqual([
      ['StartOfTurn', 'can', 0],
      ['EagerEndOfTurn', 'can you move my booking', 0],
      ['TurnResumed', 'can you move my booking', 0],
      ['EagerEndOfTurn', 'can you move my booking to Friday', 0],
      ['EndOfTurn', 'can you move my booking to Friday', 0],
      ['StartOfTurn', 'thanks', 1],
      ['EagerEndOfTurn', 'thanks', 1],
      ['EndOfTurn', 'thanks', 1],
    ]);
  });

  test('guesses early only when asked', async () => {
    const { client, events } = await flux({ hear: ['hello'] });
    client.ws.send(Buffer.concat([speech('hello'), silence(800)]));
    await client.got('EndOfTurn');
    expect(events()).toEqual([
      ['StartOfTurn', 'hello', 0],
      ['EndOfTurn', 'hello', 0],
    ]);
    expect(client.inbox.find((message) => message['event'] === 'EndOfTurn')).toMatchObject({ trigger: 'model' });
  });

  test('updates every quarter of a second of audio, and not otherwise', async () => {
    const { client } = await flux({});
    client.ws.send(silence(1000));
    await client.got('Update', 4);
    expect(client.inbox.slice(1).map((message) => message['audio_window_end'])).toEqual([0.26, 0.5, 0.76, 1]);
  });

  test('ends an unfinished sentence by timeout only', async () => {
    const { client } = await flux({ query: '&eot_timeout_ms=2000', hear: ['well I…'] });
    client.ws.send(Buffer.concat([speech('well I'), silence(1900)]));
    client.ws.send(silence(200));
    await client.got('EndOfTurn');
    const end = client.inbox.find((message) => message['event'] === 'EndOfTurn');
    expect(end).toMatchObject({ trigger: 'timeout', transcript: 'well I…' });
    expect(Number(end?.['audio_window_end'])).toBeGreaterThan(2);
  });

  test('ends later at a higher threshold', async () => {
    const ends: number[] = [];
    for (const query of ['', '&eot_threshold=0.9']) {
      const { client } = await flux({ query, hear: ['hello'] });
      client.ws.send(Buffer.concat([speech('hello'), silence(1500)]));
      await client.got('EndOfTurn');
      ends.push(Number(client.inbox.find((message) => message['event'] === 'EndOfTurn')?.['audio_window_end']));
    }
    expect(ends[1]! - ends[0]!).toBeCloseTo(0.2, 5);
  });

  test('answers Configure and keeps to it', async () => {
    const { client } = await flux({});
    client.send({ type: 'Configure', thresholds: { eot_threshold: 0.3 } });
    await client.got('ConfigureFailure');
    client.send({ type: 'Configure', thresholds: { eot_threshold: 0.8 }, keyterms: ['Landline'] });
    await client.got('ConfigureSuccess');
    expect(client.inbox.at(-1)).toMatchObject({ thresholds: { eot_threshold: 0.8 }, keyterms: ['Landline'] });
  });

  test.each([
    ['KeepAlive', false],
    ['Finalize', false],
    ['ForceEndTurn', false],
    ['ForceEndTurn', true],
  ])('%s when ForceEndTurn is enabled: %s', async (type, allowForceEndTurn) => {
    const { client } = await flux({ allowForceEndTurn, hear: ['hello there you'] });
    client.ws.send(speech('hello there you'));
    await client.got('StartOfTurn');
    client.send({ type });
    if (allowForceEndTurn) {
      await client.got('EndOfTurn');
      expect(client.inbox.at(-1)).toMatchObject({ trigger: 'manual' });
    } else {
      await until(() => client.closed() !== undefined);
      expect(client.inbox.at(-1)).toMatchObject({ type: 'Error', code: 'UNPARSABLE_CLIENT_MESSAGE' });
    }
  });

  test('closes properly after CloseStream', async () => {
    const { client } = await flux({});
    client.send({ type: 'CloseStream' });
    await until(() => client.closed()?.code === 1000);
  });
});

describe('speak v1', () => {
  const audioOf = (client: Client): Buffer =>
    Buffer.concat(client.inbox.flatMap((message) => (message['type'] === 'audio' ? [message['audio'] as Buffer] : [])));

  test('speaks on Flush what was collected, in odd pieces, Flushed last', async () => {
    const client = connect(await start(), SPEAK_V1);
    await client.got('Metadata');
    client.send({ type: 'Speak', text: 'Sure, let me ' });
    client.send({ type: 'Speak', text: 'check that.' });
    client.send({ type: 'Flush' });
    await client.got('Flushed');

    expect(client.types()[0]).toBe('Metadata');
    expect(client.types().at(-1)).toBe('Flushed');
    expect(audioOf(client)).toEqual(speech('Sure, let me check that.'));
    const sizes = client.inbox.flatMap((message) =>
      message['type'] === 'audio' ? [(message['audio'] as Buffer).length] : [],
    );
    expect(sizes.some((size) => size % 2 === 1)).toBe(true);
    expect(new Set(sizes).size).toBeGreaterThan(3);
  });

  test('lets two more pieces through after Clear, then Cleared, then only new speech', async () => {
    const clock = new VirtualClock();
    const client = connect(await start({ clock, firstByteMs: 10, speed: 1 }), SPEAK_V1);
    await client.got('Metadata');
    client.send({ type: 'Speak', text: 'This will not be heard to its end.' });
    client.send({ type: 'Flush' });
    await until(() => clock.pending > 0);
    clock.advance(10);
    await client.got('audio');
    client.send({ type: 'Clear' });
    client.send({ type: 'Speak', text: 'New.' });
    client.send({ type: 'Flush' });
    await client.got('Cleared');
    expect(client.types()).toEqual(['Metadata', 'audio', 'audio', 'audio', 'Cleared']);
    const old = audioOf(client).length;
    await until(() => clock.pending > 0);
    clock.advance(60_000);
    await client.got('Flushed');
    expect(audioOf(client).subarray(old)).toEqual(speech('New.'));
  });

  test('refuses the 21st Flush within 60 s and takes the next one after', async () => {
    const clock = new VirtualClock();
    const emulator = await start({ clock });
    const client = connect(emulator, SPEAK_V1);
    await client.got('Metadata');
    for (let n = 0; n < 21; n++) client.send({ type: 'Flush' });
    await client.got('Warning');
    clock.advance(60_000);
    await client.got('Flushed', 20);
    client.send({ type: 'Flush' });
    await until(() => emulator.connections[0]!.messages.length === 22);
    clock.advance(1000);
    await client.got('Flushed', 21);
    expect(client.types().filter((type) => type === 'Warning')).toHaveLength(1);
  });

  test('closes with 1000 on Close', async () => {
    const client = connect(await start(), SPEAK_V1);
    await client.got('Metadata');
    client.send({ type: 'Close' });
    await until(() => client.closed()?.code === 1000);
  });

  test('refuses messages it does not know', async () => {
    const client = connect(await start(), SPEAK_V1);
    await client.got('Metadata');
    client.send({ type: 'Interrupt' });
    await until(() => client.closed() !== undefined);
    expect(client.types()).toEqual(['Metadata', 'Error']);
  });
});

describe('speak v2', () => {
  async function open(options: DeepgramEmulatorOptions = {}): Promise<Client> {
    const client = connect(await start(options), SPEAK_V2);
    await client.got('Connected');
    return client;
  }
  const say = (client: Client, ...tokens: string[]): void => {
    for (const text of tokens) client.send({ type: 'Speak', text });
    client.send({ type: 'Flush' });
  };

  test('brackets the audio of each turn, speaking sentences before the Flush', async () => {
    const client = await open();
    client.send({ type: 'Speak', text: 'Sure, I can. ' });
    await client.got('audio');
    say(client, 'Which ', 'day?');
    await client.got('SpeechMetadata');
    say(client, 'Fine.');
    await client.got('SpeechMetadata', 2);

    const marks = client.types().filter((type, index, all) => type !== 'audio' || all[index - 1] !== 'audio');
    expect(marks).toEqual([
      'Connected',
      'SpeechStarted',
      'audio',
      'Flushed',
      'SpeechMetadata',
      'SpeechStarted',
      'audio',
      'Flushed',
      'SpeechMetadata',
    ]);
    const ids = client.inbox.flatMap((message) => (message['type'] === 'SpeechStarted' ? [message['speech_id']] : []));
    expect(new Set(ids).size).toBe(2);
    expect(client.inbox.find((message) => message['type'] === 'SpeechMetadata')).toMatchObject({
      speech_id: ids[0],
      input_character_count: 'Sure, I can. Which day?'.length,
    });
  });

  test('splits the text of an interrupted turn at the word that was heard last', async () => {
    const client = await open();
    const text = 'Sure, I can move that to Friday.';
    say(client, text);
    await client.got('SpeechMetadata');
    const third = wordTimes(text)[2]!;
    client.send({ type: 'Interrupt', playback_offset: { type: 'time_ms', value: third.endMs } });
    await client.got('SpeechInterrupted');
    expect(client.inbox.at(-1)).toMatchObject({
      audio_played_ms: third.endMs,
      text_spoken: 'Sure, I can',
      text_remaining: ' move that to Friday.',
    });
  });

  test('wants an offset that advances over the session', async () => {
    const client = await open();
    client.send({ type: 'Interrupt', playback_offset: { type: 'time_ms', value: 10 } });
    await client.got('Warning');
    say(client, 'One two three.');
    await client.got('SpeechMetadata');
    client.send({ type: 'Interrupt', playback_offset: { type: 'time_ms', value: 300 } });
    await client.got('SpeechInterrupted');
    say(client, 'Four five six.');
    await client.got('SpeechMetadata', 2);
    for (const value of [300, 'x']) client.send({ type: 'Interrupt', playback_offset: { type: 'time_ms', value } });
    await client.got('Warning', 3);
    client.send({ type: 'Interrupt', playback_offset: { type: 'time_ms', value: 301 } });
    await client.got('SpeechInterrupted', 2);

    expect(client.inbox.flatMap((message) => (message['type'] === 'Warning' ? [message['code']] : []))).toEqual([
      'NO_AUDIO_GENERATED',
      'INVALID_INTERRUPT_OFFSET',
      'INVALID_INTERRUPT_OFFSET',
    ]);
    // The second turn starts where the first was interrupted, so nothing of it was heard.
    expect(client.inbox.at(-1)).toMatchObject({ text_spoken: '', text_remaining: 'Four five six.' });
  });

  test('without an offset does not say what was heard', async () => {
    const client = await open();
    say(client, 'One two three.');
    await client.got('SpeechMetadata');
    client.send({ type: 'Interrupt' });
    await client.got('SpeechInterrupted');
    expect(client.inbox.at(-1)).not.toHaveProperty('text_spoken');
  });

  test('warns about a Flush of nothing and a turn without words', async () => {
    const client = await open();
    client.send({ type: 'Flush' });
    say(client, ' ... ');
    await client.got('SpeechMetadata');
    expect(client.inbox.flatMap((message) => (message['type'] === 'Warning' ? [message['code']] : []))).toEqual([
      'NO_ACTIVE_SPEECH',
      'NO_SYNTHESIZABLE_TEXT',
    ]);
    expect(client.inbox.at(-1)).toMatchObject({ audio_duration_ms: 0 });
  });

  test('sums up the session on Close', async () => {
    const client = await open();
    say(client, 'One two.');
    await client.got('SpeechMetadata');
    client.send({ type: 'Close' });
    await until(() => client.closed()?.code === 1000);
    expect(client.inbox.at(-1)).toMatchObject({ type: 'SessionMetadata', total_input_character_count: 8 });
  });
});

describe('speak over REST', () => {
  test('gives the SDK raw mu-law when asked for no container', async () => {
    const emulator = await start();
    const client = new DeepgramClient({ apiKey: 'k', baseUrl: emulator.baseUrl });
    const answer = await client.speak.v1.audio.generate({
      text: 'One moment please.',
      model: 'aura-2-thalia-en',
      encoding: 'mulaw',
      sample_rate: 8000,
      container: 'none',
    });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    expect(findWords(decodeG711('PCMU', bytes), 8000, 'One moment please.').words).toHaveLength(3);
  });

  test('puts a WAV header in front by default', async () => {
    const emulator = await start();
    const response = await fetch(`${emulator.baseUrl}/v1/speak`, {
      method: 'POST',
      headers: { authorization: 'Token k' },
      body: JSON.stringify({ text: 'Hello.' }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(response.headers.get('content-type')).toBe('audio/wav');
    expect(bytes.subarray(0, 4).toString()).toBe('RIFF');
    expect(bytes.readUInt32LE(24)).toBe(24000);
    expect(bytes.length - 44).toBe(renderVoice('Hello.', 24000).samples.length * 2);
  });

  test.each([
    ['', '{"text":" "}'],
    ['', '{"txt":"x"}'],
    ['', 'not json'],
    ['?encoding=mp3', '{"text":"x"}'],
    ['?container=ogg', '{"text":"x"}'],
  ])('refuses %s with body %s', async (query, body) => {
    const emulator = await start();
    const response = await fetch(`${emulator.baseUrl}/v1/speak${query}`, {
      method: 'POST',
      headers: { authorization: 'Token k' },
      body,
    });
    expect(response.status).toBe(400);
  });
});

describe('faults', () => {
  const open = async (path: string): Promise<{ emulator: DeepgramEmulator; connect: () => Client }> => {
    const emulator = await start();
    return { emulator, connect: () => connect(emulator, path) };
  };

  test('strike one connection each, in order, on their endpoint', async () => {
    const { emulator, connect: dial } = await open(LISTEN_V2);
    emulator.breakNext({ kind: 'refuse', status: 503 }, '/v1/speak');
    emulator.breakNext({ kind: 'refuse', status: 429 });
    const first = dial();
    await until(() => first.status() === 429);
    const second = dial();
    await second.got('Connected');
    const third = connect(emulator, SPEAK_V1);
    await until(() => third.status() === 503);
    expect(emulator.requests.map(({ status }) => status)).toEqual([429, 101, 503]);
    for (const client of [first, third]) client.ws.terminate();
  });

  test('refuse a REST request', async () => {
    const emulator = await start();
    emulator.breakNext({ kind: 'refuse', status: 500, error: 'broken' });
    const response = await fetch(`${emulator.baseUrl}/v1/projects`, { headers: { authorization: 'Token k' } });
    expect([response.status, response.headers.get('dg-error')]).toEqual([500, 'broken']);
  });

  test('never answer an upgrade', async () => {
    const { emulator, connect: dial } = await open(SPEAK_V1);
    emulator.breakNext({ kind: 'hang' });
    const client = dial();
    await until(() => emulator.requests.length === 1);
    expect(emulator.requests[0]?.status).toBe(0);
    client.ws.terminate();
  });

  test.each<['drop' | 'close', number]>([
    ['drop', 1006],
    ['close', 1005],
  ])('%s after the bytes received', async (kind, code) => {
    const { emulator, connect: dial } = await open(LISTEN_V1);
    emulator.breakNext({ kind, afterBytes: 320 });
    const client = dial();
    await until(() => client.ws.readyState === 1);
    client.ws.send(silence(20));
    await until(() => emulator.connections[0]!.audio.length === 160);
    expect(emulator.connections[0]!.isOpen).toBe(true);
    client.ws.send(silence(20));
    await until(() => client.closed() !== undefined);
    expect(client.closed()?.code).toBe(code);
  });

  test('close after a time with code and reason', async () => {
    const clock = new VirtualClock();
    const emulator = await start({ clock });
    emulator.breakNext({ kind: 'close', code: 1011, reason: 'NET-0000', afterMs: 500 });
    const client = connect(emulator, SPEAK_V1);
    await client.got('Metadata');
    clock.advance(500);
    await until(() => client.closed() !== undefined);
    expect(client.closed()).toEqual({ code: 1011, reason: 'NET-0000' });
  });

  test('mute a connection that still answers pings', async () => {
    const { emulator, connect: dial } = await open(SPEAK_V1);
    emulator.breakNext({ kind: 'mute' });
    const client = dial();
    await until(() => client.ws.readyState === 1);
    let pongs = 0;
    client.ws.on('pong', () => pongs++);
    client.ws.ping();
    await until(() => pongs === 1);
    expect(client.inbox).toEqual([]);
  });

  test('freeze a connection so that it takes nothing', async () => {
    const { emulator, connect: dial } = await open(LISTEN_V1);
    emulator.breakNext({ kind: 'freeze', afterBytes: 160 });
    const client = dial();
    await until(() => client.ws.readyState === 1);
    client.ws.send(silence(20));
    await until(() => emulator.connections[0]!.audio.length === 160);
    let pongs = 0;
    client.ws.on('pong', () => pongs++);
    client.ws.ping();
    const other = dial();
    await until(() => other.ws.readyState === 1);
    other.ws.ping();
    await new Promise((resolve) => other.ws.once('pong', resolve));
    expect(pongs).toBe(0);
    client.ws.terminate();
  });

  test('speak slower than real time', async () => {
    const clock = new VirtualClock();
    const emulator = await start({ clock });
    emulator.breakNext({ kind: 'slow', speed: 0.5 });
    const client = connect(emulator, SPEAK_V1);
    await client.got('Metadata');
    client.send({ type: 'Speak', text: 'One two three.' });
    client.send({ type: 'Flush' });
    await until(() => clock.pending > 0);
    const seconds = speech('One two three.').length / 8000;
    clock.advance(seconds * 1000);
    await client.got('audio');
    const sent = (): number =>
      emulator.connections[0]!.frames.reduce((sum, frame) => sum + (frame.kind === 'audio' ? frame.bytes : 0), 0);
    expect(sent()).toBeLessThan(seconds * 8000 * 0.75);
    clock.advance(seconds * 1000);
    await client.got('Flushed');
    expect(sent()).toBe(seconds * 8000);
  });

  test('send junk before the greeting', async () => {
    const { emulator, connect: dial } = await open(SPEAK_V1);
    emulator.breakNext({ kind: 'junk', frames: ['{"type":"Nonsense"}', Uint8Array.of(1, 2, 3)] });
    const client = dial();
    await client.got('Metadata');
    expect(client.types()).toEqual(['Nonsense', 'audio', 'Metadata']);
  });
});

test('logs every frame of both sides in order', async () => {
  const emulator = await start();
  const client = connect(emulator, SPEAK_V1);
  await client.got('Metadata');
  client.send({ type: 'Close' });
  await until(() => client.closed() !== undefined);
  await until(() => emulator.connections[0]!.closeCode === 1000);
  expect(emulator.connections[0]!.frames.map(({ from, kind }) => [from, kind])).toEqual([
    ['server', 'text'],
    ['client', 'text'],
    ['server', 'close'],
    ['client', 'close'],
  ]);
  expect(emulator.connections[0]!.path satisfies DeepgramPath).toBe('/v1/speak');
});
