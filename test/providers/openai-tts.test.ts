import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createDecoder, createEncoder } from '../../src/audio/codec.ts';
import { PCMA_8K, PCMU_8K, type AudioFormat } from '../../src/audio/format.ts';
import { encodeL16 } from '../../src/audio/linear.ts';
import { createResampler } from '../../src/audio/resample.ts';
import { writeWav } from '../../src/audio/wav.ts';
import { systemClock, VirtualClock, type Clock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import {
  createOpenAiEmulator,
  type OpenAiEmulator,
  type OpenAiEmulatorOptions,
} from '../../src/emulator/openai/openai-emulator.ts';
import type { SpeechReply } from '../../src/emulator/openai/speech.ts';
import { findWords, renderVoice } from '../../src/emulator/voice.ts';
import type { TtsEvent, TtsSession } from '../../src/providers/ports.ts';
import { foreignContentType, inspectAudioBody } from '../../src/providers/tts/audio-body.ts';
import { createOpenAiTts, type OpenAiTtsOptions } from '../../src/providers/tts/openai.ts';

const emulators: OpenAiEmulator[] = [];
const sessions: TtsSession[] = [];
afterEach(async () => {
  for (const session of sessions.splice(0)) session.close();
  await Promise.all(emulators.splice(0).map((emulator) => emulator.close()));
});

interface Bench {
  readonly emulator: OpenAiEmulator;
  readonly session: TtsSession;
  readonly events: TtsEvent[];
  /** Speech requests so far, by their input. */
  readonly inputs: () => unknown[];
  /** Resolves with the terminal event of the utterance. */
  readonly ended: (utterance: number) => Promise<TtsEvent>;
}

async function setUp(
  options: {
    emulator?: OpenAiEmulatorOptions;
    tts?: Partial<OpenAiTtsOptions>;
    format?: AudioFormat;
    clock?: Clock;
  } = {},
): Promise<Bench> {
  const emulator = await createOpenAiEmulator(options.emulator);
  emulators.push(emulator);
  const { clock = systemClock, format = PCMU_8K } = options;
  const { baseUrl } = emulator;
  const provider = createOpenAiTts({ apiKey: 'k', baseUrl, model: 'voice-1', clock, log: silentLog, ...options.tts });
  const events: TtsEvent[] = [];
  const session = provider.open({ format, language: 'en' }, (event) => events.push(event));
  sessions.push(session);
  return {
    emulator,
    session,
    events,
    inputs: () =>
      emulator.requests
        .filter(({ path }) => path === '/v1/audio/speech')
        .map(({ body }) => (body as { input: string }).input),
    ended: (utterance) =>
      vi.waitFor(
        () => {
          const end = events.find(
            (event) => (event.type === 'ttsDone' || event.type === 'ttsFailed') && event.utterance === utterance,
          );
          if (!end) throw new Error('not ended');
          return end;
        },
        { interval: 5, timeout: 5000 },
      ),
  };
}

function say(session: TtsSession, utterance: number, ...texts: string[]): void {
  session.begin(utterance);
  for (const text of texts) session.text(text);
  session.end();
}

function audioOf(events: readonly TtsEvent[], utterance = 1): Buffer {
  return Buffer.concat(
    events.flatMap((event) => (event.type === 'ttsAudio' && event.utterance === utterance ? [event.bytes] : [])),
  );
}

const textsOf = (events: readonly TtsEvent[]): TtsEvent[] => events.filter((event) => event.type === 'ttsText');

/** What one sentence must sound like, made in one go. */
function spoken(text: string, format: AudioFormat): Uint8Array {
  const resampler = createResampler(24_000, format.sampleRate);
  const { samples } = renderVoice(text, 24_000);
  const out = [...resampler.process(samples), ...resampler.flush()];
  return createEncoder(format).encode(Int16Array.from(out));
}

describe('an utterance', () => {
  test.each([
    ['PCMU', PCMU_8K],
    ['PCMA', PCMA_8K],
    ['L16 at 8 kHz', { codec: 'L16', sampleRate: 8000, byteOrder: 'big' }],
    ['L16 at 24 kHz', { codec: 'L16', sampleRate: 24000, byteOrder: 'little' }],
  ] satisfies [string, AudioFormat][])(
    'is the voice, resampled to %s, byte for byte, from odd chunks',
    async (_, format) => {
      const { session, events, ended } = await setUp({ format });

      say(session, 1, 'Hello there my friend.');

      expect(await ended(1)).toEqual({ type: 'ttsDone', utterance: 1 });
      expect(audioOf(events)).toEqual(Buffer.from(spoken('Hello there my friend.', format)));
    },
  );

  test('is the same whatever the chunks are', async () => {
    const expected = Buffer.from(spoken('One two.', PCMU_8K));
    const sizes = [[1], [2], [3, 5, 1001], [100_000]] as const;
    const speech = sizes.map((chunkBytes) => ({ chunkBytes })) as unknown as [SpeechReply];
    const { session, events, ended } = await setUp({ emulator: { speech } });

    for (const utterance of [1, 2, 3, 4]) {
      say(session, utterance, 'One two.');
      await ended(utterance);
      expect(audioOf(events, utterance)).toEqual(expected);
    }
  });

  test('can be heard: every word is there, in order, once', async () => {
    const text = 'Good morning. The rooms are ready, and breakfast is at eight.';
    const { session, events, ended } = await setUp();

    say(session, 1, text);
    await ended(1);

    const samples = createDecoder(PCMU_8K).decode(audioOf(events));
    expect(findWords(samples, 8000, text).words.map((word) => word.text)).toEqual(text.split(' '));
  });

  test('is asked for sentence by sentence, each reported with its exact bytes', async () => {
    const { session, events, ended, inputs } = await setUp();

    say(session, 1, 'Good mor', 'ning. How ', 'can I help you? ', ' ', 'Please go ahead.');
    await ended(1);

    expect(inputs()).toEqual(['Good morning.', 'How can I help you?', 'Please go ahead.']);
    const [a = 0, b = 0, c = 0] = inputs().map((input) => spoken(input as string, PCMU_8K).length);
    expect(textsOf(events)).toEqual([
      { type: 'ttsText', utterance: 1, text: 'Good morning. ', fromByte: 0, toByte: a },
      { type: 'ttsText', utterance: 1, text: 'How can I help you? ', fromByte: a, toByte: a + b },
      { type: 'ttsText', utterance: 1, text: ' Please go ahead.', fromByte: a + b, toByte: a + b + c },
    ]);
    expect(audioOf(events)).toHaveLength(a + b + c);
    expect(events[0]).toEqual({ type: 'ttsOpened' });
    expect(events.filter((event) => event.type === 'ttsDone')).toHaveLength(1);
  });

  test('has its second sentence on the way while the first one still comes, its third not yet', async () => {
    const speech = (request: { input: string }): SpeechReply =>
      request.input === 'One.' ? { fault: { type: 'stall', after: 2 } } : {};
    const { session, events, inputs } = await setUp({ emulator: { speech } });

    say(session, 1, 'One. Two. Three.');
    await vi.waitFor(() => expect(inputs()).toEqual(['One.', 'Two.']));
    await vi.waitFor(() => expect(audioOf(events).length).toBeGreaterThan(0));

    expect(Buffer.from(spoken('One.', PCMU_8K)).subarray(0, audioOf(events).length)).toEqual(audioOf(events));
    expect(textsOf(events)).toEqual([]);
    expect(inputs()).toHaveLength(2);
  });

  test('keeps its order when a later sentence is faster', async () => {
    const speech = (request: { input: string }): SpeechReply => (request.input === 'One.' ? { firstByteMs: 60 } : {});
    const { session, events, ended } = await setUp({ emulator: { speech } });

    say(session, 1, 'One. Two.');
    await ended(1);

    expect(audioOf(events)).toEqual(Buffer.concat([spoken('One.', PCMU_8K), spoken('Two.', PCMU_8K)]));
  });

  test('begins before its text has ended, at the first clause', async () => {
    const { session, events, inputs } = await setUp();

    session.begin(1);
    session.text('Thank you for calling the hotel, how');

    await vi.waitFor(() => expect(textsOf(events)).toHaveLength(1));
    expect(inputs()).toEqual(['Thank you for calling the hotel,']);
  });

  test.each([
    ['no text', []],
    ['only marks', [' ... ', '😀']],
  ])('of %s asks for nothing and is done', async (_, texts) => {
    const { session, events, ended, inputs } = await setUp();

    say(session, 1, ...texts);
    await ended(1);

    expect(inputs()).toEqual([]);
    expect(audioOf(events)).toHaveLength(0);
    expect(textsOf(events).map((event) => event.type === 'ttsText' && [event.text, event.toByte])).toEqual(
      texts.length > 0 ? [[texts.join(''), 0]] : [],
    );
  });

  test('is asked for with the voice, the format and the extra fields', async () => {
    const { session, emulator, ended } = await setUp({ tts: { voice: 'sage', extraBody: { speed: 1.1 } } });

    say(session, 1, 'Hello.');
    await ended(1);

    expect(emulator.requests.at(-1)?.body).toEqual({
      model: 'voice-1',
      voice: 'sage',
      input: 'Hello.',
      response_format: 'pcm',
      speed: 1.1,
    });
  });

  test('comes from a server with another rate at the right pitch', async () => {
    const emulator = { render: (text: string) => renderVoice(text, 16_000) };
    const { session, events, ended } = await setUp({ emulator, tts: { sampleRate: 16_000 } });

    say(session, 1, 'Hello there.');
    await ended(1);

    const samples = createDecoder(PCMU_8K).decode(audioOf(events));
    expect(findWords(samples, 8000, 'Hello there.').words.map((word) => word.text)).toEqual(['Hello', 'there.']);
  });
});

test('a rate that cannot be resampled is refused at once', () => {
  expect(() =>
    createOpenAiTts({ apiKey: 'k', model: 'm', clock: systemClock, log: silentLog, sampleRate: 12_345 }),
  ).toThrow('tts sampleRate must be one of');
});

describe('faults', () => {
  const table: readonly (readonly [string, SpeechReply, object])[] = [
    ['401', { fault: { type: 'status', status: 401 } }, { kind: 'auth', status: 401, retryable: false }],
    ['402', { fault: { type: 'status', status: 402 } }, { kind: 'bad_request', status: 402, retryable: false }],
    ['429', { fault: { type: 'status', status: 429 } }, { kind: 'rate_limited', status: 429, retryable: true }],
    ['503', { fault: { type: 'status', status: 503 } }, { kind: 'server', status: 503, retryable: true }],
    ['a drop before the audio', { fault: { type: 'drop', after: 0 } }, { kind: 'dropped', retryable: true }],
    ['a drop in the middle', { fault: { type: 'drop', after: 2 } }, { kind: 'dropped', retryable: true }],
    ['an empty body', { body: 'empty' }, { kind: 'malformed', retryable: false }],
    ['a WAV file called PCM', { body: 'wav' }, { kind: 'malformed', retryable: false }],
    ['an MP3 stream called PCM', { body: 'mp3' }, { kind: 'malformed', retryable: false }],
    ['an MP3 stream in tiny chunks', { body: 'mp3', chunkBytes: [1] }, { kind: 'malformed', retryable: false }],
    ['an MP3 stream called so', { body: 'mp3', contentType: 'audio/mpeg' }, { kind: 'malformed', retryable: false }],
    ['a web page', { contentType: 'text/html; charset=utf-8' }, { kind: 'malformed', retryable: false }],
  ];

  test.each(table)('%s', async (_, reply, expected) => {
    const { session, events, ended } = await setUp({ emulator: { speech: [reply] } });

    say(session, 1, 'Hello there my friend.');

    expect(await ended(1)).toEqual({
      type: 'ttsFailed',
      utterance: 1,
      failure: { ...expected, message: expect.stringMatching(/^openai voice-1 speech: /) as string },
    });
    const whole = Buffer.from(spoken('Hello there my friend.', PCMU_8K));
    const heard = audioOf(events);
    expect(heard.length > 0).toBe(reply.fault?.type === 'drop' && reply.fault.after > 0);
    expect(heard).toEqual(whole.subarray(0, heard.length));
    expect(textsOf(events)).toEqual([]);
  });

  test('of the second sentence is told when the first one is out, and the next utterance works', async () => {
    const speech = (request: { input: string }): SpeechReply =>
      request.input === 'One.'
        ? { firstByteMs: 50 }
        : request.input === 'Two.'
          ? { fault: { type: 'status', status: 500 } }
          : {};
    const { session, events, ended } = await setUp({ emulator: { speech } });

    say(session, 1, 'One. Two. Three.');
    expect(await ended(1)).toMatchObject({ type: 'ttsFailed', failure: { kind: 'server' } });
    session.text('ignored');
    session.end();
    say(session, 2, 'Four.');
    await ended(2);

    expect(audioOf(events, 1)).toEqual(Buffer.from(spoken('One.', PCMU_8K)));
    expect(textsOf(events)).toMatchObject([{ text: 'One. ' }, { text: 'Four.' }]);
    expect(audioOf(events, 2)).toEqual(Buffer.from(spoken('Four.', PCMU_8K)));
  });

  test.each([
    ['never answers', { fault: { type: 'silent' } }],
    ['sends only headers', { fault: { type: 'headersOnly' } }],
  ] satisfies [string, SpeechReply][])('a server that %s is given up after 4 s', async (_, reply) => {
    const clock = new VirtualClock();
    const { session, events, inputs, emulator } = await setUp({ emulator: { speech: [reply] }, clock });
    say(session, 1, 'Hello.');
    await vi.waitFor(() => expect(inputs()).toHaveLength(1));

    clock.advance(3999);
    expect(events).toEqual([{ type: 'ttsOpened' }]);
    clock.advance(1);

    expect(events.at(-1)).toMatchObject({
      type: 'ttsFailed',
      utterance: 1,
      failure: { kind: 'timeout', retryable: true },
    });
    await vi.waitFor(() => expect(emulator.disconnects.length).toBe(1));
    await vi.waitFor(() => expect(clock.pending).toBe(0));
  });

  test('audio that stops in the middle is given up after 3 s', async () => {
    const clock = new VirtualClock();
    const { session, events } = await setUp({ emulator: { speech: [{ fault: { type: 'stall', after: 3 } }] }, clock });
    say(session, 1, 'Hello there my friend.');
    await vi.waitFor(() => expect(audioOf(events).length).toBeGreaterThan(2200));

    clock.advance(3000);

    expect(events.at(-1)).toMatchObject({ type: 'ttsFailed', utterance: 1, failure: { kind: 'stalled' } });
  });

  test('a sentence that waits behind another one has its deadline counted from its turn', async () => {
    const clock = new VirtualClock();
    // One after the other, as a local server with one model does.
    const speech = (request: { input: string }): SpeechReply =>
      request.input === 'One.' ? { fault: { type: 'stall', after: 1 } } : { fault: { type: 'silent' } };
    const { session, events, inputs } = await setUp({ emulator: { speech }, clock, tts: { idleMs: 9000 } });
    say(session, 1, 'One. Two.');
    await vi.waitFor(() => expect(inputs()).toHaveLength(2));
    await vi.waitFor(() => expect(audioOf(events).length).toBeGreaterThan(0));

    clock.advance(8999);
    expect(events.some((event) => event.type === 'ttsFailed')).toBe(false);
    clock.advance(1);

    expect(events.at(-1)).toMatchObject({ type: 'ttsFailed', failure: { kind: 'stalled' } });
  });
});

describe('cancel and close', () => {
  test('cancel closes both requests; nothing of that utterance is emitted afterwards', async () => {
    const clock = new VirtualClock();
    const speech = (_: unknown, n: number): SpeechReply => (n < 2 ? { interChunkMs: 2, chunkBytes: [101] } : {});
    const { session, events, ended, emulator, inputs } = await setUp({ emulator: { speech }, clock });
    say(session, 1, 'Hello there my friend. How are you today?');
    await vi.waitFor(() => expect(inputs()).toHaveLength(2));
    await vi.waitFor(() => expect(audioOf(events).length).toBeGreaterThan(100));

    session.cancel(12);
    const heard = events.length;
    await vi.waitFor(() => expect(emulator.disconnects).toHaveLength(2));
    clock.advance(60_000);

    expect(events).toHaveLength(heard);
    say(session, 2, 'Fine.');
    await ended(2);
    expect(events.slice(heard).every((event) => 'utterance' in event && event.utterance === 2)).toBe(true);
    expect(audioOf(events, 2)).toEqual(Buffer.from(spoken('Fine.', PCMU_8K)));
  });

  test('cancel from inside an event stops at that event', async () => {
    const emulator = await createOpenAiEmulator();
    emulators.push(emulator);
    const provider = createOpenAiTts({
      apiKey: 'k',
      baseUrl: emulator.baseUrl,
      model: 'm',
      clock: systemClock,
      log: silentLog,
    });
    const events: TtsEvent[] = [];
    const session = provider.open({ format: PCMU_8K, language: 'en' }, (event) => {
      events.push(event);
      if (event.type === 'ttsText') session.cancel(0);
    });
    sessions.push(session);

    say(session, 1, 'One. Two.');
    await vi.waitFor(() => expect(textsOf(events)).toHaveLength(1));
    await vi.waitFor(() => expect(emulator.requests.length).toBeGreaterThan(1));

    expect(events.at(-1)).toMatchObject({ type: 'ttsText', text: 'One. ' });
    expect(events.some((event) => event.type === 'ttsDone')).toBe(false);
  });

  test('close ends everything, for good, and twice is once', async () => {
    const { session, events, emulator, inputs } = await setUp({
      emulator: { speech: [{ fault: { type: 'headersOnly' } }] },
    });
    say(session, 1, 'Hello.');
    await vi.waitFor(() => expect(inputs()).toHaveLength(1));

    session.close();
    session.close();
    const heard = events.length;
    await vi.waitFor(() => expect(emulator.disconnects).toHaveLength(1));
    say(session, 2, 'Hello.');

    expect(events).toHaveLength(heard);
    expect(inputs()).toHaveLength(1);
  });

  test('closed at once, it never says that it opened', async () => {
    const { emulator } = await setUp();
    const events: TtsEvent[] = [];
    const provider = createOpenAiTts({
      apiKey: 'k',
      baseUrl: emulator.baseUrl,
      model: 'm',
      clock: systemClock,
      log: silentLog,
    });

    provider.open({ format: PCMU_8K, language: 'en' }, (event) => events.push(event)).close();
    await new Promise((resolve) => setImmediate(resolve));

    expect(events).toEqual([]);
  });
});

describe('what a body is', () => {
  const pcm = (samples: Int16Array): Uint8Array => encodeL16(samples, 'little');

  test('speech is PCM from its first four bytes on', () => {
    const { samples } = renderVoice('Hello', 24_000);

    expect(inspectAudioBody(pcm(samples).subarray(0, 3), false)).toEqual({ is: 'unclear' });
    expect(inspectAudioBody(pcm(samples).subarray(0, 4), false)).toEqual({ is: 'pcm' });
    expect(inspectAudioBody(pcm(samples).subarray(0, 2), true)).toEqual({ is: 'pcm' });
  });

  test('sound that begins like an MP3 frame is PCM when no second frame follows', () => {
    const samples = renderVoice('Hello', 24_000).samples.slice();
    samples.set([-1025, -28_528]); // FF FB 90 90

    expect(inspectAudioBody(pcm(samples).subarray(0, 100), false)).toEqual({ is: 'unclear' });
    expect(inspectAudioBody(pcm(samples), false)).toEqual({ is: 'pcm' });
  });

  test.each([
    ['RIFF', writeWav({ sampleRate: 24_000, channels: [new Int16Array(10)] }), 'WAV'],
    ['ID3', Buffer.from('ID3\x04\0\0'), 'MP3'],
    ['OggS', Buffer.from('OggS\0\0'), 'Ogg'],
    ['fLaC', Buffer.from('fLaC\0\0'), 'FLAC'],
    ['an error object', Buffer.from('{"error": 1}'), 'JSON'],
  ])('%s is foreign', (_, bytes, name) => {
    expect(inspectAudioBody(bytes, false)).toEqual({ is: 'foreign', name });
  });

  test('MPEG-1 and MPEG-2 frames in a row are MP3', () => {
    const mpeg1 = Buffer.alloc(417 * 2 + 4);
    for (const at of [0, 417, 834]) mpeg1.set([0xff, 0xfb, 0x90, 0x64], at);

    expect(inspectAudioBody(mpeg1, false)).toEqual({ is: 'foreign', name: 'MP3' });
  });

  test('is decided for any bytes, at the latest at the end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => {
        expect(['pcm', 'foreign']).toContain(inspectAudioBody(bytes, true).is);
      }),
    );
  });

  test('content types', () => {
    const foreign = [
      'audio/mpeg',
      'audio/wav',
      'audio/wave',
      'audio/x-wav',
      'AUDIO/OGG; codecs=opus',
      'text/html',
      'application/json',
    ];
    const fine = [
      null,
      '',
      'audio/pcm',
      'audio/pcm;rate=24000',
      'application/octet-stream',
      'audio/L16',
      'binary/octet-stream',
    ];

    expect(foreign.map((type) => foreignContentType(type) !== undefined)).toEqual(foreign.map(() => true));
    expect(fine.map(foreignContentType)).toEqual(fine.map(() => undefined));
  });
});
