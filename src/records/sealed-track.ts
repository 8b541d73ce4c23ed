import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { RecordingKey, RecordingKeys } from './recording-keys.ts';

/**
 * The track of a call while a recording key is set: every record of the track, sealed for itself, because a killed process
 * must leave a track that can be read, and a full disk queue may drop any record.
 *
 *      0      1         2        10      26        34       38
 *     ┌──────┬─────────┬────────┬───────┬─────────┬────────┬─────────────┬─────┐
 *     │ 0xA6 │ version │ key id │ salt  │ counter │ length │ ciphertext  │ tag │   integers big-endian
 *     │      │ 1       │ 8      │ 16    │ u64     │ u32    │ length      │ 16  │
 *     └──────┴─────────┴────────┴───────┴─────────┴────────┴─────────────┴─────┘
 *
 * Key: HKDF-SHA256(recording key, salt, "landline sealed track 1 " and the call id); the salt is new for every process that
 * writes the track. Nonce: four zero bytes and the counter, which only grows. Additional data: bytes 0 to 37.
 */

const SYNC = 0xa6;
const VERSION = 1;
const HEADER_BYTES = 38;
const SALT_AT = 10;
const COUNTER_AT = 26;
const LENGTH_AT = 34;
const TAG_BYTES = 16;
/** More than any track record has. */
const MAX_RECORD = 128 * 1024;

/** Seals the records of one call's track, one after the other. */
export function createTrackSealer(key: RecordingKey, callId: string): (record: Uint8Array) => Uint8Array {
  const salt = randomBytes(16);
  const trackKey = trackKeyOf(key, salt, callId);
  let counter = 0n;
  return (record) => {
    const out = Buffer.allocUnsafe(HEADER_BYTES + record.length + TAG_BYTES);
    out[0] = SYNC;
    out[1] = VERSION;
    out.write(key.id, 2, 'hex');
    out.set(salt, SALT_AT);
    out.writeBigUInt64BE(counter++, COUNTER_AT);
    out.writeUInt32BE(record.length, LENGTH_AT);
    const cipher = createCipheriv('aes-256-gcm', trackKey, nonceOf(out));
    cipher.setAAD(out.subarray(0, HEADER_BYTES));
    out.set(cipher.update(record), HEADER_BYTES);
    cipher.final();
    out.set(cipher.getAuthTag(), HEADER_BYTES + record.length);
    return out;
  };
}

/**
 * Makes the bytes of a track file what the recorder wrote. Records in clear (from before a key was set) pass as they are,
 * and so does everything that cannot be opened: the track's reader then reports it as damage.
 */
export async function* openTrack(
  source: AsyncIterable<Uint8Array>,
  keys: RecordingKeys,
  callId: string,
): AsyncGenerator<Uint8Array> {
  const known = new Map<string, Uint8Array>();
  /** Last counter of each salt: a record that is not newer was moved, or put there a second time. */
  const newest = new Map<string, bigint>();

  const trackKey = (id: string, salt: Buffer): Uint8Array | undefined => {
    const name = id + salt.toString('hex');
    const key = keys.find(id);
    const derived = known.get(name) ?? (key && trackKeyOf(key, salt, callId));
    if (derived) known.set(name, derived);
    return derived;
  };

  /** The record that begins at `at`; `short`: more bytes could make it one. */
  const recordAt = (
    data: Buffer,
    at: number,
  ): { readonly plain: Uint8Array; readonly bytes: number } | 'short' | 'none' => {
    if (data.length - at < HEADER_BYTES) return 'short';
    const header = data.subarray(at, at + HEADER_BYTES);
    const length = header.readUInt32BE(LENGTH_AT);
    if (header[1] !== VERSION || length > MAX_RECORD) return 'none';
    const salt = header.subarray(SALT_AT, COUNTER_AT);
    const derived = trackKey(header.toString('hex', 2, SALT_AT), salt);
    if (!derived) return 'none';
    const bytes = HEADER_BYTES + length + TAG_BYTES;
    if (data.length - at < bytes) return 'short';
    const decipher = createDecipheriv('aes-256-gcm', derived, nonceOf(header), { authTagLength: TAG_BYTES });
    decipher.setAAD(header).setAuthTag(data.subarray(at + bytes - TAG_BYTES, at + bytes));
    const plain = decipher.update(data.subarray(at + HEADER_BYTES, at + bytes - TAG_BYTES));
    try {
      decipher.final();
    } catch {
      return 'none';
    }
    const counter = header.readBigUInt64BE(COUNTER_AT);
    const name = salt.toString('hex');
    if (counter <= (newest.get(name) ?? -1n)) return 'none';
    newest.set(name, counter);
    return { plain, bytes };
  };

  let data: Buffer = Buffer.alloc(0);
  function* parse(isLast: boolean): Generator<Uint8Array> {
    let at = 0;
    let clear = 0;
    for (;;) {
      const next = data.indexOf(SYNC, at);
      if (next === -1) {
        at = data.length;
        break;
      }
      at = next;
      const found = recordAt(data, at);
      if (found === 'short' && !isLast) break;
      if (typeof found === 'string') {
        at++;
        continue;
      }
      if (at > clear) yield data.subarray(clear, at);
      yield found.plain;
      at += found.bytes;
      clear = at;
    }
    if (at > clear) yield data.subarray(clear, at);
    data = data.subarray(at);
  }

  for await (const chunk of source) {
    data = data.length === 0 ? Buffer.from(chunk) : Buffer.concat([data, chunk]);
    yield* parse(false);
  }
  yield* parse(true);
}

function trackKeyOf(key: RecordingKey, salt: Uint8Array, callId: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key.bytes, salt, `landline sealed track 1 ${callId}`, 32));
}

function nonceOf(header: Buffer): Buffer {
  const nonce = Buffer.alloc(12);
  header.copy(nonce, 4, COUNTER_AT, COUNTER_AT + 8);
  return nonce;
}
