import { got, oneOf, type Complain } from './config-problems.ts';
import { tracesUrl } from './config-tracing.ts';
import { systemClock } from './core/clock.ts';
import { messageOf } from './core/errors.ts';
import { readRecordingKeys, type RecordingKeys } from './records/recording-keys.ts';
import { createVerifier } from './telnyx/signature.ts';

/** The process environment, e.g. `process.env`. */
export type Env = Readonly<Record<string, string | undefined>>;

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What the variables say (contract, section 2), checked one by one. */
export interface Environment {
  readonly host: string | undefined;
  readonly port: number;
  /** Origin without a trailing slash. */
  readonly publicUrl: string | undefined;
  readonly telnyx: TelnyxSettings;
  readonly apiKeys: readonly string[];
  readonly dataDir: string | undefined;
  readonly databaseUrl: string | undefined;
  /** Of recordings at rest. */
  readonly recordingKeys: RecordingKeys;
  readonly logLevel: LogLevel;
  readonly logFormat: 'json' | 'pretty' | undefined;
  /** See {@link tracesUrl}. */
  readonly tracesUrl: string | undefined;
}

export interface TelnyxSettings {
  readonly apiKey: string | undefined;
  /** More than one while a key is changed. */
  readonly publicKeys: readonly string[];
  readonly connectionId: string | undefined;
  /** E.164. */
  readonly fromNumber: string | undefined;
  /** Including `/v2`. */
  readonly baseUrl: string | undefined;
}

/** Not built yet; delete a line when it is. */
const NOT_YET = ['REDIS_URL', 'LIVEKIT_URL', 'LIVEKIT_API_KEY', 'LIVEKIT_API_SECRET'] as const;

/** A variable's text without the space around it; empty counts as unset (`PORT=` in a file). */
export function variable(env: Env, name: string): string | undefined {
  const text = env[name]?.trim();
  return text === '' ? undefined : text;
}

/** Every key, token and password of the environment; short ones, which would tear holes into words, are left out. */
export function secretsOf(env: Env): string[] {
  const secrets = Object.entries(env).flatMap(([name, value]) => {
    const isKey = /(_KEY|_KEY_OLD|_SECRET|_TOKEN|PASSWORD)$/.test(name) && name !== 'TELNYX_PUBLIC_KEY';
    return isKey ? listOf(value) : [URL.parse(value ?? '')?.password ?? ''];
  });
  return secrets.filter((secret) => secret.length >= 8);
}

/** Takes the environment's secrets out of a text, should one have got into the wrong place. */
export function concealer(env: Env): (text: string) => string {
  const secrets = secretsOf(env);
  return (text) => secrets.reduce((rest, secret) => rest.replaceAll(secret, '•••'), text);
}

/** Reads all variables; a value that is wrong is reported and then treated as unset. */
export function readEnvironment(env: Env, complain: Complain): Environment {
  const checked = (name: string, check: (text: string) => string | undefined): string | undefined => {
    const text = variable(env, name);
    const problem = text === undefined ? undefined : check(text);
    if (problem === undefined) return text;
    complain(name, problem);
    return undefined;
  };
  for (const name of NOT_YET) checked(name, () => 'is not supported yet; unset it');
  // The provider factories read these two themselves.
  checked('DEEPGRAM_BASE_URL', notAnOrigin);
  checked('OPENAI_BASE_URL', notAnAddress);

  const publicUrl = checked('PUBLIC_URL', notAnOrigin);
  return {
    host: checked('HOST', notAHost),
    port: readPort(variable(env, 'PORT'), complain),
    publicUrl: publicUrl === undefined ? undefined : new URL(publicUrl).origin,
    telnyx: {
      apiKey: checked('TELNYX_API_KEY', notAKey),
      publicKeys: readPublicKeys(variable(env, 'TELNYX_PUBLIC_KEY'), complain),
      connectionId: checked('TELNYX_CONNECTION_ID', notAnId),
      fromNumber: checked('TELNYX_FROM_NUMBER', notE164),
      baseUrl: checked('TELNYX_BASE_URL', notTheApi),
    },
    apiKeys: readApiKeys(variable(env, 'LANDLINE_API_KEY'), complain),
    recordingKeys: readRecordingKeys(env, complain),
    dataDir: variable(env, 'LANDLINE_DATA_DIR'),
    databaseUrl: checked('DATABASE_URL', notADatabase),
    logLevel: choice('LOG_LEVEL', LOG_LEVELS, variable(env, 'LOG_LEVEL'), complain) ?? 'info',
    logFormat: choice('LOG_FORMAT', ['json', 'pretty'], variable(env, 'LOG_FORMAT'), complain),
    tracesUrl: tracesUrl(env, complain),
  };
}

function readPort(text: string | undefined, complain: Complain): number {
  if (text === undefined) return 8080;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  complain('PORT', `must be a whole number from 0 to 65535${got(text)}`);
  return 8080;
}

function choice<T extends string>(
  name: string,
  options: readonly T[],
  text: string | undefined,
  complain: Complain,
): T | undefined {
  const chosen = options.find((option) => option === text);
  if (text !== undefined && chosen === undefined) complain(name, oneOf(options, text));
  return chosen;
}

function readPublicKeys(text: string | undefined, complain: Complain): readonly string[] {
  const keys = listOf(text);
  return keys.filter((key, i) => {
    try {
      createVerifier([key], systemClock);
      return true;
    } catch (error) {
      // It was given one key only and calls it the first.
      const reason = messageOf(error).replace(/^.*?, key 1\)/, '');
      complain('TELNYX_PUBLIC_KEY', keys.length === 1 ? reason.trim() : `key ${i + 1} of ${keys.length}${reason}`);
      return false;
    }
  });
}

function readApiKeys(text: string | undefined, complain: Complain): readonly string[] {
  const keys = listOf(text);
  const usable = keys.filter((key) => /^[\x21-\x7e]+$/.test(key));
  if (text !== undefined && (keys.length === 0 || usable.length < keys.length)) {
    complain('LANDLINE_API_KEY', 'must be one or more keys of visible ASCII characters, separated by commas');
  }
  return usable;
}

function listOf(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

/** The address, if it is one that may be shown and used: http(s), no password, no query. */
function httpUrl(text: string): URL | undefined {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) return undefined;
  return url.username === '' && url.password === '' && url.search === '' && url.hash === '' ? url : undefined;
}

function notAnAddress(text: string): string | undefined {
  return httpUrl(text) ? undefined : 'must be an http(s) address without user, password or query';
}

function notAnOrigin(text: string): string | undefined {
  return httpUrl(text)?.pathname === '/'
    ? undefined
    : 'must be an http(s) origin without a path, like https://example.com';
}

function notTheApi(text: string): string | undefined {
  const path = httpUrl(text)?.pathname;
  return path !== undefined && /\/v2\/?$/.test(path)
    ? undefined
    : 'must be an http(s) address that ends in /v2, like https://api.telnyx.com/v2';
}

function notAHost(text: string): string | undefined {
  return /^[A-Za-z0-9.:_-]+$/.test(text) ? undefined : `must be an IP address or host name${got(text)}`;
}

function notAKey(text: string): string | undefined {
  return /^[\x21-\x7e]+$/.test(text)
    ? undefined
    : 'has characters no key has, such as a space or a line break; copy it again from the Telnyx portal (API Keys)';
}

function notAnId(text: string): string | undefined {
  return /^[A-Za-z0-9-]{1,64}$/.test(text)
    ? undefined
    : 'must be the id of a Call Control application, like 1293384261075731499';
}

function notE164(text: string): string | undefined {
  return /^\+[1-9]\d{6,14}$/.test(text) ? undefined : `must be E.164 like "+13125550178"${got(text)}`;
}

function notADatabase(text: string): string | undefined {
  const isPostgres = /^postgres(ql)?:\/\/\S+$/.test(text) && URL.canParse(text);
  return isPostgres || /^sqlite:./.test(text) ? undefined : 'must be "postgres://…" or "sqlite:" and a path';
}
