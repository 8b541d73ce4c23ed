import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { PCMU_8K } from '../../src/audio/format.ts';
import { systemClock, VirtualClock, type Clock } from '../../src/core/clock.ts';
import { silentLog, type Log, type LogFields } from '../../src/core/log.ts';
import type { DeepgramFault } from '../../src/emulator/deepgram/fault.ts';
import type { ProviderFailure, SttEvent, SttStream } from '../../src/providers/ports.ts';
import { createDeepgramStt } from '../../src/providers/stt/deepgram.ts';
import { openStt, silence, startEmulator, until, writeFrames, type SttBench } from './deepgram-bench.ts';

const MODELS = ['nova-3', 'flux-general-en'];

const failureOf = (bench: SttBench): ProviderFailure | undefined => {
  const last = bench.events.at(-1);
  return last?.type === 'sttFailed' ? last.failure : undefined;
};

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A server that upgrades properly and then says `bytes`, whatever they are, and nothing of its own. */
async function rawServer(bytes: Buffer, upgraded: (socket: Duplex) => void = () => undefined): Promise<string> {
  const server = createServer();
  servers.push(server);
  server.on('upgrade', (request, socket) => {
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key'] ?? ''}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    socket.on('error', () => undefined);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.write(bytes);
    upgraded(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const textFrame = (payload: string): Buffer => Buffer.concat([Buffer.of(0x81, payload.length), Buffer.from(payload)]);

function openAt(
  baseUrl: string,
  options: { log?: Log; clock?: Clock } = {},
): { events: SttEvent[]; stream: SttStream; close: () => void } {
  const events: SttEvent[] = [];
  const { log = silentLog, clock = systemClock } = options;
  const provider = createDeepgramStt({ apiKey: 'test-key', baseUrl, model: 'nova-3', clock, log });
  const stream = provider.open({ format: PCMU_8K, language: 'en', keyterms: [] }, (event) => events.push(event));
  return { events, stream, close: () => stream.close() };
}

describe.each(MODELS)('a connection of %s that never opens', (model) => {
  test.each<[number, ProviderFailure['kind'], boolean]>([
    [400, 'bad_request', false],
    [401, 'auth', false],
    [402, 'bad_request', false],
    [403, 'auth', false],
    [404, 'bad_request', false],
    [429, 'rate_limited', true],
    [500, 'server', true],
    [503, 'server', true],
  ])('because of HTTP %i fails with %s, retryable %s, after one try', async (status, kind, retryable) => {
    const emulator = await startEmulator();
    emulator.breakNext({ kind: 'refuse', status, error: 'because of this' });
    const bench = openStt(emulator, { model });
    writeFrames(bench.stream, silence(200));
    await bench.has('sttFailed');
    expect(bench.types()).toEqual(['sttFailed']);
    expect(failureOf(bench)).toMatchObject({ kind, status, retryable });
    expect(failureOf(bench)?.message).toMatch(
      /^Deepgram listen v[12] refused with HTTP \d+: because of this \(request /,
    );
    expect(emulator.requests).toHaveLength(1);
  });

  test('because nobody listens fails with connect and the reason', async () => {
    const emulator = await startEmulator();
    await emulator.close();
    const bench = openStt(emulator, { model });
    await bench.has('sttFailed');
    expect(failureOf(bench)).toMatchObject({ kind: 'connect', retryable: true });
    expect(failureOf(bench)?.message).toContain('ECONNREFUSED');
  });

  test('because the key is missing fails with auth and asks nobody', async () => {
    const emulator = await startEmulator();
    const bench = openStt(emulator, { model, apiKey: '' });
    expect(bench.events).toEqual([]);
    await bench.has('sttFailed');
    expect(failureOf(bench)).toMatchObject({ kind: 'auth', retryable: false });
    expect(emulator.requests).toHaveLength(0);
  });

  test('because the key is wrong does not show the key', async () => {
    const emulator = await startEmulator({ apiKey: 'right' });
    const bench = openStt(emulator, { model, apiKey: 'secret-but-wrong' });
    await bench.has('sttFailed');
    expect(failureOf(bench)).toMatchObject({ kind: 'auth', status: 401 });
    expect(JSON.stringify(bench.events)).not.toContain('secret-but-wrong');
  });

  test('because nobody answers fails after 3 s, and not sooner', async () => {
    const clock = new VirtualClock();
    const emulator = await startEmulator();
    emulator.breakNext({ kind: 'hang' });
    const bench = openStt(emulator, { model, clock });
    await until(() => emulator.requests.length === 1, 'the upgrade');
    clock.advance(2_999);
    expect(bench.events).toEqual([]);
    clock.advance(1);
    expect(failureOf(bench)).toMatchObject({ kind: 'timeout', retryable: true });
    expect(clock.pending).toBe(0);
  });
});

test('a Flux connection that never says Connected fails after 3 s', async () => {
  const clock = new VirtualClock();
  const emulator = await startEmulator();
  emulator.breakNext({ kind: 'mute' });
  const bench = openStt(emulator, { model: 'flux-general-en', clock });
  await until(() => emulator.connections.length === 1, 'the connection');
  clock.advance(3_000);
  expect(failureOf(bench)).toMatchObject({ kind: 'timeout', retryable: true });
});

describe.each(MODELS)('a connection of %s that ends in the middle', (model) => {
  test.each<[DeepgramFault, ProviderFailure['kind'], number, boolean]>([
    [{ kind: 'drop', afterBytes: 1280 }, 'dropped', 1006, true],
    [{ kind: 'close', afterBytes: 1280 }, 'dropped', 1005, true],
    [{ kind: 'close', code: 1000, afterBytes: 1280 }, 'dropped', 1000, true],
    [{ kind: 'close', code: 1001, afterBytes: 1280 }, 'dropped', 1001, true],
    [{ kind: 'close', code: 1002, afterBytes: 1280 }, 'bad_request', 1002, false],
    [{ kind: 'close', code: 1003, afterBytes: 1280 }, 'bad_request', 1003, false],
    [{ kind: 'close', code: 1007, afterBytes: 1280 }, 'bad_request', 1007, false],
    [{ kind: 'close', code: 1008, reason: 'DATA-0000', afterBytes: 1280 }, 'bad_request', 1008, false],
    [{ kind: 'close', code: 1009, afterBytes: 1280 }, 'bad_request', 1009, false],
    [{ kind: 'close', code: 1011, reason: 'NET-0001', afterBytes: 1280 }, 'server', 1011, true],
    [{ kind: 'close', code: 1012, afterBytes: 1280 }, 'server', 1012, true],
    [{ kind: 'close', code: 1013, afterBytes: 1280 }, 'server', 1013, true],
    [{ kind: 'close', code: 4001, afterBytes: 1280 }, 'dropped', 4001, true],
  ])(
    'by %j fails with %s, real code %i, retryable %s, and is not dialled again',
    async (fault, kind, status, retryable) => {
      const emulator = await startEmulator();
      emulator.breakNext(fault);
      const bench = openStt(emulator, { model });
      writeFrames(bench.stream, silence(400));
      await bench.has('sttFailed');
      expect(bench.types().filter((type) => type !== 'sttPartial')).toEqual(['sttOpened', 'sttFailed']);
      expect(failureOf(bench)).toMatchObject({ kind, status, retryable });
      if (fault.kind === 'close' && fault.reason) expect(failureOf(bench)?.message).toContain(fault.reason);

      // Nothing more, whatever is done with the dead stream.
      writeFrames(bench.stream, silence(400));
      bench.stream.close();
      const other = openStt(emulator, { model });
      await other.has('sttOpened');
      expect(bench.types().filter((type) => type === 'sttFailed')).toHaveLength(1);
      expect(emulator.requests).toHaveLength(2);
    },
  );

  test('leaves no timer behind', async () => {
    const clock = new VirtualClock();
    const emulator = await startEmulator();
    emulator.breakNext({ kind: 'drop', afterBytes: 1280 });
    const bench = openStt(emulator, { model, clock });
    writeFrames(bench.stream, silence(400));
    await bench.has('sttFailed');
    expect(clock.pending).toBe(0);
  });

  test('because it was told to is no failure, even when the server ends it with 1005 or not at all', async () => {
    for (const fault of [
      undefined,
      { kind: 'mute', afterBytes: 640 } as const,
      { kind: 'freeze', afterBytes: 640 } as const,
    ]) {
      const clock = new VirtualClock();
      const emulator = await startEmulator({ endCode: 1005 });
      if (fault) emulator.breakNext(fault);
      const bench = openStt(emulator, { model, clock });
      await bench.has('sttOpened');
      writeFrames(bench.stream, silence(80));
      await until(() => emulator.connections[0]!.audio.length === 640, 'the audio');
      bench.stream.close();
      clock.advance(2_000);
      await until(() => clock.pending === 0, 'our timers to end');
      expect(bench.types()).toEqual(['sttOpened']);
      expect(emulator.requests).toHaveLength(1);
    }
  });
});

describe('a connection that is dead without saying so', () => {
  test.each(MODELS)('of %s is found by pings: every 5 s, dead when two stay unanswered', async (model) => {
    const clock = new VirtualClock();
    const emulator = await startEmulator();
    emulator.breakNext({ kind: 'freeze', afterBytes: 640 });
    const bench = openStt(emulator, { model, clock });
    await bench.has('sttOpened');
    writeFrames(bench.stream, silence(80));
    await until(() => emulator.connections[0]!.audio.length === 640, 'the audio');
    for (let second = 0; second < 14; second++) {
      writeFrames(bench.stream, silence(1000));
      clock.advance(1_000);
    }
    expect(failureOf(bench)).toBeUndefined();
    clock.advance(1_000);
    expect(failureOf(bench)).toMatchObject({ kind: 'stalled', retryable: true });
    expect(failureOf(bench)?.message).toContain('pings');
    expect(clock.pending).toBe(0);
  });

  test('is not the one that answers its pings', async () => {
    const clock = new VirtualClock();
    const emulator = await startEmulator();
    const bench = openStt(emulator, { clock });
    await bench.has('sttOpened');
    const pings = (): number => emulator.connections[0]!.frames.filter((frame) => frame.kind === 'ping').length;
    for (let n = 1; n <= 12; n++) {
      clock.advance(5_000);
      await until(() => pings() === n, `ping ${n}`);
    }
    expect(bench.types()).toEqual(['sttOpened']);
  });

  test('is given up when it takes no more audio for a second', async () => {
    const clock = new VirtualClock();
    const emulator = await startEmulator();
    emulator.breakNext({ kind: 'freeze', afterBytes: 640 });
    const bench = openStt(emulator, { clock });
    await bench.has('sttOpened');
    bench.stream.write(silence(80));
    await until(() => emulator.connections[0]!.audio.length === 640, 'the audio');
    // Far more than the kernel takes for a peer that does not read.
    bench.stream.write(Buffer.alloc(16 * 1024 * 1024, 0xff));
    expect(failureOf(bench)).toBeUndefined();
    clock.advance(999);
    bench.stream.write(silence(80));
    expect(failureOf(bench)).toBeUndefined();
    clock.advance(1);
    bench.stream.write(silence(80));
    expect(failureOf(bench)).toMatchObject({ kind: 'stalled', retryable: true });
    expect(failureOf(bench)?.message).toMatch(/takes no more data: \d+ bytes wait/);
  });
});

describe('a connection that is alive in its own way', () => {
  test('answers no ping but talks, and is kept', async () => {
    const clock = new VirtualClock();
    let peer: Duplex | undefined;
    const { events, close } = openAt(await rawServer(Buffer.alloc(0), (socket) => (peer = socket)), { clock });
    await until(() => events.length === 1, 'the opening');
    for (let n = 1; n <= 8; n++) {
      clock.advance(5_000);
      peer?.write(textFrame('{"type":"SpeechStarted"}'));
      await until(() => events.length === 1 + n, `message ${n}`);
    }
    expect(new Set(events.slice(1).map((event) => event.type))).toEqual(new Set(['sttSpeechStarted']));
    close();
  });

  test('takes audio in bursts, and is kept', async () => {
    const clock = new VirtualClock();
    let peer: Duplex | undefined;
    let received = 0;
    const baseUrl = await rawServer(Buffer.alloc(0), (socket) => {
      peer = socket;
      socket.on('data', (data: Buffer) => (received += data.length));
      socket.pause();
    });
    const { events, stream, close } = openAt(baseUrl, { clock });
    await until(() => events.length === 1, 'the opening');
    const burst = 16 * 1024 * 1024;
    stream.write(Buffer.alloc(burst, 0xff));
    peer?.resume();
    await until(() => received > burst, 'the first burst');
    peer?.pause();
    clock.advance(2_000);
    stream.write(silence(80));
    stream.write(Buffer.alloc(burst, 0xff));
    expect(events.map((event) => event.type)).toEqual(['sttOpened']);
    close();
    peer?.destroy();
  });
});

describe('a server that does not keep to the protocol', () => {
  test.each<[string, Buffer]>([
    ['a reserved bit', Buffer.of(0xf1, 0x00)],
    ['a masked frame', Buffer.of(0x81, 0x80, 0, 0, 0, 0)],
    ['a text that is not UTF-8', Buffer.of(0x81, 0x02, 0xc3, 0x28)],
    ['a frame of 16 MiB', Buffer.of(0x82, 127, 0, 0, 0, 0, 1, 0, 0, 0)],
  ])('by %s fails with malformed', async (_, bytes) => {
    const { events } = openAt(await rawServer(bytes));
    await until(() => events.some((event) => event.type === 'sttFailed'), 'the failure');
    expect(events.at(-1)).toMatchObject({ type: 'sttFailed', failure: { kind: 'malformed', retryable: true } });
  });

  test('is not followed to another address', async () => {
    const server = createServer();
    servers.push(server);
    server.on('upgrade', (_request, socket) => {
      socket.end('HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\n\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { events } = openAt(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await until(() => events.length > 0, 'the failure');
    expect(events).toMatchObject([{ type: 'sttFailed', failure: { kind: 'bad_request', status: 302 } }]);
  });

  test('has its unreadable messages counted, in one line, without their text', async () => {
    const lines: [LogFields, string][] = [];
    const log: Log = { ...silentLog, warn: (fields, message) => lines.push([fields, message]) };
    const baseUrl = await rawServer(
      Buffer.concat([textFrame('{"a":'), textFrame('[1]'), textFrame('private words'), Buffer.of(0x88, 0)]),
    );
    const { events } = openAt(baseUrl, { log });
    await until(() => events.some((event) => event.type === 'sttFailed'), 'the failure');
    expect(lines).toEqual([[{ peer: 'Deepgram listen v1', count: 3 }, 'unreadable messages were dropped']]);
  });
});

test('a listener that throws is logged and does not take the connection with it', async () => {
  const lines: LogFields[] = [];
  const log: Log = { ...silentLog, error: (fields) => lines.push(fields) };
  const emulator = await startEmulator();
  const { baseUrl } = emulator;
  const provider = createDeepgramStt({ apiKey: 'k', baseUrl, model: 'nova-3', clock: systemClock, log });
  let calls = 0;
  const stream = provider.open({ format: PCMU_8K, language: 'en', keyterms: [] }, () => {
    calls++;
    throw new Error('the listener is broken');
  });
  await until(() => calls === 1, 'the first event');
  emulator.connections[0]!.send({ type: 'SpeechStarted', channel: [0], timestamp: 0 });
  await until(() => calls === 2, 'the second event');
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatchObject({ error: 'the listener is broken' });
  stream.close();
});
