import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig, type Config } from '../../src/config.ts';
import { messageOf } from '../../src/core/errors.ts';
import { DEMO_FOLDER } from '../../src/cli/demo/call-plan.ts';

/** Beyond every suggestion: what is known is then listed in full. */
const UNKNOWN = { ['q'.repeat(60)]: 1 };
const AGENT = {
  stt: { provider: 'embedded' },
  llm: { provider: 'scripted', script: join(DEMO_FOLDER, 'hotel.yaml') },
  tts: { provider: 'embedded' },
  tools: ['transfer_call', 'hang_up'],
  transferTargets: { desk: 'sip:desk@hotel.example' },
};
const root = (more: object = {}): object => ({ agents: { a: AGENT }, defaultAgent: 'a', ...more });
const agent = (more: object): object => root({ agents: { a: { ...AGENT, ...more } } });
const load = (config: object): Promise<Config> => loadConfig({ env: {}, cwd: import.meta.dirname, config });

/** What a config is told that has an unknown key somewhere: every key there is at that place. */
async function known(config: object): Promise<string[]> {
  const message: string = await load(config).then(
    () => '',
    (thrown: unknown) => messageOf(thrown),
  );
  return /q{60} is not a known key; known are (.*)$/m.exec(message)?.[1]?.split(', ') ?? [];
}

type Row = readonly string[];
const page = readFileSync(join(import.meta.dirname, '../../docs/configuration.md'), 'utf8');

/** The table below a heading. */
function rows(heading: string): readonly Row[] {
  const [, after = ''] = page.split(new RegExp(`^#+ ${heading}$`, 'm'));
  const [section = ''] = after.split(/^#/m);
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))
    .map(([, ...cells]) => cells.slice(0, -1));
}

const keysOf = (heading: string): string[] => rows(heading).map(([key = '']) => key.replaceAll('`', ''));
const below = (heading: string, prefix: string): string[] =>
  keysOf(heading).flatMap((key) => (key.startsWith(prefix) ? [key.slice(prefix.length)] : []));
const own = (heading: string): string[] => keysOf(heading).filter((key) => !key.includes('.'));
const without = (keys: readonly string[], ...left: string[]): string[] => keys.filter((key) => !left.includes(key));

describe('docs/configuration.md has exactly the keys that a config may have', () => {
  it('at the root', async () => {
    expect(own('Root').sort()).toEqual(without(await known(root(UNKNOWN)), 'livekit').sort());
  });

  it.each(['hours', 'destinations', 'outbound', 'media', 'redaction', 'retention', 'recordings', 'apiRateLimit'])(
    'in %s',
    async (key) => {
      expect(own(key).sort()).toEqual((await known(root({ [key]: UNKNOWN }))).sort());
    },
  );

  it('in what these hold', async () => {
    const storage = await Promise.all(
      ['disk', 's3'].map((type) => known(root({ recordings: { storage: { type, ...UNKNOWN } } }))),
    );

    expect(own('webhooks').sort()).toEqual((await known(root({ webhooks: [UNKNOWN] }))).sort());
    expect(below('redaction', 'patterns[].').sort()).toEqual(
      (await known(root({ redaction: { patterns: [UNKNOWN] } }))).sort(),
    );
    expect(below('recordings', 'storage.').sort()).toEqual(without(storage.flat(), 'type').sort());
  });

  it('in an agent', async () => {
    // What the object form of transferTargets becomes, and what is not supported yet.
    const left = ['transferTerms', 'speech', 'limits'];

    expect(own('An agent').sort()).toEqual(without(await known(agent(UNKNOWN)), ...left).sort());
    for (const key of ['endpointing', 'idle', 'consent', 'prices']) {
      expect(below('An agent', `${key}.`).sort()).toEqual((await known(agent({ [key]: UNKNOWN }))).sort());
    }
    // The model is read with the other provider blocks.
    expect(without(below('An agent', 'summary.'), 'model').sort()).toEqual(
      (await known(agent({ summary: UNKNOWN }))).sort(),
    );
    const target = { to: '+15105550200', ...UNKNOWN };
    expect(below('An agent', 'transferTargets.*.').sort()).toEqual(
      (await known(agent({ transferTargets: { desk: target } }))).sort(),
    );
  });

  it.each([
    ['Hearing: stt', 'stt', ['deepgram', 'openai', 'embedded', 'sherpa']],
    ['Thinking: llm', 'llm', ['openai', 'scripted']],
    ['Speaking: tts', 'tts', ['deepgram', 'openai', 'embedded', 'command']],
  ] as const)('below "%s", by provider', async (heading, kind, providers) => {
    for (const provider of providers) {
      const told = rows(heading).flatMap(([key = '', of = '']) =>
        of.split(', ').includes(provider) ? [key.replaceAll('`', '')] : [],
      );

      const really = await known(agent({ [kind]: { provider, ...UNKNOWN } }));
      expect([provider, told.sort()]).toEqual([provider, without(really, 'provider').sort()]);
    }
  });

  it.each(['http', 'mcp'])('in tools of type %s', async (type) => {
    const told = rows('tools').flatMap(([key = '', of = '']) =>
      of.split(', ').includes(type) ? [key.replaceAll('`', '')] : [],
    );

    expect(told.sort()).toEqual(without(await known(agent({ tools: [{ type, ...UNKNOWN }] })), 'type').sort());
  });
});

describe('docs/configuration.md has the defaults that hold', () => {
  /** A default that is a value, not a sentence, with the path at which the config has it. */
  const claims = (heading: string, prefix: string): (readonly [path: string, value: unknown])[] =>
    rows(heading).flatMap(([key = '', , given = '']) => {
      const code = /^`(.*)`$/.exec(given)?.[1];
      if (code === undefined || key.includes('*') || key.includes('[')) return [];
      try {
        return [[`${prefix}${key.replaceAll('`', '')}`, JSON.parse(code) as unknown] as const];
      } catch {
        return [];
      }
    });

  it.each([
    ...claims('Root', ''),
    ...['destinations', 'outbound', 'media', 'redaction', 'recordings', 'apiRateLimit'].flatMap((key) =>
      claims(key, `${key}.`),
    ),
  ])('%s is %j', async (path, value) => {
    const config = await load({ agents: { a: AGENT } });

    expect(path.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], config)).toEqual(value);
  });

  it.each(claims('An agent', ''))('%s of an agent is %j', async (path, value) => {
    // Of an object that is not given no key is set; of one that is, all are.
    const [key = '', inner] = path.split('.');
    const given = inner === undefined ? {} : { [key]: key === 'consent' ? { line: 'Hi.' } : {} };
    const server = { provider: 'openai', model: 'any', baseUrl: 'http://127.0.0.1:1/v1' };
    const config = await load({ agents: { a: { stt: server, llm: server, tts: { provider: 'embedded' }, ...given } } });

    expect(
      path.split('.').reduce<unknown>((at, one) => (at as Record<string, unknown>)[one], config.agents['a']),
    ).toEqual(value);
  });
});
