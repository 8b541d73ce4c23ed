import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSecrets, secretProblem, signatureHeaders } from '../../src/tools/sign.ts';
import { verifyWebhook } from '../../src/tools/verify-webhook.ts';

const SECRET = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const OTHER = `whsec_${Buffer.alloc(32, 2).toString('base64')}`;
const NOW = Date.UTC(2026, 0, 5, 9);
const EVENT = { id: '17', type: 'call.answered', callId: 'call_1', at: '2026-01-05T09:00:00.000Z', data: { a: 'é' } };
const BODY = JSON.stringify(EVENT);

const signed = (body = BODY, secret = SECRET, id = '17'): Record<string, string> => ({
  ...signatureHeaders(readSecrets(secret), { id, atSeconds: NOW / 1000, body }),
});
const verify = (
  headers: Parameters<typeof verifyWebhook>[0],
  body: string | Uint8Array = BODY,
  secret: string | readonly string[] = SECRET,
): unknown => verifyWebhook(headers, body, secret, { now: NOW });

describe('the signature', () => {
  it('is the one of the example in the specification', () => {
    const keys = readSecrets('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    const body = '{"test": 2432232314}';
    const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', atSeconds: 1_614_265_330, body };

    expect(signatureHeaders(keys, message)).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it.each([
    ['', /is empty/],
    ['secret', /must be "whsec_" and base64/],
    ['whsec_***', /must be "whsec_" and base64/],
    ['whsec_c2hvcnQ=', /24 to 64 bytes, has 5/],
    [`${SECRET},whsec_c2hvcnQ=`, /has 5/],
  ])('has no use for the secret "%s"', (text, problem) => {
    expect(secretProblem(text)).toMatch(problem);
  });
});

describe('verifyWebhook', () => {
  it.each([
    ['headers of fetch', new Headers(signed()), BODY, SECRET],
    ['headers of Node', signed(), BODY, SECRET],
    ['the bytes of the body', signed(), Buffer.from(BODY), SECRET],
    ['the newer of two secrets', signed(BODY, OTHER), BODY, [SECRET, OTHER]],
    ['one of two signatures', signed(BODY, `${SECRET} ${OTHER}`), BODY, OTHER],
  ])('gives the event, with %s', (_what, headers, body, secret) => {
    expect(verify(headers, body, secret)).toEqual(EVENT);
  });

  it.each([
    ['another secret', signed(BODY, OTHER), BODY, 'webhook_signature_invalid'],
    ['another body', signed(), `${BODY} `, 'webhook_signature_invalid'],
    ['no headers', {}, BODY, 'webhook_signature_invalid'],
    ['another id', { ...signed(), 'webhook-id': '18' }, BODY, 'webhook_signature_invalid'],
    ['a time that is none', { ...signed(), 'webhook-timestamp': 'soon' }, BODY, 'webhook_signature_invalid'],
    ['a later time', { ...signed(), 'webhook-timestamp': String(NOW / 1000 + 1) }, BODY, 'webhook_signature_invalid'],
    ['another version', { ...signed(), 'webhook-signature': 'v2,abc' }, BODY, 'webhook_signature_invalid'],
    ['a body that is no JSON', signed('hello'), 'hello', 'webhook_malformed'],
    ['a body that is no event', signed('{"id":"17"}'), '{"id":"17"}', 'webhook_malformed'],
    ['the id of another event', signed(BODY, SECRET, '18'), BODY, 'webhook_malformed'],
  ])('refuses %s', (_what, headers, body, code) => {
    expect(() => verify(headers, body)).toThrow(expect.objectContaining({ code }) as Error);
  });

  it.each([
    [300_000, true],
    [301_000, false],
    [-300_000, true],
    [-301_000, false],
  ])('with a clock that is %i ms off: %s', (offMs, isGood) => {
    const verified = (): unknown => verifyWebhook(signed(), BODY, SECRET, { now: NOW + offMs });

    if (isGood) expect(verified()).toEqual(EVENT);
    else expect(verified).toThrow(/more than 300 s away/);
  });

  it('says that a secret is none, and does not quote it', () => {
    expect(() => verify(signed(), BODY, 'hunter2-hunter2')).toThrow(
      expect.objectContaining({
        code: 'config_invalid',
        message: 'the webhook secret must be "whsec_" and base64',
      }) as Error,
    );
  });

  it('refuses a message in which anything was changed', () => {
    const bytes = Buffer.from(BODY);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ change;
        expect(() => verify(signed(), changed)).toThrow('the signature does not match');
      }),
    );
  });
});
