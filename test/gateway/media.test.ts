import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeG711 } from '../../src/audio/g711.ts';
import { sine } from '../../src/audio/tones.ts';
import type { EmulatedCall } from '../../src/emulator/telnyx/index.ts';
import { renderVoice } from '../../src/emulator/voice.ts';
import { readJournal, findJournal } from '../../src/journal/reader.ts';
import { heardWords } from './ear.ts';
import { mediaMessage, opened, refused, startMessage, streamUrl, wireFrame } from './media-client.ts';
import { startNeighbour } from './neighbour.ts';
import { expectProblem } from './problems.ts';
import { HANGUP, obedient, strangeLeg } from './strange-leg.ts';
import { inWorld, LONG_SPEECH, until, webhookBody, type GatewayWorld } from './world.ts';

const BRACES = Buffer.from('{}');
const PCMU = { encoding: 'PCMU', sample_rate: 8000, channels: 1 };

describe.concurrent('a media URL', () => {
  it('lets one socket in, once: other tokens, plain requests and a second time are refused before the upgrade', () =>
    inWorld({}, async (world) => {
      obedient(world);
      const leg = strangeLeg('token');
      await world.webhook(webhookBody('call.initiated', leg));
      await until(() => world.commands().includes('answer'), 'the answer');
      const url = streamUrl(world);
      const token = url.split('/').at(-1) ?? '';
      expect(token).toMatch(/^[\w-]{43}$/);
      const base = url.slice(0, -token.length);

      const turned = token.startsWith('A') ? `B${token.slice(1)}` : `A${token.slice(1)}`;
      for (const wrong of ['', 'x', turned, token.slice(1), `${token}x`, `${token}/`, `x/${token}`, 'y'.repeat(5000)]) {
        expectProblem(await refused(base + wrong), 401, 'media_token_invalid', /unknown, used or over/);
      }
      expectProblem(await refused(base.slice(0, -1)), 401, 'media_token_invalid');
      const plain = await world.request(`/media/${token}`);
      expectProblem(plain, 401, 'media_token_invalid', /WebSocket only/);
      for (const path of ['/', '/healthz', '/metrics', '/v1/calls']) {
        expectProblem(await refused(`${base.replace('/media/', '')}${path}`), 404, 'not_found');
      }
      expectProblem(await refused(`${base.replace('/media/', '')}/webhooks/telnyx`), 405, 'method_not_allowed');

      const socket = await opened(url);
      expectProblem(await refused(url), 401, 'media_token_invalid');
      expect(socket.closed()).toBeUndefined();
      await world.webhook(webhookBody('call.hangup', { ...leg, ...HANGUP }));
      await until(() => socket.closed() !== undefined, 'the socket to close');
      expect((await world.request('/metrics')).text).toMatch(/landline_media_upgrades_refused_total 11\b/);
    }));

  it('is over with its call, and replaced by the next one', () =>
    inWorld({}, async (world) => {
      obedient(world);
      const leg = strangeLeg('superseded');
      await world.webhook(webhookBody('call.initiated', leg));
      await until(() => world.commands().includes('answer'), 'the answer');
      const first = streamUrl(world);
      await world.webhook(webhookBody('call.answered', leg));
      await world.webhook(webhookBody('streaming.failed', { ...leg, failure_reason: 'connection_failed' }));
      await until(() => world.commands().includes('streaming_start'), 'the second stream');
      const second = streamUrl(world);
      expectProblem(await refused(first), 401, 'media_token_invalid');
      await world.webhook(webhookBody('call.hangup', { ...leg, ...HANGUP }));
      expectProblem(await refused(second), 401, 'media_token_invalid');
      expect(world.of('call.ended').map((event) => event.data.reason)).toEqual(['caller_hangup']);
    }));

  it('speaks without compression, pings, and cuts a peer that does not answer', () =>
    inWorld({ gateway: { mediaPingMs: 100 } }, async (world) => {
      obedient(world);
      const leg = strangeLeg('ping');
      await world.webhook(webhookBody('call.initiated', leg));
      await until(() => world.commands().includes('answer'), 'the answer');
      const socket = await opened(streamUrl(world), { perMessageDeflate: true, autoPong: false });
      expect(socket.headers).not.toHaveProperty('sec-websocket-extensions');
      await until(() => socket.closed() !== undefined, 'the socket to be cut');
      expect([socket.pings(), socket.closed()?.code]).toEqual([1, 1006]);
      await world.webhook(webhookBody('call.hangup', { ...leg, ...HANGUP }));
    }));
});

/** A turn that shows that both directions of the call work. */
async function stillTalks(world: GatewayWorld, call: EmulatedCall): Promise<void> {
  const before = call.sample;
  await call.play(sine({ hz: 500, ms: 400 }));
  const turns = world.of('turn.ended', call).length;
  world.test.recognise({ type: 'sttEndOfTurn', text: 'still there' });
  await until(() => world.of('turn.ended', call).length >= turns + 2, 'the answer to be heard');
  const words = heardWords(call.heardSince(before), 'Yes of course.');
  expect(words.filter((word) => word.complete).map((word) => word.text)).toEqual(['Yes', 'of', 'course.']);
}

async function mediaClosed(world: GatewayWorld, call: EmulatedCall): Promise<{ code: unknown; why: unknown }[]> {
  const id = world.idOf(call);
  await world.request(`/v1/calls/${id}`);
  const journal = await readJournal((await findJournal(world.dataDir, id)) ?? '');
  return journal.records.flatMap((r) =>
    r.k === 'in' && r.d.type === 'mediaClosed' ? [{ code: r.d['code'], why: r.d['why'] }] : [],
  );
}

const streams = (world: GatewayWorld, call: EmulatedCall): unknown[] =>
  world.of('call.updated', call).flatMap(({ data }) => (data.stream === undefined ? [] : [data.stream]));

/** One end of a media socket, as whoever breaks its rules sees it. */
interface Wire {
  readonly callControlId: unknown;
  readonly streamId: string;
  message(content: string | Buffer): void;
  bytes(content: Buffer): void;
}

/** What is done, the code the peer is told, and what log and journal say. */
const BROKEN_RULES: readonly (readonly [name: string, code: number, why: RegExp, harm: (wire: Wire) => void])[] = [
  [
    'fifty messages that cannot be read',
    1007,
    /unreadable messages/,
    (wire) => {
      for (let n = 0; n < 50; n++) wire.message(`{"event":"media","media":${n}`);
    },
  ],
  [
    'binary frames',
    1003,
    /text messages only/,
    (wire) => {
      for (let n = 0; n < 12; n++) wire.message(randomBytes(50));
    },
  ],
  ['a message of 1 MiB', 1009, /Max payload size/, (wire) => wire.message('x'.repeat(1024 * 1024))],
  ['a message of 64 KiB and one byte', 1009, /Max payload size/, (wire) => wire.message('x'.repeat(64 * 1024 + 1))],
  [
    'a message in thousands of fragments',
    1008,
    /fragments/,
    (wire) => {
      const piece = wireFrame({ opcode: 0, payload: Buffer.from('x'), fin: false });
      const first = wireFrame({ opcode: 1, payload: Buffer.from('x'), fin: false });
      wire.bytes(Buffer.concat([first, ...Array.from({ length: 5000 }, () => piece)]));
    },
  ],
  [
    'text that is no UTF-8',
    1007,
    /UTF-8/,
    (wire) => wire.bytes(wireFrame({ opcode: 1, payload: Buffer.from([0xc3, 0x28]) })),
  ],
  ['a reserved bit', 1002, /RSV/, (wire) => wire.bytes(wireFrame({ opcode: 1, payload: BRACES, reserved: true }))],
  [
    'a frame without a mask',
    1002,
    /MASK/,
    (wire) => wire.bytes(wireFrame({ opcode: 1, payload: BRACES, unmasked: true })),
  ],
  ['an unknown opcode', 1002, /opcode/, (wire) => wire.bytes(wireFrame({ opcode: 3, payload: BRACES }))],
  [
    'a control frame in pieces',
    1002,
    /FIN/,
    (wire) => wire.bytes(wireFrame({ opcode: 9, payload: BRACES, fin: false })),
  ],
  [
    'a second start of another stream',
    1008,
    /second start/,
    (wire) => wire.message(startMessage(wire.callControlId, PCMU, 'another-stream')),
  ],
  [
    'a start of another call',
    1008,
    /another call/,
    (wire) => wire.message(startMessage(`v3:${'y'.repeat(30)}`, PCMU, wire.streamId)),
  ],
];

describe.concurrent('a media socket that breaks the rules', () => {
  it('is told so with the code that fits', () =>
    inWorld({}, async (world) => {
      obedient(world);
      const codes: unknown[] = [];
      for (const [n, [name, , , harm]] of BROKEN_RULES.entries()) {
        const leg = strangeLeg(`broken${n}`);
        await world.webhook(webhookBody('call.initiated', leg));
        await until(() => world.commands().length === n + 1, 'the answer');
        const callControlId = leg['call_control_id'];
        const socket = await opened(streamUrl(world, callControlId));
        socket.ws.send(startMessage(callControlId, PCMU));
        harm({
          callControlId,
          streamId: 'stream-1',
          message: (content) => socket.ws.send(content),
          bytes: (content) => socket.wire()?.write(content),
        });
        await until(() => socket.closed() !== undefined, `${name}: the socket to close`);
        codes.push([name, socket.closed()?.code]);
        await world.webhook(webhookBody('call.hangup', { ...leg, ...HANGUP }));
      }
      expect(codes).toEqual(BROKEN_RULES.map(([name, code]) => [name, code]));
    }));

  it.each([
    ...BROKEN_RULES.map(
      ([name, , why, harm]) =>
        [
          name,
          why,
          (call: EmulatedCall) =>
            harm({
              callControlId: call.ids.callControlId,
              streamId: call.streamIds[0] ?? '',
              message: (content) => call.sendRaw(content),
              bytes: (content) => call.sendBytes(content),
            }),
        ] as const,
    ),
    ['a reset connection', /^$/, (call: EmulatedCall) => call.dropSocket()] as const,
  ])(
    '%s: said in log and journal, the call gets a new stream, its neighbour notices nothing',
    async (_name, why, harm) => {
      await inWorld({}, async (world) => {
        const neighbour = await startNeighbour(world);
        const call = await world.talk();
        harm(call);
        await until(() => streams(world, call).includes('restored'), 'the stream to be restored');
        expect(streams(world, call)).toEqual(['up', 'lost', 'restored']);
        await stillTalks(world, call);
        call.hangup();
        await until(() => world.of('call.ended', call).length === 1, 'the end');
        await neighbour.isUntouched();

        expect(world.commands(call)).toEqual(['answer', 'streaming_start']);
        const lost = world.logs.find(
          ({ message, fields }) => message === 'media socket lost' && fields['callId'] === world.idOf(call),
        );
        expect([lost?.level, lost?.fields['reason']]).toEqual(['warn', expect.stringMatching(why)]);
        expect((await mediaClosed(world, call))[0]).toMatchObject({ why: expect.stringMatching(why) as unknown });
      });
    },
  );
});

describe.concurrent('a stream that does not begin as it should', () => {
  it('without a start it is closed after 5 s and replaced', async () => {
    await inWorld({}, async (world) => {
      world.emulator.faults.media = { noStart: true };
      const call = world.ring();
      await call.waitFor('streamStarted');
      world.emulator.faults.media = {};
      const answeredAt = performance.now();
      await until(() => streams(world, call).includes('restored'), 'the stream to be restored', 10_000);
      expect(performance.now() - answeredAt).toBeGreaterThan(4900);
      await until(() => world.of('turn.ended', call).length === 1, 'the greeting');
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      expect((await mediaClosed(world, call))[0]?.code).toBe(1008);
    });
  });

  it('a start for another call is closed and replaced, and the other call does not notice', async () => {
    await inWorld({}, async (world) => {
      const neighbour = await startNeighbour(world);
      world.emulator.faults.media = { startForCall: neighbour.call.ids.callControlId };
      const call = world.ring();
      await call.waitFor('streamStarted');
      world.emulator.faults.media = {};
      await until(() => streams(world, call).length > 0, 'the stream to be there', 10_000);
      await until(() => world.of('turn.ended', call).length === 1, 'the greeting');
      expect(heardWords(call.heard(), 'Hello there.').map((word) => word.text)).toEqual(['Hello', 'there.']);
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      await neighbour.isUntouched();
      expect((await mediaClosed(world, call))[0]?.code).toBe(1008);
    });
  });

  it('audio before the start is dropped; the same start twice is one', async () => {
    await inWorld({}, async (world) => {
      const call = world.ring({ mediaFaults: { startAfterFrames: 10, secondStart: { afterMs: 400 } } });
      void call.play(encodeG711('PCMU', renderVoice('one two three four', 8000).samples));
      await until(() => world.of('turn.ended', call).length === 1, 'the greeting');
      expect(world.test.ears).toHaveLength(1);
      expect(streams(world, call)).toEqual(['up']);
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
    });
  });

  it.each([
    ['Opus', { encoding: 'OPUS', sample_rate: 48000, channels: 1 }],
    ['two channels', { ...PCMU, channels: 2 }],
    ['16 kHz G.711', { ...PCMU, sample_rate: 16000 }],
    ['nothing', undefined],
  ])('%s cannot be played: the caller hears why, and the call ends', async (_name, format) => {
    await inWorld({}, async (world) => {
      obedient(world);
      const leg = strangeLeg('codec');
      await world.webhook(webhookBody('call.initiated', leg));
      await until(() => world.commands().includes('answer'), 'the answer');
      await world.webhook(webhookBody('call.answered', leg));
      const socket = await opened(streamUrl(world));
      socket.ws.send(startMessage(leg['call_control_id'], format));
      await until(() => world.commands().includes('speak'), 'the spoken line');
      await world.webhook(webhookBody('call.speak.ended', { ...leg, status: 'completed' }));
      await until(() => world.commands().includes('hangup'), 'the hangup');
      await world.webhook(webhookBody('call.hangup', { ...leg, ...HANGUP }));
      expect(world.of('call.ended').map((event) => event.data.reason)).toEqual(['codec_unsupported']);
      expect(socket.messages).toEqual([]);
      socket.ws.terminate();
    });
  });
});

describe.concurrent('what a media socket says', () => {
  it('is dropped and counted where it makes no sense, and everything else is heard in order', () =>
    inWorld({}, async (world) => {
      const neighbour = await startNeighbour(world);
      const call = await world.talk();
      const ear = world.test.ears[0];
      const session = world.gateway.registry.sessions.get(world.idOf(call));
      const nonsense = [
        'not JSON',
        'null',
        '[]',
        '{}',
        '{"event":"media"}',
        '{"event":"media","media":null}',
        '{"event":"media","media":[]}',
        '{"event":"media","media":{"payload":17}}',
        '{"event":"media","media":{"payload":{}}}',
        '{"event":"mark"}',
        '{"event":"dtmf","dtmf":{"digit":"xx"}}',
        `{"event":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
        ...['####', 'A', 'AAA', 'AA=A', ' AAAA', 'AA-_', 'QUJD\\n', 'ＡＡＡＡ'].map((bad) => mediaMessage(bad)),
      ];
      for (const message of nonsense) call.sendRaw(message);
      for (const message of [
        '{"event":"something_new"}',
        '{"event":17}',
        '{"event":"mark","mark":{"name":"t99:1"}}',
        '{"event":"error","stream_id":"x","payload":{"code":100003,"title":"malformed_frame","detail":"x"}}',
        '{"event":"connected","version":"1.0.0"}',
      ]) {
        call.sendRaw(message);
      }
      const speech = encodeG711('PCMU', renderVoice(LONG_SPEECH, 8000).samples);
      const sizes = [1, 0, 80, 159, 160, 161, 240, 1600, 7, 40_000];
      const audio = sizes.map((size, n) => {
        const from = sizes.slice(0, n).reduce((sum, each) => sum + each, 0);
        return speech.subarray(from, from + size);
      });
      for (const piece of audio) call.sendRaw(mediaMessage(piece));
      call.sendRaw(JSON.stringify({ event: 'media', media: { track: 'outbound', payload: 'AAAA' } }));
      const expected = Buffer.concat(audio);
      await until(() => Buffer.concat(ear?.heard ?? []).includes(expected), 'every byte to reach the recogniser');
      await until(() => session?.media.counters.bad === nonsense.length, 'every nonsense to be counted');
      await stillTalks(world, call);
      expect(streams(world, call)).toEqual(['up']);
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      await neighbour.isUntouched();

      expect(Buffer.concat(ear?.heard ?? []).includes(Buffer.from('AAAA', 'base64'))).toBe(false);
      expect(world.test.ears).toHaveLength(1);
      expect(world.logs.filter(({ message }) => message === 'media stream error frame')).toHaveLength(1);
    }));

  it('its frames are put in order, once each, and gaps are filled so that time stays true', () =>
    inWorld({ agent: { greeting: undefined } }, async (world) => {
      obedient(world);
      const speech = encodeG711('PCMU', renderVoice(LONG_SPEECH, 8000).samples);
      const frame = (n: number): Uint8Array => speech.subarray(n * 160, n * 160 + 160);
      const cases: [name: string, sent: number[], lost: number[]][] = [
        ['as they come', [1, 2, 3, 4, 5, 6, 7, 8], []],
        ['neighbours swapped', [1, 3, 2, 5, 4, 6, 8, 7], []],
        ['each three times', [1, 1, 1, 2, 2, 2, 3, 3, 3], []],
        ['an old one again', [1, 2, 3, 4, 2, 5, 1, 6], []],
        ['one missing', [1, 2, 4, 5, 6], [3]],
        ['five missing', [1, 2, 8, 9, 10], [3, 4, 5, 6, 7]],
        ['too late to be waited for', [1, 2, 4, 5, 6, 3, 7], [3]],
      ];
      for (const [n, [name, sent, lost]] of cases.entries()) {
        const leg = strangeLeg(`order${n}`);
        await world.webhook(webhookBody('call.initiated', leg));
        await until(() => world.commands().length === n + 1, 'the answer');
        const { ws } = await opened(streamUrl(world, leg['call_control_id']));
        ws.send(startMessage(leg['call_control_id'], PCMU));
        for (const chunk of sent) ws.send(mediaMessage(frame(chunk), chunk));
        const last = Math.max(...sent);
        await until(() => world.test.ears.length === n + 1, 'the recogniser');
        const heard = (): Buffer => Buffer.concat(world.test.ears[n]?.heard ?? []);
        await until(() => heard().length >= last * 160, `${name}: the last frame`);
        const pieces = Array.from({ length: last }, (_, at) => heard().subarray(at * 160, at * 160 + 160));
        const filled = pieces.flatMap((piece, at) => (piece.equals(frame(at + 1)) ? [] : [at + 1]));
        expect([name, heard().length, filled]).toEqual([name, last * 160, lost]);
        await world.webhook(webhookBody('call.hangup', { ...leg, ...HANGUP }));
      }
    }));

  /** A tone that climbs from 300 to 3300 Hz: no two of its frames are alike. */
  function sweep(ms: number): Int16Array {
    let phase = 0;
    return Int16Array.from({ length: ms * 8 }, (_, n) => {
      phase += (2 * Math.PI * (300 + (3000 * n) / (ms * 8))) / 8000;
      return Math.round(8000 * Math.sin(phase));
    });
  }

  it.each([
    ['twice', 0, { duplicate: 0.3, seed: 7 }],
    ['late by up to 40 ms', 0, { jitterMs: 40, seed: 7 }],
    ['out of order by one or two', 0.2, { reorder: 0.2, seed: 7 }],
    ['not at all, every tenth', 0.2, { lose: 0.1, seed: 3 }],
    ['in every wrong way', 0.3, { reorder: 0.1, duplicate: 0.1, lose: 0.05, jitterMs: 20, seed: 9 }],
  ])('frames that come %s are heard at their time', async (_name, mayLose, mediaFaults) => {
    await inWorld({ agent: { interruptible: false } }, async (world) => {
      const call = world.ring({ mediaFaults });
      await call.waitFor('streamStarted');
      const said = Buffer.from(encodeG711('PCMU', sweep(3000)));
      // Silence before and after: neither end of the speech is an edge of the stream.
      for (const audio of [new Int16Array(1600), said, new Int16Array(2400)]) await call.play(audio);
      await until(() => world.of('turn.ended', call).length === 1, 'the greeting');
      const heard = Buffer.concat(world.test.ears.flatMap((ear) => ear.heard));
      const frames = Array.from({ length: Math.floor(said.length / 160) }, (_, n) =>
        said.subarray(n * 160, n * 160 + 160),
      );
      // Where the speech begins, as most frames have it; there, all others are heard at their place or filled.
      const starts = frames.map((frame, n) => heard.indexOf(frame) - n * 160);
      const start = starts.toSorted((a, b) => a - b)[starts.length >> 1] ?? -1;
      const missing = frames.filter(
        (frame, n) => !frame.equals(heard.subarray(start + n * 160, start + n * 160 + 160)),
      );
      expect(start).toBeGreaterThan(0);
      expect(missing.length / frames.length).toBeLessThanOrEqual(mayLose);
      expect(missing.length > 0).toBe(mayLose > 0);
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
    });
  });
});

describe.concurrent('a socket that dies while the agent speaks', () => {
  const SENTENCE = 'We have a double room with a view of the harbour and a small balcony for tonight.';

  it('the sentence goes on where it was cut: no word is lost, none but the cut one comes twice', async () => {
    await inWorld({}, async (world) => {
      const neighbour = await startNeighbour(world);
      const call = await world.talk();
      world.test.say(SENTENCE);
      world.test.recognise({ type: 'sttEndOfTurn', text: 'do you have a room' });
      const from = call.sample;
      await until(() => heardWords(call.heardSince(from), SENTENCE).length >= 4, 'some words');
      call.dropSocket();
      await until(() => world.of('turn.ended', call).length === 3, 'the sentence to be heard', 12_000);
      const spoken = heardWords(call.heardSince(from), SENTENCE);
      const transcript = world.of('turn.ended', call).at(-1);
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      await neighbour.isUntouched();

      const whole = spoken.filter((word) => word.complete).map((word) => word.index);
      expect([...new Set(whole)].sort((a, b) => a - b)).toEqual(SENTENCE.split(' ').map((_, n) => n));
      // What Telnyx had queued died with the socket; at most the cut word and one before it are heard again.
      expect(whole.length).toBeLessThanOrEqual(SENTENCE.split(' ').length + 1);
      expect(transcript?.data).toMatchObject({ role: 'agent', text: SENTENCE });
      expect(transcript?.data).not.toHaveProperty('interrupted');
      expect(world.commands(call)).toEqual(['answer', 'streaming_start']);
      const urls = world.emulator.commands.flatMap(({ body, call_control_id: id }) =>
        id === call.ids.callControlId && 'stream_url' in body ? [body['stream_url']] : [],
      );
      expect(new Set(urls).size).toBe(2);
    });
  });

  it('half-open: nothing is closed, nobody answers, and the call gets a new stream', async () => {
    await inWorld({ gateway: { mediaPingMs: 400 } }, async (world) => {
      const neighbour = await startNeighbour(world);
      const call = await world.talk();
      call.freezeSocket();
      await until(() => streams(world, call).includes('restored'), 'the stream to be restored');
      await stillTalks(world, call);
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      await neighbour.isUntouched();
      expect((await mediaClosed(world, call))[0]?.code).toBe(1006);
    });
  });

  it('three failures to get a new one: Telnyx speaks for us and the call ends', async () => {
    await inWorld({}, async (world) => {
      const neighbour = await startNeighbour(world);
      const call = await world.talk();
      world.emulator.faults.api.fail('streaming_start', { status: 422 });
      call.dropSocket();
      await call.waitFor('ended', 15_000);
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      await neighbour.isUntouched();
      expect(world.commands(call)).toEqual([
        'answer',
        'streaming_start',
        'streaming_start',
        'streaming_start',
        'speak',
        'hangup',
      ]);
      expect(world.of('call.ended', call)[0]?.data.reason).toBe('stream_failed');
    });
  });

  it('no sound at all: the watchdog ends the call', async () => {
    await inWorld({ noMediaMs: 1500 }, async (world) => {
      const neighbour = await startNeighbour(world);
      const call = world.ring({ mediaFaults: { lose: 1 } });
      await call.waitFor('ended');
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      await neighbour.isUntouched();
      expect(world.of('call.ended', call)[0]?.data.reason).toBe('no_media');
      expect(call.endedBy).toBe('gateway');
    });
  });
});

describe.concurrent('G.711', () => {
  it('A-law from end to end', async () => {
    await inWorld({}, async (world) => {
      const call = await world.talk({ codec: 'PCMA' });
      const said = encodeG711('PCMA', renderVoice('two nights please', 8000).samples);
      await call.play(said);
      await stillTalks(world, call);
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      const [ear] = world.test.ears;
      expect(ear?.options.format).toEqual({ codec: 'PCMA', sampleRate: 8000 });
      expect(Buffer.concat(ear?.heard ?? []).includes(Buffer.from(said))).toBe(true);
      expect(world.emulator.commands[0]?.body).toMatchObject({
        stream_codec: 'PCMA',
        stream_bidirectional_codec: 'PCMA',
      });
      const wav = await world.request(`/v1/calls/${world.idOf(call)}/recording`);
      expect(wav.status).toBe(200);
    });
  });

  it('announced as µ-law and sent as A-law is noticed, said and read as what it is', async () => {
    await inWorld({}, async (world) => {
      const call = await world.talk({
        codec: 'PCMA',
        offeredCodecs: ['PCMU'],
        announceCodec: 'PCMU',
        transcode: false,
      });
      const said = encodeG711('PCMA', renderVoice('two nights please and breakfast', 8000).samples);
      await call.play(said);
      await until(() => world.of('codec.mismatch', call).length === 1, 'the mismatch to be noticed');
      world.test.recognise({ type: 'sttEndOfTurn', text: 'two nights please' });
      await until(() => world.of('turn.ended', call).length === 3, 'the answer');
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');

      expect(world.of('codec.mismatch', call)[0]?.data).toEqual({ announced: 'PCMU', heard: 'PCMA' });
      expect(world.test.ears.map((ear) => ear.options.format.codec)).toEqual(['PCMU', 'PCMA']);
      // The new recognition stream hears the sentence from its beginning.
      expect(Buffer.concat(world.test.ears[1]?.heard ?? []).includes(Buffer.from(said))).toBe(true);
      expect(world.logs.some(({ level, message }) => level === 'warn' && message.startsWith('codec mismatch'))).toBe(
        true,
      );
    });
  });
});
