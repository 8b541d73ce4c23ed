import { describe, expect, it } from 'vitest';
import { loadConfig, type Config } from '../../src/config.ts';
import { followUpsOf } from '../../src/config-webhooks.ts';
import { LandlineError } from '../../src/core/errors.ts';
import { EVENT_TYPES } from '../../src/server/event-schemas.ts';

const SECRET = `whsec_${Buffer.alloc(32, 3).toString('base64')}`;
const ENV = { DEEPGRAM_API_KEY: 'deepgram-key', OPENAI_API_KEY: 'openai-key', HOOK: SECRET };
const agent = {
  stt: { provider: 'deepgram', model: 'flux-general-en' },
  llm: { provider: 'openai', model: 'your-model' },
  tts: { provider: 'deepgram', model: 'aura-2-thalia-en' },
};
const hook = { url: 'https://crm.example.com/landline', secretEnv: 'HOOK' };

const load = (webhooks: unknown, more: object = {}, env: Record<string, string> = ENV): Promise<Config> =>
  loadConfig({ config: { agents: { desk: { ...agent, ...more } }, defaultAgent: 'desk', webhooks }, env, cwd: '/tmp' });

async function problemsOf(webhooks: unknown, env?: Record<string, string>): Promise<string[]> {
  const error: unknown = await load(webhooks, {}, env).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof LandlineError)) throw new Error('the config was taken');
  return error.message.split('\n');
}

describe('the root key webhooks', () => {
  it('is empty by default', async () => {
    const config = await load(undefined);

    expect(config.webhooks).toEqual([]);
    expect(followUpsOf(config)).toEqual({ recordings: true, summaryAgents: [], webhooks: [] });
  });

  it('names an endpoint after its host, and sends it everything that is kept', async () => {
    const config = await load([hook]);

    expect(config.webhooks).toEqual([
      { ...hook, name: 'crm.example.com', events: 'all', headers: {}, allowPrivate: false },
    ]);
    expect(followUpsOf(config).webhooks).toEqual([{ name: 'crm.example.com', events: 'all' }]);
  });

  it('takes types and whole families, each type once, never a partial', async () => {
    const config = await load([
      { ...hook, name: 'some', events: ['call.ended', 'call.*', 'dtmf.received'] },
      { ...hook, name: 'star', events: ['*', 'transcript.partial'].slice(0, 1) },
    ]);

    const [some, star] = followUpsOf(config).webhooks;
    expect(some?.events).toEqual([
      ...['call.ended', ...EVENT_TYPES.filter((type) => type.startsWith('call.') && type !== 'call.ended')],
      'dtmf.received',
    ]);
    expect(star?.events).toEqual(EVENT_TYPES.filter((type) => type !== 'transcript.partial'));
  });

  it('has agents whose calls are summed up told beside', async () => {
    expect(followUpsOf(await load([], { summary: true })).summaryAgents).toEqual(['desk']);
    expect(followUpsOf(await load([], { summary: true, transcripts: false })).summaryAgents).toEqual([]);
  });

  it('may be on this machine when that is said', async () => {
    const config = await load([{ ...hook, url: 'http://127.0.0.1:9000/', allowPrivate: true }]);

    expect(config.webhooks[0]?.name).toBe('127.0.0.1');
  });

  it.each<[what: string, webhooks: unknown, problem: string]>([
    ['no list', hook, 'webhooks must be a list, got an object'],
    ['no url', [{ secretEnv: 'HOOK' }], 'webhooks[0].url is missing'],
    [
      'an url that is none',
      [{ ...hook, url: 'crm' }],
      'webhooks[0].url must be an http(s) URL without user and password, like https://example.com/landline',
    ],
    [
      'a password in it',
      [{ ...hook, url: 'https://a:b@example.com' }],
      'webhooks[0].url must be an http(s) URL without user and password, like https://example.com/landline',
    ],
    [
      'http to the world',
      [{ ...hook, url: 'http://example.com' }],
      'webhooks[0].url must be https: events carry what people said; http only together with "allowPrivate": true',
    ],
    ['a slip', [{ ...hook, event: ['*'] }], 'webhooks[0].event is not a known key; did you mean "events"?'],
    [
      'a type with a slip',
      [{ ...hook, events: ['call.endet'] }],
      'webhooks[0].events[0] "call.endet" is no event type; did you mean "call.ended"?',
    ],
    [
      'what is never sent',
      [{ ...hook, events: ['transcript.partial'] }],
      'webhooks[0].events[0] "transcript.partial" is never sent: it is not kept; follow GET /v1/events',
    ],
    ['no events at all', [{ ...hook, events: [] }], 'webhooks[0].events must have at least 1 entries'],
    [
      'a secret in the config itself',
      [{ ...hook, secretEnv: SECRET }],
      'webhooks[0].secretEnv must be the name of an environment variable',
    ],
    [
      'a secret that is not set',
      [{ ...hook, secretEnv: 'NOPE' }],
      'webhooks[0].secretEnv needs the environment variable NOPE; make its value with: echo "whsec_$(openssl rand -base64 32)"',
    ],
    [
      'two of one name',
      [hook, hook],
      'webhooks[1].name "crm.example.com" is webhooks[0] already: give this one a "name" of its own',
    ],
    [
      'a header of ours',
      [{ ...hook, headers: { 'Webhook-Id': '1' } }],
      'webhooks[0].headers.Webhook-Id is set by Landline itself; remove it',
    ],
    [
      'a header from nowhere',
      [{ ...hook, headers: { 'X-Key': { env: 'NOPE' } } }],
      'webhooks[0].headers.X-Key needs the environment variable NOPE, which is not set',
    ],
  ])('is refused with %s', async (_what, webhooks, problem) => {
    expect(await problemsOf(webhooks)).toEqual([problem]);
  });

  it('is refused with a secret that is none, which is not shown', async () => {
    expect(await problemsOf([hook], { ...ENV, HOOK: 'hunter2-hunter2' })).toEqual(['HOOK must be "whsec_" and base64']);
  });
});
