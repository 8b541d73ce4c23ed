import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import { createProviders, type CreateProvidersOptions } from '../../src/providers/create.ts';
import type { ProviderBlocks } from '../../src/providers/options.ts';

const SCRIPT = {
  unclear: 'Sorry?',
  intents: { bye: { phrases: 'goodbye', reply: 'Goodbye.', hangUp: true } },
};

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'landline-create-'));
  for (const name of ['a.yaml', 'b.yaml']) writeFileSync(join(dir, name), JSON.stringify(SCRIPT));
});
afterAll(() => rmSync(dir, { recursive: true }));

function options(env: CreateProvidersOptions['env'] = {}): CreateProvidersOptions {
  return { env, clock: systemClock, log: silentLog, resolvePath: (path) => join(dir, path) };
}

function embedded(script: string): ProviderBlocks {
  return { stt: { provider: 'embedded' }, llm: { provider: 'scripted', script }, tts: { provider: 'embedded' } };
}

describe('the providers', () => {
  it('are made from every kind of block, with their fallbacks behind them', () => {
    const { agents } = createProviders(
      {
        vendors: {
          stt: { provider: 'deepgram', model: 'nova-3', fallback: { provider: 'openai', model: 'w' } },
          llm: { provider: 'openai', model: 'm', fallback: { provider: 'scripted', script: 'a.yaml' } },
          tts: { provider: 'deepgram', model: 'v', fallback: { provider: 'openai', model: 't' } },
        },
        local: {
          stt: { provider: 'sherpa', model: 'models/en', fallback: { provider: 'embedded' } },
          llm: { provider: 'scripted', script: 'a.yaml' },
          tts: {
            provider: 'embedded',
            voice: 'rms',
            fallback: {
              provider: 'command',
              command: 'flite',
              sampleRate: 16_000,
              fallback: { provider: 'command', command: './speak', args: [], sampleRate: 8000 },
            },
          },
        },
      },
      options(),
    );

    expect([...agents].map(([name, { stt, llm, tts }]) => [name, stt.name, llm.name, tts.name])).toEqual([
      ['vendors', 'deepgram nova-3, else openai w', 'openai m, else scripted a.yaml', 'deepgram v, else openai t'],
      [
        'local',
        `sherpa ${join(dir, 'models/en')}, else embedded soundswallower`,
        'scripted a.yaml',
        `embedded flite rms, else command flite, else command ${join(dir, 'speak')}`,
      ],
    ]);
  });

  it('of agents with the same script or voice share their threads, others do not', () => {
    const { agents } = createProviders(
      { a: embedded('a.yaml'), again: embedded('a.yaml'), b: embedded('b.yaml') },
      options(),
    );
    const [a, again, b] = [...agents.values()];

    expect(again?.stt).toBe(a?.stt);
    expect(b?.stt).not.toBe(a?.stt);
    expect(b?.tts).toBe(a?.tts);
  });

  it('get the key and the address of the environment', async () => {
    const asked = Promise.withResolvers<[string | undefined, string | undefined]>();
    const server = createServer((request, response) => {
      asked.resolve([request.url, request.headers.authorization]);
      response.end('{}');
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
    const blocks: ProviderBlocks = {
      ...embedded('a.yaml'),
      llm: { provider: 'openai', model: 'm', apiKeyEnv: 'MINE' },
      stt: { provider: 'openai', model: 'w' },
    };

    createProviders({ a: blocks }, options({ MINE: ' key ', OPENAI_BASE_URL: address }))
      .agents.get('a')
      ?.llm.warm();

    expect(await asked.promise).toEqual(['/v1/models', 'Bearer key']);
    server.closeAllConnections();
    server.close();
  });

  it('load their engines, and end them', async () => {
    const set = createProviders({ a: embedded('a.yaml') }, options());

    await expect(set.prepare()).resolves.toBeUndefined();
    await set.close();
  });

  it('say what the recogniser cannot know before the first call', async () => {
    const strange = { ...SCRIPT, intents: { odd: { phrases: 'xqzzyk', reply: 'Hm.' } } };
    writeFileSync(join(dir, 'strange.yaml'), JSON.stringify(strange));
    const set = createProviders({ a: embedded('strange.yaml') }, options());

    await expect(set.prepare()).rejects.toMatchObject({
      code: 'script_invalid',
      message: expect.stringContaining('xqzzyk') as string,
    });
    await set.close();
  });

  it('are refused together, by every script that is bad, once each', () => {
    writeFileSync(join(dir, 'bad.yaml'), 'intents: {}\nunclear: Sorry?\n');
    const create = (): unknown =>
      createProviders(
        { a: embedded('bad.yaml'), again: embedded('bad.yaml'), b: embedded('none.yaml'), c: embedded('a.yaml') },
        options(),
      );

    expect(create).toThrow(
      expect.objectContaining({
        code: 'script_invalid',
        message: expect.stringMatching(
          /^\S*bad\.yaml:1:\d+: intents: must name at least one intent\ncannot read the script \S*none\.yaml: ENOENT[^\n]*$/,
        ) as string,
      }),
    );
  });

  it('with embedded recognition need a script', () => {
    const blocks: ProviderBlocks = { ...embedded('a.yaml'), llm: { provider: 'openai', model: 'm' } };

    expect(() => createProviders({ a: blocks }, options())).toThrow('embedded speech recognition needs a scripted llm');
  });
});
