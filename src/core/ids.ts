import { createHmac, randomBytes, randomFillSync } from 'node:crypto';

/**
 * Ids, tokens and jitter of one call, all derived from its seed, so that a replay makes the same ones. The seed is 32
 * random bytes, so a derived media token is as unguessable as a random one.
 */
export interface Ids {
  readonly seed: string;
  /** 32 lower-case hex digits, unique per `label` and count. */
  hex(label: string): string;
  /** A UUID-shaped id (version 4 layout), unique per `label` and count. */
  uuid(label: string): string;
  /** 43 characters of base64url: 256 bits, for tokens in URLs. */
  token(label: string): string;
  /** A number in [0, 1). */
  fraction(label: string): number;
}

/** A fresh 256-bit seed, hex. The one place where chance enters a call. */
export function randomSeed(): string {
  return randomBytes(32).toString('hex');
}

/** A random UUID-shaped id outside any call (webhook ids of the emulator, request ids). */
export function randomId(): string {
  return uuidFrom(randomFillSync(Buffer.alloc(16)));
}

/** @param counts how many ids of each label were already taken, to continue after a restart. */
export function createIds(seed: string, counts: Readonly<Record<string, number>> = {}): Ids {
  const taken = new Map<string, number>(Object.entries(counts));
  const digest = (label: string): Buffer => {
    const count = (taken.get(label) ?? 0) + 1;
    taken.set(label, count);
    return createHmac('sha256', seed).update(`${label}:${count}`).digest();
  };
  return {
    seed,
    hex: (label) => digest(label).subarray(0, 16).toString('hex'),
    uuid: (label) => uuidFrom(digest(label).subarray(0, 16)),
    token: (label) => digest(label).toString('base64url'),
    fraction: (label) => digest(label).readUInt32BE(0) / 0x1_0000_0000,
  };
}

function uuidFrom(bytes: Buffer): string {
  const b = Buffer.from(bytes);
  b[6] = ((b[6] ?? 0) & 0x0f) | 0x40;
  b[8] = ((b[8] ?? 0) & 0x3f) | 0x80;
  const h = b.toString('hex');
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`;
}
