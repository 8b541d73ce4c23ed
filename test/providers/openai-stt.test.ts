import { afterEach, describe, expect, test, vi } from 'vitest';
import { createDecoder, createEncoder } from '../../src/audio/codec.ts';
import { PCMA_8K, PCMU_8K, type AudioFormat } from '../../src/audio/format.ts';
import { readWav } from '../../src/audio/wav.ts';
import { systemClock, VirtualClock, type Clock } from '../../src/core/clock.ts';
import { silentLog, type LogFields } from '../../src/core/log.ts';
import {
  createOpenAiEmulator,
  type OpenAiEmulator,
  type OpenAiEmulatorOptions,
} from '../../src/emulator/openai/openai-emulator.ts';
import type { TranscriptReply } from '../../src/emulator/openai/transcriptions.ts';
import type { SttEvent, SttStream } from '../../src/providers/ports.ts';
import { createOpenAiStt } from '../../src/providers/stt/openai.ts';

const emulators: OpenAiEmulator[] = [];
const streams: SttStream[] = [];
afterEach(async () => {
  for (const stream of streams.splice(0)) stream.close();
  await Promise.all(emulators.splice(0).map((emulator) => emulator.close()));
});

interface Bench {
  readonly emulator: OpenAiEmulator;
  readonly stream: SttStream;
  readonly events: SttEvent[];
  /** Warnings of the adapter. */
  readonly warnings: LogFields[];
  /** Waits for so many answers (or failures). */
  readonly answers: (count: number) => Promise<SttEvent[]>;
}

async function setUp(
  options: { emulator?: OpenAiEmulatorOptions; format?: AudioFormat; clock?: Clock; keyterms?: string[] } = {},
): Promise<Bench> {
  const emulator = await createOpenAiEmulator(options.emulator);
  emulators.push(emulator);
  const { clock = systemClock, format = PCMU_8K, keyterms = [] } = options;
  const warnings: LogFields[] = [];
  const log = { ...silentLog, warn: (fields: LogFields) => void warnings.push(fields) };
  const provider = createOpenAiStt({ apiKey: 'k', baseUrl: emulator.baseUrl, model: 'ears-1', clock, log });
  const events: SttEvent[] = [];
  const stream = provider.open({ format, language: 'en-US', keyterms }, (event) => events.push(event));
  streams.push(stream);
  const answered = (): SttEvent[] => events.filter((event) => event.type !== 'sttOpened');
  return {
    emulator,
    stream,
    events,
    warnings,
    answers: (count) =>
      vi.waitFor(
        () => {
          expect(answered()).toHaveLength(count);
          return answered();
        },
        { interval: 5 },
      ),
  };
}

/** Samples that tell their own place: each differs from its neighbours also after G.711. */
function numbered(fromMs: number, toMs: number): Int16Array {
  return Int16Array.from({ length: (toMs - fromMs) * 8 }, (_, i) => ((fromMs * 8 + i) % 199) * 150 - 15_000);
}

/** Writes the stretch in 20 ms pieces, from one buffer that is overwritten: the adapter must copy. */
function write(stream: SttStream, fromMs: number, toMs: number, format: AudioFormat = PCMU_8K): void {
  const encoder = createEncoder(format);
  const buffer = new Uint8Array(320);
  for (let at = fromMs; at < toMs; at += 20) {
    const bytes = encoder.encode(numbered(at, Math.min(at + 20, toMs)));
    buffer.set(bytes);
    stream.write(buffer.subarray(0, bytes.length));
    buffer.fill(0);
  }
}

const heard = (emulator: OpenAiEmulator, upload = 0): Int16Array =>
  readWav(emulator.uploads[upload]!.file).channels[0]!;
const asCoded = (samples: Int16Array, format: AudioFormat = PCMU_8K): Int16Array =>
  createDecoder(format).decode(createEncoder(format).encode(samples));

describe('an utterance', () => {
  test.each([
    ['PCMU', PCMU_8K],
    ['PCMA', PCMA_8K],
    ['L16', { codec: 'L16', sampleRate: 8000, byteOrder: 'big' }],
  ] satisfies [string, AudioFormat][])(
    'of %s is sent as WAV with exactly 500 ms of lead-in and answered',
    async (_, format) => {
      const { stream, emulator, answers } = await setUp({
        format,
        emulator: { transcripts: [{ text: ' Hello there. ' }] },
      });

      write(stream, 0, 2010, format);
      stream.beginUtterance(1);
      write(stream, 2010, 3000, format);
      stream.finishUtterance(1);

      expect(await answers(1)).toEqual([{ type: 'sttUtterance', utterance: 1, text: 'Hello there.' }]);
      const wav = readWav(emulator.uploads[0]!.file);
      expect([wav.sampleRate, wav.encoding, wav.channels.length]).toEqual([8000, 'pcm16', 1]);
      expect(wav.channels[0]).toEqual(asCoded(numbered(1510, 3000), format));
    },
  );

  test('keeps whole samples when L16 is cut through them', async () => {
    const format: AudioFormat = { codec: 'L16', sampleRate: 8000, byteOrder: 'little' };
    const { stream, emulator, answers } = await setUp({ format });
    const bytes = createEncoder(format).encode(numbered(0, 2000));

    for (let at = 0; at < bytes.length; at += 333) {
      if (at === 333 * 60) stream.beginUtterance(1);
      stream.write(bytes.subarray(at, at + 333));
    }
    stream.finishUtterance(1);
    await answers(1);

    const got = heard(emulator);
    expect(got).toEqual(numbered(0, 2000).subarray(16_000 - got.length));
  });

  test('is told with model, language, and the words to expect', async () => {
    const { stream, emulator, answers } = await setUp({ keyterms: ['Landline', 'Müller'] });

    stream.beginUtterance(1);
    write(stream, 0, 500);
    stream.finishUtterance(1);
    await answers(1);

    expect(emulator.uploads[0]).toMatchObject({
      filename: 'utterance.wav',
      fields: { model: 'ears-1', language: 'en', response_format: 'json', prompt: 'Landline, Müller' },
    });
  });

  test('right behind another one has no audio of it, and loses none between', async () => {
    const { stream, emulator, answers } = await setUp();

    stream.beginUtterance(1);
    write(stream, 0, 1000);
    stream.finishUtterance(1);
    write(stream, 1000, 1200);
    stream.beginUtterance(2);
    write(stream, 1200, 2000);
    stream.finishUtterance(2);
    await answers(2);

    const lengths = emulator.uploads.map((_, n) => heard(emulator, n).length).sort((a, b) => a - b);
    expect(lengths).toEqual([8000, 8000]);
    const second = emulator.uploads.findIndex((_, n) => heard(emulator, n)[0] === asCoded(numbered(1000, 1020))[0]);
    expect(heard(emulator, second)).toEqual(asCoded(numbered(1000, 2000)));
  });

  test('longer than 60 s is cut there, with a warning', async () => {
    const { stream, emulator, answers, warnings } = await setUp();

    stream.beginUtterance(1);
    write(stream, 0, 61_500);
    stream.finishUtterance(1);
    await answers(1);

    expect(heard(emulator)).toEqual(asCoded(numbered(0, 60_000)));
    expect(warnings).toEqual([{ utterance: 1, droppedMs: 1500 }]);
  });

  test('shorter than 100 ms, or never begun, is answered with no text and not sent', async () => {
    const { stream, emulator, answers } = await setUp();

    stream.beginUtterance(1);
    write(stream, 0, 90);
    stream.finishUtterance(1);
    stream.finishUtterance(2);

    expect(await answers(2)).toEqual([
      { type: 'sttUtterance', utterance: 1, text: '' },
      { type: 'sttUtterance', utterance: 2, text: '' },
    ]);
    expect(emulator.uploads).toEqual([]);
  });

  test('whose text is absurdly long is clipped', async () => {
    const { stream, answers } = await setUp({ emulator: { transcripts: [{ text: 'x'.repeat(100_000) }] } });

    stream.beginUtterance(1);
    write(stream, 0, 200);
    stream.finishUtterance(1);

    expect(await answers(1)).toEqual([{ type: 'sttUtterance', utterance: 1, text: 'x'.repeat(4000) }]);
  });
});

test('the stream does not end turns, and says once that it is open', async () => {
  const { stream, events } = await setUp();

  expect(stream.endsTurns).toBe(false);
  await vi.waitFor(() => expect(events).toEqual([{ type: 'sttOpened' }]));
});

test('several utterances in flight are answered in their order', async () => {
  const replies: Record<number, TranscriptReply> = { 8000: { text: 'one', delayMs: 80 }, 4000: { text: 'two' } };
  const transcripts = (upload: { file: Buffer }): TranscriptReply => replies[(upload.file.length - 44) / 2]!;
  const { stream, answers, emulator } = await setUp({ emulator: { transcripts } });

  stream.beginUtterance(1);
  write(stream, 0, 1000);
  stream.finishUtterance(1);
  stream.beginUtterance(2);
  write(stream, 1000, 1500);
  stream.finishUtterance(2);
  stream.finishUtterance(3);

  expect(await answers(3)).toMatchObject([
    { utterance: 1, text: 'one' },
    { utterance: 2, text: 'two' },
    { utterance: 3, text: '' },
  ]);
  expect(emulator.uploads).toHaveLength(2);
});

describe('faults', () => {
  const table: readonly (readonly [string, TranscriptReply['fault'] & object, object])[] = [
    ['401', { type: 'status', status: 401 }, { kind: 'auth', status: 401, retryable: false }],
    ['429', { type: 'status', status: 429 }, { kind: 'rate_limited', status: 429, retryable: true }],
    ['400', { type: 'status', status: 400 }, { kind: 'bad_request', status: 400, retryable: false }],
    ['500', { type: 'status', status: 500 }, { kind: 'server', status: 500, retryable: true }],
    ['a drop', { type: 'drop' }, { kind: 'dropped', retryable: true }],
    ['an answer that is not JSON', { type: 'badJson' }, { kind: 'malformed', retryable: true }],
  ];

  test.each(table)('%s is the last event of the stream', async (_, fault, expected) => {
    const { stream, answers, emulator } = await setUp({ emulator: { transcripts: [{ text: '', fault }] } });

    stream.beginUtterance(1);
    write(stream, 0, 500);
    stream.finishUtterance(1);
    const failed = {
      type: 'sttFailed',
      failure: { ...expected, message: expect.stringMatching(/^openai ears-1 transcription: /) as string },
    };
    expect(await answers(1)).toEqual([failed]);
    stream.beginUtterance(2);
    write(stream, 500, 1000);
    stream.finishUtterance(2);

    expect(await answers(1)).toEqual([failed]);
    expect(emulator.uploads).toHaveLength(1);
  });

  test('an answer without text is malformed', async () => {
    const { stream, answers } = await setUp({ emulator: { transcripts: [{ text: undefined as unknown as string }] } });

    stream.beginUtterance(1);
    write(stream, 0, 500);
    stream.finishUtterance(1);

    expect(await answers(1)).toMatchObject([{ type: 'sttFailed', failure: { kind: 'malformed' } }]);
  });

  test('of the second utterance is told after the text of the first', async () => {
    const transcripts: [TranscriptReply, TranscriptReply] = [
      { text: 'one', delayMs: 60 },
      { text: '', fault: { type: 'status', status: 500 } },
    ];
    const { stream, answers, emulator } = await setUp({ emulator: { transcripts } });

    stream.beginUtterance(1);
    write(stream, 0, 500);
    stream.finishUtterance(1);
    await vi.waitFor(() => expect(emulator.uploads).toHaveLength(1));
    stream.beginUtterance(2);
    write(stream, 500, 1000);
    stream.finishUtterance(2);

    expect(await answers(2)).toMatchObject([{ type: 'sttUtterance', text: 'one' }, { type: 'sttFailed' }]);
  });

  test.each([
    ['never answers', { type: 'silent' }],
    ['sends only headers', { type: 'headersOnly' }],
  ] satisfies [string, TranscriptReply['fault']][])('a server that %s is given up after 6 s', async (_, fault) => {
    const clock = new VirtualClock();
    const { stream, emulator, events, answers } = await setUp({
      emulator: { transcripts: [{ text: '', fault }] },
      clock,
    });
    await vi.waitFor(() => expect(clock.pending).toBe(0));
    stream.beginUtterance(1);
    write(stream, 0, 500);
    stream.finishUtterance(1);
    await vi.waitFor(() => expect(emulator.uploads).toHaveLength(1));

    clock.advance(5999);
    expect(clock.pending).toBe(1);
    expect(events).toEqual([{ type: 'sttOpened' }]);
    clock.advance(1);

    expect(await answers(1)).toMatchObject([{ type: 'sttFailed', failure: { kind: 'timeout', retryable: true } }]);
    await vi.waitFor(() => expect(emulator.disconnects).toHaveLength(1));
    expect(clock.pending).toBe(0);
  });
});

describe('close', () => {
  test('aborts what is in flight; nothing is emitted afterwards', async () => {
    const clock = new VirtualClock();
    const { stream, emulator, events } = await setUp({
      emulator: { transcripts: [{ text: '', fault: { type: 'silent' } }] },
      clock,
    });
    stream.beginUtterance(1);
    write(stream, 0, 500);
    stream.finishUtterance(1);
    await vi.waitFor(() => expect(emulator.uploads).toHaveLength(1));

    stream.close();
    stream.close();
    stream.write(new Uint8Array(160));
    stream.beginUtterance(2);
    stream.finishUtterance(2);

    await vi.waitFor(() => expect(emulator.disconnects).toHaveLength(1));
    await vi.waitFor(() => expect(clock.pending).toBe(0));
    expect(events).toEqual([{ type: 'sttOpened' }]);
  });

  test('from inside an answer holds the next one back', async () => {
    const emulator = await createOpenAiEmulator();
    emulators.push(emulator);
    const provider = createOpenAiStt({
      apiKey: 'k',
      baseUrl: emulator.baseUrl,
      model: 'm',
      clock: systemClock,
      log: silentLog,
    });
    const events: SttEvent[] = [];
    const stream = provider.open({ format: PCMU_8K, language: 'en', keyterms: [] }, (event) => {
      events.push(event);
      if (event.type === 'sttUtterance') stream.close();
    });

    stream.beginUtterance(1);
    write(stream, 0, 500);
    stream.finishUtterance(1);
    stream.finishUtterance(2);

    await vi.waitFor(() => expect(events).toHaveLength(2));
    expect(events).toMatchObject([{ type: 'sttOpened' }, { type: 'sttUtterance', utterance: 1 }]);
  });
});
