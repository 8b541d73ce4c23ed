import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineConfig, describeConfig, loadConfig, type Config, type Env } from '../src/config.ts';
import { readEnvironment } from '../src/config-environment.ts';
import { LandlineError } from '../src/core/errors.ts';
import { loadScript } from '../src/providers/script.ts';

const ROOT = join(import.meta.dirname, '..');
const PUBLIC_KEY = newPublicKey();
const TELNYX_KEY = 'KEY0123456789ABCDEF_secretsecret';
const DEEPGRAM_KEY = 'dg-secret-0123456789';
const OPENAI_KEY = 'sk-secret-0123456789';
const CONTROL_KEY = 'control-secret-0123456789';
const PROVIDERS = { DEEPGRAM_API_KEY: DEEPGRAM_KEY, OPENAI_API_KEY: OPENAI_KEY };
const LIVE: Env = {
  ...PROVIDERS,
  TELNYX_API_KEY: TELNYX_KEY,
  TELNYX_PUBLIC_KEY: PUBLIC_KEY,
  PUBLIC_URL: 'https://voice.example.com',
  LANDLINE_API_KEY: CONTROL_KEY,
};
/** Before any model of these tests is switched off. */
const NOW = Date.parse('2026-01-05T09:00:00Z');

let cwd = '';
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'landline-config-'));
});
afterAll(() => rmSync(cwd, { recursive: true }));

function newPublicKey(): string {
  const { publicKey } = generateKeyPairSync('ed25519');
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
}

const reception = {
  greeting: 'Hello, this is the front desk. How can I help?',
  instructions: 'You answer the phone of a small hotel. Be brief.',
  stt: { provider: 'deepgram', model: 'flux-general-en' },
  llm: { provider: 'openai', model: 'gpt-6-luna' },
  tts: { provider: 'deepgram', model: 'aura-2-thalia-en' },
  tools: ['transfer_call', 'hang_up', 'send_dtmf'],
  transferTargets: { sales: '+15105550200', desk: 'sip:desk@example.com' },
};
const contract = { agents: { reception }, numbers: { '+13125550178': 'reception' }, defaultAgent: 'reception' };

/** Loads `value` as the config file, under these variables. */
function load(value: unknown, env: Env = PROVIDERS, now = NOW): Promise<Config> {
  writeFileSync(join(cwd, 'test.json'), typeof value === 'string' ? value : JSON.stringify(value));
  return loadConfig({ env: { LANDLINE_CONFIG: 'test.json', ...env }, cwd, now, isTty: false });
}

async function problemsOf(loading: Promise<Config>): Promise<string[]> {
  const error: unknown = await loading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof LandlineError)) throw new Error('the config was taken');
  expect(error.code).toBe('config_invalid');
  return error.message.split('\n');
}

const withAgent = (changes: object): unknown => ({ ...contract, agents: { reception: { ...reception, ...changes } } });

describe('without anything', () => {
  it('is the demo agent on the emulator, on loopback', async () => {
    const config = await loadConfig({ env: {}, cwd, isTty: true });

    expect(config).toMatchObject({
      mode: 'emulator',
      file: undefined,
      host: '127.0.0.1',
      port: 8080,
      publicUrl: undefined,
      telnyx: { apiKey: undefined, publicKeys: [], connectionId: undefined, fromNumber: undefined, baseUrl: undefined },
      apiKeys: [],
      dataDir: join(cwd, 'data'),
      databaseUrl: `sqlite:${join(cwd, 'data', 'landline.db')}`,
      log: { level: 'info', format: 'pretty' },
      numbers: {},
      drainTimeoutSeconds: 600,
      maxDurationSeconds: 3600,
      noMediaSeconds: 15,
      maxConcurrentCalls: 200,
      warnings: [],
    });
    const agent = config.agents[config.defaultAgent ?? ''];
    expect([agent?.stt.provider, agent?.llm.provider, agent?.tts.provider]).toEqual([
      'embedded',
      'scripted',
      'embedded',
    ]);
    if (agent?.llm.provider !== 'scripted') throw new Error('the demo agent has no script');
    expect(loadScript(join(config.dir, agent.llm.script)).intents.length).toBeGreaterThan(5);
  });
});

describe('the contract’s example', () => {
  it('is taken, with the defaults filled in', async () => {
    const config = await load(contract);

    expect(config.agents['reception']).toEqual({
      ...reception,
      language: 'en',
      variables: {},
      ownTools: [],
      recording: true,
      transcripts: true,
      transferMode: 'blind',
      transferTerms: {},
      sensitiveDigits: false,
      speaksFirst: 'callee',
      interruptible: true,
      endpointing: { silenceMs: 500 },
      idle: { afterSeconds: 8, reprompts: 2 },
    });
    expect(config.numbers).toEqual(contract.numbers);
    expect(config.defaultAgent).toBe('reception');
    expect(config.file).toBe(join(cwd, 'test.json'));
    expect(config.dir).toBe(cwd);
  });

  it('takes a transfer target with terms of its own', async () => {
    const sales = { to: '+15105550200', mode: 'attended', announce: 'A guest.' };
    const config = await load(withAgent({ transferTargets: { sales, desk: 'sip:desk@example.com' } }));

    expect(config.agents['reception']).toMatchObject({
      transferTargets: { sales: '+15105550200', desk: 'sip:desk@example.com' },
      transferTerms: { sales: { mode: 'attended', announce: 'A guest.' } },
    });
  });

  it.each([
    [{ transferTargets: { a: { to: '+15105550200', mode: 'warm' } } }, 'agents.reception.transferTargets.a.mode'],
    [{ transferTargets: { a: { to: '911' } } }, 'agents.reception.transferTargets.a'],
    [{ transferMode: 'warm' }, 'agents.reception.transferMode must be "blind" or "attended"'],
    [{ holdMusic: 'none.wav' }, 'agents.reception.holdMusic cannot be played: '],
  ] as const)('refuses %j', async (change, message) => {
    await expect(load(withAgent(change))).rejects.toThrow(message);
  });

  it('is live with the keys of Telnyx', async () => {
    const second = newPublicKey();
    const config = await load(contract, {
      ...LIVE,
      TELNYX_PUBLIC_KEY: `${PUBLIC_KEY}, ${second}`,
      TELNYX_CONNECTION_ID: '1293384261075731499',
      TELNYX_FROM_NUMBER: '+13125550178',
      TELNYX_BASE_URL: 'http://127.0.0.1:9/v2',
      LANDLINE_API_KEY: ' one,two ,',
      LANDLINE_DATA_DIR: 'elsewhere',
      DATABASE_URL: 'postgres://u:p@db/landline',
      PORT: '0',
      PUBLIC_URL: 'https://voice.example.com/',
      LOG_LEVEL: 'debug',
      LOG_FORMAT: 'json',
    });

    expect(config).toMatchObject({
      mode: 'live',
      host: '0.0.0.0',
      port: 0,
      publicUrl: 'https://voice.example.com',
      telnyx: {
        apiKey: TELNYX_KEY,
        publicKeys: [PUBLIC_KEY, second],
        connectionId: '1293384261075731499',
        fromNumber: '+13125550178',
        baseUrl: 'http://127.0.0.1:9/v2',
      },
      apiKeys: ['one', 'two'],
      dataDir: join(cwd, 'elsewhere'),
      databaseUrl: 'postgres://u:p@db/landline',
      log: { level: 'debug', format: 'json' },
    });
  });

  it('is frozen to its depth', async () => {
    const config = await load(withAgent({ llm: { ...reception.llm, extraBody: { a: { b: [1] } } } }));

    const inspect = (value: unknown, path: string): string[] => {
      if (typeof value !== 'object' || value === null) return [];
      const inner = Object.entries(value).flatMap(([key, child]) => inspect(child, `${path}.${key}`));
      return Object.isFrozen(value) ? inner : [path, ...inner];
    };
    expect(inspect(config, 'config')).toEqual([]);
  });
});

describe('a wrong variable', () => {
  const MISSING_KEY = 'where anybody could use the control API; set a key, or HOST=127.0.0.1';
  it.each([
    ['PORT', 'abc', 'PORT must be a whole number from 0 to 65535, got "abc"'],
    ['PORT', 'x'.repeat(21), 'PORT must be a whole number from 0 to 65535, got 21 characters'],
    ['PORT', '65536', 'PORT must be a whole number from 0 to 65535, got "65536"'],
    ['PORT', '-1', 'PORT must be a whole number from 0 to 65535, got "-1"'],
    ['HOST', 'a b', 'HOST must be an IP address or host name, got "a b"'],
    ['HOST', '0.0.0.0', `LANDLINE_API_KEY is missing: HOST is 0.0.0.0, ${MISSING_KEY}`],
    ['PUBLIC_URL', 'https://a.example', `LANDLINE_API_KEY is missing: PUBLIC_URL makes HOST 0.0.0.0, ${MISSING_KEY}`],
    ['TELNYX_FROM_NUMBER', '3125550178', 'TELNYX_FROM_NUMBER must be E.164 like "+13125550178", got "3125550178"'],
    [
      'TELNYX_CONNECTION_ID',
      'a/b',
      'TELNYX_CONNECTION_ID must be the id of a Call Control application, like 1293384261075731499',
    ],
    [
      'TELNYX_BASE_URL',
      'https://api.telnyx.com',
      'TELNYX_BASE_URL must be an http(s) address that ends in /v2, like https://api.telnyx.com/v2',
    ],
    [
      'DEEPGRAM_BASE_URL',
      'wss://h',
      'DEEPGRAM_BASE_URL must be an http(s) origin without a path, like https://example.com',
    ],
    [
      'OPENAI_BASE_URL',
      'localhost:1234/v1',
      'OPENAI_BASE_URL must be an http(s) address without user, password or query',
    ],
    [
      'LANDLINE_API_KEY',
      ' , ',
      'LANDLINE_API_KEY must be one or more keys of visible ASCII characters, separated by commas',
    ],
    ['DATABASE_URL', 'mysql://u:secret@h/d', 'DATABASE_URL must be "postgres://…" or "sqlite:" and a path'],
    ['REDIS_URL', 'redis://h', 'REDIS_URL is not supported yet; unset it'],
    ['LIVEKIT_URL', 'wss://h', 'LIVEKIT_URL is not supported yet; unset it'],
    ['LIVEKIT_API_KEY', 'k', 'LIVEKIT_API_KEY is not supported yet; unset it'],
    ['LIVEKIT_API_SECRET', 's', 'LIVEKIT_API_SECRET is not supported yet; unset it'],
    [
      'LOG_LEVEL',
      'INFO',
      'LOG_LEVEL must be one of "fatal", "error", "warn", "info", "debug", "trace", "silent", got "INFO"; did you mean "info"?',
    ],
    ['LOG_FORMAT', 'text', 'LOG_FORMAT must be one of "json", "pretty", got "text"'],
    ['DEEPGRAM_API_KEY', ' ', 'agents.reception.stt needs the environment variable DEEPGRAM_API_KEY, which is not set'],
  ])('%s=%s is named', async (name, value, problem) => {
    const problems = await problemsOf(load(contract, { ...PROVIDERS, [name]: value }));

    expect(problems[0]).toBe(problem);
  });

  it.each([
    ['PUBLIC_URL', 'voice.example.com', /^PUBLIC_URL must be an http\(s\) origin/],
    ['PUBLIC_URL', 'https://voice.example.com/landline', /^PUBLIC_URL must be an http\(s\) origin/],
    ['PUBLIC_URL', 'https://u:p@voice.example.com', /^PUBLIC_URL must be an http\(s\) origin/],
    ['PUBLIC_URL', undefined, /^PUBLIC_URL is missing: set it to the https origin/],
    ['TELNYX_PUBLIC_KEY', undefined, /^TELNYX_PUBLIC_KEY is missing: copy it from the Telnyx portal/],
    ['TELNYX_PUBLIC_KEY', `${PUBLIC_KEY},AAAA`, /^TELNYX_PUBLIC_KEY key 2 of 2 has 3 bytes instead of 32\. Copy it/],
    ['TELNYX_PUBLIC_KEY', TELNYX_KEY, /^TELNYX_PUBLIC_KEY is a Telnyx API key, not the public key\. Copy it/],
    ['TELNYX_API_KEY', 'KEY 1', /^TELNYX_API_KEY has characters no key has/],
  ])('is named when live: %s=%s', async (name, value, problem) => {
    const problems = await problemsOf(load(contract, { ...LIVE, [name]: value }));

    expect(problems).toEqual([expect.stringMatching(problem)]);
  });

  it('is no problem on loopback without a key of the control API', async () => {
    for (const HOST of ['127.0.0.1', '127.0.1.1', '::1', 'localhost']) {
      const config = await load(contract, { ...LIVE, LANDLINE_API_KEY: undefined, HOST });
      expect([config.host, config.apiKeys]).toEqual([HOST, []]);
    }
  });
});

describe('a wrong config', () => {
  it.each([
    ['no object', [], ['the config must be an object, got a list']],
    ['no agents', {}, ['agents is missing: name at least one, like "reception": {…}; see docs/configuration.md']],
    ['an empty list of agents', { agents: {} }, ['agents must name at least one agent']],
    [
      'an agent’s name',
      { agents: { 'a b': reception } },
      ['agents["a b"] must be a name of letters, digits, "_" and "-" that begins with a letter'],
    ],
    ['an agent that is none', { agents: { a: 3 } }, ['agents.a must be an object, got 3']],
    [
      'a slip in a root key',
      { ...contract, defaultAgnet: 'reception' },
      ['defaultAgnet is not a known key; did you mean "defaultAgent"?'],
    ],
    [
      'a strange root key',
      { ...contract, xyz: 1 },
      [expect.stringMatching(/^xyz is not a known key; known are numbers, defaultAgent, .*destinations, .*agents/)],
    ],
    [
      'a slip in an agent’s key',
      withAgent({ greting: 'Hi' }),
      ['agents.reception.greting is not a known key; did you mean "greeting"?'],
    ],
    [
      'a slip in a block’s name',
      withAgent({ sst: {} }),
      ['agents.reception.sst is not a known key; did you mean "stt"?'],
    ],
    [
      'a slip deeper down',
      withAgent({ idle: { afterSecond: 3 } }),
      ['agents.reception.idle.afterSecond is not a known key; did you mean "afterSeconds"?'],
    ],
    [
      'a missing block',
      withAgent({ tts: undefined }),
      [
        'agents.reception.tts is missing: name what the agent speaks with, like {"provider": "deepgram", "model": "aura-2-thalia-en"}',
      ],
    ],
    ['a missing model', withAgent({ stt: { provider: 'deepgram' } }), ['agents.reception.stt.model is missing']],
    ['a limit', { ...contract, maxDurationSeconds: 4 }, ['maxDurationSeconds must be at least 5, got 4']],
    [
      'a number',
      { ...contract, numbers: { '3125550178': 'reception' } },
      ['numbers["3125550178"] must be E.164 like "+13125550178"'],
    ],
    [
      'a number’s agent',
      { ...contract, numbers: { '+13125550178': 'recption' } },
      ['numbers["+13125550178"] "recption" is no agent; did you mean "reception"?'],
    ],
    [
      'the default agent',
      { ...contract, defaultAgent: 'sales' },
      ['defaultAgent "sales" is no agent; known are reception'],
    ],
    [
      'the fallback target',
      withAgent({ fallbackTarget: 'dsk' }),
      ['agents.reception.fallbackTarget "dsk" is no name in transferTargets; did you mean "desk"?'],
    ],
    [
      'a transfer target',
      withAgent({ transferTargets: { a: '5105550200' } }),
      ['agents.reception.transferTargets.a must begin with + and the country code, without 00 or 011 before it'],
    ],
    [
      'emergency numbers',
      withAgent({ transferTargets: { a: '911', b: 'sip:112@pbx.example', c: 'tel:9-9-9', d: '+15105550200' } }),
      ['a', 'b', 'c'].map(
        (name) => `agents.reception.transferTargets.${name} is an emergency number, which only a person may dial`,
      ),
    ],
    [
      'a sound that is not there, and one that is no name',
      { ...contract, sounds: { gong: 'gong.wav', 'a b': 'x.wav' } },
      ['sounds["a b"] must be a name of letters, digits, "_" and "-"'],
    ],
    [
      'a sound that cannot be read',
      { ...contract, sounds: { gong: '/nowhere/gong.wav' } },
      ["sounds.gong cannot be played: ENOENT: no such file or directory, stat '/nowhere/gong.wav'"],
    ],
    [
      'a tool',
      withAgent({ tools: ['hangup'] }),
      [
        'agents.reception.tools[0] must be one of "transfer_call", "hang_up", "send_dtmf", "collect_digits", got "hangup"; did you mean "hang_up"?',
      ],
    ],
    [
      'a language the models do not know',
      withAgent({ language: 'nl-BE' }),
      [
        'agents.reception.stt.model "flux-general-en" does not know the language "nl-BE"; use deepgram with "flux-general-multi"',
        'agents.reception.tts.model "aura-2-thalia-en" does not know the language "nl-BE"; use deepgram with "aura-2-beatrix-nl"',
      ],
    ],
    [
      'a language a fallback does not know',
      withAgent({
        stt: { provider: 'deepgram', model: 'nova-3', fallback: { provider: 'embedded' } },
        tts: { provider: 'openai', model: 'm' },
        language: 'nl',
      }),
      [
        'agents.reception.stt.fallback.provider embedded knows English only, not "nl"; use deepgram with "flux-general-multi"',
        'agents.reception.stt.fallback.provider embedded only understands the sentences of a script; use llm scripted, or deepgram or openai here',
      ],
    ],
    [
      'embedded recognition without a script',
      withAgent({ stt: { provider: 'embedded' } }),
      [
        'agents.reception.stt.provider embedded only understands the sentences of a script; use llm scripted, or deepgram or openai here',
      ],
    ],
    [
      'a key that is in no variable',
      withAgent({ llm: { provider: 'openai', model: 'm', baseUrl: 'http://h/v1', apiKeyEnv: 'GROQ_KEY' } }),
      ['agents.reception.llm needs the environment variable GROQ_KEY, which is not set'],
    ],
    [
      'a rate limit that lets nobody in',
      { ...contract, apiRateLimit: { burst: 0 } },
      ['apiRateLimit.burst must be 1 to 100000'],
    ],
    [
      'a duration without a unit',
      { ...contract, retention: { calls: '30' } },
      ['retention.calls must be a whole number and a unit, like "36h", "30d", "12w" or "2y", or "forever"'],
    ],
    [
      'a pattern that could take for ever',
      { ...contract, redaction: { patterns: [{ name: 'x', pattern: '(a+)+' }] } },
      [
        'redaction.patterns[0].pattern repeats a group that repeats something itself, like (a+)+: that can take for ever; repeat only the inner part',
      ],
    ],
    [
      'a folder of a model',
      withAgent({ stt: { provider: 'sherpa', model: '/no/such/model' } }),
      ['agents.reception.stt.model there is no folder /no/such/model'],
    ],
    [
      'a script that is not there',
      withAgent({ llm: { provider: 'scripted', script: 'no.yaml' } }),
      [
        expect.stringMatching(
          /^agents\.reception\.llm\.script cannot be used: cannot read the script .*no\.yaml: ENOENT/,
        ),
      ],
    ],
    ...['livekit'].map((key) => [key, { ...contract, [key]: {} }, [`${key} is not supported yet; remove it`]] as const),
    ...['limits'].map(
      (key) => [key, withAgent({ [key]: '1' }), [`agents.reception.${key} is not supported yet; remove it`]] as const,
    ),
    [
      'an operator key without anywhere to go',
      withAgent({ operatorKey: '0' }),
      ['agents.reception.operatorKey leads nowhere: name a fallbackTarget too'],
    ],
    [
      'speech-to-speech',
      { agents: { a: { speech: { provider: 'openai-realtime', model: 'gpt-realtime-2.1' } } } },
      ['agents.a.speech cannot be used: speech-to-speech is not supported yet; use stt, llm and tts'],
    ],
  ] as const)('is named: %s', async (_, value, problems) => {
    expect(await problemsOf(load(value))).toEqual(problems);
  });

  it('is told by what a script does and the agent must not', async () => {
    const script = {
      unclear: 'Sorry?',
      intents: {
        person: { phrases: 'a person', reply: 'Yes.', transfer: 'dsk' },
        bye: { phrases: 'bye', reply: 'Bye.', hangUp: true },
      },
    };
    writeFileSync(join(cwd, 'agent.yaml'), JSON.stringify(script));
    const llm = { provider: 'scripted', script: 'agent.yaml' };

    expect(await problemsOf(load(withAgent({ llm, tools: ['transfer_call'] })))).toEqual([
      'agents.reception.llm.script intent "person" transfers to "dsk", which is not in transferTargets; did you mean "desk"?',
      'agents.reception.llm.script intent "bye" uses hang_up, which is not in the agent\'s tools',
    ]);
  });

  it('is told by everything that is wrong in a script, one line each', async () => {
    writeFileSync(join(cwd, 'bad.yaml'), 'unclear: Sorry?\nintents:\n  a:\n    reply: Hm\n  b:\n    phrases: b\n');

    expect(await problemsOf(load(withAgent({ llm: { provider: 'scripted', script: 'bad.yaml' } })))).toEqual(
      [`4:5: intents.a: needs phrases or pressed`, `6:5: intents.b: needs a reply`].map(
        (problem) => `agents.reception.llm.script cannot be used: ${join(cwd, 'bad.yaml')}:${problem}`,
      ),
    );
  });

  it('and a wrong environment are reported together, every problem on its line', async () => {
    const problems = await problemsOf(
      load(
        {
          agents: {
            a: { stt: 1, llm: { provider: 'openai' }, recording: 'no' },
            b: { ...reception, fallbackTarget: 'x' },
          },
          numbers: { '+13125550178': 'c' },
          noMediaSeconds: 'x',
          hours: 'always',
        },
        {
          ...LIVE,
          PORT: 'x',
          LANDLINE_API_KEY: undefined,
          TELNYX_PUBLIC_KEY: undefined,
          REDIS_URL: 'r',
          OPENAI_API_KEY: undefined,
        },
      ),
    );

    expect(problems.map((problem) => problem.split(' ')[0])).toEqual([
      'REDIS_URL',
      'PORT',
      'TELNYX_PUBLIC_KEY',
      'LANDLINE_API_KEY',
      'noMediaSeconds',
      'hours',
      'agents.a.recording',
      'agents.a.stt',
      'agents.a.llm.model',
      'agents.a.tts',
      'agents.b.fallbackTarget',
      'agents.b.llm',
      'numbers["+13125550178"]',
    ]);
  });

  it('never gives a secret away', async () => {
    const everywhere = (secret: string): unknown => ({
      agents: {
        a: {
          ...reception,
          language: secret,
          tools: [secret],
          stt: { provider: secret },
          llm: { provider: 'openai', model: secret, apiKeyEnv: secret },
          fallbackTarget: secret,
        },
      },
      defaultAgent: secret,
      noMediaSeconds: secret,
    });
    const secrets = [TELNYX_KEY, DEEPGRAM_KEY, OPENAI_KEY, CONTROL_KEY, 'db-password-1'];
    for (const secret of secrets) {
      const pasted = Object.fromEntries(
        [
          'PORT',
          'HOST',
          'PUBLIC_URL',
          'TELNYX_PUBLIC_KEY',
          'TELNYX_FROM_NUMBER',
          'TELNYX_BASE_URL',
          'LOG_LEVEL',
          'REDIS_URL',
        ].map((name) => [name, secret]),
      );
      const env = { ...LIVE, ...pasted, DATABASE_URL: 'mysql://landline:db-password-1@h/d' };
      const text = (await problemsOf(load(everywhere(secret), env))).join('\n');
      for (const hidden of secrets) expect(text).not.toContain(hidden);
    }
  });
});

describe('the config file', () => {
  it.each([
    ['{\n  "agents": {\n    "a": abc\n  }\n}', '3:10', 'a value is expected here'],
    ['{"a": 1,}', '1:9', 'Expected double-quoted property name'],
    ['{\n  "a": 1\n  "b": 2\n}', '3:3', "Expected ',' or '}' after property value"],
    ['{"a": [1,, 2]}', '1:10', 'a value is expected here'],
    ['{"a": }', '1:7', 'a value is expected here'],
    ['{"a": [], "b": tru }', '1:16', 'a value is expected here'],
    ['{"a": "x\\"y", "b": undefined}', '1:20', 'a value is expected here'],
    ['', '1:1', 'it ends too early'],
    ['{"a":', '1:6', 'it ends too early'],
    ['{} x', '1:4', 'Unexpected non-whitespace character'],
    ['// comment\n{}', '1:1', 'a value is expected here'],
  ])('in JSON with a mistake is placed: %j', async (text, place, reason) => {
    expect(await problemsOf(load(text))).toEqual([`${join(cwd, 'test.json')}:${place} is not valid JSON: ${reason}`]);
  });

  it('may begin with a byte order mark', async () => {
    expect((await load(`\uFEFF${JSON.stringify(contract)}`)).defaultAgent).toBe('reception');
  });

  it('that is named and missing is a problem', async () => {
    const loading = loadConfig({ env: { LANDLINE_CONFIG: 'nowhere.json' }, cwd });

    expect(await problemsOf(loading)).toEqual([
      `LANDLINE_CONFIG names a file that does not exist: ${join(cwd, 'nowhere.json')}`,
    ]);
  });

  it('is required when live', async () => {
    const loading = loadConfig({ env: LIVE, cwd });

    expect(await problemsOf(loading)).toEqual([
      'LANDLINE_CONFIG is not set and there is no landline.config.{ts,js,json} here: a live gateway needs one',
    ]);
  });

  it('of another kind is refused', async () => {
    writeFileSync(join(cwd, 'landline.yaml'), '');
    const loading = loadConfig({ env: { LANDLINE_CONFIG: 'landline.yaml' }, cwd });

    expect(await problemsOf(loading)).toEqual([`${join(cwd, 'landline.yaml')} must be a .ts, .js or .json file`]);
  });

  it.each([
    ['empty.mjs', 'export const config = {};', 'has no default export; write `export default defineConfig({ … })`'],
    ['broken.mjs', 'throw new Error("no");', 'cannot be loaded: no'],
  ])('as code that gives nothing is refused: %s', async (name, text, problem) => {
    writeFileSync(join(cwd, name), text);

    expect(await problemsOf(loadConfig({ env: { LANDLINE_CONFIG: name }, cwd }))).toEqual([
      `${join(cwd, name)} ${problem}`,
    ]);
  });

  it('is found by its name: first .ts, then .js, then .json', async () => {
    const folder = mkdtempSync(join(cwd, 'found-'));
    const write = (name: string, maxConcurrentCalls: number, code = ''): void =>
      writeFileSync(join(folder, name), code + JSON.stringify({ ...contract, maxConcurrentCalls }));
    const found = async (): Promise<number> =>
      (await loadConfig({ env: PROVIDERS, cwd: folder, now: NOW })).maxConcurrentCalls;

    write('landline.config.json', 1);
    expect(await found()).toBe(1);
    writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
    write('landline.config.js', 2, 'export default ');
    expect(await found()).toBe(2);
    write('landline.config.ts', 3, 'const typed: boolean = true; export default typed && ');
    expect(await found()).toBe(3);
  });
});

describe('a warning', () => {
  const llm = { provider: 'openai', model: 'gpt-4o', fallback: { provider: 'openai', model: 'gpt-5.1' } };
  it.each([
    ['2026-11-14', []],
    [
      '2026-11-15',
      ['agents.reception.llm.model "gpt-4o" will be switched off by OpenAI on 2027-01-14; choose another'],
    ],
    [
      '2027-02-01',
      [
        'agents.reception.llm.model "gpt-4o" was switched off by OpenAI on 2027-01-14; choose another',
        'agents.reception.llm.fallback.model "gpt-5.1" will be switched off by OpenAI on 2027-04-01; choose another',
      ],
    ],
  ])('names models that are switched off within 60 days of %s', async (day, warnings) => {
    expect((await load(withAgent({ llm }), PROVIDERS, Date.parse(day))).warnings).toEqual(warnings);
  });

  it('is not given for servers other than OpenAI’s own', async () => {
    const local = { provider: 'openai', model: 'gpt-4o', baseUrl: 'http://127.0.0.1:1/v1' };

    expect(
      (await load(withAgent({ llm: local }), { DEEPGRAM_API_KEY: 'k' }, Date.parse('2027-02-01'))).warnings,
    ).toEqual([]);
  });

  it('says what is recorded when live', async () => {
    const warning =
      'agents.reception.recording is on: callers must be told in many countries; set "consent" to a line that says so, or this to false';

    const destinations = { allow: ['+1'] };
    expect((await load({ ...contract, destinations }, LIVE)).warnings).toEqual([warning]);
    expect(
      (await load({ ...contract, agents: { reception: { ...reception, recording: false } }, destinations }, LIVE))
        .warnings,
    ).toEqual([]);
  });

  it('says that nobody answers, and that a tool has nothing to do', async () => {
    const value = { agents: { reception: { ...reception, transferTargets: {} } } };

    expect((await load(value)).warnings).toEqual([
      'agents.reception.tools has transfer_call, but there are no transferTargets: it is not offered to the model',
      'defaultAgent is not set and there are no numbers: every incoming call will be rejected',
    ]);
  });
});

describe('the description for the log', () => {
  it('says what runs, without a secret or a whole number', async () => {
    const config = await load(
      {
        ...contract,
        agents: {
          reception: { ...reception, stt: { ...reception.stt, fallback: { provider: 'deepgram', model: 'nova-3' } } },
        },
      },
      {
        ...LIVE,
        TELNYX_CONNECTION_ID: '1',
        TELNYX_FROM_NUMBER: '+13125550179',
        DATABASE_URL: 'postgres://u:password@h/d',
      },
    );

    expect(describeConfig(config).split('\n')).toEqual([
      'mode: live',
      'listen: 0.0.0.0:8080, public https://voice.example.com',
      `config: ${join(cwd, 'test.json')}`,
      `data: ${join(cwd, 'data')}`,
      'control API: 1 key(s)',
      'calls out: from +1312•••79',
      'agent reception (en): hears deepgram flux-general-en, else deepgram nova-3; thinks openai gpt-6-luna; speaks deepgram aura-2-thalia-en',
      'number +1312•••78: reception',
      'other numbers: reception',
    ]);
  });
});

describe('the examples', () => {
  it.each([
    ['landline.config.json', ['reception']],
    ['landline.config.ts', ['english', 'dutch']],
    ['local-llm.config.json', ['local']],
  ])('%s is taken', async (name, agents) => {
    const env = name.startsWith('local') ? {} : PROVIDERS;
    const config = await loadConfig({ env: { ...env, LANDLINE_CONFIG: join('examples', name) }, cwd: ROOT, now: NOW });

    expect(Object.keys(config.agents)).toEqual(agents);
    expect(config.warnings).toEqual([]);
  });

  it('.env.example has every variable that is read, each with a comment, and no value', () => {
    const read = new Set<string>(['LANDLINE_CONFIG', 'DEEPGRAM_API_KEY', 'OPENAI_API_KEY']);
    const env = new Proxy<Env>({}, { get: (_, name) => void read.add(String(name)) });
    readEnvironment(env, (where, what) => expect.unreachable(`${where} ${what}`));
    const lines = readFileSync(join(ROOT, '.env.example'), 'utf8').split('\n');
    const named = lines.flatMap((line) => /^([A-Z_]+)=(.*)$/.exec(line) ?? []);

    expect(named.filter((_, i) => i % 3 === 1).sort()).toEqual([...read].sort());
    expect(named.filter((_, i) => i % 3 === 2)).toEqual(Array<string>(read.size).fill(''));
  });

  it('defineConfig gives back what it got', () => {
    const config = { agents: {} };

    expect(defineConfig(config)).toBe(config);
  });
});
