import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { LandlineError } from '../core/errors.ts';
import { FILE_MODE, FOLDER_MODE, isCallId } from '../journal/layout.ts';
import { RECORDING_FORMATS } from './encoder.ts';
import type { Wish } from './recording-library.ts';

/** What a link opens. */
export interface LinkTarget extends Wish {
  readonly callId: string;
}

const SECRET_BYTES = 32;

/**
 * What only this installation knows: made once, kept in the data directory. Links are signed with it, and API keys named.
 * Change it, and every link made is void.
 */
export function installationSecret(dataDir: string): Buffer {
  const path = join(dataDir, 'link-secret');
  const read = (): Buffer | undefined => {
    try {
      const bytes = Buffer.from(readFileSync(path, 'utf8').trim(), 'hex');
      // Cut off by a kill while it was written: no link was made with it yet.
      return bytes.length === SECRET_BYTES ? bytes : undefined;
    } catch (thrown) {
      if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
      throw thrown;
    }
  };
  const known = read();
  if (known) return known;
  const made = randomBytes(SECRET_BYTES);
  mkdirSync(dataDir, { recursive: true, mode: FOLDER_MODE });
  const fd = openSync(path, 'w', FILE_MODE);
  try {
    writeSync(fd, `${made.toString('hex')}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return made;
}

/** Tokens that open one recording until a time: `base64url(JSON) . base64url(HMAC-SHA256)`. */
export class RecordingLinks {
  readonly #secret: Uint8Array;

  /** @param secret 32 bytes; see {@link installationSecret}. */
  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  /** @param expiresAt wall milliseconds. */
  sign({ callId, format, id }: LinkTarget, expiresAt: number): string {
    const body = Buffer.from(JSON.stringify([callId, expiresAt, format ?? '', id ?? ''])).toString('base64url');
    return `${body}.${this.#mac(body).toString('base64url')}`;
  }

  /** @throws LandlineError `recording_link_invalid`, `recording_link_expired` */
  open(token: string, now: number): LinkTarget {
    const [body = '', mac = '', ...more] = token.split('.');
    const expected = this.#mac(body);
    const given = Buffer.from(mac, 'base64url');
    // What follows is only read once it is known to be ours.
    if (more.length > 0 || given.length !== expected.length || !timingSafeEqual(given, expected)) throw invalid();
    const [callId, expiresAt, format, id] = JSON.parse(Buffer.from(body, 'base64url').toString()) as [
      string,
      number,
      string,
      string,
    ];
    if (!isCallId(callId)) throw invalid();
    if (now >= expiresAt) {
      throw new LandlineError('recording_link_expired', 'this link to a recording has expired; ask for a new one');
    }
    return { callId, format: RECORDING_FORMATS.find((known) => known === format), id: id === '' ? undefined : id };
  }

  #mac(body: string): Buffer {
    return createHmac('sha256', this.#secret).update(`landline recording link ${body}`).digest();
  }
}

function invalid(): LandlineError {
  return new LandlineError('recording_link_invalid', 'this is not a link to a recording; copy it whole');
}
