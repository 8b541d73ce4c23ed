import { existsSync, readdirSync, readFileSync, statSync, writeFileSync, chmodSync, mkdirSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readWav } from '../../src/audio/wav.ts';
import { LandlineError } from '../../src/core/errors.ts';
import { trackPath } from '../../src/journal/layout.ts';
import { createDiskStorage } from '../../src/records/disk-storage.ts';
import { recordingKey, recordingKeys } from '../../src/records/recording-keys.ts';
import { DEFAULT_RECORDING_OPTIONS } from '../../src/records/recording-options.ts';
import type { RecordingStorage } from '../../src/records/recording-storage.ts';
import { renderRecording } from '../../src/records/recording.ts';
import type { Recordings } from '../../src/records/recordings.ts';
import { ATTEMPT, CREATED, fakeFfmpeg, keepWorld, SAMPLES, work, type KeepWorld } from './keep-world.ts';

const key = recordingKey(Buffer.alloc(32, 3));

let world: KeepWorld;
beforeEach(() => {
  world = keepWorld();
});
afterEach(() => world.close());

const keep = (recordings: Recordings): Promise<void> =>
  recordings.keeper.handlers.recording(work('recording'), ATTEMPT);
const track = (): boolean => existsSync(trackPath(world.dataDir, 'call_1'));
const stored = (name: string): Buffer => readFileSync(join(world.dataDir, 'recordings', '2026-01-05', name));
const names = (): string[] =>
  existsSync(join(world.dataDir, 'recordings')) ? readdirSync(join(world.dataDir, 'recordings', '2026-01-05')) : [];

async function heard(recordings: Recordings, format?: 'wav' | 'flac'): Promise<Buffer> {
  const { open } = await recordings.library.find('call_1', { format });
  return Buffer.concat(await (await open()).toArray());
}

/** A storage that fails at one of its steps. */
function failing(step: 'put' | 'head', storage: RecordingStorage, times = 1): RecordingStorage {
  let left = times;
  const fail = (): void => {
    if (left-- > 0) throw new LandlineError('recording_storage_failed', `${step}: 503 SlowDown`, { retryable: true });
  };
  return {
    ...storage,
    put: async (...args) => {
      if (step === 'put') fail();
      const bytes = await storage.put(...args);
      return bytes;
    },
    head: async (...args) => {
      if (step === 'head') fail();
      return storage.head(...args);
    },
  };
}

describe('the recording of an ended call', () => {
  it('becomes a WAV file of the day it was put in, for our eyes only, and its track goes', async () => {
    const recordings = world.recordings();
    world.leaveTrack();
    const expected = await renderRecording(world.dataDir, 'call_1');

    await keep(recordings);

    expect(names()).toEqual(['call_1.wav']);
    expect(stored('call_1.wav').equals(expected)).toBe(true);
    expect(statSync(join(world.dataDir, 'recordings', '2026-01-05', 'call_1.wav')).mode & 0o777).toBe(0o600);
    expect(track()).toBe(false);
    const [entry] = await recordings.library.list('call_1');
    expect(entry).toMatchObject({
      ...{ id: 'call', source: 'call', name: '2026-01-05/call_1.wav', format: 'wav', contentType: 'audio/wav' },
      ...{ bytes: expected.length, storedBytes: expected.length, samples: SAMPLES, sealedWith: null },
    });
    expect((await heard(recordings)).equals(expected)).toBe(true);
    expect(world.told).toEqual([['call', 'kept', expected.length]]);
  });

  it('leaves the track when told to', async () => {
    world.leaveTrack();

    await keep(world.recordings({ options: { ...DEFAULT_RECORDING_OPTIONS, keepTracks: true } }));

    expect(track()).toBe(true);
    expect(names()).toEqual(['call_1.wav']);
  });

  it('is done with when nothing was recorded', async () => {
    await keep(world.recordings());

    expect(names()).toEqual([]);
    expect(world.told).toEqual([['call', 'empty', 0]]);
  });

  it('waits for the journal before it reads the track', async () => {
    const recordings = world.recordings({}, { settled: async () => world.leaveTrack() });

    await keep(recordings);

    expect(names()).toEqual(['call_1.wav']);
  });

  it('keeps its track while the storage refuses, says so, and arrives later', async () => {
    const disk = createDiskStorage(join(world.dataDir, 'recordings'));
    const recordings = world.recordings({ storage: failing('put', disk) });
    world.leaveTrack();

    await expect(keep(recordings)).rejects.toMatchObject({ retryable: true });
    expect(track()).toBe(true);
    expect(recordings.keeper.state()).toEqual({ waiting: 1, failed: 'put: 503 SlowDown' });
    await keep(recordings);

    expect(track()).toBe(false);
    expect(recordings.keeper.state()).toEqual({ waiting: 0 });
    expect(world.told.map(([, outcome]) => outcome)).toEqual(['failed', 'kept']);
  });

  it('survives a kill after storing, before it was noted', async () => {
    const disk = createDiskStorage(join(world.dataDir, 'recordings'));
    world.leaveTrack();
    await expect(keep(world.recordings({ storage: failing('head', disk) }))).rejects.toThrow('503');
    expect(names()).toEqual(['call_1.wav']);
    expect(track()).toBe(true);

    await keep(world.recordings());

    expect(names()).toEqual(['call_1.wav']);
    expect(track()).toBe(false);
  });

  it('survives a kill between storing and removing the track: it only removes', async () => {
    world.leaveTrack();
    await keep(world.recordings());
    const before = stored('call_1.wav');
    world.leaveTrack();
    const refusing = {
      ...createDiskStorage(join(world.dataDir, 'recordings')),
      put: () => Promise.reject(new Error('stored twice')),
    };

    await keep(world.recordings({ storage: refusing }));

    expect(track()).toBe(false);
    expect(stored('call_1.wav').equals(before)).toBe(true);
  });

  it('keeps its track when less arrived than was sent', async () => {
    const disk = createDiskStorage(join(world.dataDir, 'recordings'));
    const lossy: RecordingStorage = { ...disk, head: async (name) => ((await disk.head(name)) ?? 1) - 1 };
    world.leaveTrack();

    await expect(keep(world.recordings({ storage: lossy }))).rejects.toMatchObject({
      code: 'recording_storage_failed',
    });

    expect(track()).toBe(true);
  });

  it('leaves no half file when the disk fails, or its work is aborted', async () => {
    world.leaveTrack();
    const aborted = new AbortController();
    aborted.abort(new Error('the worker stops'));

    await expect(
      world.recordings().keeper.handlers.recording(work('recording'), { ...ATTEMPT, signal: aborted.signal }),
    ).rejects.toThrow('the worker stops');
    expect(names()).toEqual([]);

    const blocked = join(world.dataDir, 'blocked');
    writeFileSync(blocked, 'a file where a folder should be');
    const recordings = world.recordings({ storage: createDiskStorage(blocked) });
    await expect(keep(recordings)).rejects.toMatchObject({ code: 'recording_storage_failed', retryable: true });
    expect(track()).toBe(true);
  });

  it('is encrypted at rest with a key, track and file, and read back', async () => {
    const recordings = world.recordings({ keys: recordingKeys(key) });
    world.leaveTrack();
    const expected = await renderRecording(world.dataDir, 'call_1');
    world.leaveTrack(recordings);
    expect(readFileSync(trackPath(world.dataDir, 'call_1')).includes(Buffer.alloc(16, 5))).toBe(false);

    await keep(recordings);

    expect(names()).toEqual(['call_1.wav.sealed']);
    expect(stored('call_1.wav.sealed').toString('latin1', 0, 4)).toBe('LLSF');
    expect((await heard(recordings)).equals(Buffer.from(expected))).toBe(true);
    const newer = recordingKeys(recordingKey(Buffer.alloc(32, 4)), [key]);
    expect((await heard(world.recordings({ keys: newer }))).equals(Buffer.from(expected))).toBe(true);
    await expect(heard(world.recordings())).rejects.toMatchObject({ code: 'recording_key_missing' });
  });

  it('is erased whole: file, note and track', async () => {
    const recordings = world.recordings();
    world.leaveTrack();
    await keep(recordings);
    world.leaveTrack();

    await recordings.keeper.erase('call_1');
    await recordings.keeper.erase('call_1');

    expect([names(), track(), await recordings.library.list('call_1')]).toEqual([[], false, []]);
    await expect(heard(recordings)).rejects.toMatchObject({ code: 'recording_not_found' });
  });

  it('is erased whole also when it was stored and could not be noted, or a killed process left half of it', async () => {
    const storage = failing('head', createDiskStorage(join(world.dataDir, 'recordings')));
    const recordings = world.recordings({ storage });
    world.leaveTrack();
    await expect(keep(recordings)).rejects.toMatchObject({ code: 'recording_storage_failed' });
    writeFileSync(join(world.dataDir, 'recordings', '2026-01-05', '.call_1.wav.part'), 'half');
    expect([names(), await recordings.library.list('call_1')]).toEqual([['.call_1.wav.part', 'call_1.wav'], []]);

    // Another process: all it knows is on the disk.
    await world.recordings().keeper.erase('call_1');

    expect([names(), track()]).toEqual([[], false]);
    expect(readdirSync(join(world.dataDir, 'kept'))).toEqual([]);
  });

  it('says so when a stored file was shortened or lost', async () => {
    const recordings = world.recordings();
    world.leaveTrack();
    await keep(recordings);
    const path = join(world.dataDir, 'recordings', '2026-01-05', 'call_1.wav');
    chmodSync(path, 0o600);
    writeFileSync(path, stored('call_1.wav').subarray(0, 100));

    await expect(heard(recordings)).rejects.toMatchObject({ code: 'recording_damaged' });
  });
});

describe('with ffmpeg', () => {
  const options = { ...DEFAULT_RECORDING_OPTIONS, format: 'flac' as const };
  /** Writes its arguments down; "encodes" into a FLAC header and the WAV it got, "decodes" into silence. */
  const program = `
    const { appendFileSync } = require('node:fs');
    appendFileSync(__dirname + '/called', process.argv.slice(2).join(' ') + '\\n');
    const toFlac = process.argv.includes('flac') && process.argv.at(-2) === 'flac';
    process.stdout.write(toFlac ? Buffer.concat([Buffer.from('fLaC'), Buffer.alloc(38)]) : Buffer.alloc(100));
    if (toFlac) process.stdin.pipe(process.stdout); else process.stdin.resume();`;

  it('is called as a filter, and the length it cannot know is written into the file', async () => {
    const ffmpeg = fakeFfmpeg(world.dataDir, program);
    const recordings = world.recordings({ options, ffmpeg });
    world.leaveTrack();
    const wav = await renderRecording(world.dataDir, 'call_1');

    await keep(recordings);

    const flac = stored('call_1.flac');
    expect(flac.subarray(42).equals(wav)).toBe(true);
    expect(flac.readUInt32BE(22)).toBe(SAMPLES);
    expect(readFileSync(join(world.dataDir, 'called'), 'utf8')).toBe(
      '-hide_banner -nostdin -loglevel error -f wav -i pipe:0 -map_metadata -1 -fflags +bitexact -c:a flac -compression_level 8 -f flac pipe:1\n',
    );
    expect(track()).toBe(false);
    const back = readWav(await heard(recordings, 'wav'));
    expect(back.channels.map(({ length }) => length)).toEqual([SAMPLES, SAMPLES]);
  });

  it.each([
    ['fails', 'process.stderr.write("Unknown encoder flac\\n"); process.exit(3);', 'exit code 3'],
    ['dies', 'process.kill(process.pid, "SIGKILL");', 'SIGKILL'],
  ])('that %s, the track stays', async (_, body, said) => {
    world.leaveTrack();
    const recordings = world.recordings({ options, ffmpeg: fakeFfmpeg(world.dataDir, body) });

    await expect(keep(recordings)).rejects.toMatchObject({
      retryable: true,
      message: expect.stringContaining(said) as string,
    });

    expect([names(), track()]).toEqual([[], true]);
  });

  it('not there, says what to install', async () => {
    world.leaveTrack();

    await expect(keep(world.recordings({ options }))).rejects.toMatchObject({
      code: 'not_supported',
      message: expect.stringContaining('install it, or use wav') as string,
    });
    await expect(keep(world.recordings({ options, ffmpeg: join(world.dataDir, 'gone') }))).rejects.toThrow(
      'cannot be started',
    );
    expect(track()).toBe(true);
  });
});

describe('a recording that Telnyx made', () => {
  let server: Server;
  let origin: string;
  let answer: (req: IncomingMessage, res: ServerResponse) => void;
  beforeEach(async () => {
    answer = (_req, res) => res.writeHead(200, { 'content-type': 'audio/mpeg' }).end('sound');
    server = createServer((req, res) => answer(req, res));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const fetchIt = (recordings: Recordings, path = '/r1.mp3', attempts = 0): Promise<void> =>
    recordings.keeper.handlers.telnyxRecording(
      work('telnyxRecording', { url: path.includes('://') ? path : `${origin}${path}`, recordingId: 'r-1' }, attempts),
      ATTEMPT,
    );
  const trusting = (change: Parameters<KeepWorld['recordings']>[1] = {}, setup = {}): Recordings =>
    world.recordings(setup, { trustedOrigins: [origin], ...change });

  it('is fetched, by way of redirects too, and kept beside ours', async () => {
    answer = (req, res) =>
      req.url === '/go'
        ? res.writeHead(302, { location: '/r1.mp3' }).end()
        : res.writeHead(200, { 'content-type': 'binary/octet-stream' }).end('sound');
    const recordings = trusting();
    world.leaveTrack();
    await keep(recordings);

    await fetchIt(recordings, '/go');

    expect(names()).toEqual(['call_1.r-1.mp3', 'call_1.wav']);
    expect((await recordings.library.list('call_1')).map(({ id, format }) => [id, format])).toEqual([
      ['call', 'wav'],
      ['r-1', 'mp3'],
    ]);
    const { open, contentType } = await recordings.library.find('call_1', { id: 'r-1' });
    expect([contentType, Buffer.concat(await (await open()).toArray()).toString()]).toEqual(['audio/mpeg', 'sound']);
    await expect(recordings.library.find('call_1', { id: 'r-1', format: 'wav' })).rejects.toMatchObject({
      code: 'request_invalid',
    });
    await expect(recordings.library.find('call_1', { id: 'r-2' })).rejects.toMatchObject({
      code: 'recording_not_found',
    });
  });

  it('is fetched once, and sealed like ours', async () => {
    let asked = 0;
    answer = (_req, res) => {
      asked++;
      res.writeHead(200, { 'content-type': 'audio/wav' }).end('sound');
    };
    const recordings = trusting({}, { keys: recordingKeys(key) });

    await fetchIt(recordings);
    await fetchIt(recordings);

    expect(asked).toBe(1);
    expect(names()).toEqual(['call_1.r-1.wav.sealed']);
    expect((await heard(recordings)).toString()).toBe('sound');
  });

  it.each([
    ['http://127.0.0.1:1/x.wav'],
    ['http://api.telnyx.com/x.wav'],
    ['https://telnyx.com.example.com/x.wav'],
    ['https://169.254.169.254/latest'],
    ['file:///etc/passwd'],
    ['nonsense://'],
  ])('is not fetched from %s', async (url) => {
    await expect(fetchIt(trusting(), url)).rejects.toMatchObject({ code: 'not_supported', retryable: false });
    expect(names()).toEqual([]);
  });

  it('is not fetched by a redirect to elsewhere, or to itself', async () => {
    answer = (_req, res) => res.writeHead(302, { location: 'http://127.0.0.1:1/secret' }).end();
    await expect(fetchIt(trusting())).rejects.toMatchObject({ code: 'not_supported' });
    answer = (_req, res) => res.writeHead(302, { location: '/' }).end();
    await expect(fetchIt(trusting())).rejects.toMatchObject({ code: 'telnyx_command_failed', retryable: true });
  });

  it.each([
    [503, 'text/plain', { code: 'telnyx_command_failed', retryable: true }],
    [404, 'text/plain', { code: 'recording_not_found', retryable: true }],
    [200, 'text/html', { code: 'not_supported', retryable: false }],
  ])('is not kept when the answer is %i %s', async (status, type, problem) => {
    answer = (_req, res) => res.writeHead(status, { 'content-type': type }).end('x');

    await expect(fetchIt(trusting())).rejects.toMatchObject(problem);
    expect(names()).toEqual([]);
  });

  it('is not kept in part when the connection breaks', async () => {
    answer = (_req, res) => {
      res.writeHead(200, { 'content-type': 'audio/wav', 'content-length': 1000 });
      res.write('half', () => res.destroy());
    };

    await expect(fetchIt(trusting())).rejects.toMatchObject({ code: 'telnyx_command_failed', retryable: true });
    expect(names()).toEqual([]);
  });

  it('of an erased call is not fetched any more: neither what is under way, nor what waits behind it', async () => {
    let asked = 0;
    const begun = Promise.withResolvers<undefined>();
    answer = (_req, res) => {
      asked++;
      // A long recording: it would still come for minutes.
      res.writeHead(200, { 'content-type': 'audio/wav' }).write('the beginning', () => begun.resolve(undefined));
    };
    const recordings = trusting();
    const attempts = Promise.allSettled([fetchIt(recordings), fetchIt(recordings)]);
    await begun.promise;

    await recordings.keeper.erase('call_1');

    expect((await attempts).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect([asked, names(), await recordings.library.list('call_1')]).toEqual([1, [], []]);
    expect(recordings.keeper.state()).toEqual({ waiting: 0 });
  });

  it('is asked for anew when its address has expired, and given up in the end', async () => {
    answer = (req, res) =>
      req.url === '/fresh.wav'
        ? res.writeHead(200, { 'content-type': 'audio/wav' }).end('fresh')
        : res.writeHead(403).end();
    const recordings = trusting({ freshUrl: async (id) => `${origin}/fresh.wav?${id}`.replace(/\?.*/, '') });
    await expect(fetchIt(trusting(), '/old.wav', 8)).rejects.toMatchObject({ retryable: false });

    await fetchIt(recordings, '/old.wav');

    expect(stored('call_1.r-1.wav').toString()).toBe('fresh');
  });
});

describe('the disk', () => {
  it('overwrites what a killed process left half written', async () => {
    mkdirSync(join(world.dataDir, 'recordings', '2026-01-05'), { recursive: true });
    writeFileSync(join(world.dataDir, 'recordings', '2026-01-05', '.call_1.wav.part'), Buffer.alloc(999_999));
    world.leaveTrack();
    const expected = await renderRecording(world.dataDir, 'call_1');

    await keep(world.recordings());

    expect(names()).toEqual(['call_1.wav']);
    expect(stored('call_1.wav').equals(expected)).toBe(true);
    expect(new Date(CREATED).toISOString()).toContain('2026-01-05');
  });
});
