import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTrackParser, encodeTrackRecord, type TrackDamage, type TrackRecord } from '../../src/journal/tracks.ts';
import { recordingKey, recordingKeys } from '../../src/records/recording-keys.ts';
import { createTrackSealer, openTrack } from '../../src/records/sealed-track.ts';

const key = recordingKey(Buffer.alloc(32, 1));
const keys = recordingKeys(key);
const FORMAT: TrackRecord = { kind: 'format', at: 0, side: 'caller', codec: 'PCMU', sampleRate: 8000 };

function audio(n: number): TrackRecord {
  return { kind: 'caller', at: n * 3200, bytes: Buffer.alloc(3200, n) };
}

async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(
  file: Uint8Array,
  known = keys,
  callId = 'call_1',
  size = 1000,
): Promise<(TrackRecord | TrackDamage)[]> {
  const parser = createTrackParser();
  const found: (TrackRecord | TrackDamage)[] = [];
  for await (const chunk of openTrack(cut(file, size), known, callId)) found.push(...parser.push(chunk));
  found.push(...parser.end());
  return found.map((one) =>
    one.kind === 'caller' || one.kind === 'agent' ? { ...one, bytes: Buffer.from(one.bytes) } : one,
  );
}

const records = [FORMAT, audio(1), audio(2), audio(3)];
const sealedRecords = (seal = createTrackSealer(key, 'call_1'), of = records): Uint8Array[] =>
  of.map((record) => seal(encodeTrackRecord(record)));
const kinds = (found: readonly (TrackRecord | TrackDamage)[]): string[] =>
  found.map((one) => ('at' in one ? `${one.kind} ${one.at}` : one.kind));

describe('a sealed track', () => {
  it('comes back record by record, whatever pieces it is read in', async () => {
    const file = Buffer.concat(sealedRecords());

    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 9000 }), async (size) => {
        expect(await read(file, keys, 'call_1', size)).toEqual(records);
      }),
      { numRuns: 30 },
    );
  });

  it('holds nothing of the audio in clear', () => {
    const file = Buffer.concat(sealedRecords());

    expect(file.includes(Buffer.alloc(16, 2))).toBe(false);
    expect(file.includes('PCMU')).toBe(false);
  });

  it('is read up to the last whole record after a kill', async () => {
    const file = Buffer.concat(sealedRecords());

    const found = await read(file.subarray(0, file.length - 100));

    expect(kinds(found).slice(0, 3)).toEqual(['format 0', 'caller 3200', 'caller 6400']);
    expect(kinds(found).slice(3)).toEqual(['damage']);
  });

  it('does not miss a record that was dropped on the way', async () => {
    const [a = FILLER, , c = FILLER, d = FILLER] = sealedRecords();

    expect(kinds(await read(Buffer.concat([a, c, d])))).toEqual(['format 0', 'caller 6400', 'caller 9600']);
  });

  it('goes on in another process, with another key, and after records in clear', async () => {
    const newer = recordingKey(Buffer.alloc(32, 2));
    const [first = FORMAT, second = FORMAT, third = FORMAT, fourth = FORMAT] = records;
    const file = Buffer.concat([
      encodeTrackRecord(first),
      createTrackSealer(key, 'call_1')(encodeTrackRecord(second)),
      createTrackSealer(key, 'call_1')(encodeTrackRecord(third)),
      createTrackSealer(newer, 'call_1')(encodeTrackRecord(fourth)),
    ]);

    expect(await read(file, recordingKeys(newer, [key]))).toEqual(records);
  });

  it('leaves a track in clear as it is', async () => {
    // 0xA6 is how a sealed record begins.
    const clear: TrackRecord[] = [FORMAT, { kind: 'agent', at: 5, bytes: Buffer.alloc(3200, 0xa6) }];

    expect(await read(Buffer.concat(clear.map((record) => encodeTrackRecord(record))))).toEqual(clear);
  });

  it.each([
    ['without its key', recordingKeys(recordingKey(Buffer.alloc(32, 9))), 'call_1'],
    ['as the track of another call', keys, 'call_2'],
  ])('is damage and nothing else %s', async (_, known, callId) => {
    expect(kinds(await read(Buffer.concat(sealedRecords()), known, callId))).toEqual(['damage']);
  });

  it('loses only the record that was changed, and says so', async () => {
    const parts = sealedRecords();
    const file = Buffer.concat(parts);
    const start = (parts[0]?.length ?? 0) + 0;
    const end = start + (parts[1]?.length ?? 0);

    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: start, max: end - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, change) => {
          const bad = Buffer.from(file);
          bad[at] = bad.readUInt8(at) ^ change;
          expect(kinds(await read(bad))).toEqual(['format 0', 'damage', 'caller 6400', 'caller 9600']);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('shows records that changed places or were put in twice', async () => {
    const [a = FILLER, b = FILLER, c = FILLER] = sealedRecords();

    expect(kinds(await read(Buffer.concat([a, c, b])))).toEqual(['format 0', 'caller 6400', 'damage']);
    expect(kinds(await read(Buffer.concat([a, b, b, c])))).toEqual([
      'format 0',
      'caller 3200',
      'damage',
      'caller 6400',
    ]);
  });
});

const FILLER = new Uint8Array(0);
