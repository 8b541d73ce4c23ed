import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeG711, encodeG711 } from '../../src/audio/g711.ts';
import { sine, toneLevel } from '../../src/audio/tones.ts';
import { readWav, toMono8k, writeWav } from '../../src/audio/wav.ts';
import { LandlineError } from '../../src/core/errors.ts';

const u16 = (value: number): number[] => [value & 0xff, value >> 8];
const u32 = (value: number): number[] => [...u16(value & 0xffff), ...u16(value >>> 16)];
const text = (value: string): number[] => [...Buffer.from(value, 'latin1')];

interface Parts {
  readonly tag?: number;
  readonly channels?: number;
  readonly rate?: number;
  readonly bits?: number;
  readonly block?: number;
  readonly extra?: readonly number[];
  readonly before?: readonly number[];
  readonly data: readonly number[];
  readonly dataSize?: number;
  readonly after?: readonly number[];
  readonly riffSize?: number;
}

/** A WAV file by hand, so that the reader is not tested against the writer only. */
function wav({
  tag = 1,
  channels = 1,
  rate = 8000,
  bits = 16,
  extra = [],
  before = [],
  after = [],
  ...rest
}: Parts): Uint8Array {
  const block = rest.block ?? (bits / 8) * channels;
  const format = [
    ...u16(tag),
    ...u16(channels),
    ...u32(rate),
    ...u32(rate * block),
    ...u16(block),
    ...u16(bits),
    ...extra,
  ];
  const body = [
    ...text('WAVEfmt '),
    ...u32(format.length),
    ...format,
    ...before,
    ...text('data'),
    ...u32(rest.dataSize ?? rest.data.length),
    ...rest.data,
    ...after,
  ];
  return Uint8Array.from([...text('RIFF'), ...u32(rest.riffSize ?? body.length), ...body]);
}

/** What `readWav` says about bytes it refuses. */
function refusal(bytes: Uint8Array): string {
  try {
    readWav(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(LandlineError);
    expect((error as LandlineError).code).toBe('audio_invalid');
    return (error as LandlineError).message;
  }
  return 'accepted';
}

const SAMPLES = [0, 1, -1, 258, -32768, 32767];
const float = (value: number): number[] => [...Buffer.from(Float32Array.of(value).buffer)];
const GUID_TAIL = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];

describe('reads', () => {
  test.each<[string, Parts, string, number[]]>([
    ['8-bit PCM, which is unsigned', { bits: 8, data: [128, 255, 0, 129] }, 'pcm8', [0, 32512, -32768, 256]],
    ['16-bit PCM', { data: SAMPLES.flatMap((s) => u16(s & 0xffff)) }, 'pcm16', SAMPLES],
    ['24-bit PCM', { bits: 24, data: SAMPLES.flatMap((s) => [0x7f, ...u16(s & 0xffff)]) }, 'pcm24', SAMPLES],
    ['32-bit PCM', { bits: 32, data: SAMPLES.flatMap((s) => [0xff, 0x7f, ...u16(s & 0xffff)]) }, 'pcm32', SAMPLES],
    [
      '32-bit float, clipped, without NaN',
      { tag: 3, bits: 32, data: [0, 0.5, -1, 1, -7, NaN, Infinity].flatMap(float) },
      'float32',
      [0, 16384, -32768, 32767, -32768, 0, 32767],
    ],
    ['A-law', { tag: 6, bits: 8, data: [0xd5, 0x2a, 0xaa] }, 'PCMA', [8, -32256, 32256]],
    ['mu-law', { tag: 7, bits: 8, data: [0xff, 0x00, 0x80] }, 'PCMU', [0, -32124, 32124]],
    [
      'WAVE_FORMAT_EXTENSIBLE',
      { tag: 0xfffe, data: u16(513), extra: [...u16(22), ...u16(16), ...u32(4), ...u16(1), ...GUID_TAIL] },
      'pcm16',
      [513],
    ],
    [
      'extensible mu-law',
      { tag: 0xfffe, bits: 8, data: [0x80], extra: [...u16(22), ...u16(8), ...u32(4), ...u16(7), ...GUID_TAIL] },
      'PCMU',
      [32124],
    ],
    [
      'chunks before the data, one of odd length with its padding',
      { before: [...text('LIST'), ...u32(3), 1, 2, 3, 0], data: u16(7) },
      'pcm16',
      [7],
    ],
    ['chunks after the data', { data: u16(7), after: [...text('LIST'), ...u32(2), 1, 2] }, 'pcm16', [7]],
    ['a data chunk cut short, dropping the half sample', { data: [7, 0, 9], dataSize: 1000 }, 'pcm16', [7]],
    [
      'a streamed data size of 0xFFFFFFFF',
      { data: [7, 0, 9, 0], dataSize: 0xffffffff, riffSize: 0xffffffff },
      'pcm16',
      [7, 9],
    ],
    ['a streamed data size of 0', { data: [7, 0, 9, 0], dataSize: 0, riffSize: 0 }, 'pcm16', [7, 9]],
    [
      'a data size of 0 that is meant, with a chunk after it',
      { data: [], after: [...text('LIST'), ...u32(2), 1, 2] },
      'pcm16',
      [],
    ],
    ['no samples at all', { data: [] }, 'pcm16', []],
  ])('%s', (_, parts, encoding, samples) => {
    expect(readWav(wav(parts))).toEqual({ sampleRate: 8000, encoding, channels: [Int16Array.from(samples)] });
  });

  test('channels apart', () => {
    const { channels } = readWav(wav({ channels: 2, rate: 44100, data: [1, 2, 3, 4].flatMap(u16) }));

    expect(channels.map((channel) => [...channel])).toEqual([
      [1, 3],
      [2, 4],
    ]);
  });

  test('a view into a larger buffer', () => {
    const file = wav({ data: u16(300) });
    const larger = new Uint8Array(file.length + 9);
    larger.set(file, 5);

    expect([...readWav(larger.subarray(5, 5 + file.length)).channels[0]!]).toEqual([300]);
  });
});

describe('refuses, with the byte and the reason', () => {
  test.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(0), 'at byte 0, expected "RIFF", found ""'],
    ['an MP3', Uint8Array.from([...text('ID3\x04'), ...Array<number>(60).fill(0)]), 'at byte 0, expected "RIFF"'],
    ['big-endian RIFX', Uint8Array.from(text('RIFX....WAVE')), 'found "RIFX"'],
    ['another RIFF', Uint8Array.from(text('RIFF....AVI LIST')), 'at byte 8, expected "WAVE", found "AVI "'],
    ['only a header', Uint8Array.from(text('RIFF....WAVE')), 'at byte 12, the file ends without a "fmt " chunk'],
    ['no data chunk', wav({ data: [] }).subarray(0, 36), 'at byte 36, the file ends without a "data" chunk'],
    [
      'data before its format',
      Uint8Array.from([...text('RIFF....WAVEdata'), ...u32(0)]),
      'at byte 12, the "data" chunk comes before',
    ],
    ['a cut format chunk', wav({ data: [] }).subarray(0, 30), 'at byte 20, the "fmt " chunk needs at least 16 bytes'],
    ['12-bit PCM', wav({ bits: 12, block: 2, data: [] }), 'at byte 20, format tag 0x1 with 12 bits is not supported'],
    ['64-bit float', wav({ tag: 3, bits: 64, data: [] }), 'format tag 0x3 with 64 bits'],
    ['ADPCM', wav({ tag: 2, bits: 4, block: 256, data: [] }), 'format tag 0x2 with 4 bits'],
    [
      'extensible without its GUID',
      wav({ tag: 0xfffe, data: [] }),
      'an extensible "fmt " chunk of 16 bytes has no format',
    ],
    ['no channels', wav({ channels: 0, data: [] }), 'at byte 22, 0 channels'],
    ['33 channels', wav({ channels: 33, data: [] }), 'at byte 22, 33 channels'],
    ['a rate of 0', wav({ rate: 0, data: [] }), 'at byte 24, 0 Hz'],
    [
      'a wrong block size',
      wav({ block: 3, data: [] }),
      'at byte 32, 1 channels of 16 bits make blocks of 2 bytes, not 3',
    ],
  ])('%s', (_, bytes, message) => {
    expect(refusal(bytes)).toContain(message);
  });

  test('any damage to a good file gives a file or a LandlineError, never another error', () => {
    const good = wav({
      channels: 2,
      before: [...text('LIST'), ...u32(3), 1, 2, 3, 0],
      data: [1, 2, 3, 4].flatMap(u16),
    });
    const damage = fc.array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 })), { maxLength: 6 });
    fc.assert(
      fc.property(damage, fc.nat({ max: good.length }), (changes, length) => {
        const bytes = good.slice();
        for (const [at, value] of changes) bytes[at] = value;
        expect(typeof refusal(bytes.subarray(0, length))).toBe('string');
      }),
      { numRuns: 2000 },
    );
  });

  test('any bytes at all give a LandlineError', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => refusal(bytes) !== 'accepted'));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(typeof refusal(Uint8Array.from([...text('RIFF....WAVE'), ...bytes]))).toBe('string');
      }),
    );
  });
});

describe('writes', () => {
  const channels = fc
    .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 50 }))
    .chain(([count, length]) =>
      fc.array(fc.int16Array({ minLength: length, maxLength: length }), { minLength: count, maxLength: count }),
    );

  test('what reads back as the same samples, G.711 as the law leaves them', () => {
    fc.assert(
      fc.property(
        channels,
        fc.constantFrom('pcm16' as const, 'PCMU' as const, 'PCMA' as const),
        fc.constantFrom(8000, 16000, 44100),
        (written, encoding, sampleRate) => {
          const bytes = writeWav({ sampleRate, channels: written, encoding });
          const law = (samples: Int16Array): Int16Array =>
            encoding === 'pcm16' ? samples : decodeG711(encoding, encodeG711(encoding, samples));

          expect(bytes.length % 2).toBe(0);
          expect(new DataView(bytes.buffer).getUint32(4, true)).toBe(bytes.length - 8);
          expect(readWav(bytes)).toEqual({ sampleRate, encoding, channels: written.map(law) });
        },
      ),
    );
  });

  test('the header every player knows', () => {
    const bytes = writeWav({ sampleRate: 8000, channels: [Int16Array.of(1), Int16Array.of(-2)] });

    expect([...bytes]).toEqual([
      ...text('RIFF'),
      ...u32(40),
      ...text('WAVEfmt '),
      ...u32(16),
      ...u16(1),
      ...u16(2),
      ...u32(8000),
      ...u32(32000),
      ...u16(4),
      ...u16(16),
      ...text('data'),
      ...u32(4),
      ...u16(1),
      ...u16(0xfffe),
    ]);
  });

  test('G.711 with a fact chunk and the padding of an odd length', () => {
    const bytes = writeWav({ sampleRate: 8000, channels: [Int16Array.of(0)], encoding: 'PCMA' });

    expect([...bytes.subarray(20, 22)]).toEqual(u16(6));
    expect([...bytes.subarray(38)]).toEqual([
      ...text('fact'),
      ...u32(4),
      ...u32(1),
      ...text('data'),
      ...u32(1),
      0xd5,
      0,
    ]);
  });

  test.each([
    ['no channels', [], 8000],
    ['channels of different lengths', [new Int16Array(1), new Int16Array(2)], 8000],
    ['a rate that is no rate', [new Int16Array(1)], 0.5],
  ])('not %s', (_, list, sampleRate) => {
    expect(() => writeWav({ sampleRate, channels: list })).toThrow(LandlineError);
  });
});

describe('to mono at 8 kHz', () => {
  const left = sine({ hz: 500, ms: 200, sampleRate: 48000, level: 8000 });
  const right = sine({ hz: 1500, ms: 200, sampleRate: 48000, level: 8000 });
  const stereo = readWav(writeWav({ sampleRate: 48000, channels: [left, right] }));

  test('one channel, or the mean of all', () => {
    const levels = [0, 1, undefined].map((channel) => {
      const mono = toMono8k(stereo, channel);
      expect(mono.length).toBe(1600);
      return [500, 1500].map((hz) => Math.round(toneLevel(mono, 8000, hz) / 100) * 100);
    });

    expect(levels).toEqual([
      [8000, 0],
      [0, 8000],
      [4000, 4000],
    ]);
  });

  test('a channel it does not have, and a rate nobody resamples, are refused', () => {
    expect(() => toMono8k(stereo, 2)).toThrow('no channel 2: the file has 2, from 0 on');
    expect(() => toMono8k({ ...stereo, sampleRate: 11025 })).toThrow('cannot resample 11025 Hz');
  });
});
