import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import alawmulaw from 'alawmulaw';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { G711 } from '../../src/audio/format.ts';
import {
  decodeG711,
  decodeG711Into,
  encodeG711,
  encodeG711Into,
  silenceByte,
  transcodeG711,
} from '../../src/audio/g711.ts';

const CODES = Uint8Array.from({ length: 256 }, (_, code) => code);
const SAMPLES = Int16Array.from({ length: 65536 }, (_, n) => n - 32768);

/** The rules of ITU-T G.711 as its software tools (G.191, g711.c) state them: one's complement, then 14 or 13 bits. */
const ITU = {
  PCMU: {
    decode(code: number): number {
      const inverted = ~code & 0xff;
      const exponent = (inverted >> 4) & 7;
      const step = 8 << exponent;
      const size = (0x80 << exponent) + step * (inverted & 15) + step / 2 - 4 * 33;
      return code & 0x80 ? size : 0 - size;
    },
    encode(sample: number): number {
      const size = Math.min(((sample < 0 ? ~sample : sample) >> 2) + 33, 0x1fff);
      let segment = 1;
      for (let rest = size >> 6; rest !== 0; rest >>= 1) segment++;
      const code = ((8 - segment) << 4) | (15 - ((size >> segment) & 15));
      return sample >= 0 ? code | 0x80 : code;
    },
    /** Place of a code on the scale from loudest negative to loudest positive. */
    place: (code: number): number => (code & 0x80 ? 255 - code : code - 128),
  },
  PCMA: {
    decode(code: number): number {
      const plain = (code ^ 0x55) & 0x7f;
      const exponent = plain >> 4;
      const mantissa = (((plain & 15) + (exponent > 0 ? 16 : 0)) << 4) + 8;
      const size = exponent > 1 ? mantissa << (exponent - 1) : mantissa;
      return code & 0x80 ? size : 0 - size;
    },
    encode(sample: number): number {
      let size = (sample < 0 ? ~sample : sample) >> 4;
      if (size > 15) {
        let exponent = 1;
        for (; size > 31; size >>= 1) exponent++;
        size += (exponent << 4) - 16;
      }
      return (sample >= 0 ? size | 0x80 : size) ^ 0x55;
    },
    place: (code: number): number => ((code ^ 0x55) & 0x80 ? (code ^ 0x55) & 0x7f : -1 - ((code ^ 0x55) & 0x7f)),
  },
} as const;

describe.each(['PCMU', 'PCMA'] as const)('%s', (law: G711) => {
  const reference = law === 'PCMU' ? alawmulaw.mulaw : alawmulaw.alaw;

  test('decodes all 256 codes as the ITU rule says', () => {
    expect([...decodeG711(law, CODES)]).toEqual([...CODES].map((code) => ITU[law].decode(code)));
  });

  test('encodes all 65536 samples as alawmulaw does', () => {
    expect(Buffer.compare(encodeG711(law, SAMPLES), reference.encode(SAMPLES))).toBe(0);
  });

  test('encodes within one step of the ITU rule, and differs only at 127 negative thresholds', () => {
    const codes = encodeG711(law, SAMPLES);
    let differing = 0;
    let farthest = 0;
    SAMPLES.forEach((sample, n) => {
      const ours = codes[n]!;
      const theirs = ITU[law].encode(sample);
      if (ours === theirs) return;
      differing++;
      expect(sample).toBeLessThan(0);
      farthest = Math.max(farthest, Math.abs(ITU[law].place(ours) - ITU[law].place(theirs)));
    });
    expect({ differing, farthest }).toEqual({ differing: 127, farthest: 1 });
  });

  test('encoding what was decoded gives the code back, but for the negative zero of mu-law', () => {
    const expected = [...CODES].map((code) => (law === 'PCMU' && code === 0x7f ? 0xff : code));

    expect([...encodeG711(law, decodeG711(law, CODES))]).toEqual(expected);
  });

  test('loses at most half a step: the error grows with the level and stays below 4 %', () => {
    const back = decodeG711(law, encodeG711(law, SAMPLES));
    let worst = 0;
    SAMPLES.forEach((sample, n) => {
      const beyondSmallestStep = Math.max(0, Math.abs(back[n]! - sample) - 16);
      worst = Math.max(worst, beyondSmallestStep / Math.max(1, Math.abs(sample)));
    });
    expect(worst).toBeLessThan(0.04);
  });

  test('the Into forms write at the offset, report the count and leave the rest alone', () => {
    const samples = new Int16Array(6).fill(7);
    const codes = new Uint8Array(6).fill(7);

    expect(decodeG711Into(law, Uint8Array.of(0, 0x80), samples, 3)).toBe(2);
    expect(encodeG711Into(law, samples.subarray(3, 5), codes, 1)).toBe(2);

    expect([...samples]).toEqual([7, 7, 7, ITU[law].decode(0), ITU[law].decode(0x80), 7]);
    expect([...codes]).toEqual([7, 0, 0x80, 7, 7, 7]);
  });

  test('a buffer that is too short is refused before anything is written', () => {
    const samples = new Int16Array(2);

    expect(() => decodeG711Into(law, Uint8Array.of(0, 0, 0), samples)).toThrow(RangeError);
    expect(() => encodeG711Into(law, samples, new Uint8Array(2), 1)).toThrow(RangeError);
    expect(() => encodeG711Into(law, samples, new Uint8Array(2), -1)).toThrow(RangeError);
    expect([...samples]).toEqual([0, 0]);
  });

  test('encoding silence gives the silence byte', () => {
    expect([...encodeG711(law, new Int16Array(3))]).toEqual(Array(3).fill(silenceByte(law)));
  });
});

test('silence is 0xFF in mu-law and 0xD5 in A-law', () => {
  expect([silenceByte('PCMU'), silenceByte('PCMA')]).toEqual([0xff, 0xd5]);
});

test('transcoding is decoding and encoding again', () => {
  const law = fc.constantFrom<G711>('PCMU', 'PCMA');
  fc.assert(
    fc.property(law, law, fc.uint8Array({ maxLength: 400 }), (from, to, bytes) => {
      const expected = from === to ? bytes : encodeG711(to, decodeG711(from, bytes));
      expect([...transcodeG711(from, to, bytes)]).toEqual([...expected]);
    }),
  );
});

test('transcoding within one law copies, so the input may be reused', () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const copy = transcodeG711('PCMU', 'PCMU', bytes);
  bytes.fill(0);

  expect([...copy]).toEqual([1, 2, 3]);
});

// vitest resolves CommonJS more kindly than Node does: a named import of alawmulaw would pass here and fail in production.
test('loads in plain Node', () => {
  const file = fileURLToPath(new URL('../../src/audio/g711.ts', import.meta.url));
  const script = `import(${JSON.stringify(file)}).then(({ silenceByte }) => process.stdout.write(String(silenceByte('PCMU'))))`;

  expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' })).toBe('255');
});
