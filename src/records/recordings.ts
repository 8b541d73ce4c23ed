import { isAbsolute, join, resolve } from 'node:path';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { createDiskStorage } from './disk-storage.ts';
import { KeptRecordings } from './kept-recordings.ts';
import { RecordingKeeper, type KeeperOptions } from './recording-keep.ts';
import { NO_RECORDING_KEYS, type RecordingKeys } from './recording-keys.ts';
import { RecordingLibrary } from './recording-library.ts';
import { installationSecret, RecordingLinks } from './recording-links.ts';
import { DEFAULT_RECORDING_OPTIONS, type RecordingOptions } from './recording-options.ts';
import type { RecordingStorage } from './recording-storage.ts';
import { renderWav } from './rendered-wav.ts';
import { createS3Storage } from './s3-storage.ts';
import { createTrackSealer } from './sealed-track.ts';

/** What a gateway is told about its recordings; everything has a default. */
export interface RecordingsSetup {
  readonly options?: RecordingOptions | undefined;
  /** Folder from which `storage.path` is seen. */
  readonly dir?: string | undefined;
  readonly keys?: RecordingKeys | undefined;
  /** Path of ffmpeg. */
  readonly ffmpeg?: string | undefined;
  /** Where credentials of the object store are. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** For tests: used instead of what `options.storage` says. */
  readonly storage?: RecordingStorage | undefined;
}

/** Everything about recordings after they were made. */
export interface Recordings {
  readonly keeper: RecordingKeeper;
  readonly library: RecordingLibrary;
  readonly links: RecordingLinks;
  /** Of this installation; see {@link installationSecret}. */
  readonly secret: Uint8Array;
  /** See {@link RecordingOptions.linkSeconds}. */
  readonly linkSeconds: number;
  /** What is done to the track records of this call before they are written; nothing without a key. */
  readonly sealer: (callId: string) => (record: Uint8Array) => Uint8Array;
  close(): Promise<void>;
}

export function createRecordings(
  setup: RecordingsSetup,
  world: Pick<KeeperOptions, 'settled' | 'trustedOrigins' | 'freshUrl' | 'observe'> & {
    readonly dataDir: string;
    readonly clock: Clock;
    readonly log: Log;
  },
): Recordings {
  const { dataDir, clock, log } = world;
  const { options = DEFAULT_RECORDING_OPTIONS, keys: given = NO_RECORDING_KEYS, ffmpeg, env = {} } = setup;
  // Switched off, what was sealed before can still be read.
  const keys = options.encrypt === false ? { ...given, current: undefined } : given;
  const storage = setup.storage ?? storageOf(options.storage, { dataDir, dir: setup.dir ?? dataDir, env, clock });
  const kept = new KeptRecordings(dataDir);
  const render: KeeperOptions['render'] = (callId) => renderWav(dataDir, callId, keys);
  const { format, keepTracks, linkSeconds } = options;
  const secret = installationSecret(dataDir);
  return {
    keeper: new RecordingKeeper({ ...world, log, storage, kept, keys, format, keepTracks, ffmpeg, render }),
    library: new RecordingLibrary({ dataDir, storage, kept, keys, ffmpeg, render }),
    links: new RecordingLinks(secret),
    secret,
    linkSeconds,
    sealer: (callId) => (keys.current ? createTrackSealer(keys.current, callId) : (record) => record),
    close: () => storage.close(),
  };
}

function storageOf(
  options: RecordingOptions['storage'],
  {
    dataDir,
    dir,
    env,
    clock,
  }: {
    readonly dataDir: string;
    readonly dir: string;
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly clock: Clock;
  },
): RecordingStorage {
  if (options.type === 'disk') {
    const { path } = options;
    return createDiskStorage(
      path === undefined ? join(dataDir, 'recordings') : isAbsolute(path) ? path : resolve(dir, path),
    );
  }
  const { endpoint, bucket, region, prefix, accessKeyEnv, secretKeyEnv, forcePathStyle } = options;
  // A token belongs to the credentials that AWS itself hands out; other names are other credentials.
  const sessionToken = accessKeyEnv === 'AWS_ACCESS_KEY_ID' ? env['AWS_SESSION_TOKEN']?.trim() : undefined;
  return createS3Storage({
    ...{ endpoint, bucket, region, prefix, clock },
    accessKeyId: env[accessKeyEnv]?.trim() ?? '',
    secretAccessKey: env[secretKeyEnv]?.trim() ?? '',
    sessionToken: sessionToken === '' ? undefined : sessionToken,
    forcePathStyle: forcePathStyle ?? !/\.amazonaws\.com(?:\.cn)?$/.test(new URL(endpoint).hostname),
  });
}
