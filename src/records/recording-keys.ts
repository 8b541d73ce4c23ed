import { createHmac } from 'node:crypto';

/** A key for recordings at rest. Files name it by its id, which tells nothing about it. */
export interface RecordingKey {
  /** 8 bytes, as hex. */
  readonly id: string;
  /** 32 bytes. */
  readonly bytes: Uint8Array;
}

export interface RecordingKeys {
  /** What new recordings are sealed with; undefined: they lie in clear. */
  readonly current: RecordingKey | undefined;
  /** The current key or an older one. */
  readonly find: (id: string) => RecordingKey | undefined;
}

export const KEY_VARIABLE = 'LANDLINE_RECORDING_KEY';
export const OLD_KEYS_VARIABLE = 'LANDLINE_RECORDING_KEY_OLD';

const KEY_BYTES = 32;

export const NO_RECORDING_KEYS: RecordingKeys = { current: undefined, find: () => undefined };

/**
 * Reads `LANDLINE_RECORDING_KEY` and the comma separated `LANDLINE_RECORDING_KEY_OLD`. A value that is no key is reported
 * without being shown.
 */
export function readRecordingKeys(
  env: Readonly<Record<string, string | undefined>>,
  complain: (where: string, what: string) => void,
): RecordingKeys {
  const parse = (where: string, text: string): RecordingKey | undefined => {
    const bytes = keyBytes(text);
    if (typeof bytes !== 'number') return recordingKey(bytes);
    complain(
      where,
      `must be ${KEY_BYTES} bytes in base64 or hex, this is ${bytes === 0 ? 'neither' : `${bytes} bytes`}; make one with: openssl rand -base64 32`,
    );
    return undefined;
  };
  const text = env[KEY_VARIABLE]?.trim() ?? '';
  const current = text === '' ? undefined : parse(KEY_VARIABLE, text);
  const old = (env[OLD_KEYS_VARIABLE] ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
    .flatMap((one) => parse(OLD_KEYS_VARIABLE, one) ?? []);
  return recordingKeys(current, old);
}

/** @param old keys that files may still be sealed with. */
export function recordingKeys(current: RecordingKey | undefined, old: readonly RecordingKey[] = []): RecordingKeys {
  const all = new Map([...old, ...(current ? [current] : [])].map((key) => [key.id, key]));
  return { current, find: (id) => all.get(id) };
}

/** @throws RangeError unless there are 32 bytes. */
export function recordingKey(bytes: Uint8Array): RecordingKey {
  if (bytes.length !== KEY_BYTES) throw new RangeError(`a recording key has ${KEY_BYTES} bytes, got ${bytes.length}`);
  const id = createHmac('sha256', bytes).update('landline recording key id').digest('hex').slice(0, 16);
  return { id, bytes };
}

/** The bytes, or how many there are when the number is wrong; 0 for text that is neither hex nor base64. */
function keyBytes(text: string): Uint8Array | number {
  const isHex = /^(?:[0-9a-f]{2})+$/i.test(text);
  const isBase64 = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text);
  if (!isHex && !isBase64) return 0;
  // 64 hex digits are also base64, of 48 bytes, which is no key: hex is meant.
  const bytes = Buffer.from(text, isHex && text.length === KEY_BYTES * 2 ? 'hex' : 'base64');
  return bytes.length === KEY_BYTES ? bytes : bytes.length;
}
