import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/**
 * AWS Signature Version 4 as a server checks it, written from Amazon's description of it and not from any client:
 * the request as it came over the wire is brought into canonical form and signed with the secret of the named key.
 */

export interface SignedRequest {
  readonly method: string;
  /** Path and query as they stood in the request line. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface S3Account {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** When set, requests must carry it. */
  readonly sessionToken?: string | undefined;
  readonly region: string;
}

/** `payloadHash` is what the body must hash to; undefined: the body is not signed. */
export type Verdict =
  | { readonly ok: true; readonly payloadHash: string | undefined }
  | { readonly ok: false; readonly code: string; readonly message: string };

const ALGORITHM = 'AWS4-HMAC-SHA256';
const MAX_SKEW_MS = 15 * 60_000;
const MAX_EXPIRES = 7 * 24 * 3600;

/** @param now wall milliseconds. */
export function checkSignature(request: SignedRequest, account: S3Account, now: number): Verdict {
  const at = request.target.indexOf('?');
  const path = at === -1 ? request.target : request.target.slice(0, at);
  const query = parseQuery(at === -1 ? '' : request.target.slice(at + 1));
  const presigned = query.find(([name]) => name === 'X-Amz-Signature');
  return presigned ? checkQuery(request, path, query, account, now) : checkHeader(request, path, query, account, now);
}

type Query = readonly (readonly [name: string, value: string])[];

function checkHeader(request: SignedRequest, path: string, query: Query, account: S3Account, now: number): Verdict {
  const header = one(request, 'authorization');
  if (header === undefined) return refuse('AccessDenied', 'the request is not signed');
  const match = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(header);
  if (!match) return refuse('AuthorizationHeaderMalformed', 'the Authorization header is not of Signature Version 4');
  const [, credential = '', signedHeaders = '', signature = ''] = match;
  const date = one(request, 'x-amz-date') ?? '';
  const payload = one(request, 'x-amz-content-sha256');
  if (payload === undefined) return refuse('MissingSecurityHeader', 'x-amz-content-sha256 is missing');
  const time = timeOf(date);
  if (time === undefined) return refuse('AccessDenied', 'x-amz-date is missing or is no ISO 8601 basic time');
  if (Math.abs(time - now) > MAX_SKEW_MS)
    return refuse('RequestTimeTooSkewed', 'the clocks are more than 15 min apart');
  if (one(request, 'x-amz-security-token') !== account.sessionToken)
    return refuse('InvalidToken', 'wrong session token');
  const verdict = compare(request, path, query, account, { credential, signedHeaders, signature, date, payload });
  if (verdict) return verdict;
  return { ok: true, payloadHash: payload === 'UNSIGNED-PAYLOAD' ? undefined : payload };
}

function checkQuery(request: SignedRequest, path: string, query: Query, account: S3Account, now: number): Verdict {
  const given = new Map(query);
  const get = (name: string): string => given.get(`X-Amz-${name}`) ?? '';
  if (get('Algorithm') !== ALGORITHM) return refuse('AuthorizationQueryParametersError', 'unknown X-Amz-Algorithm');
  const [date, expires, time] = [get('Date'), Number(get('Expires')), timeOf(get('Date'))];
  if (time === undefined || !Number.isInteger(expires) || expires < 1 || expires > MAX_EXPIRES) {
    return refuse('AuthorizationQueryParametersError', 'X-Amz-Date or X-Amz-Expires is wrong');
  }
  if (time - now > MAX_SKEW_MS) return refuse('AccessDenied', 'Request is not valid yet');
  if (given.get('X-Amz-Security-Token') !== account.sessionToken) return refuse('InvalidToken', 'wrong session token');
  const verdict = compare(
    request,
    path,
    query.filter(([name]) => name !== 'X-Amz-Signature'),
    account,
    {
      credential: get('Credential'),
      signedHeaders: get('SignedHeaders'),
      signature: get('Signature'),
      date,
      payload: 'UNSIGNED-PAYLOAD',
    },
  );
  if (verdict) return verdict;
  if (now >= time + expires * 1000) return refuse('AccessDenied', 'Request has expired');
  return { ok: true, payloadHash: undefined };
}

/** The refusal, or undefined when the signature is right. */
function compare(
  request: SignedRequest,
  path: string,
  query: Query,
  account: S3Account,
  given: {
    readonly credential: string;
    readonly signedHeaders: string;
    readonly signature: string;
    readonly date: string;
    readonly payload: string;
  },
): Verdict | undefined {
  const [keyId = '', day = '', region = '', service = '', terminator = ''] = given.credential.split('/');
  if (keyId !== account.accessKeyId) return refuse('InvalidAccessKeyId', 'this access key is not known');
  if (
    day !== given.date.slice(0, 8) ||
    region !== account.region ||
    service !== 's3' ||
    terminator !== 'aws4_request'
  ) {
    return refuse(
      'AuthorizationHeaderMalformed',
      `the scope ${given.credential} is wrong; the region is ${account.region}`,
    );
  }
  const names = given.signedHeaders.split(';');
  if (!names.includes('host')) return refuse('SignatureDoesNotMatch', 'host is not signed');
  // Everything x-amz- must be signed, or a stranger could add to a request.
  const unsigned = Object.keys(request.headers).filter((name) => name.startsWith('x-amz-') && !names.includes(name));
  if (unsigned.length > 0) return refuse('AccessDenied', `headers that are not signed: ${unsigned.join(', ')}`);
  const canonical = [
    request.method,
    path.split('/').map(reencode).join('/'),
    [...query]
      .map(([name, value]) => `${uriEncode(name)}=${uriEncode(value)}`)
      .sort()
      .join('&'),
    ...names.map((name) => `${name}:${(one(request, name) ?? '').trim().replace(/ +/g, ' ')}`),
    '',
    given.signedHeaders,
    given.payload,
  ].join('\n');
  const scope = [day, region, service, terminator].join('/');
  const toSign = [ALGORITHM, given.date, scope, sha256(canonical)].join('\n');
  const key = [day, region, service, terminator].reduce<Buffer>(
    (secret, part) => hmac(secret, part),
    Buffer.from(`AWS4${account.secretAccessKey}`),
  );
  const expected = hmac(key, toSign);
  const signature = Buffer.from(given.signature, 'hex');
  const isRight = signature.length === expected.length && timingSafeEqual(signature, expected);
  return isRight ? undefined : refuse('SignatureDoesNotMatch', 'the signature is not the one this request has');
}

function parseQuery(text: string): Query {
  if (text === '') return [];
  return text.split('&').map((pair) => {
    const at = pair.indexOf('=');
    const [name, value] = at === -1 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
    return [decode(name), decode(value)] as const;
  });
}

function reencode(part: string): string {
  return uriEncode(decodeURIComponent(part));
}

function decode(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}

/** Everything but `A-Z a-z 0-9 - . _ ~`, as %XX of its UTF-8 bytes. */
function uriEncode(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return /[A-Za-z0-9._~-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

function timeOf(date: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  if (!match) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function one(request: SignedRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}

function refuse(code: string, message: string): Verdict {
  return { ok: false, code, message };
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
