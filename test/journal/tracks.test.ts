import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createTrackParser,
  encodeTrackRecord,
  MAX_TRACK_PAYLOAD,
  readTrack,
  type TrackDamage,
  type TrackRecord,
} from '../../src/journal/tracks.ts';
import { temporaryFolder } from './samples.ts';

const at = fc.maxSafeNat().map((n) => n % 2 ** 48);
const side = fc.constantFrom('caller' as const, 'agent' as const);
const trackRecord: fc.Arbitrary<TrackRecord> = fc.oneof(
  fc.record({
    kind: fc.constant('format' as const),
    at,
    side,
    codec: fc.string(),
    sampleRate: fc.constantFrom(8000, 16000),
  }),
  fc.record({ kind: side, at, bytes: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)) }),
  fc.record({ kind: fc.constant('gap' as const), at, samples: fc.nat(), reason: fc.string() }),
);

function parse(bytes: Uint8Array, pieceBytes = bytes.length): (TrackRecord | TrackDamage)[] {
  const parser = createTrackParser();
  const found: (TrackRecord | TrackDamage)[] = [];
  for (let from = 0; from < bytes.length; from += pieceBytes)
    found.push(...parser.push(bytes.subarray(from, from + pieceBytes)));
  found.push(...parser.end());
  return found;
}

/** A record with a right checksum and any content. */
function rawRecord(kind: number, payload: string): Uint8Array {
  const bytes = Buffer.concat([Buffer.alloc(16), Buffer.from(payload)]);
  bytes[0] = 0xa5;
  bytes[1] = kind;
  bytes.writeUInt32LE(payload.length, 8);
  bytes.writeUInt32LE(crc32(Buffer.concat([bytes.subarray(0, 12), bytes.subarray(16)])), 12);
  return bytes;
}

describe('a track', () => {
  it('reads back as it was written, whatever the pieces it is read in', () => {
    fc.assert(
      fc.property(fc.array(trackRecord, { maxLength: 12 }), fc.integer({ min: 1, max: 500 }), (records, pieceBytes) => {
        expect(parse(Buffer.concat(records.map(encodeTrackRecord)), pieceBytes)).toEqual(records);
      }),
    );
  });

  it('has the documented bytes', () => {
    const bytes = encodeTrackRecord({ kind: 'caller', at: 0x010203040506, bytes: Buffer.from([0xff, 0x7f]) });

    // crc32 of `a5 01 06 05 04 03 02 01 02 00 00 00` followed by `ff 7f`, computed with Python's zlib.
    expect(Buffer.from(bytes).toString('hex')).toBe('a5010605040302010200000015f09192ff7f');
  });

  it('cut at any byte of its last record loses that record only', () => {
    const first: TrackRecord = { kind: 'format', at: 0, side: 'caller', codec: 'PCMU', sampleRate: 8000 };
    const whole = encodeTrackRecord(first);
    // Payload bytes that look like records themselves.
    const last = encodeTrackRecord({ kind: 'agent', at: 160, bytes: Buffer.alloc(40, 0xa5) });

    for (let cut = 1; cut < last.length; cut += 1) {
      expect(parse(Buffer.concat([whole, last.subarray(0, cut)]))).toEqual([
        first,
        { kind: 'damage', offset: whole.length, bytes: cut },
      ]);
    }
  });

  it('goes on after damage in the middle: a torn record that a new process wrote behind', () => {
    fc.assert(
      fc.property(
        trackRecord,
        trackRecord,
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        (torn, next, part) => {
          const bytes = encodeTrackRecord(torn);
          const kept = bytes.subarray(0, Math.floor(part * bytes.length));
          const file = Buffer.concat([kept, encodeTrackRecord(next)]);
          // Once in 256 times the next record begins with the very byte that the torn one lacks, and makes it whole.
          fc.pre(Buffer.compare(file.subarray(0, bytes.length), bytes) !== 0);

          const found = parse(file);

          const damage = { kind: 'damage', offset: 0, bytes: kept.length };
          expect(found).toEqual(kept.length === 0 ? [next] : [damage, next]);
        },
      ),
    );
  });

  it('gives no record of which a byte was changed', () => {
    const before = encodeTrackRecord({ kind: 'caller', at: 0, bytes: Buffer.from('before') });
    const middle = encodeTrackRecord({ kind: 'caller', at: 6, bytes: Buffer.from('middle') });
    const after = encodeTrackRecord({ kind: 'caller', at: 12, bytes: Buffer.from('after') });

    for (let n = 0; n < middle.length; n += 1) {
      const changed = Buffer.from(middle);
      changed[n] = changed[n]! ^ 0x04;
      const found = parse(Buffer.concat([before, changed, after]));
      expect(found.map((item) => ('bytes' in item && typeof item.bytes === 'number' ? item.bytes : item.kind))).toEqual(
        ['caller', middle.length, 'caller'],
      );
    }
  });

  it('reads from a file', async () => {
    const path = join(temporaryFolder(), 'c.track');
    const records = Array.from({ length: 2000 }, (_, n): TrackRecord => ({
      kind: n % 2 === 0 ? 'caller' : 'agent',
      at: n * 80,
      bytes: Buffer.alloc(160, n & 0xff),
    }));
    writeFileSync(path, Buffer.concat(records.map(encodeTrackRecord)));

    const found = [];
    for await (const item of readTrack(path)) found.push(item);

    expect(found).toEqual(records);
  });

  it('that does not exist is refused, naming the file', async () => {
    const path = join(temporaryFolder(), 'none.track');

    await expect(readTrack(path).next()).rejects.toMatchObject({ code: 'journal_invalid' });
    await expect(readTrack(path).next()).rejects.toThrow(path);
  });

  it('of a later version is refused, naming the file and what to do', async () => {
    const path = join(temporaryFolder(), 'c.track');
    writeFileSync(path, rawRecord(0, '{"version":2}'));

    await expect(readTrack(path).next()).rejects.toMatchObject({
      code: 'journal_invalid',
      message: `the track ${path} cannot be read: track version 2, this Landline reads version 1: read it with a newer Landline`,
    });
  });

  it.each([
    [0, '{"version":1,"side":"caller","codec":"PCMU"}'],
    [0, '{"version":1,"side":"middle","codec":"PCMU","sampleRate":8000}'],
    [0, 'null'],
    [3, '{"samples":"1","reason":"x"}'],
    [3, 'not JSON'],
    [4, ''],
  ])('takes a whole record that says nothing known (kind %d, %j) for damage', (kind, payload) => {
    const bytes = rawRecord(kind, payload);

    expect(parse(bytes)).toEqual([{ kind: 'damage', offset: 0, bytes: bytes.length }]);
  });

  it('refuses to make a record that no reader would take', () => {
    const bytes = Buffer.alloc(MAX_TRACK_PAYLOAD);
    expect(parse(encodeTrackRecord({ kind: 'caller', at: 0, bytes }))).toEqual([{ kind: 'caller', at: 0, bytes }]);

    expect(() => encodeTrackRecord({ kind: 'caller', at: 0, bytes: Buffer.alloc(MAX_TRACK_PAYLOAD + 1) })).toThrow(
      RangeError,
    );
    expect(() => encodeTrackRecord({ kind: 'caller', at: -1, bytes })).toThrow(RangeError);
    expect(() => encodeTrackRecord({ kind: 'caller', at: 2 ** 48, bytes })).toThrow(RangeError);
  });
});
