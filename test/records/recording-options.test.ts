import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig, type Config } from '../../src/config.ts';
import { LandlineError } from '../../src/core/errors.ts';
import { findFfmpeg } from '../../src/records/encoder.ts';
import { fakeFfmpeg } from './keep-world.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'landline-options-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const AGENT = {
  greeting: 'Hello.',
  stt: { provider: 'openai', model: 'm', baseUrl: 'http://127.0.0.1:9/v1' },
  llm: { provider: 'openai', model: 'm', baseUrl: 'http://127.0.0.1:9/v1' },
  tts: { provider: 'embedded' },
};

function load(recordings: unknown, env: Record<string, string> = {}): Promise<Config> {
  writeFileSync(
    join(folder, 'landline.config.json'),
    JSON.stringify({ agents: { a: AGENT }, defaultAgent: 'a', ...(recordings === undefined ? {} : { recordings }) }),
  );
  return loadConfig({ env, cwd: folder });
}

/** The lines of what is refused that are about recordings. */
async function problems(recordings: unknown, env: Record<string, string> = {}): Promise<string[]> {
  try {
    await load(recordings, env);
    return [];
  } catch (thrown) {
    if (!(thrown instanceof LandlineError)) throw thrown;
    return thrown.message.split('\n');
  }
}

const S3 = { type: 's3', endpoint: 'https://s3.test', bucket: 'calls', region: 'eu' };
const AWS = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' };

describe('the config key recordings', () => {
  it('has a default for everything', async () => {
    const expected = { storage: { type: 'disk' }, format: 'wav', keepTracks: false, linkSeconds: 3600 };

    expect((await load(undefined)).recordings).toEqual(expected);
    expect((await load({})).recordings).toEqual(expected);
  });

  it('takes an object store with its credentials', async () => {
    expect((await load({ storage: { ...S3, prefix: 'a/b', forcePathStyle: false } }, AWS)).recordings.storage).toEqual({
      ...S3,
      ...{ prefix: 'a/b', forcePathStyle: false },
      ...{ accessKeyEnv: 'AWS_ACCESS_KEY_ID', secretKeyEnv: 'AWS_SECRET_ACCESS_KEY' },
    });
  });

  it.each<[unknown, Record<string, string>, string[]]>([
    [
      { storage: { ...S3, bucket: 'No' } },
      AWS,
      ['recordings.storage.bucket must be a bucket name: 3 to 63 of a-z 0-9 . -'],
    ],
    [
      { storage: { ...S3, endpoint: 'https://s3.test/calls' } },
      AWS,
      [
        'recordings.storage.endpoint must be an http(s) origin without a path, like https://s3.eu-central-1.amazonaws.com; the bucket has its own key',
      ],
    ],
    [
      { storage: { ...S3, prefix: '/a/' } },
      AWS,
      ['recordings.storage.prefix must be folder names like "calls/eu", without "/" at its ends'],
    ],
    [
      { storage: { ...S3, secretKeyEnv: 'MY_SECRET' } },
      {},
      [
        'AWS_ACCESS_KEY_ID is missing: recordings.storage needs it to use the bucket',
        'MY_SECRET is missing: recordings.storage also needs it to use the bucket',
      ],
    ],
    [
      { format: 'flac' },
      { PATH: '/nowhere' },
      ['recordings.format "flac" is made by ffmpeg, which is not on the PATH; install ffmpeg, or use "wav"'],
    ],
    [
      { encrypt: true },
      {},
      ['recordings.encrypt is on, but there is no key; set LANDLINE_RECORDING_KEY, made with: openssl rand -base64 32'],
    ],
    [
      {},
      { LANDLINE_RECORDING_KEY: 'c2hvcnQ=' },
      [
        'LANDLINE_RECORDING_KEY must be 32 bytes in base64 or hex, this is 5 bytes; make one with: openssl rand -base64 32',
      ],
    ],
  ])('%j is refused with what to do', async (recordings, env, expected) => {
    expect(await problems(recordings, env)).toEqual(expected);
  });

  it.each([
    [{ format: 'mp3' }],
    [{ storage: { type: 'ftp' } }],
    [{ linkSeconds: 0 }],
    [{ linkSeconds: 604_801 }],
    [{ kepTracks: true }],
  ])('%j is refused by its path', async (recordings) => {
    expect((await problems(recordings)).join()).toMatch(/^recordings\./);
  });

  it('finds ffmpeg where a shell would', async () => {
    expect(findFfmpeg({ PATH: `relative:/nowhere:${folder}` })).toBeUndefined();
    const path = fakeFfmpeg(folder, '');

    expect(findFfmpeg({ PATH: `relative:/nowhere:${folder}` })).toBe(path);
    expect(findFfmpeg({})).toBeUndefined();
    expect(await problems({ format: 'opus' }, { PATH: folder })).toEqual([]);
  });
});
