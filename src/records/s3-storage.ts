import { Readable } from 'node:stream';
import { AwsV4Signer } from 'aws4fetch';
import { Agent, request, type Dispatcher } from 'undici';
import type { Clock } from '../core/clock.ts';
import { LandlineError, messageOf } from '../core/errors.ts';
import { assertStorageName, storageFailed, type RecordingStorage } from './recording-storage.ts';

export interface S3Options {
  /** Origin, e.g. `https://s3.eu-central-1.amazonaws.com`. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  /** Before every name, without slashes at its ends. */
  readonly prefix?: string | undefined;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  /** `https://host/bucket/name`, else `https://bucket.host/name`. */
  readonly forcePathStyle: boolean;
  readonly clock: Clock;
  /** Up to here one PUT, above it in parts; default 64 MiB. */
  readonly singlePutBytes?: number | undefined;
  /** Default 8 MiB; S3 wants at least 5 MiB of all but the last, and at most 10,000. */
  readonly partBytes?: number | undefined;
  /** Silence on a connection after which a request has failed; default 30 s. */
  readonly timeoutMs?: number | undefined;
  /** For tests: who makes the connections. */
  readonly dispatcher?: Dispatcher | undefined;
}

const MIB = 1024 * 1024;
/** Waits between the tries of what can be sent again; after them the outbox has the longer patience. */
const RETRY_MS = [250, 1000];

/** Answers that may be another one a moment later. */
const TRANSIENT: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

type Method = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
type Body = Buffer | Readable | null;

/** Recordings in an S3-compatible object store. */
export function createS3Storage(options: S3Options): RecordingStorage {
  const { bucket, region, clock, timeoutMs = 30_000 } = options;
  const { singlePutBytes = 64 * MIB, partBytes = 8 * MIB } = options;
  const dispatcher = options.dispatcher ?? new Agent({ keepAliveTimeout: 10_000, connect: { timeout: 5_000 } });
  const { accessKeyId, secretAccessKey, sessionToken } = options;
  const credentials = {
    ...{ accessKeyId, secretAccessKey, region, service: 's3' },
    ...(sessionToken === undefined ? {} : { sessionToken }),
  };
  const urlOf = (name: string, query: Readonly<Record<string, string>> = {}): URL => {
    assertStorageName(name);
    const url = s3ObjectUrl(options, name);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    return url;
  };
  const datetime = (): string => new Date(clock.wall()).toISOString().replace(/[:-]|\.\d{3}/g, '');

  const once = async (
    method: Method,
    url: URL,
    headers: Readonly<Record<string, string>>,
    body: Body,
  ): Promise<Dispatcher.ResponseData> => {
    const signer = new AwsV4Signer({ ...credentials, method, url: url.href, headers, datetime: datetime() });
    const signed = await signer.sign();
    try {
      return await request(signed.url, {
        method,
        headers: Object.fromEntries(signed.headers),
        body,
        dispatcher,
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      });
    } catch (thrown) {
      // A stream of ours that failed says so itself.
      if (thrown instanceof LandlineError) throw thrown;
      throw storageFailed(`the object store ${options.endpoint} did not answer: ${messageOf(thrown)}`, true, thrown);
    }
  };

  /** @throws unless the status is one of 2xx or of `also`. */
  const judged = async (
    response: Dispatcher.ResponseData,
    method: string,
    also: readonly number[] = [],
  ): Promise<Dispatcher.ResponseData> => {
    const { statusCode } = response;
    if ((statusCode >= 200 && statusCode < 300) || also.includes(statusCode)) return response;
    const text = await response.body.text().catch(() => '');
    const code = /<Code>([^<]{1,100})<\/Code>/.exec(text)?.[1] ?? '';
    const said = `${statusCode} ${code}`.trim();
    // Also what only a person can repair, a wrong key or bucket: the recording waits for that.
    throw storageFailed(`${method} at the object store, bucket ${bucket}: ${said}${hintOf(statusCode, code)}`, true);
  };

  /** With small bodies, which can be sent again. */
  const send = async (
    method: Method,
    url: URL,
    headers: Readonly<Record<string, string>> = {},
    body: Buffer | null = null,
    also: readonly number[] = [],
  ): Promise<Dispatcher.ResponseData> => {
    for (let attempt = 0; ; attempt++) {
      const wait = RETRY_MS[attempt];
      try {
        const response = await once(method, url, headers, body);
        if (wait === undefined || !TRANSIENT.has(response.statusCode)) return await judged(response, method, also);
        await response.body.dump();
      } catch (thrown) {
        if (wait === undefined || (thrown instanceof LandlineError && thrown.cause === undefined)) throw thrown;
      }
      await new Promise<void>((resolve) => clock.after(wait, resolve));
    }
  };

  const putWhole = async (
    name: string,
    body: Readable | Buffer,
    bytes: number,
    contentType: string,
  ): Promise<number> => {
    const headers = { 'content-type': contentType, 'content-length': String(bytes) };
    const response = Buffer.isBuffer(body)
      ? await send('PUT', urlOf(name), headers, body)
      : await judged(await once('PUT', urlOf(name), headers, body), 'PUT');
    await response.body.dump();
    return bytes;
  };

  const putParts = async (
    name: string,
    first: Buffer,
    rest: AsyncIterable<Buffer>,
    contentType: string,
  ): Promise<number> => {
    const created = await send('POST', urlOf(name, { uploads: '' }), { 'content-type': contentType });
    const uploadId = unescapeXml(/<UploadId>([^<]+)<\/UploadId>/.exec(await created.body.text())?.[1] ?? '');
    if (uploadId === '') throw storageFailed('the object store began an upload without an UploadId', false);
    try {
      const tags: string[] = [];
      let sent = 0;
      const sendPart = async (part: Buffer): Promise<void> => {
        const url = urlOf(name, { partNumber: String(tags.length + 1), uploadId });
        const response = await send('PUT', url, { 'content-length': String(part.length) }, part);
        tags.push(String(response.headers['etag'] ?? ''));
        await response.body.dump();
        sent += part.length;
      };
      await sendPart(first);
      for await (const part of rest) await sendPart(part);
      const list = tags.map((tag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${escapeXml(tag)}</ETag></Part>`);
      const body = Buffer.from(`<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`);
      const done = await send('POST', urlOf(name, { uploadId }), { 'content-type': 'application/xml' }, body);
      // S3 sends 200 before it knows: the verdict is in the body.
      const verdict = await done.body.text();
      const code = /<Error>[\s\S]*?<Code>([^<]+)<\/Code>/.exec(verdict)?.[1];
      if (code !== undefined) throw storageFailed(`the object store could not complete an upload: ${code}`, true);
      return sent;
    } catch (thrown) {
      // Parts that nobody completes are kept, and paid for, until somebody aborts them.
      await send('DELETE', urlOf(name, { uploadId }), {}, null, [404])
        .then((response) => response.body.dump())
        .catch(() => undefined);
      throw thrown;
    }
  };

  return {
    describe: `s3 ${options.endpoint} ${bucket}`,

    async put(name, source, { contentType, bytes }) {
      if (bytes !== undefined && bytes <= singlePutBytes) {
        const body = Readable.from(source, { objectMode: false });
        try {
          return await putWhole(name, body, bytes, contentType);
        } finally {
          body.destroy();
        }
      }
      const parts = inParts(source, partBytes);
      try {
        const first = await parts.next();
        const whole = first.done ? Buffer.alloc(0) : first.value;
        return whole.length < partBytes
          ? await putWhole(name, whole, whole.length, contentType)
          : await putParts(name, whole, parts, contentType);
      } finally {
        await parts.return(undefined);
      }
    },

    async get(name, range) {
      if (range && range.end <= range.start) return Readable.from([]);
      const headers = range ? { range: `bytes=${range.start}-${range.end - 1}` } : undefined;
      const response = await send('GET', urlOf(name), headers, null, [404]);
      if (response.statusCode === 404) {
        await response.body.dump();
        throw new LandlineError('recording_not_found', `there is no ${name} in bucket ${bucket}`);
      }
      // Leaving a body before its end is an error to undici; who reads it is told by its own means.
      return response.body.on('error', () => undefined);
    },

    async head(name) {
      const response = await send('HEAD', urlOf(name), {}, null, [404]);
      await response.body.dump();
      return response.statusCode === 404 ? undefined : Number(response.headers['content-length']);
    },

    async delete(name) {
      const response = await send('DELETE', urlOf(name), {}, null, [404]);
      await response.body.dump();
    },

    async link(name, expiresInSeconds, { filename }) {
      const url = urlOf(name, {
        'X-Amz-Expires': String(expiresInSeconds),
        'response-content-disposition': `inline; filename="${filename}"`,
      });
      const signer = new AwsV4Signer({
        ...credentials,
        method: 'GET',
        url: url.href,
        signQuery: true,
        datetime: datetime(),
      });
      return (await signer.sign()).url.href;
    },

    close: () => (options.dispatcher ? Promise.resolve() : dispatcher.close()),
  };
}

/** Where an object lies. */
export function s3ObjectUrl(
  at: Pick<S3Options, 'endpoint' | 'bucket' | 'prefix' | 'forcePathStyle'>,
  name: string,
): URL {
  const url = new URL(at.endpoint);
  const key = at.prefix === undefined || at.prefix === '' ? name : `${at.prefix}/${name}`;
  const path = key.split('/').map(encodeURIComponent).join('/');
  if (at.forcePathStyle) url.pathname = `/${at.bucket}/${path}`;
  else {
    url.hostname = `${at.bucket}.${url.hostname}`;
    url.pathname = `/${path}`;
  }
  return url;
}

/** Pieces of exactly `size`, the last one smaller or empty-handed. */
async function* inParts(source: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Buffer, void> {
  let held: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of source) {
    held.push(chunk);
    length += chunk.length;
    if (length < size) continue;
    const all = Buffer.concat(held);
    let at = 0;
    for (; all.length - at >= size; at += size) yield all.subarray(at, at + size);
    held = [all.subarray(at)];
    length = all.length - at;
  }
  if (length > 0) yield Buffer.concat(held);
}

function hintOf(status: number, code: string): string {
  if (code === 'NoSuchBucket') return '; create the bucket or correct recordings.storage.bucket';
  if (code === 'RequestTimeTooSkewed') return '; the clock of this machine is wrong';
  if (status === 403)
    return '; look at the access key and at its right to s3:PutObject, s3:GetObject and s3:DeleteObject';
  return status === 301 || status === 307 ? '; the bucket is in another region or at another endpoint' : '';
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

function unescapeXml(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&');
}
