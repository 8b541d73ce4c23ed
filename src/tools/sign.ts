import { createHmac, timingSafeEqual } from 'node:crypto';

/*
 * The Standard Webhooks signature (standardwebhooks.com), in one place: of tools that are asked over HTTP, of outgoing
 * webhooks, and of those who check them.
 *
 *   webhook-id         the message; the same at every try
 *   webhook-timestamp  Unix seconds of this try
 *   webhook-signature  v1,<base64 of HMAC-SHA256(key, `${id}.${timestamp}.${body}`)>, one for each key, space between
 */

const PREFIX = 'whsec_';
/** The specification asks for 24 to 64 bytes. */
const KEY_BYTES = { least: 24, most: 64 } as const;

/** The three headers of a signed request. */
export interface SignatureHeaders extends Readonly<Record<string, string>> {
  readonly 'webhook-id': string;
  readonly 'webhook-timestamp': string;
  readonly 'webhook-signature': string;
}

/** What is wrong with the text of one or more secrets; undefined: nothing. Never quotes them. */
export function secretProblem(text: string): string | undefined {
  const secrets = splitSecrets(text);
  if (secrets.length === 0) return 'is empty';
  for (const secret of secrets) {
    const encoded = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : undefined;
    if (encoded === undefined || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return `must be "${PREFIX}" and base64`;
    const { length } = Buffer.from(encoded, 'base64');
    if (length < KEY_BYTES.least || length > KEY_BYTES.most) {
      return `must be "${PREFIX}" and the base64 of ${KEY_BYTES.least} to ${KEY_BYTES.most} bytes, has ${length}`;
    }
  }
  return undefined;
}

/** Keys out of `whsec_…`, several with commas or spaces between them while one takes the place of another. */
export function readSecrets(text: string): readonly Buffer[] {
  return splitSecrets(text).map((secret) => Buffer.from(secret.replace(PREFIX, ''), 'base64'));
}

/** @param atSeconds Unix seconds of this try. */
export function signatureHeaders(
  keys: readonly Buffer[],
  message: { readonly id: string; readonly atSeconds: number; readonly body: string },
): SignatureHeaders {
  const { id, body } = message;
  const timestamp = String(Math.floor(message.atSeconds));
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': keys.map((key) => `v1,${digest(key, id, timestamp, body).toString('base64')}`).join(' '),
  };
}

/** Does one of the signatures fit one of the keys? Takes the same time however close a wrong one is. */
export function isSigned(
  keys: readonly Buffer[],
  given: {
    readonly id: string;
    readonly timestamp: string;
    readonly signature: string;
    readonly body: string | Uint8Array;
  },
): boolean {
  const expected = keys.map((key) => digest(key, given.id, given.timestamp, given.body));
  let fits = false;
  for (const part of given.signature.split(' ')) {
    if (!part.startsWith('v1,')) continue;
    const signature = Buffer.from(part.slice(3), 'base64');
    for (const own of expected) fits = (signature.length === own.length && timingSafeEqual(signature, own)) || fits;
  }
  return fits;
}

function digest(key: Buffer, id: string, timestamp: string, body: string | Uint8Array): Buffer {
  return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
}

function splitSecrets(text: string): string[] {
  return text.split(/[\s,]+/).filter((secret) => secret !== '');
}
