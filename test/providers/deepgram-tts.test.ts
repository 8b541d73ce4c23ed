import { describe, expect, test } from 'vitest';
import { PCMA_8K, PCMU_8K, type AudioFormat } from '../../src/audio/format.ts';
import { decodeG711, encodeG711 } from '../../src/audio/g711.ts';
import { encodeL16 } from '../../src/audio/linear.ts';
import { systemClock, VirtualClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import type { DeepgramEmulator } from '../../src/emulator/deepgram/emulator.ts';
import { findWords, renderVoice, wordTimes } from '../../src/emulator/voice.ts';
import { createDeepgramTts } from '../../src/providers/tts/deepgram.ts';
import { openTts, startEmulator, until, type TtsBench } from './deepgram-bench.ts';

const AURA = 'aura-2-thalia-en';
const FLUX = 'flux-haley-en';
const voice = (text: string): Buffer => Buffer.from(encodeG711('PCMU', renderVoice(text, 8000).samples));

function say(bench: TtsBench, utterance: number, ...tokens: string[]): void {
  bench.session.begin(utterance);
  for (const token of tokens) bench.session.text(token);
  bench.session.end();
}

const messages = (emulator: DeepgramEmulator, index = 0): unknown[] =>
  (emulator.connections[index]?.messages ?? []).map((message) => message['text'] ?? message['type']);
const texts = (bench: TtsBench): unknown[] =>
  bench.events.flatMap((event) => (event.type === 'ttsText' ? [[event.text, event.fromByte, event.toByte]] : []));
const failure = (bench: TtsBench): unknown => bench.events.find((event) => event.type === 'ttsFailed');
/** A clock that only the emulator lives by: it holds its speech back until told. */
const heldEmulator = async (clock: VirtualClock): Promise<DeepgramEmulator> =>
  startEmulator({ clock, firstByteMs: 10, speed: 1 });

describe('the request', () => {
  test.each<[string, AudioFormat, [string, string][]]>([
    [
      AURA,
      PCMU_8K,
      [
        ['container', 'none'],
        ['encoding', 'mulaw'],
        ['model', AURA],
        ['sample_rate', '8000'],
      ],
    ],
    [
      FLUX,
      PCMA_8K,
      [
        ['encoding', 'alaw'],
        ['model', FLUX],
        ['sample_rate', '8000'],
      ],
    ],
  ])('of %s asks for the leg’s own format', async (model, format, query) => {
    const emulator = await startEmulator();
    await openTts(emulator, { model, format }).has('ttsOpened');
    expect(emulator.requests[0]!.path).toBe(model === FLUX ? '/v2/speak' : '/v1/speak');
    expect([...emulator.requests[0]!.query].sort()).toEqual(query);
  });

  test('cannot go to something that is not an http origin', () => {
    const options = { apiKey: 'k', model: AURA, clock: systemClock, log: silentLog };
    expect(() => createDeepgramTts({ ...options, baseUrl: 'wss://x' })).toThrow(/http\(s\) origin/);
  });
});

describe.each([AURA, FLUX])('an utterance of %s', (model) => {
  test('is every byte of its speech, in order, told, and done last', async () => {
    const emulator = await startEmulator();
    const bench = openTts(emulator, { model });
    say(bench, 1, 'Sure, ', 'I can', ' help.');
    await bench.has('ttsDone');

    expect(bench.audio(1).equals(voice('Sure, I can help.'))).toBe(true);
    const kinds = bench.types().filter((type, index, all) => type !== 'ttsAudio' || all[index - 1] !== 'ttsAudio');
    expect(kinds).toEqual(['ttsOpened', 'ttsAudio', 'ttsText', 'ttsDone']);
    expect(texts(bench)).toEqual([['Sure, I can help.', 0, bench.audio(1).length]]);
  });

  test('follows the one before on the same connection', async () => {
    const emulator = await startEmulator();
    const bench = openTts(emulator, { model });
    for (const utterance of [1, 2, 3]) {
      say(bench, utterance, `Number ${'x'.repeat(utterance)}.`);
      await bench.has('ttsDone', utterance);
    }
    expect(emulator.connections).toHaveLength(1);
    for (const utterance of [1, 2, 3]) {
      expect(bench.audio(utterance).equals(voice(`Number ${'x'.repeat(utterance)}.`))).toBe(true);
    }
  });

  test('may begin before the connection is there', async () => {
    const emulator = await startEmulator();
    const bench = openTts(emulator, { model });
    say(bench, 7, 'Early words.');
    expect(bench.events).toEqual([]);
    await bench.has('ttsDone');
    expect(bench.audio(7).equals(voice('Early words.'))).toBe(true);
  });

  test.each([[[]], [['']], [['  ', '\n']], [['...', ' 🙂']]])(
    'of %j says nothing and asks for nothing',
    async (tokens) => {
      const emulator = await startEmulator();
      const bench = openTts(emulator, { model });
      await bench.has('ttsOpened');
      say(bench, 1, ...tokens);
      expect(bench.types().at(-1)).toBe('ttsDone');
      const text = tokens.join('');
      expect(texts(bench)).toEqual(text === '' ? [] : [[text, 0, 0]]);
      say(bench, 2, 'Then words.');
      await bench.has('ttsDone', 2);
      expect(messages(emulator).filter((message) => message === 'Flush')).toHaveLength(1);
      expect(bench.audio(2).equals(voice('Then words.'))).toBe(true);
    },
  );

  test('of ten thousand characters goes out in messages of at most a thousand, as it is', async () => {
    const emulator = await startEmulator();
    const bench = openTts(emulator, { model });
    const long = 'word and more words without any stop '.repeat(280);
    say(bench, 1, long);
    await bench.has('ttsDone');
    const sent = emulator.connections[0]!.messages.flatMap((message) =>
      message['type'] === 'Speak' ? [message['text']] : [],
    );
    expect(Math.max(...sent.map((text) => String(text).length))).toBeLessThanOrEqual(1000);
    expect(sent.join('').trimEnd()).toBe(long.trimEnd());
    expect(
      texts(bench)
        .map((entry) => (entry as [string])[0])
        .join(''),
    ).toBe(long);
  });

  test.each<AudioFormat>([
    { codec: 'L16', sampleRate: 24000, byteOrder: 'little' },
    { codec: 'L16', sampleRate: 16000, byteOrder: 'big' },
  ])('comes in %j, sample by sample, however it was cut', async (format) => {
    const emulator = await startEmulator();
    const bench = openTts(emulator, { model, format });
    say(bench, 1, 'Which way round?');
    await bench.has('ttsDone');
    if (format.codec !== 'L16') throw new Error('not L16');
    const expected = encodeL16(renderVoice('Which way round?', format.sampleRate).samples, format.byteOrder);
    expect(bench.audio(1).equals(Buffer.from(expected))).toBe(true);
    expect(texts(bench)).toEqual([['Which way round?', 0, expected.length]]);
  });

  test('that is cancelled emits nothing more, and the next one is only itself', async () => {
    const clock = new VirtualClock();
    const emulator = await heldEmulator(clock);
    const bench = openTts(emulator, { model });
    await bench.has('ttsOpened');
    say(bench, 1, 'A long sentence that will be interrupted by the caller.');
    await until(() => clock.pending > 0, 'the emulator to begin');
    clock.advance(200);
    await bench.has('ttsAudio');
    bench.session.cancel(100);
    const before = bench.audio(1).length;
    say(bench, 2, 'Of course.');
    while (!bench.types().includes('ttsDone')) {
      clock.advance(50);
      await new Promise(setImmediate);
    }

    expect(bench.audio(1)).toHaveLength(before);
    expect(bench.audio(2).equals(voice('Of course.'))).toBe(true);
    expect(bench.events.filter((event) => event.type === 'ttsDone')).toEqual([{ type: 'ttsDone', utterance: 2 }]);
  });

  test('ends with the session: nothing is emitted after close', async () => {
    const clock = new VirtualClock();
    const ours = new VirtualClock();
    const emulator = await heldEmulator(clock);
    const bench = openTts(emulator, { model, clock: ours });
    await bench.has('ttsOpened');
    say(bench, 1, 'This will be cut off by a hangup.');
    await until(() => clock.pending > 0, 'the emulator to begin');
    clock.advance(200);
    await bench.has('ttsAudio');
    bench.session.close();
    bench.session.close();
    const count = bench.events.length;
    say(bench, 2, 'x');
    clock.advance(60_000);
    await until(() => emulator.connections[0]!.closeCode !== undefined, 'the close');
    expect(emulator.connections[0]!.closeCode).toBe(1000);
    expect(messages(emulator).at(-1)).toBe('Close');
    await until(() => ours.pending === 0, 'our timers to end');
    expect(bench.events).toHaveLength(count);
  });

  test('fails when its first byte does not come within 2 s, and not sooner', async () => {
    const clock = new VirtualClock();
    const emulator = await heldEmulator(new VirtualClock());
    const bench = openTts(emulator, { model, clock });
    await bench.has('ttsOpened');
    say(bench, 3, 'Hello?');
    clock.advance(1_999);
    expect(failure(bench)).toBeUndefined();
    clock.advance(1);
    expect(failure(bench)).toMatchObject({ utterance: 3, failure: { kind: 'timeout', retryable: true } });
  });

  test('fails when its audio stops for 3 s without an end', async () => {
    const clock = new VirtualClock();
    const emulator = await startEmulator();
    emulator.breakNext({ kind: 'mute', afterBytes: 800 });
    const bench = openTts(emulator, { model, clock });
    await bench.has('ttsOpened');
    say(bench, 3, 'Hello, are you there?');
    await until(() => bench.audio(3).length >= 800, 'the audio');
    clock.advance(2_999);
    expect(failure(bench)).toBeUndefined();
    clock.advance(1);
    expect(failure(bench)).toMatchObject({ utterance: 3, failure: { kind: 'stalled', retryable: true } });
    expect(bench.types().filter((type) => type === 'ttsDone' || type === 'ttsFailed')).toHaveLength(1);
  });

  test('fails when the connection drops in the middle, and the next one gets a new connection', async () => {
    const emulator = await startEmulator();
    emulator.breakNext({ kind: 'drop', afterBytes: 800 });
    const bench = openTts(emulator, { model });
    await bench.has('ttsOpened');
    say(bench, 1, 'Hello, are you there?');
    await bench.has('ttsFailed');
    expect(failure(bench)).toMatchObject({ utterance: 1, failure: { kind: 'dropped', status: 1006, retryable: true } });
    say(bench, 2, 'Again.');
    await bench.has('ttsDone');
    expect(bench.audio(2).equals(voice('Again.'))).toBe(true);
    expect(emulator.connections).toHaveLength(2);
  });

  test('does not notice that the idle connection had died before it', async () => {
    const emulator = await startEmulator();
    const bench = openTts(emulator, { model });
    say(bench, 1, 'First.');
    await bench.has('ttsDone');
    emulator.connections[0]!.drop();
    await until(() => emulator.connections[0]!.closeCode !== undefined, 'the drop');
    say(bench, 2, 'Second.');
    await bench.has('ttsDone', 2);
    expect(failure(bench)).toBeUndefined();
    expect(bench.audio(2).equals(voice('Second.'))).toBe(true);
    expect(bench.types().filter((type) => type === 'ttsOpened')).toHaveLength(1);
  });

  test('is said whole on a new connection when the old one dies before a byte of it came', async () => {
    const emulator = await startEmulator({ clock: new VirtualClock(), firstByteMs: 10 });
    const bench = openTts(emulator, { model });
    await bench.has('ttsOpened');
    bench.session.begin(2);
    bench.session.text('First of two. Sec');
    await until(() => messages(emulator).length > 0, 'the text');
    emulator.connections[0]!.drop();
    bench.session.text('ond of two.');
    bench.session.end();
    const expected =
      model === FLUX
        ? ['First of two. Second of two.', 'Flush']
        : ['First of two. ', 'Flush', 'Second of two.', 'Flush'];
    await until(() => messages(emulator, 1).length === expected.length, 'the text again');
    expect(messages(emulator, 1)).toEqual(expected);
    expect(failure(bench)).toBeUndefined();
  });

  test('tries a dead idle connection again once only', async () => {
    const emulator = await startEmulator();
    const bench = openTts(emulator, { model });
    await bench.has('ttsOpened');
    emulator.connections[0]!.drop();
    for (let n = 0; n < 3; n++) emulator.breakNext({ kind: 'refuse', status: 503 });
    say(bench, 2, 'Second.');
    await bench.has('ttsFailed');
    expect(failure(bench)).toMatchObject({ utterance: 2, failure: { kind: 'server', status: 503 } });
    expect(emulator.requests).toHaveLength(2);
  });

  test('is refused when it comes as a WAV file', async () => {
    const emulator = await heldEmulator(new VirtualClock());
    const wav = Buffer.concat([Buffer.from('RIFF....WAVEfmt '), Buffer.alloc(40)]);
    const bench = openTts(emulator, { model });
    await bench.has('ttsOpened');
    bench.session.begin(1);
    bench.session.text('Hello there. And');
    await until(() => messages(emulator).length > 0, 'the text');
    if (model === FLUX) emulator.connections[0]!.send({ type: 'SpeechStarted', speech_id: 'x' });
    emulator.connections[0]!.sendAudio(wav);
    await bench.has('ttsFailed');
    expect(failure(bench)).toMatchObject({ utterance: 1, failure: { kind: 'malformed', retryable: false } });
  });

  test.each([
    'not json',
    '{"type":"Strange"}',
    '[]',
    '{"type":"Warning","code":7}',
    '{"type":"Cleared"}',
    '{"type":"SpeechMetadata"}',
    '{"type":"SpeechInterrupted"}',
  ])('is not disturbed by %s', async (junk) => {
    const emulator = await startEmulator();
    emulator.breakNext({ kind: 'junk', frames: [junk] });
    const bench = openTts(emulator, { model });
    say(bench, 1, 'All fine.');
    await bench.has('ttsDone');
    expect(bench.audio(1).equals(voice('All fine.'))).toBe(true);
  });
});

describe.each([AURA, FLUX])('a connection of %s that fails while idle', (model) => {
  test.each<[number, string, boolean]>([
    [401, 'auth', false],
    [429, 'rate_limited', true],
    [503, 'server', true],
  ])('at the handshake with %i is reported without an utterance', async (status, kind, retryable) => {
    const emulator = await startEmulator();
    emulator.breakNext({ kind: 'refuse', status, error: 'why' });
    const bench = openTts(emulator, { model });
    await bench.has('ttsFailed');
    expect(bench.events).toEqual([
      { type: 'ttsFailed', failure: expect.objectContaining({ kind, status, retryable }) as unknown },
    ]);
  });

  test('on an Error message says what the server said', async () => {
    const emulator = await startEmulator();
    const bench = openTts(emulator, { model });
    await bench.has('ttsOpened');
    bench.session.begin(4);
    bench.session.text('Something. And');
    await until(() => messages(emulator).length > 0, 'the text');
    emulator.connections[0]!.send({ type: 'Error', code: 'DATA-0002', description: 'bad text' });
    await bench.has('ttsFailed');
    expect(failure(bench)).toMatchObject({ utterance: 4, failure: { kind: 'bad_request', retryable: false } });
  });
});

describe('Aura', () => {
  test('gets the first sentence with a flush of its own, as soon as it is complete', async () => {
    const emulator = await startEmulator();
    const bench = openTts(emulator);
    await bench.has('ttsOpened');
    bench.session.begin(1);
    for (const token of ['One', ' moment', '.', ' Let', ' me']) bench.session.text(token);
    await bench.has('ttsText');
    expect(messages(emulator)).toEqual(['One moment. ', 'Flush']);
    for (const token of [' look.', ' And', ' more.']) bench.session.text(token);
    bench.session.end();
    await bench.has('ttsDone');

    expect(messages(emulator)).toEqual(['One moment. ', 'Flush', 'Let me look. ', 'And more.', 'Flush']);
    const first = voice('One moment. ').length;
    expect(texts(bench)).toEqual([
      ['One moment. ', 0, first],
      ['Let me look. And more.', first, bench.audio(1).length],
    ]);
    const heard = findWords(decodeG711('PCMU', bench.audio(1)), 8000, 'One moment. Let me look. And more.');
    expect(heard.words).toHaveLength(7);
  });

  test('is never flushed more than 20 times in a minute; what must wait, waits', async () => {
    const clock = new VirtualClock();
    const emulator = await startEmulator({ clock });
    const bench = openTts(emulator, { clock });
    await bench.has('ttsOpened');
    const flushes = (): number => messages(emulator).filter((message) => message === 'Flush').length;
    // Early flushes stop after 15, the ends go on to 20.
    for (let utterance = 1; utterance <= 12; utterance++) {
      say(bench, utterance, 'One here. ', 'Two there.');
      while (bench.types().filter((type) => type === 'ttsDone').length < utterance) {
        clock.advance(1);
        await new Promise(setImmediate);
      }
    }
    expect(flushes()).toBe(20);
    say(bench, 13, 'The last one.');
    await until(() => messages(emulator).at(-1) === 'The last one.', 'the text');
    const pings = (): number => emulator.connections[0]!.frames.filter((frame) => frame.kind === 'ping').length;
    for (let second = 5; second <= 60; second += 5) {
      const seen = pings();
      clock.advance(5_000);
      await until(() => pings() > seen, 'a ping');
    }
    expect(flushes()).toBe(20);
    clock.advance(1_000);
    await until(() => flushes() === 21, 'the postponed flush');
    while (!bench.events.some((event) => event.type === 'ttsDone' && event.utterance === 13)) {
      clock.advance(1);
      await new Promise(setImmediate);
    }
    expect(
      emulator.connections[0]!.frames.some((frame) => frame.kind === 'text' && frame.text.includes('"Warning"')),
    ).toBe(false);
    expect(failure(bench)).toBeUndefined();
  });

  test('drops what comes between Clear and Cleared', async () => {
    const clock = new VirtualClock();
    const emulator = await heldEmulator(clock);
    const bench = openTts(emulator);
    await bench.has('ttsOpened');
    say(bench, 1, 'A long sentence that will be interrupted.');
    await until(() => clock.pending > 0, 'the emulator to begin');
    clock.advance(10);
    await bench.has('ttsAudio');
    const before = bench.audio(1).length;
    bench.session.cancel(0);
    bench.session.begin(2);
    await until(
      () => emulator.connections[0]!.frames.some((frame) => frame.kind === 'text' && frame.text.includes('Cleared')),
      'Cleared',
    );
    const sent = emulator.connections[0]!.frames.reduce(
      (sum, frame) => sum + (frame.kind === 'audio' && frame.from === 'server' ? frame.bytes : 0),
      0,
    );
    expect(sent).toBeGreaterThan(before);
    bench.session.text('Yes.');
    bench.session.end();
    while (!bench.types().includes('ttsDone')) {
      clock.advance(50);
      await new Promise(setImmediate);
    }
    expect(bench.audio(1)).toHaveLength(before);
    expect(bench.audio(2).equals(voice('Yes.'))).toBe(true);
  });

  test('does not take the Flushed of a cancelled utterance for the next one’s', async () => {
    const clock = new VirtualClock();
    const emulator = await heldEmulator(clock);
    const bench = openTts(emulator);
    await bench.has('ttsOpened');
    say(bench, 1, 'Cancelled at its very end.');
    await until(() => messages(emulator).length === 2, 'the text');
    bench.session.cancel(0);
    // On its way when the Clear was sent.
    emulator.connections[0]!.send({ type: 'Flushed', sequence_id: 0 });
    say(bench, 2, 'Next.');
    while (!bench.types().includes('ttsDone')) {
      clock.advance(50);
      await new Promise(setImmediate);
    }
    expect(bench.audio(2).equals(voice('Next.'))).toBe(true);
  });

  test('needs no Clear when nothing was sent, or all of it was spoken', async () => {
    const emulator = await startEmulator();
    const bench = openTts(emulator);
    await bench.has('ttsOpened');
    bench.session.begin(1);
    bench.session.text('Not a whole sentence');
    bench.session.cancel(0);
    bench.session.begin(2);
    bench.session.text('Whole sentence. And');
    await bench.has('ttsText');
    bench.session.cancel(0);
    say(bench, 3, 'Done.');
    await bench.has('ttsDone');
    expect(messages(emulator)).not.toContain('Clear');
    expect(bench.audio(3).equals(voice('Done.'))).toBe(true);
  });

  test('goes on with the utterance on a new connection when the old one died between two pieces', async () => {
    const emulator = await startEmulator();
    const bench = openTts(emulator);
    await bench.has('ttsOpened');
    bench.session.begin(1);
    bench.session.text('The first part. The');
    await bench.has('ttsText');
    emulator.connections[0]!.drop();
    await until(() => emulator.connections.length === 2, 'the new connection');
    bench.session.text(' second part.');
    bench.session.end();
    await bench.has('ttsDone');
    expect(bench.audio(1).equals(Buffer.concat([voice('The first part. '), voice('The second part.')]))).toBe(true);
    expect(failure(bench)).toBeUndefined();
  });
});

describe('Flux TTS', () => {
  test('gets the tokens as they come and one Flush', async () => {
    const emulator = await startEmulator();
    const bench = openTts(emulator, { model: FLUX });
    await bench.has('ttsOpened');
    say(bench, 1, ' ', 'Sure', ', I', ' can.', ' Which', ' day?');
    await bench.has('ttsDone');
    expect(messages(emulator)).toEqual([' Sure', ', I', ' can.', ' Which', ' day?', 'Flush']);
    expect(texts(bench)).toEqual([[' Sure, I can. Which day?', 0, bench.audio(1).length]]);
  });

  test('says what the caller had heard of an interrupted utterance', async () => {
    const clock = new VirtualClock();
    const emulator = await heldEmulator(clock);
    const bench = openTts(emulator, { model: FLUX });
    await bench.has('ttsOpened');
    const text = 'Sure, I can move that to Friday.';
    say(bench, 1, text);
    await until(() => clock.pending > 0, 'the emulator to begin');
    for (let n = 0; n < 60; n++) {
      clock.advance(20);
      await new Promise(setImmediate);
    }
    const third = wordTimes(text)[2]!;
    await until(() => bench.audio(1).length > third.endMs * 8, 'the third word');
    bench.session.cancel(third.endMs);
    await bench.has('ttsSpoken');
    expect(bench.events.at(-1)).toEqual({ type: 'ttsSpoken', utterance: 1, text: 'Sure, I can' });
  });

  test('answers for an utterance that was synthesised to its end but still playing', async () => {
    const emulator = await startEmulator();
    const bench = openTts(emulator, { model: FLUX });
    say(bench, 1, 'One two three.');
    await bench.has('ttsDone');
    bench.session.cancel(wordTimes('One two three.')[0]!.endMs);
    await bench.has('ttsSpoken');
    expect(bench.events.at(-1)).toEqual({ type: 'ttsSpoken', utterance: 1, text: 'One' });
    bench.session.cancel(0);
    say(bench, 2, 'Four.');
    await bench.has('ttsDone', 2);
    expect(messages(emulator).filter((message) => message === 'Interrupt')).toHaveLength(1);
  });

  test('counts offsets over the whole session, always advancing', async () => {
    const emulator = await startEmulator();
    const bench = openTts(emulator, { model: FLUX });
    const lengthMs = renderVoice('Number one.', 8000).samples.length / 8;
    say(bench, 1, 'Number one.');
    await bench.has('ttsDone', 1);
    say(bench, 2, 'Number two.');
    await bench.has('ttsDone', 2);
    bench.session.cancel(300);
    await bench.has('ttsSpoken', 1);
    say(bench, 3, 'Number three.');
    await bench.has('ttsDone', 3);
    bench.session.cancel(0);
    await bench.has('ttsSpoken', 2);
    say(bench, 4, 'Number four.');
    await bench.has('ttsDone', 4);
    bench.session.cancel(1_000_000);
    await bench.has('ttsSpoken', 3);

    const offsets = emulator.connections[0]!.messages.flatMap((message) =>
      message['type'] === 'Interrupt' ? [(message['playback_offset'] as { value: number }).value] : [],
    );
    const four = renderVoice('Number four.', 8000).samples.length / 8;
    expect(offsets).toEqual([lengthMs + 300, lengthMs + 301, lengthMs + 301 + four]);
    const spoken = bench.events.flatMap((event) => (event.type === 'ttsSpoken' ? [event.text] : []));
    expect(spoken).toEqual(['', '', 'Number four.']);
  });

  test('leaves text of which nothing was heard behind on the old connection', async () => {
    const emulator = await heldEmulator(new VirtualClock());
    const bench = openTts(emulator, { model: FLUX });
    await bench.has('ttsOpened');
    bench.session.begin(1);
    bench.session.text('Never mind this');
    await until(() => messages(emulator).length === 1, 'the text');
    bench.session.cancel(0);
    bench.session.begin(2);
    bench.session.text('But this');
    await until(() => messages(emulator, 1).length === 1, 'the new text');
    expect(messages(emulator)).toEqual(['Never mind this']);
    expect(messages(emulator, 1)).toEqual(['But this']);
    expect(failure(bench)).toBeUndefined();
  });

  test.each(['INVALID_INTERRUPT_OFFSET', 'INTERRUPT_IN_PROGRESS', 'NO_AUDIO_GENERATED', 'NO_ACTIVE_SPEECH'])(
    'goes to a new connection when the interrupt of a running utterance was ignored with %s',
    async (code) => {
      const clock = new VirtualClock();
      const emulator = await heldEmulator(clock);
      const bench = openTts(emulator, { model: FLUX });
      await bench.has('ttsOpened');
      say(bench, 1, 'Something long enough to interrupt.');
      await until(() => clock.pending > 0, 'the emulator to begin');
      clock.advance(10);
      await bench.has('ttsAudio');
      bench.session.cancel(10);
      emulator.connections[0]!.send({ type: 'Warning', code, description: 'ignored' });
      say(bench, 2, 'Next.');
      while (!bench.types().includes('ttsDone')) {
        clock.advance(50);
        await new Promise(setImmediate);
      }
      expect(messages(emulator)).not.toContain('Next.');
      expect(messages(emulator, 1)).toEqual(['Next.', 'Flush']);
      expect(bench.audio(2).equals(voice('Next.'))).toBe(true);
    },
  );

  test('stays on its connection when the interrupt of a finished utterance was ignored', async () => {
    const emulator = await startEmulator();
    const bench = openTts(emulator, { model: FLUX });
    say(bench, 1, 'One two three.');
    await bench.has('ttsDone');
    bench.session.cancel(10);
    emulator.connections[0]!.send({ type: 'Warning', code: 'INVALID_INTERRUPT_OFFSET', description: 'ignored' });
    say(bench, 2, 'Next.');
    await bench.has('ttsDone', 2);
    expect(emulator.connections).toHaveLength(1);
    expect(bench.audio(2).equals(voice('Next.'))).toBe(true);
  });

  test('waits for the answer to its interrupt, but not for ever', async () => {
    const clock = new VirtualClock();
    const emulator = await startEmulator();
    emulator.breakNext({ kind: 'mute', afterBytes: 100 });
    const bench = openTts(emulator, { model: FLUX, clock });
    await bench.has('ttsOpened');
    say(bench, 1, 'Something long enough to interrupt.');
    await bench.has('ttsAudio');
    bench.session.cancel(10);
    say(bench, 2, 'Next.');
    await until(() => messages(emulator).at(-1) === 'Interrupt', 'the interrupt');
    clock.advance(999);
    expect(emulator.requests).toHaveLength(1);
    clock.advance(1);
    await bench.has('ttsDone');
    expect(emulator.connections).toHaveLength(2);
    expect(bench.audio(2).equals(voice('Next.'))).toBe(true);
    expect(failure(bench)).toBeUndefined();
  });

  test('drops audio outside of the brackets of its speech', async () => {
    const emulator = await startEmulator();
    const bench = openTts(emulator, { model: FLUX });
    await bench.has('ttsOpened');
    bench.session.begin(1);
    bench.session.text('Words');
    await until(() => messages(emulator).length === 1, 'the text');
    emulator.connections[0]!.sendAudio(Buffer.alloc(77, 1));
    bench.session.end();
    await bench.has('ttsDone');
    expect(bench.audio(1).equals(voice('Words'))).toBe(true);
  });
});
