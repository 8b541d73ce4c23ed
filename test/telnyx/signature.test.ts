import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import fc from 'fast-check';
import { TelnyxWebhook } from 'telnyx/lib/webhooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { VirtualClock } from '../../src/core/clock.ts';
import { LandlineError } from '../../src/core/errors.ts';
import { createVerifier, type SignatureHeaders } from '../../src/telnyx/signature.ts';

const NOW_S = 1_795_000_000;
const clock = new VirtualClock(0, NOW_S * 1000 + 400);
const ours = generateKeyPairSync('ed25519');
const theirs = generateKeyPairSync('ed25519');
const BODY = Buffer.from('{"data":{"event_type":"call.hangup","payload":{"name":"Zoë – ☎"}}}', 'utf8');

function rawKey(key: KeyObject): string {
  return key.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
}

function signedAt(timestamp: string, body: Buffer = BODY, key: KeyObject = ours.privateKey): SignatureHeaders {
  const signature = sign(null, Buffer.concat([Buffer.from(`${timestamp}|`), body]), key).toString('base64');
  return { timestamp, signature };
}

const verifier = createVerifier([rawKey(ours.publicKey)], clock);
const fresh = signedAt(String(NOW_S));
const text = fresh.signature ?? '';
const lastBefore = text.at(-3) ?? '';
/** The same 64 bytes, written with unused bits set in the last character. */
const twin = `${text.slice(0, -3)}${String.fromCharCode(lastBefore.charCodeAt(0) + 1)}==`;
const base64url = text.replaceAll('+', '-').replaceAll('/', '_');

interface Row {
  readonly name: string;
  readonly headers: SignatureHeaders;
  readonly body?: Buffer;
  readonly expected: string;
}

const rows: readonly Row[] = [
  { name: 'a fresh signature', headers: fresh, expected: 'ok' },
  { name: 'an empty body', headers: signedAt(String(NOW_S), Buffer.alloc(0)), body: Buffer.alloc(0), expected: 'ok' },
  { name: '300 s old', headers: signedAt(String(NOW_S - 300)), expected: 'ok' },
  { name: '300 s ahead', headers: signedAt(String(NOW_S + 300)), expected: 'ok' },
  { name: '301 s old', headers: signedAt(String(NOW_S - 301)), expected: 'stale' },
  { name: '301 s ahead', headers: signedAt(String(NOW_S + 301)), expected: 'stale' },
  { name: 'milliseconds', headers: signedAt(String(NOW_S * 1000)), expected: 'stale' },
  { name: 'leading zeros', headers: signedAt(`000${NOW_S}`), expected: 'ok' },
  { name: 'a fraction', headers: signedAt(`${NOW_S}.0`), expected: 'bad_timestamp' },
  { name: 'an exponent', headers: signedAt('1e9'), expected: 'bad_timestamp' },
  { name: 'a negative time', headers: signedAt(`-${NOW_S}`), expected: 'bad_timestamp' },
  { name: 'a plus sign', headers: signedAt(`+${NOW_S}`), expected: 'bad_timestamp' },
  { name: 'a space', headers: signedAt(` ${NOW_S}`), expected: 'bad_timestamp' },
  { name: 'a line break', headers: signedAt(`${NOW_S}\n`), expected: 'bad_timestamp' },
  { name: 'words', headers: signedAt('now'), expected: 'bad_timestamp' },
  { name: '2^63', headers: signedAt('9223372036854775808'), expected: 'bad_timestamp' },
  { name: 'an empty timestamp', headers: signedAt(''), expected: 'missing_headers' },
  { name: 'no timestamp', headers: { signature: text }, expected: 'missing_headers' },
  { name: 'no signature', headers: { timestamp: String(NOW_S) }, expected: 'missing_headers' },
  { name: 'an empty signature', headers: { ...fresh, signature: '' }, expected: 'missing_headers' },
  { name: 'no headers', headers: {}, expected: 'missing_headers' },
  {
    name: 'another timestamp than signed',
    headers: { ...fresh, timestamp: String(NOW_S - 1) },
    expected: 'bad_signature',
  },
  {
    name: 'one byte changed',
    headers: fresh,
    body: Buffer.concat([BODY, Buffer.from(' ')]),
    expected: 'bad_signature',
  },
  { name: "a stranger's key", headers: signedAt(String(NOW_S), BODY, theirs.privateKey), expected: 'bad_signature' },
  { name: 'the malleable twin', headers: { ...fresh, signature: twin }, expected: 'ok' },
  { name: 'no padding', headers: { ...fresh, signature: text.slice(0, -2) }, expected: 'bad_signature' },
  { name: 'a line break after it', headers: { ...fresh, signature: `${text}\n` }, expected: 'bad_signature' },
  { name: 'a space in it', headers: { ...fresh, signature: ` ${text.slice(1)}` }, expected: 'bad_signature' },
  { name: 'padding in the middle', headers: { ...fresh, signature: `A=${text.slice(2)}` }, expected: 'bad_signature' },
  { name: 'words as signature', headers: { ...fresh, signature: 'not a signature' }, expected: 'bad_signature' },
  {
    name: '63 bytes',
    headers: { ...fresh, signature: Buffer.alloc(63, 7).toString('base64') },
    expected: 'bad_signature',
  },
  {
    name: '65 bytes',
    headers: { ...fresh, signature: Buffer.alloc(65, 7).toString('base64') },
    expected: 'bad_signature',
  },
  {
    name: '64 bytes of zero',
    headers: { ...fresh, signature: Buffer.alloc(64).toString('base64') },
    expected: 'bad_signature',
  },
  {
    name: 'a letter that folds into the alphabet in latin1',
    headers: { ...fresh, signature: `\u0141${text.slice(1)}` },
    expected: 'bad_signature',
  },
];

describe('the verifier', () => {
  it.each(rows)('says "$expected" to $name', ({ headers, body = BODY, expected }) => {
    const verdict = verifier.verify(body, headers);

    expect(verdict.ok ? 'ok' : verdict.reason).toBe(expected);
  });

  it('refuses base64url where it differs from base64', () => {
    // A signature without + or / would be the same text, so sign until there is one.
    let nonce = 0;
    let headers = fresh;
    let body = BODY;
    while (!/[+/]/.test(headers.signature ?? '')) {
      body = Buffer.from(`{"n":${nonce++}}`);
      headers = signedAt(String(NOW_S), body);
    }

    expect(verifier.verify(body, headers)).toEqual({ ok: true });
    const signature = headers.signature?.replaceAll('+', '-').replaceAll('/', '_');
    expect(verifier.verify(body, { ...headers, signature })).toEqual({ ok: false, reason: 'bad_signature' });
    expect(base64url.length).toBe(88);
  });

  it('accepts every configured key while one replaces the other', () => {
    const both = createVerifier([rawKey(ours.publicKey), rawKey(theirs.publicKey)], clock);

    expect(both.verify(BODY, fresh)).toEqual({ ok: true });
    expect(both.verify(BODY, signedAt(String(NOW_S), BODY, theirs.privateKey))).toEqual({ ok: true });
  });

  it('verifies the bytes as they came, not as they read', () => {
    const invalidUtf8 = Buffer.from([0x7b, 0xff, 0xfe, 0x7d]);

    expect(verifier.verify(invalidUtf8, signedAt(String(NOW_S), invalidUtf8))).toEqual({ ok: true });
    const readAndWritten = Buffer.from(invalidUtf8.toString('utf8'));
    expect(verifier.verify(readAndWritten, signedAt(String(NOW_S), invalidUtf8)).ok).toBe(false);
  });

  it('never throws and never accepts what was not signed', () => {
    const header = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constant(String(NOW_S)),
      fc.base64String({ minLength: 88, maxLength: 88 }),
      fc.constant(undefined),
    );
    fc.assert(
      fc.property(fc.uint8Array(), header, header, (body, timestamp, signature) => {
        expect(verifier.verify(Buffer.from(body), { timestamp, signature }).ok).toBe(false);
      }),
    );
  });

  it('takes repeated headers, which arrive as arrays, for missing ones', () => {
    const headers = { timestamp: [String(NOW_S)], signature: [text] } as unknown as SignatureHeaders;

    expect(verifier.verify(BODY, headers)).toEqual({ ok: false, reason: 'missing_headers' });
  });
});

describe('the SDK as a second opinion', () => {
  beforeEach(() => void vi.useFakeTimers({ now: clock.wall(), toFake: ['Date'] }));
  afterEach(() => void vi.useRealTimers());

  it.each(rows)('agrees about $name', async ({ headers, body = BODY, expected }) => {
    const sdk = new TelnyxWebhook(rawKey(ours.publicKey));
    const wire = {
      ...(headers.timestamp === undefined ? {} : { 'telnyx-timestamp': headers.timestamp }),
      ...(headers.signature === undefined ? {} : { 'telnyx-signature-ed25519': headers.signature }),
    };

    const accepted = await sdk.verify(body.toString('utf8'), wire).then(
      () => true,
      () => false,
    );

    expect(accepted).toBe(expected === 'ok');
  });
});

describe('the public key', () => {
  const spki = ours.publicKey.export({ format: 'der', type: 'spki' });
  const good = rawKey(ours.publicKey);
  const wrong: readonly (readonly [string, string, string])[] = [
    ['empty text', '', 'is empty'],
    ['blanks', '  \n', 'is empty'],
    ['SPKI/DER', spki.toString('base64'), 'is an SPKI/DER structure (44 bytes)'],
    ['PEM', ours.publicKey.export({ format: 'pem', type: 'spki' }).toString(), 'is a PEM block'],
    ['an API key', 'KEY0199A1B2C3_secretSECRET', 'is a Telnyx API key'],
    ['hexadecimal', Buffer.from(good, 'base64').toString('hex'), 'is written in hexadecimal'],
    ['base64url', `${'-_'.repeat(21)}A`, 'is written in base64url'],
    ['no padding', good.slice(0, -1), 'is written in base64url or lacks its padding'],
    ['31 bytes', Buffer.alloc(31).toString('base64'), 'has 31 bytes instead of 32'],
    ['words', 'my telnyx key', 'is not base64'],
  ];

  it.each(wrong)('is refused as %s, with what it is and where to find the right one', (_, key, says) => {
    let thrown: unknown;
    try {
      createVerifier([good, key], clock);
    } catch (error) {
      thrown = error;
    }

    if (!(thrown instanceof LandlineError)) throw new Error('it was accepted');
    expect(thrown.code).toBe('config_invalid');
    expect(thrown.message).toContain(`key 2) ${says}`);
    expect(thrown.message).toContain('Keys & credentials, Public key');
    expect(thrown.message).not.toContain('secretSECRET');
  });

  it('may not be missing: without one nothing is verified', () => {
    expect(() => createVerifier([], clock)).toThrow('TELNYX_PUBLIC_KEY) is missing');
  });

  it('may have a line break behind it, as environment files leave one', () => {
    expect(createVerifier([`${good}\n`], clock).verify(BODY, fresh)).toEqual({ ok: true });
  });
});
