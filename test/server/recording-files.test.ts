import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/core/clock.ts';
import { LandlineError } from '../../src/core/errors.ts';
import { silentLog } from '../../src/core/log.ts';
import { createS3Emulator, type S3Emulator } from '../../src/emulator/s3/emulator.ts';
import { recordingKey, recordingKeys } from '../../src/records/recording-keys.ts';
import { DEFAULT_RECORDING_OPTIONS } from '../../src/records/recording-options.ts';
import type { Recordings, RecordingsSetup } from '../../src/records/recordings.ts';
import { renderRecording } from '../../src/records/recording.ts';
import { zodValidator } from '../../src/server/api/documented.ts';
import { errorHandler } from '../../src/server/problem.ts';
import { addRecordingRoutes, recordingLinks } from '../../src/server/recording-files.ts';
import { ATTEMPT, fakeFfmpeg, keepWorld, work, type KeepWorld } from '../records/keep-world.ts';

const sealed: RecordingsSetup = { keys: recordingKeys(recordingKey(Buffer.alloc(32, 3))) };

let world: KeepWorld;
let clock: VirtualClock;
const apps: FastifyInstance[] = [];
const stores: S3Emulator[] = [];
beforeEach(() => {
  world = keepWorld();
  clock = new VirtualClock(0, Date.now());
});
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
  await Promise.all(stores.splice(0).map((store) => store.close()));
  world.close();
});

async function serving(
  setup: RecordingsSetup = {},
): Promise<{ app: FastifyInstance; recordings: Recordings; wav: Buffer }> {
  const recordings = world.recordings(setup, { clock });
  const app = fastify();
  apps.push(app);
  app.setErrorHandler(errorHandler(silentLog));
  app.setValidatorCompiler(zodValidator);
  addRecordingRoutes(app, {
    ...{ recordings, clock, log: silentLog, origin: () => 'https://voice.test' },
    known: async (id) => {
      if (id !== 'call_1') throw new LandlineError('call_not_found', `there is no call ${id}`);
    },
  });
  await app.register(recordingLinks({ recordings, clock, log: silentLog }));
  world.leaveTrack();
  const wav = Buffer.from(await renderRecording(world.dataDir, 'call_1'));
  world.leaveTrack(recordings);
  return { app, recordings, wav };
}

async function kept(setup?: RecordingsSetup): ReturnType<typeof serving> {
  const all = await serving(setup);
  await all.recordings.keeper.handlers.recording(work('recording'), ATTEMPT);
  return all;
}

const URL_ = '/v1/calls/call_1/recording';
const get = (app: FastifyInstance, url = URL_, headers: Record<string, string> = {}): Promise<LightMyRequestResponse> =>
  app.inject({ method: 'GET', url, headers });
const link = async (app: FastifyInstance, payload: object = {}): Promise<{ url: string; expiresAt: string }> =>
  (await app.inject({ method: 'POST', url: `${URL_}/link`, payload })).json();
const pathOf = (url: string): string => new URL(url).pathname;

describe.each([
  ['in clear', {}],
  ['encrypted', sealed],
])('a kept recording, %s,', (_, setup) => {
  it('is sent whole, with what a player needs to know', async () => {
    const { app, wav } = await kept(setup);

    const answer = await get(app);

    expect(answer.statusCode).toBe(200);
    expect(answer.rawPayload.equals(wav)).toBe(true);
    expect(answer.headers).toMatchObject({
      'content-type': 'audio/wav',
      'content-length': String(wav.length),
      'content-disposition': 'inline; filename="call_1.wav"',
      'accept-ranges': 'bytes',
      'cache-control': 'private, no-cache',
      etag: expect.stringMatching(/^"[0-9a-f]{32}"$/) as string,
    });
  });

  it.each([
    ['bytes=0-9', 0, 10],
    ['bytes=100-', 100, undefined],
    ['bytes=-44', -44, undefined],
    ['bytes=5-999999999', 5, undefined],
    ['bytes=-999999999', 0, undefined],
  ])('gives the range %s', async (range, from, to) => {
    const { app, wav } = await kept(setup);

    const answer = await get(app, URL_, { range });

    const part = wav.subarray(from, to);
    const start = from < 0 ? wav.length + from : from;
    expect(answer.statusCode).toBe(206);
    expect(answer.headers['content-range']).toBe(`bytes ${start}-${start + part.length - 1}/${wav.length}`);
    expect(answer.headers['content-length']).toBe(String(part.length));
    expect(answer.rawPayload.equals(part)).toBe(true);
  });

  it('answers HEAD, known tags, and ranges of another version', async () => {
    const { app, wav } = await kept(setup);
    const head = await app.inject({ method: 'HEAD', url: URL_ });
    const etag = String(head.headers['etag']);

    expect([head.statusCode, head.headers['content-length'], head.payload]).toEqual([200, String(wav.length), '']);
    expect((await get(app, URL_, { 'if-none-match': `"x", ${etag}` })).statusCode).toBe(304);
    expect((await get(app, URL_, { range: 'bytes=0-1', 'if-range': '"old"' })).statusCode).toBe(200);
    expect((await get(app, URL_, { range: 'bytes=0-1', 'if-range': etag })).statusCode).toBe(206);
  });

  it('refuses a range behind its end, and sends all for what is no single range', async () => {
    const { app, wav } = await kept(setup);

    const outside = await get(app, URL_, { range: `bytes=${wav.length}-` });

    expect(outside.statusCode).toBe(416);
    expect(outside.headers['content-range']).toBe(`bytes */${wav.length}`);
    expect(outside.json()).toMatchObject({ code: 'recording_range_invalid', status: 416 });
    for (const range of ['bytes=0-1,5-6', 'bytes=9-3', 'bytes=-', 'lines=0-1', 'bytes=a-b']) {
      expect((await get(app, URL_, { range })).statusCode, range).toBe(200);
    }
  });

  it('is opened by a link without a key, over a restart, until it expires or is erased', async () => {
    const { app, wav, recordings } = await kept(setup);
    const { url, expiresAt } = await link(app, { expiresInSeconds: 60 });

    expect(expiresAt).toBe(new Date(clock.wall() + 60_000).toISOString());
    expect(url).toMatch(/^https:\/\/voice\.test\/recordings\/[\w-]+\.[\w-]+$/);
    const part = await get(app, pathOf(url), { range: 'bytes=0-3' });
    expect([part.statusCode, part.payload]).toEqual([206, 'RIFF']);
    const again = await serving(setup);
    expect((await get(again.app, pathOf(url))).rawPayload.equals(wav)).toBe(true);
    clock.advance(59_999);
    expect((await get(app, pathOf(url))).statusCode).toBe(200);
    clock.advance(1);
    expect((await get(app, pathOf(url))).json()).toMatchObject({ status: 410, code: 'recording_link_expired' });

    const later = await link(app);
    await recordings.keeper.erase('call_1');
    expect((await get(app, pathOf(later.url))).json()).toMatchObject({ status: 404, code: 'recording_not_found' });
  });

  it('is listed', async () => {
    const { app, wav } = await kept(setup);

    expect((await get(app, '/v1/calls/call_1/recordings')).json()).toEqual({
      recordings: [
        {
          ...{ id: 'call', source: 'call', format: 'wav', contentType: 'audio/wav', bytes: wav.length },
          ...{ durationMs: 2000, encrypted: setup === sealed, keptAt: new Date(clock.wall()).toISOString() },
        },
      ],
    });
  });
});

describe('a recording that is not kept yet', () => {
  it.each([
    ['in clear', {}],
    ['encrypted', sealed],
  ])('is made while it is sent, %s', async (_, setup) => {
    const { app, wav } = await serving(setup);

    const answer = await get(app, URL_, { range: 'bytes=0-1' });

    expect(answer.statusCode).toBe(200);
    expect(answer.rawPayload.equals(wav)).toBe(true);
    expect(answer.headers['content-length']).toBe(String(wav.length));
    expect(answer.headers['accept-ranges']).toBeUndefined();
    expect((await get(app, pathOf((await link(app)).url))).rawPayload.equals(wav)).toBe(true);
  });

  it('is nowhere when nothing was recorded, and unknown with its call', async () => {
    const { app, recordings } = await serving();
    await recordings.keeper.erase('call_1');

    expect((await get(app)).json()).toMatchObject({ status: 404, code: 'recording_not_found' });
    expect((await app.inject({ method: 'HEAD', url: URL_ })).statusCode).toBe(404);
    expect((await get(app, '/v1/calls/nobody/recording')).json()).toMatchObject({ code: 'call_not_found' });
    const refused = await app.inject({ method: 'POST', url: `${URL_}/link`, payload: {} });
    expect(refused.json()).toMatchObject({ status: 404, code: 'recording_not_found' });
    expect((await get(app, '/v1/calls/call_1/recordings')).json()).toEqual({ recordings: [] });
  });
});

describe('a link', () => {
  it('of a call and a Telnyx recording with real ids leads somewhere, however long it is', async () => {
    const { app, recordings } = await kept();
    const callId = `call_${'0123456789abcdef'.repeat(2)}`;
    for (const id of [undefined, '4ccfa9ea-1d5a-4f3b-9d1c-0a1b2c3d4e5f', 'r'.repeat(100)]) {
      const token = recordings.links.sign({ callId, id }, clock.wall() + 60_000);
      const answer = await get(app, `/recordings/${token}`);
      expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([404, 'recording_not_found']);
    }
  });

  it('is refused when any character of it was changed', async () => {
    const { app } = await kept();
    const path = pathOf((await link(app)).url);
    const token = path.slice('/recordings/'.length);

    for (let at = 0; at < token.length; at += 3) {
      const bad = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
      const answer = await get(app, `/recordings/${bad}`);
      expect([answer.statusCode, answer.json<{ code: string }>().code], `at ${at}`).toEqual([
        403,
        'recording_link_invalid',
      ]);
    }
    for (const bad of ['x', `${token}.x`, token.slice(0, -2), '.', token.split('.')[0] ?? '']) {
      expect((await get(app, `/recordings/${bad}`)).statusCode, bad).toBe(403);
    }
  });

  it('is void with another secret', async () => {
    const { app } = await kept();
    const path = pathOf((await link(app)).url);
    writeFileSync(join(world.dataDir, 'link-secret'), `${'00'.repeat(32)}\n`);

    expect((await get((await serving()).app, path)).statusCode).toBe(403);
  });

  it.each([[{ expiresInSeconds: 0 }], [{ expiresInSeconds: 604_801 }], [{ format: 'mp3' }], [{ seconds: 5 }]])(
    'is not made for %j',
    async (payload) => {
      const { app } = await kept();

      const answer = await app.inject({ method: 'POST', url: `${URL_}/link`, payload });

      expect(answer.json()).toMatchObject({ status: 400, code: 'request_invalid' });
    },
  );
});

describe('another format', () => {
  it('is made by ffmpeg, or refused with what to install', async () => {
    const ffmpeg = fakeFfmpeg(
      world.dataDir,
      `process.stdin.resume(); process.stdin.on('end', () => process.stdout.write('OggS'));`,
    );
    const { app } = await kept({ ffmpeg });
    const answer = await get(app, `${URL_}?format=opus`);

    expect([answer.statusCode, answer.headers['content-type'], answer.payload]).toEqual([
      200,
      'audio/ogg; codecs=opus',
      'OggS',
    ]);
    expect(answer.headers['content-disposition']).toBe('inline; filename="call_1.opus"');
    const without = await get((await serving()).app, `${URL_}?format=opus`);
    expect(without.json()).toMatchObject({ status: 501, code: 'not_supported' });
    expect((await get(app, `${URL_}?format=mp3`)).json()).toMatchObject({ status: 400 });
  });
});

describe('an encrypted recording that was changed', () => {
  it('is not sent', async () => {
    const { app } = await kept(sealed);
    const folder = join(world.dataDir, 'recordings', '2026-01-05');
    const path = join(folder, readdirSync(folder)[0] ?? '');
    const bytes = readFileSync(path);
    bytes[bytes.length - 20] = bytes.readUInt8(bytes.length - 20) ^ 1;
    writeFileSync(path, bytes);

    const changed = await get(app);
    writeFileSync(path, bytes.subarray(0, 60));
    const cut = await get(app);

    for (const answer of [changed, cut]) {
      expect(answer.headers['content-type']).toContain('application/problem+json');
      expect(answer.json()).toMatchObject({ status: 500, code: 'recording_damaged' });
    }
  });
});

describe('an object store', () => {
  async function inS3(setup: RecordingsSetup = {}): Promise<{ s3: S3Emulator; setup: RecordingsSetup }> {
    const s3 = await createS3Emulator({ clock });
    stores.push(s3);
    const storage = { type: 's3', endpoint: s3.endpoint, bucket: s3.bucket, region: s3.account.region } as const;
    const names = { accessKeyEnv: 'MY_KEY', secretKeyEnv: 'MY_SECRET' };
    const env = { MY_KEY: s3.account.accessKeyId, MY_SECRET: s3.account.secretAccessKey };
    return {
      s3,
      setup: { ...setup, env, options: { ...DEFAULT_RECORDING_OPTIONS, storage: { ...storage, ...names } } },
    };
  }

  it('serves unencrypted recordings itself by presigned links', async () => {
    const { s3, setup } = await inS3();
    const { app, wav, recordings } = await kept(setup);
    expect((await get(app)).rawPayload.equals(wav)).toBe(true);

    const { url } = await link(app, { expiresInSeconds: 60 });

    expect(url.startsWith(`${s3.endpoint}/recordings/2026-01-05/call_1.wav?`)).toBe(true);
    expect(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(wav)).toBe(true);
    clock.advance(61_000);
    expect((await fetch(url)).status).toBe(403);
    await recordings.keeper.erase('call_1');
    expect(s3.objects.size).toBe(0);
  });

  it('holds encrypted ones that only our links open', async () => {
    const { s3, setup } = await inS3(sealed);
    const { app, wav } = await kept(setup);

    const { url } = await link(app);

    expect(url.startsWith('https://voice.test/recordings/')).toBe(true);
    expect([...s3.objects.values()].some(({ bytes }) => bytes.includes(wav.subarray(0, 40)))).toBe(false);
    const part = await get(app, pathOf(url), { range: 'bytes=1000-1999' });
    expect(part.rawPayload.equals(wav.subarray(1000, 2000))).toBe(true);
  });

  it('that is away answers 503, and the recording comes back with it', async () => {
    const { s3, setup } = await inS3();
    const { app, wav } = await kept(setup);
    const repaired = s3.fault({ does: { type: 'refuse', status: 403, code: 'AccessDenied' } });

    expect((await get(app)).json()).toMatchObject({ status: 503, code: 'recording_storage_failed' });
    repaired();
    expect((await get(app)).rawPayload.equals(wav)).toBe(true);
  });
});
