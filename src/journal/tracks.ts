import { createReadStream } from 'node:fs';
import { crc32 } from 'node:zlib';
import { LandlineError, messageOf } from '../core/errors.ts';

/**
 * A call's audio track file: records one after the other, bytes of both directions as they were on the wire. What the
 * bytes mean is told by `format` records; making a WAV of them is not done here.
 *
 *      0      1      2              8        12       16
 *     ┌──────┬──────┬──────────────┬────────┬────────┬─────────────┐
 *     │ 0xA5 │ kind │ at           │ length │ crc32  │ payload     │   integers little-endian
 *     └──────┴──────┴──────────────┴────────┴────────┴─────────────┘
 *       u8     u8     u48            u32      u32      `length` bytes
 *
 * The checksum covers bytes 0 to 11 and the payload, so that a reader finds the next whole record after damage.
 */
export type TrackRecord =
  /** How the bytes of `side` are to be read from here on, e.g. codec `PCMU` at 8000. */
  | {
      readonly kind: 'format';
      /** Position on the call's clock, in samples of 8 kHz. */
      readonly at: number;
      readonly side: 'caller' | 'agent';
      readonly codec: string;
      readonly sampleRate: number;
    }
  /** Audio of the person, or of the agent as it was heard. */
  | { readonly kind: 'caller' | 'agent'; readonly at: number; readonly bytes: Uint8Array }
  /** From `at` on, `samples` of 8 kHz were not recorded, and why, e.g. `sensitive`. */
  | { readonly kind: 'gap'; readonly at: number; readonly samples: number; readonly reason: string };

/** Bytes that are not a record: a torn end, or damage. */
export interface TrackDamage {
  readonly kind: 'damage';
  readonly offset: number;
  readonly bytes: number;
}

/** Undoes what was done to a track on its way to the disk, such as sealing it. */
export type OpenTrack = (file: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

export const TRACK_VERSION = 1;

const SYNC = 0xa5;
const HEADER_BYTES = 16;
/** 8 s of G.711: far more than a frame, and small enough that a damaged length does not send a reader far. */
export const MAX_TRACK_PAYLOAD: number = 64 * 1024;
const KINDS = ['format', 'caller', 'agent', 'gap'] as const;

/** @throws RangeError for a payload over 64 KiB or a position that is not a whole number below 2^48. */
export function encodeTrackRecord(record: TrackRecord): Uint8Array {
  const payload = payloadOf(record);
  if (payload.length > MAX_TRACK_PAYLOAD) {
    throw new RangeError(`a track record carries at most ${MAX_TRACK_PAYLOAD} bytes, got ${payload.length}`);
  }
  const out = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  out[0] = SYNC;
  out[1] = KINDS.indexOf(record.kind);
  out.writeUIntLE(record.at, 2, 6);
  out.writeUInt32LE(payload.length, 8);
  out.set(payload, HEADER_BYTES);
  out.writeUInt32LE(checksum(out), 12);
  return out;
}

/**
 * Reads a track file record by record, in constant memory. Bytes that are no record are reported as damage, and reading
 * goes on after them.
 *
 * @param open makes the file's bytes what the recorder wrote, when they do not lie there as such.
 * @throws LandlineError `journal_invalid` when there is no such file or a later Landline wrote it.
 */
export async function* readTrack(path: string, open?: OpenTrack): AsyncGenerator<TrackRecord | TrackDamage> {
  const parser = createTrackParser();
  try {
    const file: AsyncIterable<Uint8Array> = createReadStream(path);
    for await (const chunk of open ? open(file) : file) yield* parser.push(chunk);
    yield* parser.end();
  } catch (thrown) {
    throw new LandlineError('journal_invalid', `the track ${path} cannot be read: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}

export interface TrackParser {
  push(bytes: Uint8Array): Generator<TrackRecord | TrackDamage>;
  /** No more bytes will come: what is left is damage, or records behind it. */
  end(): Generator<TrackRecord | TrackDamage>;
}

/** The reader without the file: takes pieces of any size. */
export function createTrackParser(): TrackParser {
  let data: Buffer = Buffer.alloc(0);
  /** Where in the file `data` begins. */
  let offset = 0;
  let damaged = 0;

  function* parse(isLast: boolean): Generator<TrackRecord | TrackDamage> {
    let at = 0;
    for (;;) {
      const found = recordAt(data, at);
      if (found === 'short' && !isLast) break;
      if (at === data.length) break;
      if (typeof found === 'string') {
        at += 1;
        damaged += 1;
        continue;
      }
      if (damaged > 0) yield { kind: 'damage', offset: offset + at - damaged, bytes: damaged };
      damaged = 0;
      yield found.record;
      at += found.bytes;
    }
    data = data.subarray(at);
    offset += at;
    if (isLast && damaged > 0) yield { kind: 'damage', offset: offset - damaged, bytes: damaged };
  }

  return {
    *push(bytes) {
      data = data.length === 0 ? Buffer.from(bytes) : Buffer.concat([data, bytes]);
      yield* parse(false);
    },
    end: () => parse(true),
  };
}

/** `short`: more bytes could still make it a record. */
function recordAt(
  data: Buffer,
  at: number,
): { readonly record: TrackRecord; readonly bytes: number } | 'short' | 'none' {
  if (at < data.length && data[at] !== SYNC) return 'none';
  if (data.length - at < HEADER_BYTES) return 'short';
  const kind = KINDS[data.readUInt8(at + 1)];
  const length = data.readUInt32LE(at + 8);
  if (!kind || length > MAX_TRACK_PAYLOAD) return 'none';
  const bytes = HEADER_BYTES + length;
  if (data.length - at < bytes) return 'short';
  const whole = data.subarray(at, at + bytes);
  if (checksum(whole) !== whole.readUInt32LE(12)) return 'none';
  const record = recordOf(kind, whole.readUIntLE(2, 6), whole.subarray(HEADER_BYTES));
  return record ? { record, bytes } : 'none';
}

function checksum(record: Buffer): number {
  return crc32(record.subarray(HEADER_BYTES), crc32(record.subarray(0, 12)));
}

function payloadOf(record: TrackRecord): Uint8Array {
  switch (record.kind) {
    case 'format': {
      const { side, codec, sampleRate } = record;
      return Buffer.from(JSON.stringify({ version: TRACK_VERSION, side, codec, sampleRate }));
    }
    case 'gap':
      return Buffer.from(JSON.stringify({ samples: record.samples, reason: record.reason }));
    case 'caller':
    case 'agent':
      return record.bytes;
  }
}

function recordOf(kind: TrackRecord['kind'], at: number, payload: Buffer): TrackRecord | undefined {
  if (kind === 'caller' || kind === 'agent') return { kind, at, bytes: payload };
  const value = parseObject(payload);
  if (kind === 'gap') {
    const { samples, reason } = value;
    return typeof samples === 'number' && typeof reason === 'string' ? { kind, at, samples, reason } : undefined;
  }
  const { version, side, codec, sampleRate } = value;
  if (typeof version === 'number' && version > TRACK_VERSION) {
    throw new Error(
      `track version ${version}, this Landline reads version ${TRACK_VERSION}: read it with a newer Landline`,
    );
  }
  if (version !== TRACK_VERSION || (side !== 'caller' && side !== 'agent')) return undefined;
  if (typeof codec !== 'string' || typeof sampleRate !== 'number') return undefined;
  return { kind, at, side, codec, sampleRate };
}

function parseObject(payload: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(payload.toString('utf8'));
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
