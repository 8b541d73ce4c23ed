import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { LandlineError } from '../core/errors.ts';
import type { RecordingKey, RecordingKeys } from './recording-keys.ts';

/**
 * A recording sealed at rest: AES-256-GCM in pieces, so that any part can be read without the rest and nothing can be
 * changed, cut off, moved or exchanged unseen. docs/recordings.md describes the format for other readers.
 *
 *      0       4         5        6        7     8         16      48
 *     ┌───────┬─────────┬────────┬────────┬─────┬─────────┬───────┬───────┬──────────────────┬──────────────────┬───
 *     │ LLSF  │ version │ log2   │ label  │ 0   │ key id  │ salt  │ label │ ciphertext + tag │ ciphertext + tag │ …
 *     │       │ 1       │ (16)   │ length │     │ 8 bytes │ 32    │       │ 65536      + 16  │                  │
 *     └───────┴─────────┴────────┴────────┴─────┴─────────┴───────┴───────┴──────────────────┴──────────────────┴───
 *
 * Key of the file: HKDF-SHA256(recording key, salt, "landline sealed recording 1"). Nonce of piece n: seven zero bytes, n
 * as u32 big-endian, and 1 for the last piece, else 0. Additional data of every piece: the whole header. The label names
 * the recording, so that one file cannot pass for another.
 */

export const SEAL_CHUNK: number = 64 * 1024;

const MAGIC = 'LLSF';
const VERSION = 1;
const LOG2 = Math.log2(SEAL_CHUNK);
const FIXED_BYTES = 48;
const TAG_BYTES = 16;
const SEALED_CHUNK = SEAL_CHUNK + TAG_BYTES;
const MAX_HEADER = FIXED_BYTES + 255;

/** Bytes of the sealed file that `plainBytes` make. */
export function sealedBytes(plainBytes: number, label: string): number {
  const pieces = Math.max(1, Math.ceil(plainBytes / SEAL_CHUNK));
  return FIXED_BYTES + Buffer.byteLength(label) + plainBytes + pieces * TAG_BYTES;
}

/** Seals a stream; holds one piece in memory. @param label at most 255 bytes, e.g. the call id. */
export async function* seal(
  source: AsyncIterable<Uint8Array>,
  { key, label }: { readonly key: RecordingKey; readonly label: string },
): AsyncGenerator<Buffer> {
  const salt = randomBytes(32);
  const header = headerOf(key, salt, label);
  const fileKey = fileKeyOf(key, salt);
  yield header;
  let index = 0;
  for await (const { bytes, isLast } of pieces(source, SEAL_CHUNK)) {
    const cipher = createCipheriv('aes-256-gcm', fileKey, nonce(index, isLast)).setAAD(header);
    yield Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
    index++;
  }
}

/** Where the bytes of a sealed file come from: `end` is exclusive. */
export type ReadRange = (start: number, end: number) => Promise<AsyncIterable<Uint8Array>>;

export interface Unsealed {
  /** Bytes of the recording itself. */
  readonly bytes: number;
  /** Every byte has passed its check when it comes out; `end` is exclusive. */
  readonly stream: (start: number, end: number) => AsyncGenerator<Buffer>;
}

/**
 * Opens a sealed file.
 * @param size of the sealed file.
 * @param label what it was sealed as.
 * @throws LandlineError `recording_damaged` when it is not what was sealed, `recording_key_missing` when its key is not there;
 *   also later, out of `stream`.
 */
export async function unseal(options: {
  readonly size: number;
  readonly read: ReadRange;
  readonly keys: RecordingKeys;
  readonly label: string;
}): Promise<Unsealed> {
  const { size, read, keys, label } = options;
  const { header, key, salt } = openHeader(await collect(await read(0, Math.min(size, MAX_HEADER))), keys, label);
  const fileKey = fileKeyOf(key, salt);
  const body = size - header.length;
  const count = Math.ceil(body / SEALED_CHUNK);
  const lastBytes = body - (count - 1) * SEALED_CHUNK - TAG_BYTES;
  if (count < 1 || lastBytes < 0 || (lastBytes === 0 && count > 1)) throw damaged(label, 'its end is missing');
  const bytes = body - count * TAG_BYTES;

  return {
    bytes,
    async *stream(start, end) {
      // The last piece is read even when no byte of it is wanted: of an empty recording it is all there is.
      const first = Math.min(Math.floor(start / SEAL_CHUNK), count - 1);
      const last = Math.max(first, Math.min(Math.ceil(end / SEAL_CHUNK), count) - 1);
      const from = header.length + first * SEALED_CHUNK;
      const to = Math.min(size, header.length + (last + 1) * SEALED_CHUNK);
      let index = first;
      for await (const piece of pieces(await read(from, to), SEALED_CHUNK)) {
        if (index > last) throw damaged(label, 'it is longer than it says');
        const plain = open(fileKey, header, index, index === count - 1, piece.bytes);
        if (!plain) throw damaged(label, `piece ${index} of ${count} was changed, moved or cut`);
        const at = index * SEAL_CHUNK;
        const wanted = plain.subarray(Math.max(0, start - at), Math.max(0, Math.min(plain.length, end - at)));
        if (wanted.length > 0) yield wanted;
        index++;
      }
      if (index <= last) throw damaged(label, 'its end is missing');
    },
  };
}

function headerOf(key: RecordingKey, salt: Uint8Array, label: string): Buffer {
  const name = Buffer.from(label);
  if (name.length > 255) throw new RangeError(`a label has at most 255 bytes, got ${name.length}`);
  const fixed = Buffer.from([...Buffer.from(MAGIC), VERSION, LOG2, name.length, 0]);
  return Buffer.concat([fixed, Buffer.from(key.id, 'hex'), salt, name]);
}

function openHeader(
  bytes: Buffer,
  keys: RecordingKeys,
  label: string,
): { readonly header: Buffer; readonly key: RecordingKey; readonly salt: Buffer } {
  if (bytes.length < FIXED_BYTES || bytes.toString('latin1', 0, 4) !== MAGIC) {
    throw damaged(label, 'it does not begin like a sealed recording');
  }
  if (bytes[4] !== VERSION || bytes[5] !== LOG2 || bytes[7] !== 0) {
    throw damaged(label, `it says version ${bytes.readUInt8(4)}, this Landline reads version ${VERSION}`);
  }
  const id = bytes.toString('hex', 8, 16);
  const key = keys.find(id);
  if (!key) {
    throw new LandlineError(
      'recording_key_missing',
      `the recording of ${label} is sealed with key ${id}, which is not in LANDLINE_RECORDING_KEY or LANDLINE_RECORDING_KEY_OLD`,
    );
  }
  const header = bytes.subarray(0, FIXED_BYTES + bytes.readUInt8(6));
  if (header.toString('utf8', FIXED_BYTES) !== label) throw damaged(label, 'it is the recording of something else');
  return { header, key, salt: header.subarray(16, FIXED_BYTES) };
}

function open(
  fileKey: Uint8Array,
  header: Uint8Array,
  index: number,
  isLast: boolean,
  piece: Uint8Array,
): Buffer | undefined {
  if (piece.length < TAG_BYTES) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', fileKey, nonce(index, isLast), { authTagLength: TAG_BYTES });
  decipher.setAAD(header).setAuthTag(piece.subarray(piece.length - TAG_BYTES));
  const plain = decipher.update(piece.subarray(0, piece.length - TAG_BYTES));
  try {
    decipher.final();
    return plain;
  } catch {
    return undefined;
  }
}

function fileKeyOf(key: RecordingKey, salt: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', key.bytes, salt, 'landline sealed recording 1', 32));
}

function nonce(index: number, isLast: boolean): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(index, 7);
  bytes[11] = isLast ? 1 : 0;
  return bytes;
}

/** Cuts a stream into pieces of `size`; the last one is shorter or just as long, and is empty only when all is. */
async function* pieces(
  source: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<{ readonly bytes: Buffer; readonly isLast: boolean }> {
  let held: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of source) {
    held.push(chunk);
    length += chunk.length;
    // Only when more follows is it known that a full piece is not the last one.
    if (length <= size) continue;
    const all = Buffer.concat(held);
    let at = 0;
    for (; all.length - at > size; at += size) yield { bytes: all.subarray(at, at + size), isLast: false };
    held = [all.subarray(at)];
    length = all.length - at;
  }
  yield { bytes: Buffer.concat(held), isLast: true };
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function damaged(label: string, what: string): LandlineError {
  return new LandlineError('recording_damaged', `the recording of ${label} cannot be trusted: ${what}`);
}
