import { resolve } from 'node:path';
import { z } from 'zod';
import type { AgentConfig } from './agent/options.ts';
import type { BuiltInToolName } from './tools/built-in.ts';
import type { CodeTool } from './tools/define-tool.ts';
import type { HttpToolInput, McpInput } from './tools/options.ts';
import type { TransferTerms } from './agent/dialogue/inputs.ts';
import type { Prices } from './agent/price-options.ts';
import type { SummaryInput } from './agent/summary-options.ts';
import type { DestinationOptions } from './call/destination-options.ts';
import { standingRefusal } from './call/destinations.ts';
import type { Schedule } from './call/hours.ts';
import { redactionOptions } from './call/redaction-options.ts';
import { loadSounds, soundOptions, type Sounds } from './call/sounds.ts';
import { callShape, type CallOptions } from './call/routing.ts';
import { readAgent, type AgentEntry } from './config-agents.ts';
import { demoConfig } from './config-demo.ts';
import {
  concealer,
  readEnvironment,
  variable,
  type Env,
  type Environment,
  type LogLevel,
  type TelnyxSettings,
} from './config-environment.ts';
import { readConfigFile, type ConfigFile } from './config-file.ts';
import { checkWebhooks, type WebhookInput } from './config-webhooks.ts';
import { configPath, readConfig, refuseNotYet, suggest, type Complain } from './config-problems.ts';
import { LandlineError } from './core/errors.ts';
import { maskNumber } from './core/log.ts';
import type { RedactionOptions } from './core/redaction.ts';
import { findFfmpeg } from './records/encoder.ts';
import {
  checkRecordingOptions,
  DEFAULT_RECORDING_OPTIONS,
  recordingOptions,
  type RecordingOptions,
} from './records/recording-options.ts';
import { chainOf, type AnyBlock, type LlmBlock, type ProviderBlocks } from './providers/options.ts';
import { webhookOptions, type WebhookOptions } from './records/webhook-options.ts';
import { retentionOptions, type RetentionOptions } from './records/retention-options.ts';
import { apiRateLimit, type ApiRateLimit } from './server/api/rate-limit.ts';

export type { AgentEntry } from './config-agents.ts';
export type { Env, LogLevel, TelnyxSettings } from './config-environment.ts';

/** The config file as a person writes it (contract, sections 3 and 7). What is left out gets its default. */
export interface ConfigInput extends Partial<Omit<CallOptions, 'destinations' | 'hours'>> {
  readonly destinations?: Partial<DestinationOptions>;
  /** One schedule for everything, or several with `for`. */
  readonly hours?: ScheduleInput | readonly ScheduleInput[];
  readonly redaction?: RedactionOptions;
  /** WAV files that may be played to callers: name -> path, relative to this file. */
  readonly sounds?: Readonly<Record<string, string>>;
  /** What becomes of recordings after their calls. */
  readonly recordings?: Partial<RecordingOptions>;
  /** How long each kind of data is kept: `30d`, `12w`, `1y`, `36h`, or `forever`, which is the default. */
  readonly retention?: Partial<Readonly<Record<keyof RetentionOptions, string>>>;
  /** What each API key may do: `{requestsPerSecond: 50, burst: 100}`. */
  readonly apiRateLimit?: Partial<ApiRateLimit>;
  /** Who is told of events, and of which: see docs/webhooks.md. */
  readonly webhooks?: readonly WebhookInput[];
  readonly agents: Readonly<Record<string, AgentInput>>;
}

/** A schedule as a person writes it. */
export type ScheduleInput = Pick<Schedule, 'timezone' | 'open' | 'afterHours'> & Partial<Schedule>;

export interface AgentInput
  extends
    Partial<
      Omit<
        AgentConfig,
        'consent' | 'endpointing' | 'idle' | 'prices' | 'summary' | 'tools' | 'transferTargets' | 'transferTerms'
      >
    >,
    Omit<ProviderBlocks, 'summaryLlm'> {
  /** Built-in tools by name, tools in code ({@link defineTool}), HTTP tools and MCP servers. */
  readonly tools?: readonly (BuiltInToolName | CodeTool | HttpToolInput | McpInput)[];
  /** Name -> number or SIP address, or that and how callers are put through to it. */
  readonly transferTargets?: Readonly<Record<string, string | ({ readonly to: string } & TransferTerms)>>;
  /** A line that is heard before anything is recorded, a beep, or both. */
  readonly consent?: string | { readonly line?: string; readonly beep?: boolean };
  readonly endpointing?: Partial<AgentConfig['endpointing']>;
  readonly idle?: Partial<AgentConfig['idle']>;
  readonly prices?: Partial<Prices>;
  /** `true`, or how; its `model` is a block like `llm`, which is the default. */
  readonly summary?: boolean | (SummaryInput & { readonly model?: LlmBlock });
}

/** Everything the gateway is told from outside, checked, with defaults, frozen to its depth. */
export interface Config extends CallOptions {
  readonly redaction: RedactionOptions;
  /** Read and ready to be played. */
  readonly sounds: Sounds;
  readonly recordings: RecordingOptions;
  readonly retention: RetentionOptions;
  readonly apiRateLimit: ApiRateLimit;
  readonly webhooks: readonly WebhookOptions[];
  /** `live` with a Telnyx API key, else `emulator`. */
  readonly mode: 'live' | 'emulator';
  /** Path of the config file; undefined: the built-in demo agent. */
  readonly file: string | undefined;
  /** Folder from which paths in the config are seen. */
  readonly dir: string;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Origin without a trailing slash. */
  readonly publicUrl: string | undefined;
  readonly telnyx: TelnyxSettings;
  /** Bearer keys of the control API; none: it answers on loopback only. */
  readonly apiKeys: readonly string[];
  readonly dataDir: string;
  /** `postgres://…` or `sqlite:` and a path. */
  readonly databaseUrl: string;
  readonly log: { readonly level: LogLevel; readonly format: 'json' | 'pretty' };
  /** Where OpenTelemetry traces are posted; undefined: none are made. */
  readonly tracesUrl: string | undefined;
  readonly agents: Readonly<Record<string, AgentEntry>>;
  /** What is allowed but probably not meant, for the log. */
  readonly warnings: readonly string[];
}

export interface LoadConfigOptions {
  readonly env: Env;
  /** Where the config file is looked for and relative paths in variables are seen from. */
  readonly cwd: string;
  /** The config itself, instead of a file; relative paths in it are seen from `cwd`. */
  readonly config?: unknown;
  /** Does the log go to a terminal? Decides about LOG_FORMAT. Default: is stdout one. */
  readonly isTty?: boolean;
  /** Milliseconds since the Unix epoch, for warnings about models. Default: now. */
  readonly now?: number;
}

/** Root keys of the contract that are not built yet; delete one when it is. */
const NOT_YET: Readonly<Record<string, string>> = {
  livekit: 'is not supported yet; remove it',
};

const agentName = z
  .string()
  .regex(/^[A-Za-z][\w-]{0,63}$/, 'must be a name of letters, digits, "_" and "-" that begins with a letter');
const rootOptions = z.strictObject({
  ...callShape,
  redaction: redactionOptions,
  sounds: soundOptions,
  recordings: recordingOptions.default(DEFAULT_RECORDING_OPTIONS),
  retention: retentionOptions,
  apiRateLimit,
  webhooks: webhookOptions,
  agents: z
    .record(agentName, z.unknown(), {
      error: ({ input }) =>
        input === undefined
          ? 'is missing: name at least one, like "reception": {…}; see docs/configuration.md'
          : undefined,
    })
    .refine((agents) => Object.keys(agents).length > 0, { error: 'must name at least one agent' }),
});
const anyKeys = z.record(z.string(), z.unknown());

/** For `landline.config.ts`: gives the config back as it is, typed. */
export function defineConfig(config: ConfigInput): ConfigInput {
  return config;
}

/** For an agent that stands by itself: gives it back as it is, typed. */
export function defineAgent(agent: AgentInput): AgentInput {
  return agent;
}

/**
 * Reads environment and config file.
 * @throws LandlineError `config_invalid`; its message names every problem, one a line, and no secret.
 */
export async function loadConfig(options: LoadConfigOptions): Promise<Config> {
  const { env, cwd, now = Date.now() } = options;
  const problems: string[] = [];
  const warnings: string[] = [];
  const complain: Complain = (where, what) => problems.push(`${where} ${what}`);
  const warn: Complain = (where, what) => warnings.push(`${where} ${what}`);

  const environment = readEnvironment(env, complain);
  const mode = variable(env, 'TELNYX_API_KEY') === undefined ? 'emulator' : 'live';
  const host = environment.host ?? (variable(env, 'PUBLIC_URL') === undefined ? '127.0.0.1' : '0.0.0.0');
  checkServing(mode, host, environment, env, complain, warn);

  const file =
    options.config === undefined
      ? await readConfigFile(variable(env, 'LANDLINE_CONFIG'), cwd, complain)
      : { path: undefined, dir: cwd, value: options.config };
  const source: Omit<ConfigFile, 'path'> | undefined =
    file === 'unreadable' ? undefined : (file ?? (mode === 'emulator' ? demoConfig() : undefined));
  if (file === undefined && mode === 'live') {
    complain(
      'LANDLINE_CONFIG',
      'is not set and there is no landline.config.{ts,js,json} here: a live gateway needs one',
    );
  }
  const given = source && readConfig(anyKeys, source.value, [], (_, what) => complain('the config', what));
  // One schedule is read as a list of one.
  const rootProblem: Complain = (where, what) =>
    complain(Array.isArray(given?.['hours']) ? where : where.replace(/^hours\[0\]/, 'hours'), what);
  const root =
    given && readConfig(rootOptions, refuseNotYet(given, NOT_YET, [], complain), [], rootProblem, Object.keys(NOT_YET));
  const machine = { env, keys: environment.recordingKeys, ffmpeg: findFfmpeg(env) };
  const sounds = loadSounds(root?.sounds ?? {}, source?.dir ?? cwd, (name, what) =>
    complain(configPath(['sounds', name]), what),
  );
  if (root) checkRecordingOptions(root.recordings, machine, complain);
  if (root) checkWebhooks(root.webhooks, env, complain);
  const agents: Record<string, AgentEntry> = {};
  if (source && given) {
    // Whatever else is wrong at the root: what can be checked is.
    const rawAgents = anyKeys.safeParse(given['agents']).data ?? {};
    for (const [name, raw] of Object.entries(rawAgents)) {
      const agent = readAgent(name, raw, { env, dir: source.dir, now, complain, warn });
      if (!agent) continue;
      agents[name] = agent;
      if (mode === 'live' && agent.recording && agent.consent === undefined)
        warn(configPath(['agents', name, 'recording']), RECORDING_WARNING);
    }
    checkRouting(given, Object.keys(rawAgents), complain, warn);
    if (root) checkTargets(root, agents, environment.telnyx.fromNumber, complain);
    if (root && mode === 'live' && root.destinations.allow === undefined) warn('destinations.allow', ALLOW_WARNING);
  }
  const conceal = concealer(env);
  if (problems.length > 0 || !source || !root) {
    throw new LandlineError('config_invalid', conceal(problems.join('\n')));
  }

  const dataDir = resolve(cwd, environment.dataDir ?? 'data');
  const isTty = options.isTty ?? process.stdout.isTTY;
  return freeze({
    ...root,
    sounds,
    defaultAgent: root.defaultAgent,
    mode,
    file: typeof file === 'object' ? file.path : undefined,
    dir: source.dir,
    host,
    port: environment.port,
    publicUrl: environment.publicUrl,
    telnyx: environment.telnyx,
    apiKeys: environment.apiKeys,
    dataDir,
    databaseUrl: environment.databaseUrl ?? `sqlite:${resolve(dataDir, 'landline.db')}`,
    tracesUrl: environment.tracesUrl,
    log: { level: environment.logLevel, format: environment.logFormat ?? (isTty ? 'pretty' : 'json') },
    agents,
    warnings: warnings.map(conceal),
  });
}

const RECORDING_WARNING =
  'is on: callers must be told in many countries; set "consent" to a line that says so, or this to false';

/** Block lists cannot keep up with toll fraud; allow lists can. */
export const ALLOW_WARNING =
  'is not set: whoever has an API key may call any country; list where your calls go, like ["+1", "+32"]';

/** Targets that the destinations of the same config refuse would fail at the caller's ear. */
function checkTargets(
  root: Pick<CallOptions, 'destinations' | 'numbers'>,
  agents: Readonly<Record<string, AgentEntry>>,
  fromNumber: string | undefined,
  complain: Complain,
): void {
  const isOwn = (number: string): boolean => number === fromNumber || Object.hasOwn(root.numbers, number);
  for (const [name, { transferTargets }] of Object.entries(agents)) {
    for (const [target, to] of Object.entries(transferTargets)) {
      const refusal = standingRefusal(to, true, { options: root.destinations, isOwn });
      if (refusal) complain(configPath(['agents', name, 'transferTargets', target]), refusal.why);
    }
  }
}

/** What follows from where the gateway is reached. */
function checkServing(
  mode: Config['mode'],
  host: string,
  environment: Environment,
  env: Env,
  complain: Complain,
  warn: Complain,
): void {
  const isSet = (name: string): boolean => variable(env, name) !== undefined;
  if (mode === 'live') {
    if (!isSet('PUBLIC_URL')) {
      complain('PUBLIC_URL', 'is missing: set it to the https origin at which Telnyx reaches this gateway');
    }
    if (!isSet('TELNYX_PUBLIC_KEY')) {
      complain('TELNYX_PUBLIC_KEY', 'is missing: copy it from the Telnyx portal (Keys & credentials, Public key)');
    }
  }
  const { publicUrl } = environment;
  const isPublic = publicUrl !== undefined && !isLoopback(new URL(publicUrl).hostname);
  if (mode === 'live' && isPublic && isLoopback(host) && !isSet('LANDLINE_API_KEY')) {
    warn(
      'LANDLINE_API_KEY',
      'is not set: whoever reaches this machine, also through its proxy, may use the control API; let the proxy pass /webhooks/telnyx and /media/ only, or set a key',
    );
  }
  if (!isLoopback(host) && environment.apiKeys.length === 0 && !isSet('LANDLINE_API_KEY')) {
    const why = environment.host === undefined ? `PUBLIC_URL makes HOST ${host}` : `HOST is ${host}`;
    complain(
      'LANDLINE_API_KEY',
      `is missing: ${why}, where anybody could use the control API; set a key, or HOST=127.0.0.1`,
    );
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function checkRouting(
  given: Readonly<Record<string, unknown>>,
  agents: readonly string[],
  complain: Complain,
  warn: Complain,
): void {
  const check = (path: readonly PropertyKey[], agent: unknown): void => {
    if (typeof agent !== 'string' || agents.includes(agent)) return;
    complain(configPath(path), `"${agent}" is no agent${suggest(agent, agents)}`);
  };
  const numbers = Object.entries(anyKeys.safeParse(given['numbers']).data ?? {});
  for (const [number, agent] of numbers) check(['numbers', number], agent);
  check(['defaultAgent'], given['defaultAgent']);
  const { hours } = given;
  const schedules = Array.isArray(hours) ? (hours as readonly unknown[]) : [hours];
  schedules.forEach((schedule, i) => {
    const path = Array.isArray(hours) ? ['hours', i] : ['hours'];
    const fields = anyKeys.safeParse(schedule).data ?? {};
    check([...path, 'afterHours'], fields['afterHours']);
    const applies = fields['for'];
    for (const [n, one] of Array.isArray(applies) ? (applies as readonly unknown[]).entries() : []) {
      if (typeof one === 'string' && !/^\+[1-9]\d{6,14}$/.test(one)) check([...path, 'for', n], one);
    }
  });
  if (given['defaultAgent'] === undefined && numbers.length === 0) {
    warn('defaultAgent', 'is not set and there are no numbers: every incoming call will be rejected');
  }
}

function freeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null && !Object.isFrozen(inner)) freeze(inner as object);
  }
  return Object.freeze(value);
}

/** A few lines for the log at the start: no secret, numbers masked. */
export function describeConfig(config: Config): string {
  const { apiKeys, telnyx } = config;
  const lines = [
    `mode: ${config.mode}`,
    `listen: ${config.host}:${config.port}${config.publicUrl === undefined ? '' : `, public ${config.publicUrl}`}`,
    `config: ${config.file ?? 'built-in demo agent'}`,
    `data: ${config.dataDir}`,
    `control API: ${apiKeys.length === 0 ? 'loopback only, no key' : `${apiKeys.length} key(s)`}`,
    ...(config.tracesUrl === undefined ? [] : [`traces: ${new URL(config.tracesUrl).origin}`]),
    `calls out: ${callsOut(config.mode, telnyx)}`,
  ];
  for (const [name, { stt, llm, tts, language }] of Object.entries(config.agents)) {
    lines.push(`agent ${name} (${language}): hears ${chain(stt)}; thinks ${chain(llm)}; speaks ${chain(tts)}`);
  }
  for (const [number, agent] of Object.entries(config.numbers)) lines.push(`number ${maskNumber(number)}: ${agent}`);
  lines.push(`other numbers: ${config.defaultAgent ?? 'rejected'}`);
  return lines.join('\n');
}

function callsOut(mode: Config['mode'], { connectionId, fromNumber }: TelnyxSettings): string {
  if (mode === 'emulator') return 'to the emulator';
  if (connectionId === undefined) return 'none, TELNYX_CONNECTION_ID is not set';
  return fromNumber === undefined ? 'from the number of each request' : `from ${maskNumber(fromNumber)}`;
}

function chain(block: AnyBlock): string {
  return chainOf(block)
    .map((link) => ('model' in link ? `${link.provider} ${link.model}` : link.provider))
    .join(', else ');
}
