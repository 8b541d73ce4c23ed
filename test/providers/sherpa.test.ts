import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PCMU_8K } from '../../src/audio/format.ts';
import { encodeG711 } from '../../src/audio/g711.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { SttEvent, SttStream } from '../../src/providers/ports.ts';
import { createSherpaStt, type SherpaModule, type SherpaStream } from '../../src/providers/stt/sherpa.ts';

/** Hears one word per 100 ms of loud audio; 200 ms of silence end the turn. Fails on full-scale audio. */
function fakeModule(configs: object[] = []): SherpaModule {
  interface Heard extends SherpaStream {
    words: string[];
    silentMs: number;
  }
  const of = (stream: SherpaStream): Heard => stream as Heard;
  return {
    OnlineRecognizer: class {
      constructor(config: object) {
        configs.push(config);
      }
      createStream(): Heard {
        const stream: Heard = {
          words: [],
          silentMs: 0,
          acceptWaveform({ sampleRate, samples }) {
            const loudest = Math.max(...samples.map(Math.abs));
            if (loudest > 0.97) throw new Error('bad frame');
            const ms = (samples.length / sampleRate) * 1000;
            if (loudest > 0.1) stream.words.push(['ONE', 'TWO', 'THREE'][stream.words.length] ?? 'MORE');
            stream.silentMs = loudest > 0.1 ? 0 : stream.silentMs + ms;
          },
        };
        return stream;
      }
      isReady(): boolean {
        return false;
      }
      decode(): void {}
      isEndpoint(stream: SherpaStream): boolean {
        return of(stream).silentMs >= 200;
      }
      reset(stream: SherpaStream): void {
        Object.assign(of(stream), { words: [], silentMs: 0 });
      }
      getResult(stream: SherpaStream): { text: string } {
        return { text: ` ${of(stream).words.join(' ')}` };
      }
    },
  };
}

const piece = (level: number): Uint8Array =>
  encodeG711(
    'PCMU',
    Int16Array.from({ length: 800 }, (_, i) => (i % 2 ? level : -level)),
  );
const SPEECH = piece(8000);
const SILENCE = piece(0);
const BROKEN = piece(32_700);

describe('a recogniser of your own', () => {
  let model = '';
  beforeAll(() => {
    model = mkdtempSync(join(tmpdir(), 'sherpa-test-'));
    for (const file of ['tokens.txt', 'encoder.onnx', 'decoder.onnx', 'joiner.onnx'])
      writeFileSync(join(model, file), '');
  });
  afterAll(() => rmSync(model, { recursive: true }));

  function open(
    load: () => Promise<SherpaModule>,
    folder = model,
  ): { stream: SttStream; events: SttEvent[]; first: Promise<unknown> } {
    const events: SttEvent[] = [];
    let told: (event: SttEvent) => void = () => {};
    const first = new Promise((resolve) => (told = resolve));
    const stream = createSherpaStt({ model: folder, clock: systemClock, load }).open(
      { format: PCMU_8K, language: 'en', keyterms: [] },
      (event) => {
        events.push(event);
        told(event);
      },
    );
    return { stream, events, first };
  }

  it('names the files that the model folder lacks', async () => {
    const { first } = open(() => Promise.resolve(fakeModule()), join(model, 'nowhere'));

    expect(await first).toEqual({
      type: 'sttFailed',
      failure: {
        kind: 'missing',
        message: `the sherpa model folder ${join(model, 'nowhere')} has no tokens.txt, encoder.onnx, decoder.onnx, joiner.onnx`,
        retryable: false,
      },
    });
  });

  it('says how to install the package', async () => {
    const { first } = open(() => Promise.reject(new Error('Cannot find package')));

    expect(await first).toMatchObject({
      type: 'sttFailed',
      failure: {
        kind: 'missing',
        message:
          'stt.provider sherpa needs the package sherpa-onnx-node: npm install sherpa-onnx-node (Cannot find package)',
      },
    });
  });

  it('says that the model cannot be loaded', async () => {
    const broken: SherpaModule = {
      OnlineRecognizer: function () {
        throw new Error('not a model');
      } as never,
    };
    const { first } = open(() => Promise.resolve(broken));

    expect(await first).toMatchObject({
      failure: { kind: 'server', message: `sherpa cannot load the model ${model}: not a model` },
    });
  });

  it('turns words and silence into turns, beginning with what came while it loaded', async () => {
    const { stream, events, first } = open(() => Promise.resolve(fakeModule()));
    stream.write(SPEECH);
    await first;

    for (const bytes of [SPEECH, SILENCE, SILENCE, SILENCE, SILENCE, SPEECH]) stream.write(bytes);

    expect(stream.endsTurns).toBe(true);
    expect(events).toEqual([
      { type: 'sttOpened' },
      { type: 'sttSpeechStarted' },
      { type: 'sttPartial', text: 'one' },
      { type: 'sttPartial', text: 'one two' },
      { type: 'sttEndOfTurn', text: 'one two' },
      { type: 'sttSpeechStarted' },
      { type: 'sttPartial', text: 'one' },
    ]);
  });

  it('loads the model once for all its calls', async () => {
    const configs: object[] = [];
    const provider = createSherpaStt({
      model,
      clock: systemClock,
      endOfTurnMs: 600,
      load: () => Promise.resolve(fakeModule(configs)),
    });
    const opened = (): Promise<unknown> =>
      new Promise((resolve) => provider.open({ format: PCMU_8K, language: 'en', keyterms: [] }, resolve));

    expect(await Promise.all([opened(), opened()])).toEqual([{ type: 'sttOpened' }, { type: 'sttOpened' }]);
    expect(configs).toEqual([
      expect.objectContaining({
        rule2MinTrailingSilence: 0.6,
        modelConfig: expect.objectContaining({ tokens: join(model, 'tokens.txt') }) as object,
      }),
    ]);
  });

  it('fails once', async () => {
    const { stream, events, first } = open(() => Promise.resolve(fakeModule()));
    await first;
    for (const bytes of [BROKEN, BROKEN, SPEECH]) stream.write(bytes);

    expect(events.slice(1)).toEqual([
      { type: 'sttFailed', failure: { kind: 'server', message: 'sherpa: bad frame', retryable: true } },
    ]);
  });

  it('is silent after close', async () => {
    const early = open(() => Promise.resolve(fakeModule()));
    early.stream.close();
    const { stream, events, first } = open(() => Promise.resolve(fakeModule()));
    await first;
    stream.close();
    stream.write(SPEECH);

    expect(early.events).toEqual([]);
    expect(events).toEqual([{ type: 'sttOpened' }]);
  });
});
