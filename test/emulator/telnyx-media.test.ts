import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/core/clock.ts';
import { decodeG711, encodeG711 } from '../../src/audio/g711.ts';
import { createBench, mediaFrame, ramp, until } from './telnyx-gateway.ts';
import type { Bench, MediaSocket } from './telnyx-gateway.ts';
import type { EmulatedCall } from '../../src/emulator/telnyx/index.ts';

/** Samples in and out are counted, so time stands still until the test moves it. */
async function stillBench(
  call: Parameters<Bench['streaming']>[0] = {},
  answer: object = {},
  options: Parameters<typeof createBench>[0] = {},
): Promise<Bench & { clock: VirtualClock; call: EmulatedCall; socket: MediaSocket }> {
  const clock = new VirtualClock();
  const bench = await createBench({ clock, ...options });
  return { ...bench, clock, ...(await bench.streaming(call, answer)) };
}

async function send(call: EmulatedCall, socket: MediaSocket, ...messages: (object | string)[]): Promise<void> {
  const before = call.frames.length;
  for (const message of messages) socket.send(message);
  await until(() => call.frames.length === before + messages.length);
}

const payloads = (socket: MediaSocket): Buffer =>
  Buffer.concat(socket.of('media').map((frame) => Buffer.from(frame.media.payload, 'base64')));

const silence = (count: number): number[] => Array<number>(count).fill(0);
const heardRamp = (count: number, from = 0): number[] => [...decodeG711('PCMU', ramp(count, from))];

describe('media socket', () => {
  it('opens with connected, then start, then media, numbered as documented', async () => {
    const { call, socket, clock, gateway, emulator } = await stillBench({ tags: ['vip'] }, { client_state: 'AAAA' });
    clock.advance(60);
    await until(() => socket.of('media').length === 3);

    expect(socket.frames[0]).toEqual({ event: 'connected', version: '1.0.0' });
    expect(socket.frames[1]).toEqual({
      event: 'start',
      sequence_number: '1',
      stream_id: call.streamIds[0],
      start: {
        user_id: emulator.account.userId,
        call_control_id: call.ids.callControlId,
        call_session_id: call.ids.callSessionId,
        from: '+14155550142',
        to: '+13125550178',
        tags: ['vip'],
        client_state: 'AAAA',
        custom_parameters: {},
        media_format: { encoding: 'PCMU', sample_rate: 8000, channels: 1 },
      },
    });
    expect(
      socket.frames
        .slice(2)
        .map(({ sequence_number, stream_id, media }) => [
          sequence_number,
          stream_id,
          media.track,
          media.chunk,
          media.timestamp,
        ]),
    ).toEqual([
      ['2', call.streamIds[0], 'inbound', '1', '20'],
      ['3', call.streamIds[0], 'inbound', '2', '40'],
      ['4', call.streamIds[0], 'inbound', '3', '60'],
    ]);
    expect(socket.url).toBe('/media/token');
    expect(socket.headers).not.toHaveProperty('sec-websocket-extensions');
    expect(gateway.of('streaming.started')).toHaveLength(1);
  });

  it('sends fifty frames of 160 bytes a second, without a break while nobody speaks', async () => {
    const { socket, clock } = await stillBench();
    clock.advance(1000);
    await until(() => socket.of('media').length === 50);
    clock.advance(9000);
    await until(() => socket.of('media').length === 500);

    expect(new Set(payloads(socket))).toEqual(new Set([0xff]));
    expect(payloads(socket)).toHaveLength(80_000);
  });

  it('keeps the pace on a real clock: never a frame before its time, and none lost', async () => {
    const { streaming } = await createBench();
    const { call, socket } = await streaming();
    const early: string[] = [];
    socket.ws.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as { media?: { timestamp: string } };
      const since = performance.now() - call.answeredAt!;
      if (frame.media && since < Number(frame.media.timestamp)) early.push(frame.media.timestamp);
    });
    await until(() => socket.of('media').length >= 50);

    expect(early).toEqual([]);
    expect(socket.of('media').map((frame) => Number(frame.media.chunk))).toEqual(
      socket.of('media').map((_, index) => index + 1),
    );
  });

  it('carries every sample the caller says once and in order', async () => {
    const { call, socket, clock } = await stillBench();
    const said: string[] = [];
    void call.play(ramp(1000)).then(() => said.push('first'));
    void call.play(decodeG711('PCMU', ramp(500, 1000))).then(() => said.push('second'));
    clock.advance(180);
    await until(() => socket.of('media').length === 9);
    expect(said).toEqual(['first']);
    clock.advance(20);
    await until(() => socket.of('media').length === 10);

    const bytes = payloads(socket);
    expect([...bytes.subarray(0, 1500)]).toEqual([...ramp(1500)]);
    expect(new Set(bytes.subarray(1500))).toEqual(new Set([0xff]));
    await until(() => said.length === 2);
  });

  it.each([
    ['the codec of the call by default', { codec: 'PCMA' as const }, {}, 'PCMA', 8000],
    ['the codec asked for, transcoded', { codec: 'PCMA' as const }, { stream_codec: 'PCMU' }, 'PCMU', 8000],
    [
      'the codec of the call when nobody transcodes',
      { codec: 'PCMA' as const, transcode: false },
      { stream_codec: 'PCMU' },
      'PCMA',
      8000,
    ],
    [
      'whatever the bidirectional codec is',
      { codec: 'PCMU' as const },
      { stream_bidirectional_codec: 'PCMA' },
      'PCMU',
      8000,
    ],
    ['L16 at 16 kHz for such a call', { codec: 'L16' as const }, {}, 'L16', 16000],
  ])('announces and sends %s', async (_name, options, answer, encoding, sampleRate) => {
    const { call, socket, clock } = await stillBench(options, answer);
    const samples = Int16Array.from({ length: 160 }, (_, index) => index * 100 - 8000);
    void call.play(samples);
    clock.advance(20);
    await until(() => socket.of('media').length === 1);

    expect(socket.of('start')[0]).toMatchObject({
      start: { media_format: { encoding, sample_rate: sampleRate, channels: 1 } },
    });
    const bytes = payloads(socket);
    if (encoding === 'L16') {
      expect(bytes).toHaveLength(640);
      expect(Array.from({ length: 160 }, (_, index) => bytes.readInt16LE(index * 4))).toEqual([...samples]);
    } else {
      const law = encoding === 'PCMA' ? 'PCMA' : 'PCMU';
      const asSaid = options.codec === 'PCMA' ? decodeG711('PCMA', encodeG711('PCMA', samples)) : samples;
      expect([...bytes]).toEqual([...encodeG711(law, asSaid)]);
    }
  });

  it('can lie about the codec', async () => {
    const { socket } = await stillBench({ codec: 'PCMA', announceCodec: 'PCMU' });
    expect(socket.of('start')[0]).toMatchObject({ start: { media_format: { encoding: 'PCMU' } } });
  });

  it('carries the token in header and connected, and custom parameters as an object', async () => {
    const { answered, act, gateway } = await createBench();
    const call = await answered();
    await act(call, 'streaming_start', {
      stream_url: gateway.mediaUrl,
      stream_auth_token: 'tok_1',
      custom_parameters: [{ name: 'tenant', value: 't_17' }],
    });
    await until(() => gateway.sockets[0]?.of('start').length === 1);

    const socket = gateway.sockets[0]!;
    expect(socket.headers['x-telnyx-streaming-auth-token']).toBe('tok_1');
    expect(socket.frames[0]).toEqual({
      event: 'connected',
      version: '1.0.0',
      connected: { 'x-telnyx-streaming-auth-token': 'tok_1' },
    });
    expect(socket.of('start')[0]).toMatchObject({ start: { custom_parameters: { tenant: 't_17' } } });
  });

  it('takes no token, rate or parameters from answer', async () => {
    const { socket } = await stillBench(
      {},
      {
        stream_codec: 'L16',
        stream_auth_token: 'tok_1',
        stream_bidirectional_sampling_rate: 16000,
        custom_parameters: [{ name: 'tenant', value: 't_17' }],
      },
    );

    expect(socket.headers).not.toHaveProperty('x-telnyx-streaming-auth-token');
    expect(socket.frames[0]).toEqual({ event: 'connected', version: '1.0.0' });
    expect(socket.of('start')[0]).toMatchObject({
      start: { custom_parameters: {}, media_format: { encoding: 'L16', sample_rate: 8000 } },
    });
  });

  it('streams both tracks with their own chunks when asked to, the outbound one with what was heard', async () => {
    const { call, socket, clock } = await stillBench({}, { stream_track: 'both_tracks' });
    await send(call, socket, mediaFrame(ramp(320)));
    clock.advance(40);
    await until(() => socket.of('media').length === 4);

    const of = (track: string): Buffer[] =>
      socket
        .of('media')
        .filter((frame) => frame.media.track === track)
        .map((frame) => Buffer.from(frame.media.payload, 'base64'));
    expect([...Buffer.concat(of('outbound'))]).toEqual([...ramp(320)]);
    expect(of('inbound')).toHaveLength(2);
    expect(socket.of('media').map((frame) => frame.media.chunk)).toEqual(['1', '1', '2', '2']);
    expect(socket.of('media').map((frame) => frame.sequence_number)).toEqual(['2', '3', '4', '5']);
  });
});

describe('what the caller hears', () => {
  it('is exactly what was sent, from the moment it came, in real time', async () => {
    const { call, socket, clock } = await stillBench();
    clock.advance(100);
    await send(call, socket, mediaFrame(ramp(480)), mediaFrame(ramp(160, 480)));
    clock.advance(30);
    expect([...call.heard()]).toEqual([...silence(800), ...heardRamp(240)]);
    clock.advance(70);

    expect([...call.heard()]).toEqual([...silence(800), ...heardRamp(640), ...silence(160)]);
    expect([...call.heardSince(1400)]).toEqual([...heardRamp(40, 600), ...silence(160)]);
    expect(call.sample).toBe(1600);
  });

  it('shows a lost and a doubled frame at their places', async () => {
    const { call, socket, clock } = await stillBench();
    await send(call, socket, ...[0, 160, 160, 480].map((from) => mediaFrame(ramp(160, from))));
    clock.advance(80);

    expect([...call.heard()]).toEqual([0, 160, 160, 480].flatMap((from) => heardRamp(160, from)));
  });

  it('is decoded by the codec the gateway declared', async () => {
    const { call, socket, clock } = await stillBench({}, { stream_bidirectional_codec: 'PCMA' });
    await send(call, socket, mediaFrame(ramp(160)));
    clock.advance(20);

    expect([...call.heard()]).toEqual([...decodeG711('PCMA', ramp(160))]);
  });

  it('is L16 at the declared rate when streaming_start says so', async () => {
    const clock = new VirtualClock();
    const { answered, act, gateway } = await createBench({ clock });
    const call = await answered();
    await act(call, 'streaming_start', {
      stream_url: gateway.mediaUrl,
      stream_codec: 'L16',
      stream_bidirectional_mode: 'rtp',
      stream_bidirectional_codec: 'L16',
      stream_bidirectional_sampling_rate: 16000,
      stream_bidirectional_target_legs: 'self',
    });
    await until(() => gateway.sockets[0]?.of('start').length === 1);
    const socket = gateway.sockets[0]!;
    await send(call, socket, mediaFrame(Buffer.alloc(640, Buffer.from([0xe8, 0x03]))), mediaFrame(new Uint8Array(641)));
    clock.advance(20);
    await until(() => socket.of('media').length === 1);

    expect([...call.heard()]).toEqual(Array<number>(160).fill(1000));
    expect(payloads(socket)).toHaveLength(640);
    expect(call.frames[1]).toMatchObject({ isValid: false, note: 'ends within a sample' });
  });

  it.each([
    ['nothing, without rtp mode', { stream_bidirectional_mode: undefined }, {}, [], [100005]],
    ['nothing, with target_legs unset', { stream_bidirectional_target_legs: undefined }, {}, [], []],
    ['nothing, with target_legs opposite', { stream_bidirectional_target_legs: 'opposite' }, {}, [], []],
    ['everything, with target_legs both', { stream_bidirectional_target_legs: 'both' }, {}, heardRamp(320), []],
    [
      'everything, with target_legs unset when not strict',
      { stream_bidirectional_target_legs: undefined },
      { strict: false },
      heardRamp(320),
      [],
    ],
  ])('is %s', async (_name, answer, options, heard, errors) => {
    const { call, socket, clock } = await stillBench({}, answer, options);
    await send(call, socket, mediaFrame(ramp(160)), mediaFrame(ramp(160, 160)));
    clock.advance(40);
    await until(() => socket.of('media').length === 2);

    expect([...call.heard()]).toEqual(heard.length > 0 ? heard : silence(320));
    expect(call.frames.map((frame) => frame.isHeard)).toEqual([heard.length > 0, heard.length > 0]);
    expect(socket.of('error').map((frame) => frame.payload.code)).toEqual(errors);
  });

  it('refuses a tail of less than 20 ms, or pads it when not strict', async () => {
    const strict = await stillBench();
    await send(strict.call, strict.socket, mediaFrame(ramp(159)));
    await until(() => strict.socket.of('error').length === 1);
    expect(strict.socket.of('error')[0]!.payload).toMatchObject({ code: 100004, title: 'invalid_media' });

    const lenient = await stillBench({}, {}, { strict: false });
    await send(lenient.call, lenient.socket, mediaFrame(ramp(100)), mediaFrame(ramp(160)));
    lenient.clock.advance(40);

    strict.clock.advance(40);
    expect([...strict.call.heard()]).toEqual(silence(320));
    expect([...lenient.call.heard()]).toEqual([...heardRamp(100), ...silence(60), ...heardRamp(160)]);
  });

  it.each([
    ['{"event":"media"', 100003],
    ['null', 100003],
    ['[]', 100003],
    ['{"event":"stop"}', 100003],
    ['{"event":"media","media":{"payload":17}}', 100003],
    ['{"event":"media"}', 100003],
    ['{"event":"mark","mark":{}}', 100003],
    ['{"event":"media","media":{"payload":"ab-_"}}', 100004],
    ['{"event":"media","media":{"payload":"abc"}}', 100004],
    ['{"event":"media","media":{"payload":""}}', 100004],
    [mediaFrame(new Uint8Array(240_001)), 100004],
  ])('answers %j with an error frame and goes on', async (message, code) => {
    const { call, socket, clock } = await stillBench();
    await send(call, socket, message, mediaFrame(ramp(160)));
    clock.advance(20);

    await until(() => socket.of('media').length === 1);
    expect(socket.of('error')).toMatchObject([{ stream_id: call.streamIds[0], payload: { code } }]);
    expect(call.frames.map((frame) => frame.isValid)).toEqual([false, true]);
    expect([...call.heard()]).toEqual(heardRamp(160));
  });

  it('refuses binary messages', async () => {
    const { call, socket } = await stillBench();
    socket.ws.send(Buffer.from(JSON.stringify({ event: 'clear' })));
    await until(() => socket.of('error').length === 1);

    expect(call.clears).toEqual([]);
    expect(call.frames).toMatchObject([{ kind: 'unknown', isValid: false, note: 'binary message' }]);
  });

  it('tells apart a gap inside an utterance, a pause, and a clear', async () => {
    const { call, socket, clock } = await stillBench();
    const speak = (): Promise<void> => send(call, socket, mediaFrame(ramp(160)));
    await speak();
    clock.advance(25);
    await speak();
    clock.advance(20 + 201);
    await speak();
    clock.advance(10);
    await send(call, socket, { event: 'clear' });
    clock.advance(50);
    await speak();

    expect(call.underruns).toEqual([{ sample: 160, gapSamples: 40 }]);
  });
});

describe('marks and clear', () => {
  it('echoes a mark when the audio before it was played, not before', async () => {
    const { call, socket, clock } = await stillBench();
    await send(call, socket, mediaFrame(ramp(800)), { event: 'mark', mark: { name: 'a' } }, mediaFrame(ramp(160)), {
      event: 'mark',
      mark: { name: 'b' },
    });
    clock.advance(99);
    expect(call.marks.map((mark) => mark.echoedAt)).toEqual([undefined, undefined]);
    clock.advance(1);
    await until(() => socket.marks().length === 1);
    clock.advance(20);
    await until(() => socket.marks().length === 2);

    expect(socket.marks()).toEqual(['a', 'b']);
    expect(call.marks).toMatchObject([
      { name: 'a', position: 800, why: 'played', echoedAt: call.answeredAt! + 100 },
      { name: 'b', position: 960, why: 'played', echoedAt: call.answeredAt! + 120 },
    ]);
    const numbers = socket.frames
      .filter((frame) => frame.sequence_number)
      .map((frame) => Number(frame.sequence_number));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });

  it('echoes a mark at once when nothing plays', async () => {
    const { call, socket } = await stillBench();
    await send(call, socket, { event: 'mark', mark: { name: 'now' } });
    await until(() => socket.marks().length === 1);

    expect(call.marks).toMatchObject([{ name: 'now', why: 'idle' }]);
  });

  it('stops at once on clear, returns every mark that waits, and plays what comes then', async () => {
    const { call, socket, clock } = await stillBench();
    await send(call, socket, mediaFrame(ramp(400)), { event: 'mark', mark: { name: 'a' } }, mediaFrame(ramp(400)), {
      event: 'mark',
      mark: { name: 'b' },
    });
    clock.advance(60);
    await until(() => socket.marks().length === 1);
    await send(call, socket, { event: 'clear' }, mediaFrame(ramp(160, 50)));
    await until(() => socket.marks().length === 2);
    clock.advance(40);

    expect(call.marks.map((mark) => [mark.name, mark.why])).toEqual([
      ['a', 'played'],
      ['b', 'cleared'],
    ]);
    expect(call.clears).toMatchObject([{ sample: 480, droppedSamples: 320, marks: ['b'] }]);
    expect([...call.heard()]).toEqual([...heardRamp(400), ...heardRamp(80), ...heardRamp(160, 50), ...silence(160)]);
  });

  it('never returns marks whose stream ended', async () => {
    const { call, socket, clock, act } = await stillBench();
    await send(call, socket, mediaFrame(ramp(800)), { event: 'mark', mark: { name: 'a' } });
    await act(call, 'streaming_stop');
    clock.advance(500);
    await until(() => socket.closeCode !== undefined);

    expect(socket.marks()).toEqual([]);
    expect(call.marks).toMatchObject([{ why: undefined, echoedAt: undefined }]);
    expect(call.heard().every((sample) => sample === 0)).toBe(true);
  });
});

describe('life of a stream', () => {
  it('ends with stop, a close without status and streaming.stopped when the caller hangs up', async () => {
    const { call, socket, gateway, emulator } = await stillBench();
    call.hangup();
    await until(() => socket.closeCode !== undefined && gateway.of('call.hangup').length === 1);

    expect(socket.closeCode).toBe(1005);
    expect(socket.frames.at(-1)).toEqual({
      event: 'stop',
      sequence_number: '2',
      stream_id: call.streamIds[0],
      stop: { user_id: emulator.account.userId, call_control_id: call.ids.callControlId },
    });
    expect(gateway.types().slice(-2)).toEqual(['streaming.stopped', 'call.hangup']);
    expect(call).toMatchObject({ state: 'ended', endedBy: 'phone', hangupCause: 'normal_clearing' });
  });

  it('ignores what comes after stop', async () => {
    const { call, socket } = await stillBench();
    socket.send(mediaFrame(ramp(160)));
    call.hangup();
    await until(() => call.frames.length === 1 && socket.closeCode !== undefined);

    expect(call.frames).toMatchObject([{ isValid: false, isHeard: false, note: 'after stop' }]);
  });

  it('leaves the call up and does not come back when the gateway closes the socket', async () => {
    const { call, socket, gateway, clock } = await stillBench();
    socket.ws.close(1000);
    await until(() => gateway.of('streaming.stopped').length === 1);
    clock.advance(5000);

    expect(call).toMatchObject({ state: 'answered', isStreaming: false });
    expect(gateway.sockets).toHaveLength(1);
  });

  it('tells streaming.failed when the socket is refused', async () => {
    const { gateway, emulator, ring, act } = await createBench();
    gateway.admits = false;
    const call = ring();
    await act(call, 'answer', { stream_url: gateway.mediaUrl });
    await until(() => gateway.of('streaming.failed').length === 1);

    expect(gateway.of('streaming.failed')[0]!.payload).toMatchObject({
      failure_reason: 'connection_failed',
      stream_id: call.streamIds[0],
      stream_params: { stream_url: gateway.mediaUrl, track: 'inbound_track' },
      stream_type: 'websocket',
    });
    expect(emulator.liveCalls()).toHaveLength(1);
    expect(gateway.of('streaming.started')).toEqual([]);
  });

  it('is given up when the call ends while it is still connecting', async () => {
    const { gateway, ring, act } = await createBench();
    gateway.admits = undefined;
    const call = ring();
    await act(call, 'answer', { stream_url: gateway.mediaUrl });
    await until(() => gateway.waiting.length === 1);
    call.hangup();
    await until(() => gateway.waiting[0]!.readableEnded && gateway.of('call.hangup').length === 1, 2000);

    expect(gateway.types()).toEqual(['call.initiated', 'call.answered', 'call.hangup']);
  });

  it('starts anew with a new stream_id and new numbers', async () => {
    const { call, act, gateway, clock } = await stillBench();
    clock.advance(100);
    await act(call, 'streaming_stop');
    await act(call, 'streaming_start', { stream_url: gateway.mediaUrl });
    await until(() => gateway.sockets[1]?.of('start').length === 1);
    clock.advance(20);
    await until(() => gateway.sockets[1]!.of('media').length === 1);

    expect(new Set(call.streamIds).size).toBe(2);
    expect(gateway.sockets[1]!.of('start')[0]).toMatchObject({ sequence_number: '1', stream_id: call.streamIds[1] });
    expect(gateway.sockets[1]!.of('media')[0]!.media).toMatchObject({ chunk: '1', timestamp: '20' });
  });

  it('replaces a running stream, or refuses the second, as configured', async () => {
    const replacing = await stillBench();
    await replacing.act(replacing.call, 'streaming_start', { stream_url: replacing.gateway.mediaUrl });
    await until(() => replacing.gateway.sockets[1]?.of('start').length === 1);
    expect(replacing.socket.of('stop')).toHaveLength(1);

    const refusing = await stillBench({}, {}, { secondStream: 'refuse' });
    expect(
      await refusing.act(refusing.call, 'streaming_start', { stream_url: refusing.gateway.mediaUrl }),
    ).toMatchObject({ status: 422 });
    expect(refusing.call.isStreaming).toBe(true);
  });

  it('pings every 20 seconds and gives a gateway up that does not answer', async () => {
    const { call, socket, clock, gateway } = await stillBench();
    let pings = 0;
    socket.ws.on('ping', () => (pings += 1));
    for (const count of [1, 2, 3]) {
      clock.advance(20_000);
      await until(() => pings === count);
      // What is sent behind the pong arrives behind it.
      await send(call, socket, { event: 'clear' });
    }
    expect(call.isStreaming).toBe(true);
    socket.ws.pause();
    clock.advance(20_000);
    expect(call.isStreaming).toBe(true);
    clock.advance(20_000);

    await until(() => gateway.of('streaming.stopped').length === 1);
    expect(call.state).toBe('answered');
  });

  it('drops with a reset, freezes half-open, and reads slowly when told to', async () => {
    const dropped = await stillBench();
    dropped.call.dropSocket();
    await until(() => dropped.socket.closeCode === 1006 && dropped.gateway.of('streaming.stopped').length === 1);
    expect(dropped.call.state).toBe('answered');

    const frozen = await stillBench();
    frozen.call.freezeSocket();
    frozen.clock.advance(100);
    frozen.socket.send({ event: 'clear' });
    frozen.call.hangup();
    await until(() => frozen.gateway.of('call.hangup').length === 1);
    expect(frozen.socket.frames.map((frame) => frame.event)).toEqual(['connected', 'start']);
    expect(frozen.socket.closeCode).toBeUndefined();
    expect(frozen.call.frames).toEqual([]);

    const slow = await stillBench();
    slow.call.stopReading();
    for (let count = 0; count < 60; count++) slow.socket.send(mediaFrame(new Uint8Array(200_000)));
    slow.clock.advance(100);
    await until(() => slow.socket.of('media').length === 5);
    expect(slow.socket.ws.bufferedAmount).toBeGreaterThan(0);
    slow.call.resumeReading();
    await until(() => slow.call.frames.length === 60);
  });

  it('sends raw messages and raw bytes for hostile tests', async () => {
    const { call, socket } = await stillBench();
    const binary: Buffer[] = [];
    socket.ws.on('message', (data: Buffer, isBinary) => {
      if (isBinary) binary.push(data);
    });
    call.sendRaw('{"event":"media","media":17}');
    call.sendRaw(Buffer.from([1, 2, 3]));
    await until(() => binary.length === 1);
    expect(socket.frames.at(-1)).toEqual({ event: 'media', media: 17 });
    call.sendBytes(Buffer.from([0xf0, 0x00]));
    await until(() => socket.closeCode !== undefined);

    expect(socket.closeCode).toBe(1006);
  });
});

describe('media faults', () => {
  const chunks = (socket: MediaSocket): number[] => socket.of('media').map((frame) => Number(frame.media.chunk));

  it('lose, double and turn round frames the same way for the same seed', async () => {
    const faults = { seed: 7, lose: 0.1, duplicate: 0.1, reorder: 0.2 };
    const runs: number[][] = [];
    for (let run = 0; run < 2; run++) {
      const { socket, clock } = await stillBench({ mediaFaults: faults });
      clock.advance(4000);
      await until(() => chunks(socket).includes(199) || chunks(socket).includes(200));
      runs.push(chunks(socket).filter((chunk) => chunk < 190));
    }
    const [first, second] = runs;

    expect(first).toEqual(second);
    expect(new Set(first).size).toBeLessThan(189);
    expect(first!.length).toBeGreaterThan(new Set(first).size);
    expect(first!.some((chunk, index) => chunk < (first![index - 1] ?? 0))).toBe(true);
  });

  it('delay frames in their order', async () => {
    const { socket, clock, emulator } = await stillBench({ mediaFaults: { jitterMs: 100 } });
    clock.advance(1000);
    clock.advance(100);
    await until(() => chunks(socket).includes(50));

    expect(chunks(socket).slice(0, 50)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect(emulator.liveCalls()).toHaveLength(1);
  });

  it('start for another call, twice, late, or never', async () => {
    const other = await stillBench({
      mediaFaults: { startForCall: 'v3:other', secondStart: { afterMs: 50, other: true } },
    });
    other.clock.advance(50);
    await until(() => other.socket.of('start').length === 2);
    expect(other.socket.of('start')).toMatchObject([{ start: { call_control_id: 'v3:other' } }, {}]);
    expect(other.socket.of('start')[1]!.stream_id).not.toBe(other.call.streamIds[0]);

    const clock = new VirtualClock();
    const { emulator, gateway, ring, act } = await createBench({ clock });
    emulator.faults.media = { startAfterFrames: 2 };
    await act(ring(), 'answer', { stream_url: gateway.mediaUrl });
    await until(() => gateway.sockets[0]?.of('connected').length === 1);
    emulator.faults.media = { noStart: true };
    await act(ring(), 'answer', { stream_url: gateway.mediaUrl });
    await until(() => gateway.sockets[1]?.of('connected').length === 1);
    await until(() => gateway.of('streaming.started').length === 2);
    clock.advance(60);
    await until(() => gateway.sockets[0]!.of('media').length === 3);
    expect(gateway.sockets[0]!.frames.map((frame) => frame.event)).toEqual([
      'connected',
      'media',
      'media',
      'start',
      'media',
    ]);
    expect(gateway.sockets[1]!.frames.map((frame) => frame.event)).toEqual(['connected']);
  });

  it('mix garbage in and reset the socket', async () => {
    const { call, socket, clock, gateway } = await stillBench({
      mediaFaults: { garbageEvery: 2, dropSocketAfterMs: 500 },
    });
    clock.advance(400);
    await until(() => socket.of('media').length + socket.garbage >= 20);
    expect(socket.garbage).toBeGreaterThan(2);
    clock.advance(100);
    await until(() => gateway.of('streaming.stopped').length === 1);

    expect(call.state).toBe('answered');
  });

  it('bring marks back late, twice, or not at all', async () => {
    const late = await stillBench({ mediaFaults: { lateMarksMs: 300, duplicateMarks: 1 } });
    await send(late.call, late.socket, { event: 'mark', mark: { name: 'a' } });
    late.clock.advance(299);
    expect(late.call.marks[0]!.echoedAt).toBeUndefined();
    late.clock.advance(1);
    await until(() => late.socket.marks().length === 2);

    const lost = await stillBench({ mediaFaults: { loseMarks: 1 } });
    await send(lost.call, lost.socket, { event: 'mark', mark: { name: 'a' } });
    lost.clock.advance(1000);
    await until(() => lost.socket.of('media').length === 50);
    expect(lost.socket.marks()).toEqual([]);
  });
});

describe('many calls', () => {
  it('a hundred calls each get every frame', async () => {
    const clock = new VirtualClock();
    const { gateway, ring, act } = await createBench({ clock });
    const calls = Array.from({ length: 100 }, () => ring({ keepsAudio: false }));
    await Promise.all(calls.map((call) => act(call, 'answer', { stream_url: gateway.mediaUrl })));
    await until(() => gateway.sockets.filter((socket) => socket.of('start').length === 1).length === 100);
    clock.advance(1000);
    await until(() => gateway.sockets.every((socket) => socket.of('media').length === 50));

    expect(
      new Set(
        gateway.sockets.map((socket) =>
          socket
            .of('media')
            .map((frame) => frame.media.chunk)
            .join(),
        ),
      ),
    ).toHaveProperty('size', 1);
  });
});
