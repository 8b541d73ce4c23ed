import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PCMA_8K, PCMU_8K, type AudioFormat } from '../../src/audio/format.ts';
import { encodeG711 } from '../../src/audio/g711.ts';
import { encodeL16 } from '../../src/audio/linear.ts';
import { systemClock, VirtualClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import type { DeepgramEmulator } from '../../src/emulator/deepgram/emulator.ts';
import { renderVoice } from '../../src/emulator/voice.ts';
import { CallerAudio } from '../../src/providers/stt/deepgram-caller-audio.ts';
import { readText, readWords } from '../../src/providers/stt/deepgram-transcript.ts';
import { createDeepgramStt, type DeepgramSttOptions } from '../../src/providers/stt/deepgram.ts';
import { openStt, silence, spoken, startEmulator, until, writeFrames, type SttBench } from './deepgram-bench.ts';

const FLUX = { model: 'flux-general-en' } as const;
/** Bytes that are different everywhere, so that loss, doubling and disorder all show. */
const counted = (length: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, n) => (n * 31 + (n >> 8)) & 0xff));

const sizes = (emulator: DeepgramEmulator, index = 0): number[] =>
  emulator.connections[index]!.frames.flatMap((frame) =>
    frame.kind === 'audio' && frame.from === 'client' ? [frame.bytes] : [],
  );
const ended = (bench: SttBench): string[] =>
  bench.events.flatMap((event) => (event.type === 'sttEndOfTurn' ? [event.text] : []));

describe('the request', () => {
  test('of Nova states the leg’s own format and asks for what turn taking needs', async () => {
    const emulator = await startEmulator();
    const bench = openStt(emulator, { keyterms: ['Landline', 'front desk'], language: 'de-CH', format: PCMA_8K });
    await bench.has('sttOpened');

    expect(emulator.requests[0]!.path).toBe('/v1/listen');
    expect([...emulator.requests[0]!.query].sort()).toEqual([
      ['channels', '1'],
      ['encoding', 'alaw'],
      ['endpointing', '300'],
      ['interim_results', 'true'],
      ['keyterm', 'Landline'],
      ['keyterm', 'front desk'],
      ['language', 'de-CH'],
      ['model', 'nova-3'],
      ['punctuate', 'true'],
      ['sample_rate', '8000'],
      ['utterance_end_ms', '1000'],
      ['vad_events', 'true'],
    ]);
    expect(emulator.connections[0]!.headers.authorization).toBe('Token test-key');
    expect(emulator.connections[0]!.headers['sec-websocket-extensions']).toBeUndefined();
  });

  test('of Nova-2 gives hints as keywords', async () => {
    const emulator = await startEmulator();
    await openStt(emulator, { model: 'nova-2-phonecall', keyterms: ['Landline'] }).has('sttOpened');
    expect(emulator.requests[0]!.query.get('keywords')).toBe('Landline');
    expect(emulator.requests[0]!.query.has('keyterm')).toBe(false);
  });

  test('of Flux sends documented parameters only', async () => {
    const emulator = await startEmulator();
    const thresholds = { eotThreshold: 0.8, eagerEotThreshold: 0.4, eotTimeoutMs: 3000 };
    await openStt(emulator, { ...FLUX, ...thresholds, keyterms: ['x y'], language: 'en-US' }).has('sttOpened');
    expect([...emulator.requests[0]!.query].sort()).toEqual([
      ['eager_eot_threshold', '0.4'],
      ['encoding', 'mulaw'],
      ['eot_threshold', '0.8'],
      ['eot_timeout_ms', '3000'],
      ['keyterm', 'x y'],
      ['model', 'flux-general-en'],
      ['sample_rate', '8000'],
    ]);
  });

  test('of multilingual Flux hints at the language without its region', async () => {
    const emulator = await startEmulator();
    await openStt(emulator, { model: 'flux-general-multi', language: 'nl-BE' }).has('sttOpened');
    expect(emulator.requests[0]!.query.get('language_hint')).toBe('nl');
  });

  test.each<[Partial<DeepgramSttOptions>, RegExp]>([
    [{ eotThreshold: 0.49 }, /eotThreshold must be from 0.5 to 0.9, got 0.49/],
    [{ eotThreshold: NaN }, /eotThreshold/],
    [{ eagerEotThreshold: 0.95 }, /eagerEotThreshold must be from 0.3 to 0.9, got 0.95; .*above eotThreshold \(0.7\)/],
    [{ eagerEotThreshold: 0.6, eotThreshold: 0.5 }, /eagerEotThreshold must not be above eotThreshold \(0.5\)/],
    [{ eotTimeoutMs: 499 }, /eotTimeoutMs must be from 500 to 10000/],
    [{ endpointingMs: 5 }, /endpointingMs must be from 10 to 5000/],
    [{ baseUrl: 'ws://127.0.0.1:1' }, /base URL must be an http\(s\) origin, got "ws:/],
    [{ baseUrl: 'deepgram' }, /base URL/],
  ])('is never made with %j', (wrong, message) => {
    const options = { apiKey: 'k', model: 'flux-general-en', clock: systemClock, log: silentLog };
    expect(() => createDeepgramStt({ ...options, ...wrong })).toThrow(message);
  });
});

describe.each([
  { model: 'nova-3', pieceBytes: 320 },
  { model: 'flux-general-en', pieceBytes: 640 },
])('caller audio to $model', ({ model, pieceBytes }) => {
  test('arrives once, whole and in order, also what was written before the connection was there', async () => {
    const emulator = await startEmulator();
    const bench = openStt(emulator, { model });
    const audio = counted(160 * 101);
    writeFrames(bench.stream, audio.subarray(0, 160 * 50));
    await bench.has('sttOpened');
    writeFrames(bench.stream, audio.subarray(160 * 50));
    bench.stream.close();
    await until(() => emulator.connections[0]!.closeCode !== undefined, 'the close');

    expect(emulator.connections[0]!.audio.equals(audio)).toBe(true);
    expect(new Set(sizes(emulator).slice(0, -1))).toEqual(new Set([pieceBytes]));
    expect(emulator.connections[0]!.messages.at(-1)).toEqual({ type: 'CloseStream' });
    expect(emulator.connections[0]!.closeCode).toBe(1000);
    expect(bench.types().at(-1)).not.toBe('sttFailed');
  });

  test('that is older than 5 s when the connection opens is given up, the newest is kept', async () => {
    const clock = new VirtualClock();
    const emulator = await startEmulator();
    const bench = openStt(emulator, { model, clock });
    const audio = counted(8 * 7_000);
    writeFrames(bench.stream, audio);
    await bench.has('sttOpened');
    bench.stream.close();
    await until(() => emulator.connections[0]!.closeCode !== undefined, 'the close');

    const got = emulator.connections[0]!.audio;
    expect(got.equals(audio.subarray(audio.length - got.length))).toBe(true);
    expect(got.length).toBeGreaterThan(4_900 * 8);
    expect(got.length).toBeLessThanOrEqual(5_000 * 8 + pieceBytes);
  });

  test('in big-endian L16 is turned round, sample by sample', async () => {
    const emulator = await startEmulator();
    const format: AudioFormat = { codec: 'L16', sampleRate: 16000, byteOrder: 'big' };
    const bench = openStt(emulator, { model, format });
    const samples = Int16Array.from({ length: 5000 }, (_, n) => n * 13 - 30000);
    // Odd pieces: a sample's halves arrive apart.
    writeFrames(bench.stream, encodeL16(samples, 'big'), 161);
    await bench.has('sttOpened');
    bench.stream.close();
    await until(() => emulator.connections[0]!.closeCode !== undefined, 'the close');

    expect(emulator.requests[0]!.query.get('encoding')).toBe('linear16');
    expect(emulator.requests[0]!.query.get('sample_rate')).toBe('16000');
    expect(emulator.connections[0]!.audio.equals(Buffer.from(encodeL16(samples, 'little')))).toBe(true);
  });

  test('is never an empty frame', async () => {
    const emulator = await startEmulator();
    const bench = openStt(emulator, { model });
    await bench.has('sttOpened');
    bench.stream.write(new Uint8Array(0));
    bench.stream.write(counted(10));
    bench.stream.close();
    await until(() => emulator.connections[0]!.closeCode !== undefined, 'the close');
    expect(sizes(emulator)).toEqual([10]);
  });

  test('leaves nothing behind after close: no timer, no event, also while still connecting', async () => {
    const clock = new VirtualClock();
    const emulator = await startEmulator();
    emulator.breakNext({ kind: 'hang' });
    const bench = openStt(emulator, { model, clock });
    await until(() => emulator.requests.length === 1, 'the upgrade');
    bench.stream.close();
    bench.stream.close();
    bench.stream.write(counted(4000));
    clock.advance(60_000);
    expect(clock.pending).toBe(0);
    expect(bench.events).toEqual([]);
  });
});

describe('caller audio on its way', () => {
  test('is the same bytes whatever the pieces, before and after opening', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1500 }), { maxLength: 25 }), fc.nat(25), (cuts, openAt) => {
        const sent: Uint8Array[] = [];
        const audio = new CallerAudio({ format: PCMU_8K, pieceMs: 80, send: (piece) => sent.push(piece) });
        const all = counted(cuts.reduce((sum, cut) => sum + cut, 0));
        let at = 0;
        cuts.forEach((cut, index) => {
          if (index === openAt) audio.open();
          audio.write(all.subarray(at, (at += cut)));
        });
        if (openAt >= cuts.length) audio.open();
        audio.flush();
        expect(Buffer.concat(sent).equals(all)).toBe(true);
        expect(sent.every((piece) => piece.length > 0 && piece.length <= 640)).toBe(true);
      }),
    );
  });

  test('knows where in the caller’s audio the recogniser is, silence put in and audio lost included', () => {
    const sent: Uint8Array[] = [];
    const audio = new CallerAudio({ format: PCMU_8K, pieceMs: 80, send: (piece) => sent.push(piece) });
    audio.write(silence(6_000));
    audio.open();
    // 5 s and at most one piece were kept, so sent time 0 is caller time 1 s.
    const lost = 6_000 - Buffer.concat(sent).length / 8;
    expect(lost).toBeGreaterThan(900);
    expect(audio.callerMs(0)).toBe(lost);
    audio.feedSilence(300);
    audio.feedSilence(200);
    audio.write(silence(800));
    const begin = 6_000 - lost;
    expect(audio.callerMs(begin)).toBe(6_000);
    expect(audio.callerMs(begin + 250)).toBe(6_000);
    expect(audio.callerMs(begin + 500)).toBe(6_000);
    expect(audio.callerMs(begin + 700)).toBe(6_200);
  });

  test.each([
    [PCMU_8K, 0xff],
    [PCMA_8K, 0xd5],
    [{ codec: 'L16', sampleRate: 8000, byteOrder: 'big' } as const, 0],
  ])('gets silence in the code of its format', (format, byte) => {
    const sent: Uint8Array[] = [];
    const audio = new CallerAudio({ format, pieceMs: 80, send: (piece) => sent.push(piece) });
    audio.open();
    audio.feedSilence(100);
    expect(new Set(Buffer.concat(sent))).toEqual(new Set([byte]));
    expect(Buffer.concat(sent)).toHaveLength(format.codec === 'L16' ? 1600 : 800);
  });
});

describe('Nova turns', () => {
  test('are partials that grow and one end of turn with timed words', async () => {
    const emulator = await startEmulator();
    emulator.hear(['I need to move my booking']);
    const bench = openStt(emulator);
    writeFrames(bench.stream, Buffer.concat([silence(500), spoken('one two three four five six', 1500)]));
    await bench.has('sttEndOfTurn');

    expect(bench.stream.endsTurns).toBe(true);
    const [opened, started, ...rest] = bench.types();
    expect([opened, started]).toEqual(['sttOpened', 'sttSpeechStarted']);
    expect(new Set(rest.slice(0, -1))).toEqual(new Set(['sttPartial']));
    const partials = bench.events.flatMap((event) => (event.type === 'sttPartial' ? [event.text] : []));
    expect(partials).toEqual([...new Set(partials)]);
    for (const text of partials) expect('I need to move my booking'.startsWith(text)).toBe(true);
    const end = bench.events.at(-1);
    if (end?.type !== 'sttEndOfTurn') throw new Error('no end of turn');
    expect(end.text).toBe('I need to move my booking');
    expect(end.words!.map((word) => word.text)).toEqual(end.text.split(' '));
    expect(end.words![0]!.startMs).toBe(530);
  });

  test('join the final pieces of a long utterance, interim text included in the partials', async () => {
    const emulator = await startEmulator({ finalEveryWords: 3 });
    const text = 'one two three four five six seven eight';
    emulator.hear([text]);
    const bench = openStt(emulator);
    writeFrames(bench.stream, spoken('a rather long piece of speech that goes on', 600));
    await bench.has('sttEndOfTurn');
    expect(ended(bench)).toEqual([text]);
    const partials = bench.events.flatMap((event) => (event.type === 'sttPartial' ? [event.text] : []));
    expect(partials.some((partial) => partial.split(' ').length > 3)).toBe(true);
    for (const partial of partials) expect(text.startsWith(partial)).toBe(true);
  });

  test('end by UtteranceEnd when no result is speech_final', async () => {
    const emulator = await startEmulator({ speechFinal: false });
    emulator.hear(['on a noisy line']);
    const bench = openStt(emulator);
    writeFrames(bench.stream, spoken('on a noisy line', 1500));
    await bench.has('sttEndOfTurn');
    expect(ended(bench)).toEqual(['on a noisy line']);
  });

  test('at UtteranceEnd ask for what is not final yet, and say it once', async () => {
    const emulator = await startEmulator();
    emulator.hear(['move my booking to Friday']);
    const bench = openStt(emulator);
    writeFrames(bench.stream, spoken('move my booking to Friday', 0));
    await bench.has('sttPartial', 2);
    emulator.connections[0]!.send({ type: 'UtteranceEnd', channel: [0], last_word_end: 1.5 });
    await bench.has('sttEndOfTurn');
    expect(emulator.connections[0]!.messages).toContainEqual({ type: 'Finalize' });
    writeFrames(bench.stream, silence(600));
    bench.stream.close();
    await until(() => emulator.connections[0]!.closeCode !== undefined, 'the close');
    const texts = ended(bench).join(' ').trim();
    expect('move my booking to Friday'.startsWith(texts)).toBe(true);
    expect(texts).not.toBe('');
  });

  test('are announced again after noise, but not after every pause inside the turn', async () => {
    const emulator = await startEmulator();
    const bench = openStt(emulator);
    await bench.has('sttOpened');
    const [connection] = emulator.connections;
    const started = { type: 'SpeechStarted', channel: [0], timestamp: 0 };
    connection!.send(started);
    connection!.send(started);
    connection!.send({ type: 'Results', is_final: false, channel: { alternatives: [{ transcript: 'hello' }] } });
    connection!.send(started);
    connection!.send({
      type: 'Results',
      is_final: true,
      speech_final: true,
      channel: { alternatives: [{ transcript: 'hello' }] },
    });
    await bench.has('sttEndOfTurn');
    expect(bench.types().slice(1)).toEqual(['sttSpeechStarted', 'sttSpeechStarted', 'sttPartial', 'sttEndOfTurn']);
  });

  test('that were only noise end with an empty text', async () => {
    const emulator = await startEmulator();
    emulator.hear(['']);
    const bench = openStt(emulator);
    writeFrames(bench.stream, spoken('cough', 600));
    await bench.has('sttEndOfTurn');
    expect(bench.types()).toEqual(['sttOpened', 'sttSpeechStarted', 'sttEndOfTurn']);
    expect(ended(bench)).toEqual(['']);
  });

  test('go on after a KeepAlive has bridged a quiet minute', async () => {
    const clock = new VirtualClock();
    const emulator = await startEmulator({ clock });
    emulator.hear(['still here']);
    const bench = openStt(emulator, { clock });
    await bench.has('sttOpened');
    for (let second = 0, sent = 0; second < 60; second++) {
      clock.advance(1_000);
      // Both ends share the clock, so the server must see each KeepAlive before time goes on.
      if (second % 4 === 3) {
        sent++;
        await until(() => (emulator.connections[0]?.messages.length ?? 0) >= sent, `KeepAlive ${sent}`);
      }
    }
    expect(new Set(emulator.connections[0]!.messages.map((message) => message['type']))).toEqual(
      new Set(['KeepAlive']),
    );
    writeFrames(bench.stream, spoken('still here', 600));
    await bench.has('sttEndOfTurn');
    expect(ended(bench)).toEqual(['still here']);
    expect(emulator.connections).toHaveLength(1);
  });

  test('need no KeepAlive while audio flows', async () => {
    const clock = new VirtualClock();
    const emulator = await startEmulator();
    const bench = openStt(emulator, { clock });
    await bench.has('sttOpened');
    for (let n = 0; n < 500; n++) {
      bench.stream.write(silence(20));
      clock.advance(20);
    }
    bench.stream.close();
    await until(() => emulator.connections[0]!.closeCode !== undefined, 'the close');
    expect(emulator.connections[0]!.messages).toEqual([{ type: 'CloseStream' }]);
    expect(emulator.connections[0]!.audio).toHaveLength(10_000 * 8);
  });

  test('lose no tail when the caller’s audio stops in the middle of a piece', async () => {
    const clock = new VirtualClock();
    const emulator = await startEmulator();
    const bench = openStt(emulator, { clock });
    await bench.has('sttOpened');
    bench.stream.write(counted(160));
    clock.advance(1_000);
    await until(() => emulator.connections[0]!.audio.length === 160, 'the tail');
  });
});

describe('Flux turns', () => {
  test('start, guess early, resume, guess again and end with the guessed text', async () => {
    const emulator = await startEmulator();
    emulator.hear(['can you move my booking | to Friday']);
    const bench = openStt(emulator, { ...FLUX, eagerEotThreshold: 0.5 });
    writeFrames(bench.stream, Buffer.concat([spoken('can you move my booking', 400), spoken('to Friday', 900)]));
    await bench.has('sttEndOfTurn');

    const marks = bench.events.flatMap((event) => {
      if (event.type === 'sttPartial' || event.type === 'sttOpened') return [];
      return ['text' in event ? [event.type, event.text] : event.type];
    });
    expect(marks).toEqual([
      'sttSpeechStarted',
      ['sttEagerEndOfTurn', 'can you move my booking'],
      'sttTurnResumed',
      ['sttEagerEndOfTurn', 'can you move my booking to Friday'],
      ['sttEndOfTurn', 'can you move my booking to Friday'],
    ]);
    const end = bench.events.find((event) => event.type === 'sttEndOfTurn');
    expect(end).toMatchObject({ words: [{ text: 'can', startMs: 30 }, {}, {}, {}, {}, {}, {}] });
  });

  test('wait for Connected before the first byte of audio', async () => {
    const emulator = await startEmulator();
    emulator.breakNext({ kind: 'mute' });
    const bench = openStt(emulator, FLUX);
    writeFrames(bench.stream, counted(1600));
    await until(() => emulator.connections.length === 1, 'the connection');
    expect(bench.events).toEqual([]);
    bench.stream.close();
    // Whatever had been sent would have arrived before the end of the connection.
    await until(() => emulator.connections[0]!.closeCode !== undefined, 'the close');
    expect(emulator.connections[0]!.frames.map((frame) => frame.kind)).toEqual(['close']);
  });

  test('end although the caller’s audio stops, because silence is put in', async () => {
    const clock = new VirtualClock();
    const emulator = await startEmulator();
    emulator.hear(['hello there']);
    const bench = openStt(emulator, { ...FLUX, clock });
    await bench.has('sttOpened');
    const audio = spoken('hello there', 100);
    writeFrames(bench.stream, audio);
    await bench.has('sttSpeechStarted');
    clock.advance(400);
    expect(emulator.connections[0]!.audio.length).toBeLessThanOrEqual(audio.length);
    for (let n = 0; n < 12; n++) clock.advance(100);
    await bench.has('sttEndOfTurn');

    const got = emulator.connections[0]!.audio;
    expect(got.subarray(0, audio.length).equals(audio)).toBe(true);
    expect(new Set(got.subarray(audio.length))).toEqual(new Set([0xff]));
    // As much silence as time has passed, a little behind it.
    await until(() => emulator.connections[0]!.audio.length === audio.length + 1200 * 8, 'the silence');
  });

  test('get no silence when no turn is open', async () => {
    const clock = new VirtualClock();
    const emulator = await startEmulator();
    const bench = openStt(emulator, { ...FLUX, clock });
    await bench.has('sttOpened');
    bench.stream.write(silence(80));
    for (let n = 0; n < 50; n++) clock.advance(100);
    bench.stream.close();
    await until(() => emulator.connections[0]!.closeCode !== undefined, 'the close');
    expect(emulator.connections[0]!.audio).toHaveLength(640);
    expect(emulator.connections[0]!.messages).toEqual([{ type: 'CloseStream' }]);
  });

  test('that end with other words than were guessed are resumed first', async () => {
    const emulator = await startEmulator();
    const bench = openStt(emulator, FLUX);
    await bench.has('sttOpened');
    const info = (event: string, transcript: string, turn: number): void =>
      emulator.connections[0]!.send({ type: 'TurnInfo', event, transcript, turn_index: turn, words: [] });
    info('StartOfTurn', 'a', 0);
    info('EagerEndOfTurn', 'a b', 0);
    info('EagerEndOfTurn', 'a b', 0);
    info('EndOfTurn', 'a c', 0);
    // Late and doubled news of a turn that is over.
    info('EndOfTurn', 'a c', 0);
    info('Update', 'a c d', 0);
    info('TurnResumed', 'a c d', 0);
    info('Update', '', 1);
    info('EndOfTurn', 'e', 1);
    await bench.has('sttEndOfTurn', 2);
    expect(bench.events.slice(1)).toEqual([
      { type: 'sttSpeechStarted' },
      { type: 'sttPartial', text: 'a' },
      { type: 'sttEagerEndOfTurn', text: 'a b' },
      { type: 'sttTurnResumed' },
      { type: 'sttEndOfTurn', text: 'a c' },
      { type: 'sttSpeechStarted' },
      { type: 'sttEndOfTurn', text: 'e' },
    ]);
  });

  test('fail with the server’s error, once', async () => {
    const emulator = await startEmulator();
    const bench = openStt(emulator, FLUX);
    await bench.has('sttOpened');
    emulator.connections[0]!.send({
      type: 'Error',
      sequence_id: 1,
      code: 'INTERNAL_SERVER_ERROR',
      description: 'oops',
    });
    await bench.has('sttFailed');
    expect(bench.events.at(-1)).toMatchObject({
      failure: { kind: 'server', retryable: true, message: 'Deepgram listen v2 reported INTERNAL_SERVER_ERROR: oops' },
    });
  });
});

describe('nonsense from the server', () => {
  test.each([
    'not json',
    '',
    '[]',
    'null',
    '{"type":7}',
    '{"type":"Unheard"}',
    '{"type":"Results"}',
    '{"type":"Results","channel":{"alternatives":"x"},"is_final":true,"speech_final":true}',
    '{"type":"Results","channel":{"alternatives":[]},"is_final":true,"speech_final":true}',
    '{"type":"Results","channel":{"alternatives":[{"transcript":7,"confidence":NaN}]},"is_final":true}',
    '{"type":"Results","channel":{"alternatives":[{"transcript":""}]},"is_final":true,"speech_final":true}',
    '{"type":"UtteranceEnd"}',
    '{"type":"TurnInfo"}',
    '{"type":"TurnInfo","event":"Other","transcript":"x"}',
    '{"type":"TurnInfo","event":"EndOfTurn","transcript":"","turn_index":1e999}',
    '{"type":"TurnInfo","event":"EagerEndOfTurn","transcript":""}',
  ])('%s changes nothing', async (junk) => {
    for (const model of ['nova-3', 'flux-general-en']) {
      const emulator = await startEmulator();
      emulator.hear(['hello there']);
      emulator.breakNext({ kind: 'junk', frames: [junk, Uint8Array.of(1, 2, 3)], afterBytes: 640 });
      const bench = openStt(emulator, { model });
      writeFrames(bench.stream, Buffer.concat([silence(400), spoken('hello there', 900)]));
      await bench.has('sttEndOfTurn');
      expect(ended(bench)).toEqual(['hello there']);
    }
  });

  test('a text of 100 KiB is clipped to 10,000 characters', async () => {
    const emulator = await startEmulator();
    const bench = openStt(emulator);
    await bench.has('sttOpened');
    const result = { transcript: 'word '.repeat(20_480), words: [] };
    const message = { type: 'Results', is_final: true, channel: { alternatives: [result] } };
    emulator.connections[0]!.send(message);
    emulator.connections[0]!.send({ ...message, speech_final: true });
    await bench.has('sttEndOfTurn');
    expect(ended(bench)[0]!.length).toBeLessThanOrEqual(10_000);
  });

  test('words without a place in time are left out', () => {
    const word = { word: 'a', start: 0.5, end: 0.75 };
    const list = [word, { ...word, start: '1' }, { ...word, end: Infinity }, null, 7, { ...word, word: 7 }, {}];
    expect(readWords(list, (ms) => ms)).toEqual([{ text: 'a', startMs: 500, endMs: 750 }]);
    expect(readWords('x', (ms) => ms)).toEqual([]);
    expect(readText({})).toBe('');
  });
});

test('the emulator understands the caller through the whole adapter in A-law, too', async () => {
  const emulator = await startEmulator();
  emulator.hear(['guten Tag']);
  const bench = openStt(emulator, { ...FLUX, format: PCMA_8K });
  const audio = Buffer.concat([encodeG711('PCMA', renderVoice('guten Tag', 8000).samples), Buffer.alloc(8000, 0xd5)]);
  writeFrames(bench.stream, audio);
  await bench.has('sttEndOfTurn');
  expect(ended(bench)).toEqual(['guten Tag']);
});
