import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import tls from 'node:tls';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { doctor, type DoctorOptions } from '../../src/cli/doctor.ts';
import { publicUrlChecks } from '../../src/cli/doctor/public-url-checks.ts';
import { findListener } from '../../src/cli/doctor/stand-in.ts';
import { loadConfig } from '../../src/config.ts';
import { startGateway } from '../../src/server/gateway.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import { agentOptions } from '../../src/agent/options.ts';
import type { OpenAiEmulatorOptions } from '../../src/emulator/openai/openai-emulator.ts';
import { TestProviders } from '../gateway/providers.ts';
import { createAuthority, createCertificate, type LeafOptions } from './certificates.ts';
import { DoctorWorld, NUMBER } from './doctor-world.ts';
import { WRONG_SETTINGS } from './doctor-wrong-settings.ts';

const worlds: DoctorWorld[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

async function createWorld(openai?: OpenAiEmulatorOptions): Promise<DoctorWorld> {
  const world = await DoctorWorld.create(openai);
  worlds.push(world);
  return world;
}

/** The one problem; the test shows all of them when there are more or none. */
async function problemOf(world: DoctorWorld): Promise<{ check: string; detail: string; remedy: string; fix: string }> {
  const problems = (await world.examine()).filter(({ status }) => status === 'problem');
  expect(problems.map(({ check, detail }) => `${check}: ${detail}`)).toHaveLength(1);
  const { check = '', detail = '', remedy = '', fix } = problems[0] ?? {};
  return { check, detail, remedy, fix: fix?.what ?? '' };
}

describe('the doctor finds exactly one problem in', () => {
  it.each(WRONG_SETTINGS)('$what', async ({ make, openai, check, detail, remedy, fix }) => {
    const world = await createWorld(openai);
    await make(world);

    const found = await problemOf(world);

    expect(found.check).toBe(check);
    expect(found.detail).toMatch(detail);
    expect(found.remedy).toMatch(remedy);
    expect(found.remedy).not.toContain('\n');
    expect(found.fix).toMatch(fix ?? /^$/);
  });

  it('one key that two servers ask for, naming it once', async () => {
    const world = await createWorld();
    delete world.env['OPENAI_API_KEY'];
    world.env['OPENAI_BASE_URL'] = 'https://api.openai.com/v1';
    world.agent['stt'] = { provider: 'openai', model: 'gpt-test' };

    expect(await problemOf(world)).toMatchObject({ check: 'OpenAI key', detail: 'OPENAI_API_KEY is not set' });
  });

  it('a public URL that the real Telnyx cannot reach, without asking it', async () => {
    const world = await createWorld();
    world.writeConfig();
    delete world.env['TELNYX_BASE_URL'];
    const config = await loadConfig({ env: world.env, cwd: world.cwd });

    const findings = await publicUrlChecks(config);

    expect(findings.map(({ check, status }) => `${check}: ${status}`)).toEqual([
      'listen address: ok',
      'public URL: problem',
      'WebSocket: not checked',
    ]);
    expect(findings[1]?.detail).toMatch(/is an address that Telnyx cannot reach/);
  });
});

describe('what is allowed and probably not meant', () => {
  it('is a warning that says what to do, and no problem', async () => {
    const world = await createWorld();
    delete world.config['destinations'];
    delete world.agent['consent'];

    const findings = (await world.examine()).filter(({ status }) => status !== 'ok');

    expect(findings.map(({ check, status, detail, remedy = '' }) => [check, status, `${detail} -> ${remedy}`])).toEqual(
      [
        [
          'config',
          'warning',
          'agents.reception.recording is on: callers must be told in many countries; set "consent" to a line that says so, or this to false -> ',
        ],
        [
          'destinations',
          'warning',
          'destinations.allow is not set: whoever has an API key may call any country (at most 500 legs and about 50 a day) -> List where your calls go in destinations.allow, like ["+1", "+32"]',
        ],
      ],
    );
  });

  it('does not fail the command, and is counted', async () => {
    const world = await createWorld();
    delete world.config['destinations'];

    world.writeConfig();
    for (const [name, value] of Object.entries(world.env)) vi.stubEnv(name, value);
    const output = new PassThrough();
    const said = text(output);

    const exit = await doctor({}, { input: new PassThrough(), output, errors: output });
    output.end();
    const out = await said;

    expect(exit).toBe(0);
    expect(out).toMatch(/^warning {6}destinations /m);
    expect(out).toMatch(/\n\nNo problem found, 1 warning\.\n$/);
  });
});

describe('a right account', () => {
  const statuses = async (world: DoctorWorld): Promise<Record<string, string>> =>
    Object.fromEntries((await world.examine()).map(({ check, status }) => [check, status]));
  const ALL_RIGHT = {
    Node: 'ok',
    config: 'ok',
    destinations: 'ok',
    'Deepgram key': 'ok',
    'OpenAI key': 'ok',
    'public key shape': 'ok',
    'Telnyx key': 'ok',
    clock: 'ok',
    application: 'ok',
    'webhook URL': 'ok',
    'API version': 'ok',
    'failover URL': 'ok',
    'outbound voice profile': 'ok',
    [`number ${NUMBER}`]: 'ok',
    'listen address': 'ok',
    'public URL': 'ok',
    WebSocket: 'ok',
  };

  it('is all right, and nothing of it was changed', async () => {
    const world = await createWorld();
    const before = structuredClone(world.telnyx.account);

    expect(await statuses(world)).toEqual(ALL_RIGHT);
    expect(world.telnyx.account).toEqual(before);
    expect(world.telnyx.commands.filter(({ method }) => method !== 'GET' && method !== 'HEAD')).toEqual([]);
  });

  it('is all right while its gateway runs', async () => {
    const world = await createWorld();
    const gateway = await startGateway({
      clock: systemClock,
      log: silentLog,
      software: 'landline test',
      host: '127.0.0.1',
      port: world.port,
      publicUrl: undefined,
      telnyx: { apiKey: 'KEY', publicKeys: [world.telnyx.publicKey], baseUrl: world.telnyx.baseUrl },
      agents: new Map([
        [
          'reception',
          {
            config: agentOptions.parse({ greeting: 'Hello.' }),
            providers: new TestProviders().providers,
            limits: { maxDurationMs: 60_000, noMediaMs: 15_000 },
          },
        ],
      ]),
      routing: { numbers: {}, defaultAgent: 'reception' },
      maxConcurrentCalls: 1,
      apiKeys: [],
      dataDir: join(world.cwd, 'data'),
    });
    world.closing(() => gateway.stop());

    expect(await statuses(world)).toEqual(ALL_RIGHT);
  });

  it('is all right behind a proxy, with the failover and the number telling the application', async () => {
    const world = await createWorld();
    world.lead(await world.front({}));
    delete world.env['TELNYX_CONNECTION_ID'];
    world.telnyx.account.application.webhook_event_failover_url = `${await world.front({
      answer: (_, response) => response.writeHead(401).end(),
    })}/webhooks/telnyx`;

    expect(await statuses(world)).toEqual(ALL_RIGHT);
  });

  it('is all right at the gateway that is the failover', async () => {
    const world = await createWorld();
    const { application } = world.telnyx.account;
    application.webhook_event_failover_url = application.webhook_event_url;
    application.webhook_event_url = 'https://first.example/webhooks/telnyx';

    expect(await statuses(world)).toEqual(ALL_RIGHT);
  });

  it('has a local server that takes any name for its model', async () => {
    const world = await createWorld();
    delete world.env['OPENAI_API_KEY'];
    const list = { data: [{ id: '/models/tiny.gguf', owned_by: 'llamacpp' }] };
    const origin = await world.front({ answer: (_, response) => response.end(JSON.stringify(list)) });
    world.agent['llm'] = { provider: 'openai', model: 'any', baseUrl: `${origin}/v1` };

    const { 'OpenAI key': _, ...others } = ALL_RIGHT;
    expect(await statuses(world)).toEqual({ ...others, [`server ${origin}/v1`]: 'ok' });
  });
});

describe('what cannot be known from here is not checked:', () => {
  const rows: readonly [what: string, make: (world: DoctorWorld) => void | Promise<void>, unchecked: string[]][] = [
    [
      'a key when Telnyx is out of order, and all that hangs on it',
      ({ telnyx }) => telnyx.faults.api.fail('balance', { status: 503 }),
      ['Telnyx key', 'application', 'numbers'],
    ],
    [
      'an application the key may not see',
      ({ telnyx }) => telnyx.faults.api.fail('application', { status: 403 }),
      ['application'],
    ],
    [
      'a number when Telnyx is busy',
      ({ telnyx }) => telnyx.faults.api.rateLimit('phone_numbers'),
      [`number ${NUMBER}`],
    ],
    [
      'a Deepgram that is out of order',
      ({ deepgram }) => deepgram.breakNext({ kind: 'refuse', status: 503 }),
      ['Deepgram key'],
    ],
    [
      'a Deepgram key with narrow rights',
      ({ deepgram }) => deepgram.breakNext({ kind: 'refuse', status: 403 }),
      ['Deepgram key'],
    ],
    [
      'numbers that the config does not name',
      ({ config }) => {
        delete config['numbers'];
      },
      ['numbers'],
    ],
    [
      'a public URL that leads to a gateway on another machine',
      async (world) => {
        const other = await createWorld();
        world.lead(await other.front({}));
        const listener = await findListener({ host: '127.0.0.1', port: other.port }, 'of the other machine');
        if (listener.who === 'stand-in') other.closing(() => listener.close());
      },
      ['public URL'],
    ],
    [
      'a port that is chosen at the start',
      async (world) => {
        world.env['PORT'] = '0';
        world.lead(await world.front({}));
      },
      ['listen address', 'public URL', 'WebSocket'],
    ],
  ];

  it.each(rows)('%s', async (_what, make, unchecked) => {
    const world = await createWorld();
    await make(world);

    const findings = await world.examine();

    expect(findings.filter(({ status }) => status === 'not checked').map(({ check }) => check)).toEqual(unchecked);
    expect(findings.filter(({ status }) => status === 'problem')).toEqual([]);
  });
});

describe('a public URL with https', () => {
  const root = createAuthority('Test Root');
  const between = createAuthority('Test Between', root);
  const trusted = tls.getCACertificates('default');
  const rows: readonly [what: string, options: LeafOptions, chain: string, detail: RegExp, remedy: RegExp][] = [
    ['signed by itself', {}, '', /self-signed certificate/, /public authority/],
    ['that has expired', { by: root, validDays: -1 }, '', /certificate has expired/, /Renew/],
    [
      'for another name',
      { by: root, host: 'other.example' },
      '',
      /does not match certificate's altnames/,
      /this very name/,
    ],
    ['without its intermediate', { by: between }, '', /unable to verify the first certificate/, /full chain/],
  ];
  afterEach(() => tls.setDefaultCACertificates(trusted));

  it.each(rows)('and a certificate %s is one problem', async (_what, options, chain, detail, remedy) => {
    tls.setDefaultCACertificates([...trusted, root.cert]);
    const { cert, key } = createCertificate(options);
    const world = await createWorld();
    world.lead(await world.front({ tls: { cert: cert + chain, key } }));

    const found = await problemOf(world);

    expect(found.check).toBe('public URL');
    expect(found.detail).toMatch(detail);
    expect(found.remedy).toMatch(remedy);
  });

  it.each([
    ['of an authority', { by: root }, ''],
    ['with its intermediate', { by: between }, between.cert],
  ])('and a certificate %s is all right', async (_what, options, chain) => {
    tls.setDefaultCACertificates([...trusted, root.cert]);
    const { cert, key } = createCertificate(options);
    const world = await createWorld();
    world.lead(await world.front({ tls: { cert: cert + chain, key } }));

    const findings = await world.examine();

    expect(findings.filter(({ status }) => status !== 'ok')).toEqual([]);
    expect(findings.find(({ check }) => check === 'public URL')?.detail).toMatch(
      /leads here, with a valid certificate$/,
    );
  });
});

/** Three things that `--fix` can change, and one that it cannot. */
async function createFixable(): Promise<DoctorWorld> {
  const world = await createWorld();
  const { application, phoneNumbers, outboundVoiceProfile } = world.telnyx.account;
  application.webhook_event_url = 'https://old.example/webhooks/telnyx';
  application.webhook_api_version = '1';
  Object.assign(phoneNumbers[0]!, { connection_id: '5', connection_name: 'old PBX' });
  outboundVoiceProfile.enabled = false;
  world.writeConfig();
  return world;
}

const changesOf = ({ telnyx }: DoctorWorld): string[] =>
  telnyx.commands
    .filter(({ method }) => method === 'PATCH')
    .map(({ command, body }) => `${command} ${JSON.stringify(body)}`);

describe('--fix on a terminal', () => {
  /** Runs the command with a person at a terminal who answers the question so. */
  async function withPerson(
    world: DoctorWorld,
    options: DoctorOptions,
    answer: string,
  ): Promise<{ exit: number; said: string }> {
    for (const [name, value] of Object.entries(world.env)) vi.stubEnv(name, value);
    const input = Object.assign(new PassThrough(), { isTTY: true });
    const output = new PassThrough();
    let said = '';
    let changesWhenAsked: string[] | undefined;
    output.on('data', (bytes: Buffer) => {
      said += bytes.toString();
      if (changesWhenAsked !== undefined || !said.includes('[y/N]')) return;
      changesWhenAsked = changesOf(world);
      input.write(answer);
    });
    const exit = await doctor(options, { input, output, errors: output });
    expect(changesWhenAsked).toEqual([]);
    return { exit, said };
  }

  it('lists, asks, changes exactly what it listed, and looks again', async () => {
    const world = await createFixable();
    const { account } = world.telnyx;
    const wanted = structuredClone(account);
    wanted.application.webhook_event_url = `${world.env['PUBLIC_URL'] ?? ''}/webhooks/telnyx`;
    wanted.application.webhook_api_version = '2';
    wanted.phoneNumbers[0]!.connection_id = account.application.id;

    const { exit, said } = await withPerson(world, { fix: true }, 'y\n');

    expect(account).toEqual(wanted);
    const listed = [...said.matchAll(/^ {2}- (.*)$/gm)].map((match) => match[1]);
    const done = [...said.matchAll(/ {2}done {4}(.*)$/gm)].map((match) => match[1]);
    expect(listed).toHaveLength(3);
    expect(done).toEqual(listed);
    expect(said).toMatch(/\n1 problem\.\n$/);
    expect(said).toMatch(/PROBLEM {6}outbound voice profile/);
    expect(exit).toBe(1);
  });

  it.each([['n\n'], ['\n'], ['']])('changes nothing after %j', async (answer) => {
    const world = await createFixable();
    if (answer === '') {
      // Ctrl-D: the input ends.
      for (const [name, value] of Object.entries(world.env)) vi.stubEnv(name, value);
      const input = Object.assign(new PassThrough(), { isTTY: true });
      input.end();
      const output = new PassThrough();
      output.resume();

      expect(await doctor({ fix: true }, { input, output, errors: output })).toBe(1);
    } else {
      const { exit, said } = await withPerson(world, { fix: true }, answer);

      expect(said).toContain('Nothing was changed.');
      expect(exit).toBe(1);
    }
    expect(changesOf(world)).toEqual([]);
  });
});

describe('the command', () => {
  const BIN = join(import.meta.dirname, '..', '..', 'bin', 'landline.js');

  async function run(
    world: DoctorWorld,
    ...args: string[]
  ): Promise<{ code: number | null; out: string; err: string }> {
    world.writeConfig();
    const child = spawn(process.execPath, [BIN, 'doctor', ...args], {
      cwd: world.cwd,
      env: { PATH: process.env['PATH'], ...world.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const exited = once(child, 'exit') as Promise<[code: number | null]>;
    const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
    return { code, out, err };
  }

  it('says that a right account is right, exit 0', async () => {
    const { code, out, err } = await run(await createWorld());

    expect(out).toMatch(/^ok +Node +24\./);
    expect(out).toMatch(/\n\nNo problem found\.\n$/);
    expect(err).toBe('');
    expect(code).toBe(0);
  });

  it('with --fix but without a terminal neither asks nor changes, exit 1', async () => {
    const world = await createFixable();

    const { code, out } = await run(world, '--fix');

    expect(out).toMatch(/^This would be changed at Telnyx:\n( {2}- .*\n){3}Nothing was changed: run with --fix --yes/);
    expect(out).not.toContain('[y/N]');
    expect(changesOf(world)).toEqual([]);
    expect(code).toBe(1);
  });

  it('with --fix --yes --json mends what it can, prints one document, and no key, exit 0', async () => {
    const world = await createFixable();
    world.telnyx.account.outboundVoiceProfile.enabled = true;

    const { code, out, err } = await run(world, '--fix', '--yes', '--json');

    const report = JSON.parse(out) as { problems: number; findings: { check: string; status: string }[] };
    expect(report.problems).toBe(0);
    expect(report.findings.every(({ status }) => status === 'ok')).toBe(true);
    expect(changesOf(world)).toHaveLength(3);
    expect(err).toMatch(/^This would be changed at Telnyx:\n( {2}- .*\n){3}( {2}done .*\n){3}/);
    expect(out + err).not.toMatch(/key-of-the-test|KEY_emulator/);
    expect(code).toBe(0);
  });

  it('with --json reports every problem with its remedy, exit 1', async () => {
    const world = await createFixable();

    const { code, out } = await run(world, '--json');

    const report = JSON.parse(out) as { problems: number; findings: Record<string, unknown>[] };
    const problems = report.findings.filter(({ status }) => status === 'problem');
    expect(report.problems).toBe(4);
    expect(problems.map(({ check, fixable }) => [check, fixable])).toEqual([
      ['webhook URL', true],
      ['API version', true],
      ['outbound voice profile', false],
      [`number ${NUMBER}`, true],
    ]);
    expect(problems.every(({ remedy }) => typeof remedy === 'string' && remedy !== '')).toBe(true);
    expect(code).toBe(1);
  });

  it('refuses an option it does not know, exit 2', async () => {
    const { code, out, err } = await run(await createWorld(), '--repair');

    expect(err).toContain("unknown option '--repair'");
    expect(out).toBe('');
    expect(code).toBe(2);
  });
});
