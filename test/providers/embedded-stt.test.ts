import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PCMA_8K, PCMU_8K, type AudioFormat } from '../../src/audio/format.ts';
import { createEncoder } from '../../src/audio/codec.ts';
import { createResampler } from '../../src/audio/resample.ts';
import { createEnergyVad, VAD_FRAME_SAMPLES } from '../../src/audio/vad.ts';
import { readWav, toMono8k } from '../../src/audio/wav.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { SttEvent, SttStream } from '../../src/providers/ports.ts';
import { loadScript, parseScript, type AgentScript } from '../../src/providers/script.ts';
import { createEmbeddedStt, type EmbeddedStt } from '../../src/providers/stt/embedded.ts';

const fixtures = new URL('../../fixtures/', import.meta.url);
const HOTEL = loadScript(fileURLToPath(new URL('demo/hotel.yaml', fixtures)));
const HELLO = parseScript('intents: { a: { phrases: hello, reply: Hi. } }\nunclear: Pardon?', 'hello.yaml');
const fakeEngine = (): string => fileURLToPath(new URL('fixtures/fake-engine.ts', import.meta.url));

interface Recording {
  readonly file: string;
  readonly transcript: string;
  readonly expect: string | null;
  readonly mistakenFor?: string;
}

function recordingsIn(folder: string): readonly Recording[] {
  const text = readFileSync(new URL(`${folder}/transcripts.json`, fixtures), 'utf8');
  return (JSON.parse(text) as readonly Recording[]).map((entry) => ({ ...entry, file: `${folder}/${entry.file}` }));
}

const samplesOf = (file: string): Int16Array => toMono8k(readWav(readFileSync(new URL(file, fixtures))));
const tone = (ms: number, level: number): Int16Array =>
  Int16Array.from({ length: ms * 8 }, (_, i) => Math.round(Math.sin(i / 4) * level));

/** A stream with everything it emitted. */
interface Line {
  readonly stream: SttStream;
  readonly events: SttEvent[];
  /** Resolves with the first event of `type` beyond the first `skip`. */
  next<T extends SttEvent['type']>(type: T, skip?: number): Promise<Extract<SttEvent, { type: T }>>;
}

function open(stt: EmbeddedStt, format: AudioFormat = PCMU_8K, language = 'en-US'): Line {
  const events: SttEvent[] = [];
  let wake = (): void => {};
  const stream = stt.open({ format, language, keyterms: [] }, (event) => {
    events.push(event);
    wake();
  });
  return {
    stream,
    events,
    async next(type, skip = 0) {
      for (;;) {
        const found = events.filter((event) => event.type === type)[skip];
        if (found) return found as never;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

/** Plays a recording with a second of silence on both sides, as frames of the call, cut by the voice detector. */
async function hear(stt: EmbeddedStt, samples: Int16Array, format: AudioFormat = PCMU_8K): Promise<readonly string[]> {
  const line = open(stt, format);
  const vad = createEnergyVad({ hangoverMs: 500 });
  const up = createResampler(8000, format.sampleRate);
  const encoder = createEncoder(format);
  const call = new Int16Array(samples.length + 16_000);
  call.set(samples, 8000);
  let utterances = 0;
  for (let at = 0; at + VAD_FRAME_SAMPLES <= call.length; at += VAD_FRAME_SAMPLES) {
    const frame = call.subarray(at, at + VAD_FRAME_SAMPLES);
    line.stream.write(encoder.encode(up.process(frame)));
    const { change } = vad.process(frame);
    if (change === 'started') line.stream.beginUtterance(++utterances);
    if (change === 'stopped') line.stream.finishUtterance(utterances);
  }
  if (utterances > 0) await line.next('sttUtterance', utterances - 1);
  line.stream.close();
  return line.events.flatMap((event) => {
    if (event.type === 'sttFailed') throw new Error(event.failure.message);
    return event.type === 'sttUtterance' ? [event.rejected ? '(rejected)' : event.text] : [];
  });
}

function say(line: Line, utterance: number, samples: Int16Array): void {
  line.stream.beginUtterance(utterance);
  line.stream.write(createEncoder(PCMU_8K).encode(samples));
  line.stream.finishUtterance(utterance);
}

describe('the embedded recogniser', () => {
  const stt = createEmbeddedStt({ script: HOTEL, clock: systemClock, workers: 2 });
  beforeAll(() => stt.prepare());
  afterAll(() => stt.close());

  const recordings = [...recordingsIn('asterisk'), ...recordingsIn('callers')];

  it.concurrent.each(recordings.filter(({ expect }) => expect !== null))('understands $file', async (recording) => {
    expect(await hear(stt, samplesOf(recording.file))).toEqual([recording.expect]);
  });

  it.concurrent.each(recordings.filter(({ expect, mistakenFor }) => expect === null && !mistakenFor))(
    'rejects $file',
    async (recording) => {
      expect((await hear(stt, samplesOf(recording.file))).filter((text) => text !== '(rejected)')).toEqual([]);
    },
  );

  it.concurrent.each(recordings.filter(({ mistakenFor }) => mistakenFor))(
    'still takes $file for something else',
    async (recording) => {
      expect(await hear(stt, samplesOf(recording.file))).toEqual([recording.mistakenFor]);
    },
  );

  it.each<AudioFormat>([PCMA_8K, { codec: 'L16', sampleRate: 16000, byteOrder: 'little' }])(
    'understands $codec at $sampleRate Hz',
    async (format) => {
      expect(await hear(stt, samplesOf('callers/double-room.wav'), format)).toEqual(['how much is a double room']);
    },
  );

  it('rejects noise, digital silence and nothing at all', async () => {
    const line = open(stt);
    let seed = 1;
    say(
      line,
      1,
      Int16Array.from({ length: 4000 }, () => (seed = (seed * 16807) % 2147483647) % 8000),
    );
    say(line, 2, new Int16Array(8000));
    line.stream.finishUtterance(3);

    await line.next('sttUtterance', 2);
    line.stream.close();

    expect(line.events.filter((event) => event.type === 'sttUtterance')).toEqual(
      [1, 2, 3].map((utterance) => ({ type: 'sttUtterance', utterance, text: '', rejected: true })),
    );
  });

  it('answers utterances in their order, however long each took', async () => {
    const line = open(stt);
    await line.next('sttOpened');
    say(line, 1, samplesOf('asterisk/queue-periodic-announce.wav'));
    say(line, 2, samplesOf('callers/hello.wav'));

    await line.next('sttUtterance', 1);
    line.stream.close();

    expect(
      line.events.flatMap((event) => (event.type === 'sttUtterance' ? [[event.utterance, event.text]] : [])),
    ).toEqual([
      [1, ''],
      [2, 'hello'],
    ]);
  });

  it('hears a beginning that came before the voice detector noticed', async () => {
    const samples = samplesOf('callers/park-my-car.wav');
    const encoder = createEncoder(PCMU_8K);
    const line = open(stt);
    line.stream.write(encoder.encode(tone(2000, 20)));
    line.stream.write(encoder.encode(samples.subarray(0, 3600)));
    line.stream.beginUtterance(7);
    line.stream.write(encoder.encode(samples.subarray(3600)));
    line.stream.finishUtterance(7);

    expect(await line.next('sttUtterance')).toEqual({
      type: 'sttUtterance',
      utterance: 7,
      text: 'where can i park my car',
    });
    line.stream.close();
  });

  it('gives words while the caller still speaks, and they are the beginning of the text', async () => {
    const line = open(stt);
    await line.next('sttOpened');
    const samples = samplesOf('asterisk/vm-sorry.wav');
    line.stream.beginUtterance(1);
    line.stream.write(createEncoder(PCMU_8K).encode(samples.subarray(0, 12_000)));

    const partial = await line.next('sttPartial');
    line.stream.close();

    expect(partial.text).toMatch(/^i'm sorry\b/);
    expect("i'm sorry i did not understand your response").toContain(partial.text);
  });

  it('gives no words for noise while it goes on', async () => {
    const line = open(stt);
    await line.next('sttOpened');
    let seed = 7;
    line.stream.beginUtterance(1);
    line.stream.write(
      createEncoder(PCMU_8K).encode(
        Int16Array.from({ length: 12_000 }, () => (seed = (seed * 16807) % 2147483647) % 6000),
      ),
    );
    line.stream.finishUtterance(1);
    await line.next('sttUtterance');
    line.stream.close();

    expect(line.events.filter((event) => event.type === 'sttPartial')).toEqual([]);
  });

  it('emits nothing after close', async () => {
    const line = open(stt);
    await line.next('sttOpened');
    say(line, 1, samplesOf('callers/hello.wav'));

    line.stream.close();
    line.stream.close();
    say(line, 2, samplesOf('callers/hello.wav'));
    // Whatever was asked before is answered by now.
    await hear(stt, samplesOf('callers/hello.wav'));

    expect(line.events).toEqual([{ type: 'sttOpened' }]);
  });

  it('refuses other languages than English', async () => {
    const line = open(stt, PCMU_8K, 'fr-FR');

    expect((await line.next('sttFailed')).failure).toEqual({
      kind: 'bad_request',
      message: 'the embedded recogniser understands English only, not "fr-FR": use stt.provider deepgram or sherpa',
      retryable: false,
    });
  });
});

describe('the embedded recogniser that cannot work', () => {
  const opened: EmbeddedStt[] = [];
  const create = (script: AgentScript, resolve?: () => string): EmbeddedStt => {
    const stt = createEmbeddedStt({ script, clock: systemClock, workers: 1, ...(resolve ? { resolve } : {}) });
    opened.push(stt);
    return stt;
  };
  afterEach(() => Promise.all(opened.splice(0).map((stt) => stt.close())));

  it('says how to install the package that is missing', async () => {
    const stt = create(HELLO, () => {
      throw new Error('MODULE_NOT_FOUND');
    });
    const message =
      'the embedded recogniser needs the package soundswallower, which is not installed: npm install soundswallower';

    expect((await open(stt).next('sttFailed')).failure).toEqual({ kind: 'missing', message, retryable: false });
    await expect(stt.prepare()).rejects.toMatchObject({ code: 'provider_missing', message });
  });

  it('names words that the dictionary lacks, and where they stand', async () => {
    const stt = create(parseScript('intents: { a: { phrases: hello zyxwv, reply: Hi. } }\nunclear: Pardon?', 'a.yaml'));

    await expect(stt.prepare()).rejects.toMatchObject({
      code: 'script_invalid',
      message: expect.stringContaining('no pronunciation for "zyxwv" (a): spell it as it sounds') as string,
    });
  });

  it('learns words from the script', async () => {
    const pronounce = 'pronounce: { zyxwv: HH AH L OW, read: R EH D }';
    const stt = create(
      parseScript(`intents: { a: { phrases: [zyxwv, read], reply: Hi. } }\n${pronounce}\nunclear: Pardon?`, 'a.yaml'),
    );
    await stt.prepare();

    expect(await hear(stt, samplesOf('callers/hello.wav'))).toEqual(['zyxwv']);
  });

  it('names phones that do not exist', async () => {
    const stt = create(
      parseScript('intents: { a: { phrases: hi, reply: Hi. } }\npronounce: { hi: H AY }\nunclear: What?', 'a.yaml'),
    );

    await expect(stt.prepare()).rejects.toThrow('pronounce.hi: H is no phone; there are AA AE AH');
  });

  it('fails once for the stream whose thread died; its neighbour goes on', async () => {
    const stt = create(HELLO, fakeEngine);
    const victim = open(stt);
    const neighbour = open(stt);
    await neighbour.next('sttOpened');

    say(victim, 1, tone(400, 32_000));
    say(neighbour, 1, tone(400, 8000));

    expect((await victim.next('sttFailed')).failure).toEqual({
      kind: 'dropped',
      message: 'the embedded recogniser ended unexpectedly (exit code 1): engine broken',
      retryable: true,
    });
    expect(await neighbour.next('sttUtterance')).toEqual({ type: 'sttUtterance', utterance: 1, text: 'hello' });
    say(victim, 2, tone(400, 8000));
    say(neighbour, 2, tone(400, 8000));
    await neighbour.next('sttUtterance', 1);
    expect(victim.events.map((event) => event.type)).toEqual(['sttOpened', 'sttFailed']);
  });
});
