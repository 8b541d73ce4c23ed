import { decodeBase64 } from './base64.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** `client_state` as commands carry it: base64 of the UTF-8 text. */
export function encodeClientState(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

/**
 * `client_state` as webhooks and `start` frames bring it back. Live payloads send `null`, and
 * anybody with an API key may set it: whatever is not base64 of UTF-8 text is `undefined`. A hint, never trusted.
 */
export function decodeClientState(wire: unknown): string | undefined {
  if (typeof wire !== 'string' || wire === '') return undefined;
  const source = Buffer.from(wire, 'utf8');
  const target = new Uint8Array(Math.ceil(source.length / 4) * 3);
  const length = decodeBase64(source, 0, source.length, target);
  if (length < 0) return undefined;
  try {
    return utf8.decode(target.subarray(0, length));
  } catch {
    return undefined;
  }
}
