import { createPublicKey, type KeyObject, verify as verifySignature } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { LandlineError } from '../core/errors.ts';
import { decodeBase64 } from './base64.ts';

/*
 * Why not the SDK's `TelnyxWebhook.verify`: it imports the key again for every webhook (0.18 ms against 0.11 ms, and a
 * flood of forged webhooks pays it on our one core), it is asynchronous (a forgotten `await` lets everything in), it
 * reports by throwing two kinds of errors, and it turns the body into a string first. The rules are the same; the tests
 * hold this file against the SDK as a second opinion.
 */

export type Verdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'missing_headers' | 'bad_timestamp' | 'stale' | 'bad_signature' };

export interface SignatureHeaders {
  /** `telnyx-timestamp`: Unix seconds, decimal. */
  readonly timestamp?: string | undefined;
  /** `telnyx-signature-ed25519`: base64 of 64 bytes. */
  readonly signature?: string | undefined;
}

export interface Verifier {
  /** Did Telnyx sign exactly these bytes within the last 300 s? Never throws, cheap checks first. */
  verify(rawBody: Buffer, headers: SignatureHeaders): Verdict;
}

const TOLERANCE_S = 300;
const SIGNATURE_BYTES = 64;
const SIGNATURE_CHARS = 88;
const KEY_BYTES = 32;
/** DER header of an Ed25519 SubjectPublicKeyInfo (RFC 8410); the 32 key bytes follow. */
const SPKI_HEADER = Buffer.from('302a300506032b6570032100', 'hex');
const WHERE =
  'Copy it from the Telnyx portal (Account settings, Keys & credentials, Public key): 32 bytes in base64, 44 characters ending in "="';

/**
 * Ed25519 over `timestamp|rawBody`, with every configured key tried, so that a key can be rotated.
 * @param publicKeysBase64 as shown by the Telnyx portal.
 * @throws LandlineError `config_invalid` when there is no key or one is not a raw Ed25519 key; says what it looks like.
 */
export function createVerifier(publicKeysBase64: readonly string[], clock: Clock): Verifier {
  if (publicKeysBase64.length === 0) {
    throw new LandlineError('config_invalid', `The Telnyx public key (TELNYX_PUBLIC_KEY) is missing. ${WHERE}.`);
  }
  const keys = publicKeysBase64.map(importKey);
  const signature = new Uint8Array(SIGNATURE_BYTES);

  return {
    verify(rawBody, headers) {
      const { timestamp, signature: encoded } = headers;
      if (!isPresent(timestamp) || !isPresent(encoded)) return { ok: false, reason: 'missing_headers' };

      const seconds = /^[0-9]+$/.test(timestamp) ? Number(timestamp) : Number.NaN;
      if (!Number.isSafeInteger(seconds)) return { ok: false, reason: 'bad_timestamp' };
      if (Math.abs(Math.floor(clock.wall() / 1000) - seconds) > TOLERANCE_S) return { ok: false, reason: 'stale' };

      if (encoded.length !== SIGNATURE_CHARS) return { ok: false, reason: 'bad_signature' };
      const source = Buffer.from(encoded, 'utf8');
      if (decodeBase64(source, 0, source.length, signature) !== SIGNATURE_BYTES) {
        return { ok: false, reason: 'bad_signature' };
      }
      const signed = Buffer.concat([Buffer.from(`${timestamp}|`, 'latin1'), rawBody]);
      return keys.some((key) => verifySignature(null, signed, key, signature))
        ? { ok: true }
        : { ok: false, reason: 'bad_signature' };
    },
  };
}

/** Node joins repeated headers or hands out arrays; only one non-empty text counts. */
function isPresent(header: unknown): header is string {
  return typeof header === 'string' && header !== '';
}

function importKey(text: string, index: number): KeyObject {
  const trimmed = text.trim();
  const source = Buffer.from(trimmed, 'utf8');
  const bytes = Buffer.alloc(source.length);
  const length = decodeBase64(source, 0, source.length, bytes);
  if (length !== KEY_BYTES) {
    // The text itself stays out of the message: people paste secrets into the wrong variable.
    const which = `The Telnyx public key (TELNYX_PUBLIC_KEY, key ${index + 1})`;
    const found = describeWrongKey(trimmed, bytes.subarray(0, Math.max(0, length)));
    throw new LandlineError('config_invalid', `${which} ${found}. ${WHERE}.`);
  }
  const der = Buffer.concat([SPKI_HEADER, bytes.subarray(0, KEY_BYTES)]);
  return createPublicKey({ key: der, format: 'der', type: 'spki' });
}

function describeWrongKey(text: string, decoded: Buffer): string {
  if (text === '') return 'is empty';
  if (text.includes('-----BEGIN')) return 'is a PEM block, not the raw key';
  if (decoded.subarray(0, SPKI_HEADER.length).equals(SPKI_HEADER)) {
    return `is an SPKI/DER structure (${decoded.length} bytes), not the raw key`;
  }
  if (/^KEY[0-9A-Za-z]+_/.test(text)) return 'is a Telnyx API key, not the public key';
  if (/^[0-9a-fA-F]{64}$/.test(text)) return 'is written in hexadecimal, not in base64';
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return 'is written in base64url or lacks its padding ("=")';
  if (decoded.length === 0) return 'is not base64';
  return `has ${decoded.length} bytes instead of ${KEY_BYTES}`;
}
