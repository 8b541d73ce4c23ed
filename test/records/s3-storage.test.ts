import { createHash, randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { Agent } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock, systemClock, type Clock } from '../../src/core/clock.ts';
import { createS3Emulator, type S3Emulator } from '../../src/emulator/s3/emulator.ts';
import { createS3Storage, s3ObjectUrl, type S3Options } from '../../src/records/s3-storage.ts';
import type { RecordingStorage } from '../../src/records/recording-storage.ts';

const NAME = '2026-01-05/call_1.wav';
const WAV = { contentType: 'audio/wav' };
const PART = 5 * 1024 * 1024;

/** Waits that cost no time. */
const hasty: Clock = { ...systemClock, after: (_ms, run) => systemClock.after(0, run) };

async function* cut(bytes: Uint8Array, size = 60_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

let s3: S3Emulator;
const open: RecordingStorage[] = [];

function storage(change: Partial<S3Options> = {}): RecordingStorage {
  const made = createS3Storage({
    endpoint: s3.endpoint,
    bucket: s3.bucket,
    ...s3.account,
    forcePathStyle: true,
    clock: hasty,
    ...change,
  });
  open.push(made);
  return made;
}

beforeEach(async () => {
  s3 = await createS3Emulator();
});

afterEach(async () => {
  // A request that still holds a connection would keep this waiting.
  await s3.close();
  await Promise.all(open.splice(0).map((one) => one.close()));
});

describe('an object store', () => {
  it('keeps, finds, gives whole and in part, and deletes', async () => {
    const store = storage({ prefix: 'calls/eu' });
    const bytes = randomBytes(200_000);

    expect(await store.put(NAME, cut(bytes), { ...WAV, bytes: bytes.length })).toBe(200_000);

    expect([...s3.objects.keys()]).toEqual([`calls/eu/${NAME}`]);
    expect(s3.objects.get(`calls/eu/${NAME}`)).toMatchObject({ contentType: 'audio/wav' });
    expect(await store.head(NAME)).toBe(200_000);
    expect(hash(Buffer.concat(await (await store.get(NAME)).toArray()))).toBe(hash(bytes));
    const part = Buffer.concat(await (await store.get(NAME, { start: 10, end: 150_000 })).toArray());
    expect(part.equals(bytes.subarray(10, 150_000))).toBe(true);
    expect(await (await store.get(NAME, { start: 10, end: 10 })).toArray()).toEqual([]);
    await store.delete(NAME);
    await store.delete(NAME);
    expect(await store.head(NAME)).toBeUndefined();
    await expect(store.get(NAME)).rejects.toMatchObject({ code: 'recording_not_found' });
  });

  it('takes names of every allowed letter, and no others', async () => {
    const store = storage();
    await store.put('2026-01-05/_A-z.9.opus.sealed', cut(Buffer.from('x')), WAV);

    expect(await store.head('2026-01-05/_A-z.9.opus.sealed')).toBe(1);
    for (const name of ['../x', '2026-01-05/../x', '2026-01-05/a/b', 'x', '2026-01-05/.x', '2026-01-05/a b']) {
      await expect(store.head(name)).rejects.toMatchObject({ code: 'internal_error' });
    }
  });

  it('sends what has no known length in one request when it is short', async () => {
    expect(await storage().put(NAME, cut(Buffer.alloc(70_000)), WAV)).toBe(70_000);
    expect(await storage().put('2026-01-05/empty.wav', cut(Buffer.alloc(0)), WAV)).toBe(0);

    expect(s3.requests).toEqual([`PUT /recordings/${NAME}`, 'PUT /recordings/2026-01-05/empty.wav']);
  });

  it.each([
    ['of unknown length', undefined],
    ['over the limit of one request', 2 * PART + 99],
  ])('sends what is %s in parts', async (_, bytes) => {
    const body = randomBytes(2 * PART + 99);

    await storage({ partBytes: PART, singlePutBytes: PART }).put(NAME, cut(body), { ...WAV, bytes });

    expect(s3.requests.map((line) => line.replace(/uploadId=.*/, 'uploadId'))).toEqual([
      `POST /recordings/${NAME}?uploads=`,
      `PUT /recordings/${NAME}?partNumber=1&uploadId`,
      `PUT /recordings/${NAME}?partNumber=2&uploadId`,
      `PUT /recordings/${NAME}?partNumber=3&uploadId`,
      `POST /recordings/${NAME}?uploadId`,
    ]);
    expect(hash(s3.objects.get(NAME)?.bytes ?? Buffer.alloc(0))).toBe(hash(body));
    expect(s3.objects.get(NAME)?.contentType).toBe('audio/wav');
    expect(s3.uploads.size).toBe(0);
  });

  it('aborts an upload in parts that fails, at a part, at its end, or in its own source', async () => {
    const store = storage({ partBytes: PART });
    const body = randomBytes(2 * PART);
    const isPart = ({ method, target }: { method: string; target: string }): boolean =>
      method === 'PUT' && target.includes('partNumber=2');
    const repaired = s3.fault({ fits: isPart, does: { type: 'refuse', status: 503, code: 'SlowDown' } });

    await expect(store.put(NAME, cut(body), WAV)).rejects.toMatchObject({
      code: 'recording_storage_failed',
      retryable: true,
      message: expect.stringContaining('503 SlowDown') as string,
    });
    repaired();
    const isEnd = ({ method, target }: { method: string; target: string }): boolean =>
      method === 'POST' && target.includes('uploadId');
    s3.fault({ fits: isEnd, times: 1, does: { type: 'failComplete' } });
    await expect(store.put(NAME, cut(body), WAV)).rejects.toMatchObject({ retryable: true });
    const breaking = async function* (): AsyncGenerator<Uint8Array> {
      yield body.subarray(0, PART + 1);
      throw new RangeError('the track is broken');
    };
    await expect(store.put(NAME, breaking(), WAV)).rejects.toThrow('the track is broken');

    expect(s3.uploads.size).toBe(0);
    expect(s3.objects.size).toBe(0);
    expect(s3.requests.filter((line) => line.startsWith('DELETE'))).toHaveLength(3);
  });

  it('asks again at once when it is told to slow down for a moment', async () => {
    s3.fault({ times: 2, does: { type: 'refuse', status: 503, code: 'SlowDown' } });

    expect(await storage().head(NAME)).toBeUndefined();
    expect(s3.requests).toHaveLength(3);
  });

  it.each([
    [403, 'AccessDenied', 'look at the access key'],
    [404, 'NoSuchBucket', 'create the bucket'],
    [503, 'SlowDown', '503 SlowDown'],
  ])('waits for better times at %i %s, and says why', async (status, code, hint) => {
    s3.fault({ does: { type: 'refuse', status, code } });

    await expect(storage().put(NAME, cut(Buffer.alloc(10)), { ...WAV, bytes: 10 })).rejects.toMatchObject({
      code: 'recording_storage_failed',
      retryable: true,
      message: expect.stringContaining(hint) as string,
    });
  });

  it('stores nothing under the name when the connection is cut, the answer is too slow, or the length is not kept', async () => {
    const bytes = randomBytes(400_000);
    s3.fault({ times: 1, does: { type: 'cut', afterBytes: 1000 } });
    await expect(storage().put(NAME, cut(bytes), { ...WAV, bytes: bytes.length })).rejects.toMatchObject({
      code: 'recording_storage_failed',
      retryable: true,
    });
    s3.fault({ times: 3, does: { type: 'slow', ms: 60_000 } });
    await expect(storage({ timeoutMs: 50 }).head(NAME)).rejects.toMatchObject({ retryable: true });
    await expect(storage().put(NAME, cut(bytes), { ...WAV, bytes: bytes.length + 1 })).rejects.toMatchObject({
      code: 'recording_storage_failed',
    });

    expect(s3.objects.size).toBe(0);
  });

  it('breaks off a download that was cut, rather than end it', async () => {
    await storage().put(NAME, cut(Buffer.alloc(300_000)), WAV);
    s3.fault({ fits: ({ method }) => method === 'GET', does: { type: 'cut', afterBytes: 1000 } });

    await expect((await storage().get(NAME)).toArray()).rejects.toThrow();
  });

  it.each([
    ['a wrong secret', { secretAccessKey: 'wrong' }, 'SignatureDoesNotMatch'],
    ['an unknown key', { accessKeyId: 'AKIDNOBODY' }, 'InvalidAccessKeyId'],
    ['another region', { region: 'us-east-1' }, 'AuthorizationHeaderMalformed'],
    ['a clock that is an hour late', { clock: new VirtualClock(0, Date.now() - 3_600_000) }, 'RequestTimeTooSkewed'],
    ['a session token it does not know', { sessionToken: 'x' }, 'InvalidToken'],
  ] as const)('refuses %s', async (_, change, code) => {
    await expect(storage(change).put(NAME, cut(Buffer.alloc(1)), { ...WAV, bytes: 1 })).rejects.toMatchObject({
      message: expect.stringContaining(code) as string,
    });
  });

  it('takes a session token', async () => {
    const mine = await createS3Emulator({ account: { sessionToken: 'to+ken/==' } });
    try {
      const store = storage({ endpoint: mine.endpoint, sessionToken: 'to+ken/==' });
      await store.put(NAME, cut(Buffer.from('here')), WAV);

      expect(mine.objects.size).toBe(1);
      expect(await (await fetch((await store.link?.(NAME, 60, { filename: 'a.wav' })) ?? '')).text()).toBe('here');
    } finally {
      await mine.close();
    }
  });

  it('is found by the bucket in its host name', async () => {
    const lookup = (
      _host: string,
      _options: unknown,
      done: (e: null, found: { address: string; family: number }[]) => void,
    ): void => done(null, [{ address: '127.0.0.1', family: 4 }]);
    const dispatcher = new Agent({ connect: { lookup } });
    const store = storage({ endpoint: `http://store.test:${s3.port}`, forcePathStyle: false, dispatcher });

    await store.put(NAME, cut(Buffer.from('here')), WAV);

    expect(s3.requests).toEqual([`PUT /${NAME}`]);
    expect(await text(await store.get(NAME))).toBe('here');
    await dispatcher.destroy();
  });

  it.each([
    [true, undefined, 'https://s3.test/b/2026-01-05/call_1.wav'],
    [true, 'p/q', 'https://s3.test/b/p/q/2026-01-05/call_1.wav'],
    [false, 'p', 'https://b.s3.test/p/2026-01-05/call_1.wav'],
  ])('has addresses: path style %s, prefix %s', (forcePathStyle, prefix, address) => {
    expect(s3ObjectUrl({ endpoint: 'https://s3.test', bucket: 'b', prefix, forcePathStyle }, NAME).href).toBe(address);
  });
});

describe('a presigned link', () => {
  it('opens one object until it expires, for reading only', async () => {
    const clock = new VirtualClock(0, Date.now());
    const mine = await createS3Emulator({ clock });
    try {
      const store = storage({ endpoint: mine.endpoint, clock });
      await store.put(NAME, cut(Buffer.from('spoken')), { ...WAV, bytes: 6 });
      const link = (await store.link?.(NAME, 600, { filename: 'call_1.wav' })) ?? '';

      const answer = await fetch(link, { headers: { range: 'bytes=1-3' } });
      expect([answer.status, await answer.text()]).toEqual([206, 'pok']);
      expect(answer.headers.get('content-disposition')).toBe('inline; filename="call_1.wav"');
      expect((await fetch(link.replace('call_1', 'call_2'))).status).toBe(403);
      expect((await fetch(link.replace('Expires=600', 'Expires=6000'))).status).toBe(403);
      expect((await fetch(link, { method: 'DELETE' })).status).toBe(403);
      clock.advance(599_000);
      expect((await fetch(link)).status).toBe(200);
      clock.advance(2_000);
      expect((await fetch(link)).status).toBe(403);
    } finally {
      await mine.close();
    }
  });
});
