import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AccountAnswer, createTelnyxAccount, type TelnyxAccount } from '../../src/telnyx/account.ts';
import { type HttpStub, refusal, reply, startHttpStub, type StubRequest } from './http-stub.ts';

let stub: HttpStub;
let account: TelnyxAccount;
let handle: (request: StubRequest, n: number) => void;

beforeEach(async () => {
  stub = await startHttpStub((request, n) => handle(request, n));
  account = createTelnyxAccount({ apiKey: 'KEY_test', baseUrl: stub.baseUrl });
});

afterEach(async () => {
  account.close();
  await stub.close();
});

const asked = (): string[] => stub.requests.map(({ method, url }) => `${method} ${decodeURIComponent(url)}`);

const application = {
  id: '1293384261075731499',
  record_type: 'call_control_application',
  application_name: 'call-router',
  active: true,
  webhook_event_url: 'https://gw.example.com/webhooks/telnyx',
  webhook_event_failover_url: '',
  webhook_api_version: '1',
  first_command_timeout: true,
  first_command_timeout_secs: 30,
  inbound: { channel_limit: 10 },
  outbound: { channel_limit: 10, outbound_voice_profile_id: '1293384261075731500' },
};
const readApplication = {
  id: '1293384261075731499',
  name: 'call-router',
  active: true,
  webhookUrl: 'https://gw.example.com/webhooks/telnyx',
  failoverUrl: undefined,
  apiVersion: '1',
  outboundVoiceProfileId: '1293384261075731500',
  firstCommandTimeout: true,
  firstCommandTimeoutSecs: 30,
};
const number = (n: number): object => ({
  id: `id-${n}`,
  phone_number: `+1312555017${n}`,
  status: 'active',
  connection_id: '1293384261075731499',
  connection_name: 'call-router',
});
const readNumber = (n: number): object => ({
  id: `id-${n}`,
  number: `+1312555017${n}`,
  status: 'active',
  connectionId: '1293384261075731499',
  connectionName: 'call-router',
});

describe('the key', () => {
  it('is good when the balance can be read', async () => {
    handle = (request) =>
      reply(request, 200, {
        data: { record_type: 'balance', balance: '300.00', available_credit: '400.00', currency: 'USD' },
      });

    expect(await account.checkKey()).toEqual({ ok: true, value: { available: '400.00', currency: 'USD' } });
    expect(asked()).toEqual(['GET /v2/balance']);
    expect(stub.requests[0]?.headers.authorization).toBe('Bearer KEY_test');
  });

  it('is good, too, when it may not see the balance', async () => {
    handle = (request) => reply(request, 403, refusal('10010', 'Authorization failed'));

    expect(await account.checkKey()).toEqual({ ok: true, value: { available: undefined, currency: undefined } });
  });

  it('is wrong when Telnyx says so', async () => {
    handle = (request) =>
      reply(request, 401, refusal('10009', 'Authentication failed', 'Could not understand the key'));

    expect(await account.checkKey()).toEqual({
      ok: false,
      reason: 'unauthorized',
      status: 401,
      code: '10009',
      message: 'Authentication failed: Could not understand the key (Telnyx 10009)',
    });
  });
});

describe('questions', () => {
  it('read an application', async () => {
    handle = (request) => reply(request, 200, { data: application });

    expect(await account.application('1293384261075731499')).toEqual({ ok: true, value: readApplication });
    expect(asked()).toEqual(['GET /v2/call_control_applications/1293384261075731499']);
  });

  it('read an application that says next to nothing', async () => {
    handle = (request) => reply(request, 200, { data: { id: 7, outbound: null } });

    expect(await account.application('7')).toEqual({
      ok: true,
      value: {
        id: '7',
        name: undefined,
        active: undefined,
        webhookUrl: undefined,
        failoverUrl: undefined,
        apiVersion: undefined,
        outboundVoiceProfileId: undefined,
        firstCommandTimeout: undefined,
        firstCommandTimeoutSecs: undefined,
      },
    });
  });

  it('read all pages of numbers', async () => {
    handle = (request, n) =>
      reply(request, 200, { data: [number(2 * n), number(2 * n + 1)], meta: { page_number: n + 1, total_pages: 2 } });

    expect(await account.phoneNumbers()).toEqual({ ok: true, value: [0, 1, 2, 3].map(readNumber) });
    expect(asked()).toEqual([
      'GET /v2/phone_numbers?page[number]=1&page[size]=250',
      'GET /v2/phone_numbers?page[number]=2&page[size]=250',
    ]);
  });

  it('find one number among those that merely contain it', async () => {
    handle = (request) =>
      reply(request, 200, { data: [number(7), number(8)], meta: { page_number: 1, total_pages: 1 } });

    expect(await account.phoneNumber('+13125550178')).toEqual({ ok: true, value: readNumber(8) });
    expect(asked()[0]).toContain('filter[phone_number]=13125550178');
  });

  it('say that the account does not own a number', async () => {
    handle = (request) => reply(request, 200, { data: [], meta: { page_number: 1, total_pages: 0 } });

    expect(await account.phoneNumber('+13125550178')).toEqual({ ok: true, value: undefined });
    expect(stub.requests.length).toBe(1);
  });

  it('do not read on for ever where no number of pages is told', async () => {
    handle = (request) => reply(request, 200, { data: [number(1)] });

    expect(await account.phoneNumbers()).toEqual({ ok: true, value: [readNumber(1)] });
    expect(stub.requests.length).toBe(1);
  });

  it('read an outbound voice profile', async () => {
    const data = {
      id: '99',
      name: 'office',
      enabled: true,
      daily_spend_limit: '100.00',
      daily_spend_limit_enabled: true,
      whitelisted_destinations: ['US', 'BE', null],
    };
    handle = (request, n) =>
      reply(request, 200, { data: n === 0 ? data : { ...data, daily_spend_limit_enabled: false } });

    const value = { id: '99', name: 'office', enabled: true, dailySpendLimit: '100.00', destinations: ['US', 'BE'] };
    expect(await account.outboundVoiceProfile('99')).toEqual({ ok: true, value });
    expect(await account.outboundVoiceProfile('99')).toEqual({
      ok: true,
      value: { ...value, dailySpendLimit: undefined },
    });
    expect(asked()[0]).toBe('GET /v2/outbound_voice_profiles/99');
  });
});

describe('repairs', () => {
  it('of an application send its name and URL back, which every update needs', async () => {
    handle = (request, n) =>
      reply(request, 200, { data: n === 0 ? application : { ...application, webhook_api_version: '2' } });

    const answer = await account.updateApplication('1293384261075731499', { apiVersion: '2' });

    expect(answer).toEqual({ ok: true, value: { ...readApplication, apiVersion: '2' } });
    expect(asked()).toEqual([
      'GET /v2/call_control_applications/1293384261075731499',
      'PATCH /v2/call_control_applications/1293384261075731499',
    ]);
    expect(stub.requests[1]?.body).toEqual({
      application_name: 'call-router',
      webhook_event_url: 'https://gw.example.com/webhooks/telnyx',
      webhook_api_version: '2',
    });
  });

  it('of an application change what was asked', async () => {
    handle = (request) => reply(request, 200, { data: application });

    await account.updateApplication('1', { webhookUrl: 'https://a.example/w', failoverUrl: 'https://b.example/w' });

    expect(stub.requests[1]?.body).toEqual({
      application_name: 'call-router',
      webhook_event_url: 'https://a.example/w',
      webhook_event_failover_url: 'https://b.example/w',
    });
  });

  it('of an application that is not there change nothing', async () => {
    handle = (request) => reply(request, 404, refusal('10005', 'Resource not found'));

    expect(await account.updateApplication('1', { apiVersion: '2' })).toMatchObject({ ok: false, reason: 'not_found' });
    expect(stub.requests.length).toBe(1);
  });

  it('of a number bind it to an application', async () => {
    handle = (request) => reply(request, 200, { data: number(3) });

    expect(await account.bindNumber('id-3', '1293384261075731499')).toEqual({ ok: true, value: readNumber(3) });
    expect(asked()).toEqual(['PATCH /v2/phone_numbers/id-3']);
    expect(stub.requests[0]?.body).toEqual({ connection_id: '1293384261075731499' });
  });
});

describe('failures are values', () => {
  const questions: readonly (readonly [string, () => Promise<AccountAnswer<unknown>>])[] = [
    ['checkKey', () => account.checkKey()],
    ['application', () => account.application('1')],
    ['phoneNumbers', () => account.phoneNumbers()],
    ['phoneNumber', () => account.phoneNumber('+13125550178')],
    ['outboundVoiceProfile', () => account.outboundVoiceProfile('1')],
    ['updateApplication', () => account.updateApplication('1', { apiVersion: '2' })],
    ['bindNumber', () => account.bindNumber('1', '2')],
  ];

  it.each(questions)('of %s', async (_, ask) => {
    const answers: readonly (readonly [(request: StubRequest) => void, string])[] = [
      [(request) => reply(request, 401, refusal('10009', 'no')), 'unauthorized'],
      [(request) => reply(request, 404, '<html>', 'text/html'), 'not_found'],
      [(request) => reply(request, 422, refusal('10015', 'no')), 'refused'],
      [(request) => reply(request, 429, refusal('10011', 'slow')), 'unreachable'],
      [(request) => reply(request, 502, '<html>', 'text/html'), 'unreachable'],
      [(request) => request.response.writeHead(302, { location: 'https://example.com' }).end(), 'unreachable'],
      [(request) => reply(request, 200, '<html>', 'text/html'), 'unreachable'],
      [(request) => reply(request, 200, '{"data":'), 'unreachable'],
      [(request) => reply(request, 200, { data: 'x' }), 'unreachable'],
      [(request) => void request.socket.destroy(), 'unreachable'],
    ];
    for (const [answer, reason] of answers) {
      handle = answer;
      expect(await ask()).toMatchObject({ ok: false, reason });
    }
    expect(stub.requests.length).toBe(answers.length);
  });

  it('of an id that cannot be in a path', async () => {
    expect(await account.application('..')).toMatchObject({ ok: false, reason: 'refused' });
    expect(stub.requests.length).toBe(0);
  });

  it('of a body without end, which is cut', async () => {
    let closed = false;
    handle = ({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(256 * 1024, 0x5b)));
      };
      response.on('drain', more).on('close', () => (closed = true));
      more();
    };

    expect(await account.phoneNumbers()).toMatchObject({ ok: false, reason: 'unreachable' });
    await vi.waitUntil(() => closed, { timeout: 5000, interval: 2 });
  });
});
