import { z } from 'zod';
import { RECORDING_FORMATS, type RecordingFormat } from './encoder.ts';
import { KEY_VARIABLE, type RecordingKeys } from './recording-keys.ts';

/** Seven days: longer than that no object store signs an address. */
export const MAX_LINK_SECONDS = 604_800;

export type StorageOptions =
  /** Default: `recordings` in the data directory. */
  | { readonly type: 'disk'; readonly path?: string | undefined }
  | {
      readonly type: 's3';
      /** Origin, e.g. `https://s3.eu-central-1.amazonaws.com`. */
      readonly endpoint: string;
      readonly bucket: string;
      readonly region: string;
      readonly prefix?: string | undefined;
      /** Names of the variables that hold the credentials. */
      readonly accessKeyEnv: string;
      readonly secretKeyEnv: string;
      /** `https://host/bucket/…`; default: yes, except at Amazon. */
      readonly forcePathStyle?: boolean | undefined;
    };

/** The config's root key `recordings`: what becomes of a recording after its call. */
export interface RecordingOptions {
  readonly storage: StorageOptions;
  readonly format: RecordingFormat;
  /** Leave the raw track beside the finished recording. */
  readonly keepTracks: boolean;
  /** How long a link is good that does not say so itself. */
  readonly linkSeconds: number;
  /** Default: when `LANDLINE_RECORDING_KEY` is set. */
  readonly encrypt?: boolean | undefined;
}

const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of an environment variable');
const endpoint = z.string().refine(
  (text) => {
    const url = URL.parse(text);
    return (
      url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === '' && url.username === ''
    );
  },
  {
    error:
      'must be an http(s) origin without a path, like https://s3.eu-central-1.amazonaws.com; the bucket has its own key',
  },
);
const storage: z.ZodType<StorageOptions> = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('disk'), path: z.string().min(1).optional() }),
  z.strictObject({
    type: z.literal('s3'),
    endpoint,
    bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be a bucket name: 3 to 63 of a-z 0-9 . -'),
    region: z
      .string()
      .regex(/^[A-Za-z0-9-]{1,64}$/, 'must be a region like "eu-central-1"; where there are none, "auto"'),
    prefix: z
      .string()
      .regex(/^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/, 'must be folder names like "calls/eu", without "/" at its ends')
      .optional(),
    accessKeyEnv: variableName.default('AWS_ACCESS_KEY_ID'),
    secretKeyEnv: variableName.default('AWS_SECRET_ACCESS_KEY'),
    forcePathStyle: z.boolean().optional(),
  }),
]);

export const recordingOptions: z.ZodType<RecordingOptions> = z.strictObject({
  storage: storage.default({ type: 'disk' }),
  format: z.enum(RECORDING_FORMATS).default('wav'),
  keepTracks: z.boolean().default(false),
  linkSeconds: z.number().int().min(1).max(MAX_LINK_SECONDS).default(3600),
  encrypt: z.boolean().optional(),
});

export const DEFAULT_RECORDING_OPTIONS: RecordingOptions = {
  storage: { type: 'disk' },
  format: 'wav',
  keepTracks: false,
  linkSeconds: 3600,
};

/** Looks at what the options need from the machine: a key, credentials, ffmpeg. */
export function checkRecordingOptions(
  options: RecordingOptions,
  machine: {
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly keys: RecordingKeys;
    readonly ffmpeg: string | undefined;
  },
  complain: (where: string, what: string) => void,
): void {
  const { env, keys, ffmpeg } = machine;
  if (options.encrypt === true && keys.current === undefined) {
    complain(
      'recordings.encrypt',
      `is on, but there is no key; set ${KEY_VARIABLE}, made with: openssl rand -base64 32`,
    );
  }
  if (options.format !== 'wav' && ffmpeg === undefined) {
    complain(
      'recordings.format',
      `"${options.format}" is made by ffmpeg, which is not on the PATH; install ffmpeg, or use "wav"`,
    );
  }
  if (options.storage.type !== 's3') return;
  for (const key of ['accessKeyEnv', 'secretKeyEnv'] as const) {
    const name = options.storage[key];
    if ((env[name]?.trim() ?? '') === '') {
      complain(
        name,
        `is missing: recordings.storage${key === 'accessKeyEnv' ? '' : ' also'} needs it to use the bucket`,
      );
    }
  }
}
