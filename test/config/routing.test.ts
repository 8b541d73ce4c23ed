import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig, type Config } from '../../src/config.ts';
import { LandlineError } from '../../src/core/errors.ts';

let cwd = '';
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'landline-config-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const agent = {
  stt: { provider: 'deepgram', model: 'flux-general-en' },
  llm: { provider: 'openai', model: 'your-model' },
  tts: { provider: 'deepgram', model: 'aura-2-thalia-en' },
  transferTargets: { sales: '+15105550200', desk: 'sip:desk@example.com' },
};
const base = {
  agents: { reception: agent, night: { ...agent, transferTargets: {} } },
  numbers: { '+13125550178': 'reception' },
  defaultAgent: 'reception',
};
const KEYS = { DEEPGRAM_API_KEY: 'deepgram-key', OPENAI_API_KEY: 'openai-key' };
const LIVE = {
  ...KEYS,
  TELNYX_API_KEY: 'KEY0123456789',
  TELNYX_PUBLIC_KEY: Buffer.alloc(32, 7).toString('base64'),
  PUBLIC_URL: 'https://voice.example.com',
  LANDLINE_API_KEY: 'a-key-of-the-api',
};

function load(value: unknown, env: Record<string, string> = KEYS): Promise<Config> {
  const file = join(cwd, 'landline.config.json');
  writeFileSync(file, JSON.stringify(value));
  return loadConfig({ env: { ...env, LANDLINE_CONFIG: file }, cwd, isTty: false });
}

async function problemsOf(value: unknown, env?: Record<string, string>): Promise<string[]> {
  const error: unknown = await load(value, env).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof LandlineError)) throw new Error('the config was taken');
  return error.message.split('\n');
}

const hours = {
  timezone: 'Europe/Brussels',
  open: { mon: ['09:00-12:30', '13:30-17:00'] },
  closed: ['2026-12-25'],
  afterHours: 'night',
};

describe('destinations, hours, blocked and maxCallsPerCaller', () => {
  it('have defaults', async () => {
    expect(await load(base)).toMatchObject({
      destinations: {
        allow: undefined,
        deny: [],
        maxPerHour: 60,
        maxPerDay: 500,
        maxSpendPerDay: 50,
        maxPerCall: 5,
        prices: { '+1': 0.01, 'sip:*': 0.005, '*': 0.1 },
      },
      hours: [],
      blocked: [],
      maxCallsPerCaller: 10,
    });
  });

  it('are taken as a person writes them', async () => {
    const given = {
      ...base,
      destinations: {
        allow: ['+1', 'sip:*.example.com', 'sip:*'],
        deny: ['+1900'],
        maxPerHour: 5,
        prices: { '+32': 0.05 },
      },
      hours,
      blocked: ['+19005551234', '+44*', 'anonymous'],
      maxCallsPerCaller: 2,
    };
    expect(await load(given)).toMatchObject({
      destinations: { ...given.destinations, prices: { '+1': 0.01, '+32': 0.05 } },
      hours: [{ ...hours, for: undefined }],
      blocked: given.blocked,
      maxCallsPerCaller: 2,
    });
    const several = [{ ...hours, for: ['+13125550178', 'reception'] }, hours];
    expect((await load({ ...base, hours: several })).hours).toMatchObject(several);
  });

  it('give transfer targets their one form', async () => {
    const transferTargets = { sales: 'tel:+1-510-555-0200', desk: 'SIP:desk@EXAMPLE.com' };
    const config = await load({ ...base, agents: { ...base.agents, reception: { ...agent, transferTargets } } });

    expect(config.agents['reception']?.transferTargets).toEqual({
      sales: '+15105550200',
      desk: 'sip:desk@example.com',
    });
  });

  it.each<[string, Record<string, unknown>, string[]]>([
    ['an unknown key', { destinations: { alow: [] } }, ['destinations.alow is not a known key; did you mean "allow"?']],
    [
      'patterns that are none',
      { destinations: { allow: ['32', '+1*'], deny: ['example.com'] } },
      [
        'destinations.allow[0] must be the beginning of a number like "+32", or a host like "sip:*.example.com"',
        'destinations.allow[1] must be the beginning of a number like "+32", or a host like "sip:*.example.com"',
        'destinations.deny[0] must be the beginning of a number like "+32", or a host like "sip:*.example.com"',
      ],
    ],
    ['a limit', { destinations: { maxPerHour: -1 } }, ['destinations.maxPerHour must be at least 0, got -1']],
    [
      'a price for nothing',
      { destinations: { prices: { us: 1 } } },
      ['destinations.prices.us must be a pattern like "+32" or "sip:*", or "*" for the rest'],
    ],
    [
      'a negative price',
      { destinations: { prices: { '+1': -1 } } },
      ['destinations.prices["+1"] must be at least 0, got -1'],
    ],
    [
      'a blocked caller',
      { blocked: ['+44*', '44', 'Anonymous'] },
      [1, 2].map((n) => `blocked[${n}] must be a number like "+19005551234", a beginning like "+44*", or "anonymous"`),
    ],
    ['a cap', { maxCallsPerCaller: 0 }, ['maxCallsPerCaller must be at least 1, got 0']],
    ['no hours', { hours: {} }, ['hours.timezone is missing', 'hours.open is missing', 'hours.afterHours is missing']],
    [
      'a time zone',
      { hours: { ...hours, timezone: 'Europe/Brussel' } },
      ['hours.timezone must be a time zone like "Europe/Brussels"'],
    ],
    [
      'an offset',
      { hours: { ...hours, timezone: '+02:00' } },
      ['hours.timezone must be a time zone like "Europe/Brussels"'],
    ],
    [
      'ranges',
      { hours: { ...hours, open: { mon: ['9-17', '09:00-25:00', '09:00-09:00'], mo: [] } } },
      [
        'hours.open.mon[0] must be a range like "09:00-17:30"',
        'hours.open.mon[1] must be a range like "09:00-17:30"',
        'hours.open.mon[2] must not end when it begins; a whole day is "00:00-24:00"',
        'hours.open.mo is not a known key; known are mon, tue, wed, thu, fri, sat, sun',
      ],
    ],
    [
      'days that no calendar has',
      { hours: [{ ...hours, closed: ['2026-02-29', '02-29', '2028-02-29', '25-12'] }] },
      [0, 3].map((n) => `hours[0].closed[${n}] must be a day like "2026-12-25", or "12-25" for every year`),
    ],
    [
      'agents that are none',
      {
        hours: [
          { ...hours, afterHours: 'nigt' },
          { ...hours, for: ['recption', '+13125550178'] },
        ],
      },
      [
        'hours[0].afterHours "nigt" is no agent; did you mean "night"?',
        'hours[1].for[0] "recption" is no agent; did you mean "reception"?',
      ],
    ],
    [
      'a transfer target that is denied',
      { destinations: { deny: ['+1510', 'sip:example.com'] } },
      [
        'agents.reception.transferTargets.sales is covered by "+1510" in destinations.deny; take it out there',
        'agents.reception.transferTargets.desk is covered by "sip:example.com" in destinations.deny; take it out there',
      ],
    ],
    [
      'a transfer target that is a number of this gateway',
      { numbers: { '+15105550200': 'reception' } },
      [
        'agents.reception.transferTargets.sales is a number of this gateway: the call would come back to it; choose another',
      ],
    ],
  ])('say what is wrong with %s', async (_, wrong, problems) => {
    expect(await problemsOf({ ...base, ...wrong })).toEqual(problems);
  });

  it.each([
    ['112', 'is an emergency number, which only a person may dial'],
    ['sip:+19005551234@example.com', 'is a premium-rate, shared-cost or personal number, which is never dialled'],
    ['+8821612345678', 'is a satellite or network number, which is never dialled'],
    ['sip:desk@example.com?Replaces=1', 'must not carry SIP headers ("?")'],
    ['', 'must be plain ASCII, without hidden, full-width or control characters around or in it'],
  ])('refuse the transfer target %j', async (target, why) => {
    const agents = { ...base.agents, reception: { ...agent, transferTargets: { a: target } } };

    expect(await problemsOf({ ...base, agents })).toEqual([`agents.reception.transferTargets.a ${why}`]);
  });

  it('refuse the caller id as a transfer target', async () => {
    const problems = await problemsOf(base, { ...KEYS, TELNYX_FROM_NUMBER: '+15105550200' });

    expect(problems[0]).toContain('transferTargets.sales is a number of this gateway');
  });

  it('warn once, naming the key, when a live gateway has no allow list', async () => {
    const about = (config: Config): string[] => config.warnings.filter((line) => line.startsWith('destinations'));

    expect(about(await load(base, LIVE))).toEqual([
      'destinations.allow is not set: whoever has an API key may call any country; list where your calls go, like ["+1", "+32"]',
    ]);
    expect(about(await load({ ...base, destinations: { allow: [] } }, LIVE))).toEqual([]);
    expect(about(await load(base))).toEqual([]);
  });
});
