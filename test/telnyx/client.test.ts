import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { VirtualClock } from '../../src/core/clock.ts';
import { LandlineError } from '../../src/core/errors.ts';
import type { Log, LogFields } from '../../src/core/log.ts';
import { createTelnyxApi } from '../../src/telnyx/client.ts';
import type { CommandOutcome, TelnyxApi, TelnyxCommand } from '../../src/telnyx/commands.ts';
import { HANGUP_PLAN } from '../../src/telnyx/resend.ts';
import { type HttpStub, refusal, reply, startHttpStub, type StubRequest } from './http-stub.ts';

const ID = 'v3:Lq7nT2fKXw0aZb9RmVdYpC4sHgJ1uEoN6iBvQxDkWtSrM8yPzU5c3A';
const COMMAND_ID = '5b1b0f3e-3f0c-4f57-9a3e-0f2f1c9d8e7a';
const OK = { data: { result: 'ok' } };
const STREAM = { url: 'wss://gw.example.com/media/tok', codec: 'PCMA', sampleRate: 8000 } as const;

let clock: VirtualClock;
let stub: HttpStub;
let api: TelnyxApi & { close(): void };
let lines: string[];
let handle: (request: StubRequest, n: number) => void;

function recordingLog(): Log {
  const child = (bound: LogFields): Log => {
    const write = (fields: LogFields, message: string): void =>
      void lines.push(JSON.stringify({ ...bound, ...fields, message }));
    return { debug: write, info: write, warn: write, error: write, child: (more) => child({ ...bound, ...more }) };
  };
  return child({});
}

function send(command: TelnyxCommand, callControlId = ID): CommandOutcome[] {
  const outcomes: CommandOutcome[] = [];
  api.send(callControlId, COMMAND_ID, command, (outcome) => void outcomes.push(outcome));
  return outcomes;
}

async function outcomeOf(outcomes: readonly CommandOutcome[]): Promise<CommandOutcome> {
  await vi.waitUntil(() => outcomes.length > 0, { timeout: 5000, interval: 2 });
  expect(outcomes.length).toBe(1);
  return outcomes[0]!;
}

/**
 * Lets virtual time run until the command has its outcome. Time stands still while an attempt is under way, so that a
 * slow machine cannot turn an answer into a cut. `extra`: attempts beside the planned ones.
 */
async function outcomeInTime(outcomes: readonly CommandOutcome[], extra = 0): Promise<CommandOutcome> {
  const from = clock.mono();
  const answered = (): number => lines.filter((line) => line.includes('no definitive answer"')).length;
  const ended = (): boolean => outcomes.length > 0;
  while (!ended()) {
    const started = HANGUP_PLAN.startsMs.filter((start) => start <= clock.mono() - from).length + extra;
    await vi.waitUntil(() => ended() || answered() >= started, { timeout: 5000, interval: 1 });
    if (!ended()) clock.advance(500);
  }
  return outcomeOf(outcomes);
}

beforeEach(async () => {
  clock = new VirtualClock();
  lines = [];
  handle = (request) => reply(request, 200, OK);
  stub = await startHttpStub((request, n) => handle(request, n));
  api = createTelnyxApi({ apiKey: 'KEY_test', baseUrl: stub.baseUrl, clock, log: recordingLog() });
});

afterEach(async () => {
  api.close();
  await stub.close();
  expect(clock.pending).toBe(0);
  expect(lines.join('\n')).not.toContain(ID);
});

const duplex = {
  stream_url: 'wss://gw.example.com/media/tok',
  stream_track: 'inbound_track',
  stream_codec: 'PCMA',
  stream_bidirectional_mode: 'rtp',
  stream_bidirectional_codec: 'PCMA',
  stream_bidirectional_target_legs: 'self',
};

describe('a command', () => {
  const rows: readonly (readonly [TelnyxCommand, string, object])[] = [
    [
      { name: 'answer', stream: STREAM, clientState: '{"call":"c1"}' },
      'answer',
      { ...duplex, send_silence_when_idle: true, client_state: 'eyJjYWxsIjoiYzEifQ==' },
    ],
    [
      { name: 'answer', stream: { ...STREAM, codec: 'L16', sampleRate: 16000 }, clientState: 'x' },
      'answer',
      {
        ...duplex,
        stream_codec: 'L16',
        stream_bidirectional_codec: 'L16',
        send_silence_when_idle: true,
        client_state: 'eA==',
      },
    ],
    [
      { name: 'streamingStart', stream: STREAM, clientState: 'Zoë' },
      'streaming_start',
      { ...duplex, client_state: 'Wm/Dqw==' },
    ],
    [
      { name: 'streamingStart', stream: { ...STREAM, codec: 'L16', sampleRate: 16000 }, clientState: 'x' },
      'streaming_start',
      {
        ...duplex,
        stream_codec: 'L16',
        stream_bidirectional_codec: 'L16',
        stream_bidirectional_sampling_rate: 16000,
        client_state: 'eA==',
      },
    ],
    [{ name: 'streamingStop' }, 'streaming_stop', {}],
    [{ name: 'reject', cause: 'USER_BUSY' }, 'reject', { cause: 'USER_BUSY' }],
    [{ name: 'hangup' }, 'hangup', {}],
    [
      { name: 'transfer', to: 'sip:desk@example.com', timeoutSecs: 30, timeLimitSecs: 3630, targetLegClientState: 'B' },
      'transfer',
      { to: 'sip:desk@example.com', timeout_secs: 30, time_limit_secs: 3630, target_leg_client_state: 'Qg==' },
    ],
    [
      {
        name: 'transfer',
        to: '+15105550200',
        from: '+13125550178',
        timeoutSecs: 5,
        timeLimitSecs: 60,
        targetLegClientState: 'B',
      },
      'transfer',
      {
        to: '+15105550200',
        from: '+13125550178',
        timeout_secs: 5,
        time_limit_secs: 60,
        target_leg_client_state: 'Qg==',
      },
    ],
    [
      { name: 'speak', payload: 'One moment.', voice: 'AWS.Polly.Joanna', language: 'en-US' },
      'speak',
      { payload: 'One moment.', voice: 'AWS.Polly.Joanna', language: 'en-US' },
    ],
    [{ name: 'sendDtmf', digits: '1w2#' }, 'send_dtmf', { digits: '1w2#' }],
    [
      { name: 'recordStart', clientState: 'B' },
      'record_start',
      { format: 'wav', channels: 'dual', client_state: 'Qg==' },
    ],
    [{ name: 'recordStop' }, 'record_stop', {}],
    [{ name: 'recordPause' }, 'record_pause', {}],
    [{ name: 'recordResume' }, 'record_resume', {}],
  ];

  it.each(rows)('%j is one POST with exactly its body', async (command, path, body) => {
    expect(await outcomeOf(send(command))).toEqual({ ok: true });

    expect(stub.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      `POST /v2/calls/${ID}/actions/${path}`,
    ]);
    expect(stub.requests[0]?.body).toEqual({ ...body, command_id: COMMAND_ID });
    expect(stub.requests[0]?.headers).toMatchObject({
      authorization: 'Bearer KEY_test',
      'content-type': 'application/json',
    });
  });

  it('reaches an id with a slash in it', async () => {
    expect(await outcomeOf(send({ name: 'hangup' }, 'v3:a/b+c='))).toEqual({ ok: true });

    expect(stub.requests[0]?.url).toBe('/v2/calls/v3:a%2Fb+c=/actions/hangup');
  });

  it.each(['', '..', '.'])('for the id %j never leaves', async (id) => {
    expect(await outcomeOf(send({ name: 'hangup' }, id))).toMatchObject({ ok: false, kind: 'refused' });

    expect(stub.requests.length).toBe(0);
  });

  it('uses the connection of the one before', async () => {
    for (let n = 0; n < 3; n++) expect(await outcomeOf(send({ name: 'sendDtmf', digits: '1' }))).toEqual({ ok: true });

    expect(stub.connections()).toBe(1);
  });
});

describe('an answer', () => {
  const definitive: readonly (readonly [string, number, unknown, object])[] = [
    [
      'a call that has ended',
      422,
      refusal('90018', 'Call has already ended'),
      { kind: 'gone', status: 422, code: '90018' },
    ],
    [
      'an id not known any more',
      422,
      refusal('90015', 'Invalid Call Control ID'),
      { kind: 'gone', status: 422, code: '90015' },
    ],
    ['404', 404, refusal('10005', 'Resource not found'), { kind: 'gone', status: 404, code: '10005' }],
    [
      '404 as HTML',
      404,
      '<html>nginx</html>',
      { kind: 'gone', status: 404, message: expect.stringMatching(/HTTP 404 without a Telnyx error$/) as string },
    ],
    [
      'a call not answered yet',
      422,
      refusal('90034', 'Call not answered yet'),
      { kind: 'refused', status: 422, code: '90034' },
    ],
    ['a code as number', 422, { errors: [{ code: 10016, title: 'E164' }] }, { kind: 'refused', code: '10016' }],
    ['a bad request', 400, refusal('10015', 'Bad Request'), { kind: 'refused', status: 400, code: '10015' }],
    ['a wrong key', 401, refusal('10009', 'Authentication failed'), { kind: 'refused', status: 401, code: '10009' }],
    [
      'a forbidden call',
      403,
      refusal('10010', 'Authorization failed'),
      { kind: 'refused', status: 403, code: '10010' },
    ],
    [
      'an empty body',
      422,
      '',
      { kind: 'refused', status: 422, message: expect.stringMatching(/HTTP 422 without a Telnyx error$/) as string },
    ],
    ['errors of no shape', 422, { errors: 'none' }, { kind: 'refused', status: 422 }],
    ['errors with nothing in them', 422, { errors: [null] }, { kind: 'refused', status: 422 }],
    ['a JSON list', 422, [], { kind: 'refused', status: 422 }],
  ];

  it.each(definitive)('that says %s is final', async (_, status, body, outcome) => {
    handle = (request) => reply(request, status, body, typeof body === 'string' ? 'text/html' : undefined);

    expect(await outcomeOf(send({ name: 'sendDtmf', digits: '1' }))).toMatchObject({ ok: false, ...outcome });
    expect(stub.requests.length).toBe(1);
  });

  it.each([
    ['HTML', '<html></html>', 'text/html'],
    ['nothing', '', 'application/json'],
    ['cut JSON', '{"data":', 'application/json'],
    ['anything else', '[1]', 'text/plain'],
  ])('of 200 counts even if it carries %s', async (_, body, type) => {
    handle = (request) => reply(request, 200, body, type);

    expect(await outcomeOf(send({ name: 'hangup' }))).toEqual({ ok: true });
  });

  it.each([
    [200, { ok: true }],
    [422, { ok: false, kind: 'refused', status: 422 }],
  ])('of %i with an endless body is cut after its status was read', async (status, outcome) => {
    let closed = false;
    handle = ({ response }) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(256 * 1024, 0x20)));
      };
      response.on('drain', more).on('close', () => (closed = true));
      more();
    };

    expect(await outcomeOf(send({ name: 'hangup' }))).toMatchObject(outcome);
    await vi.waitUntil(() => closed, { timeout: 5000, interval: 2 });
  });

  it('whose body breaks off still has its status', async () => {
    handle = ({ response, socket }) => {
      response.writeHead(422, { 'content-type': 'application/json', 'content-length': 5000 });
      response.write('{"errors":[{"code":"90018"', () => socket.destroy());
    };

    expect(await outcomeOf(send({ name: 'speak', payload: 'x', voice: 'y', language: 'en-US' }))).toMatchObject({
      kind: 'refused',
      status: 422,
    });
  });

  it('names the command and the reason, but never the whole id', async () => {
    const detail = `The call ${ID} (${encodeURIComponent(ID)}) is over`;
    handle = (request) => reply(request, 422, refusal('90018', 'Call has already ended', detail));

    expect(await outcomeOf(send({ name: 'streamingStop' }))).toEqual({
      ok: false,
      kind: 'gone',
      status: 422,
      code: '90018',
      message:
        'streamingStop refused: Call has already ended: The call v3:Lq7•••5c3A (v3:Lq7•••5c3A) is over (Telnyx 90018)',
    });
  });

  it('of a megabyte of text is not carried on', async () => {
    handle = (request) => reply(request, 422, refusal('10015', 'x'.repeat(900_000)));

    const outcome = await outcomeOf(send({ name: 'hangup' }));
    expect(outcome).toMatchObject({ kind: 'refused', code: '10015' });
    expect(JSON.stringify(outcome).length).toBeLessThan(500);
  });
});

describe('re-sends', () => {
  const transfer: TelnyxCommand = {
    name: 'transfer',
    to: '+15105550200',
    timeoutSecs: 30,
    timeLimitSecs: 3630,
    targetLegClientState: 'B',
  };

  it('repeat a command whose answer was lost, byte for byte, and it takes effect once', async () => {
    const executed = new Set<unknown>();
    handle = (request, n) => {
      executed.add((request.body as { command_id: string }).command_id);
      if (n === 0) request.socket.destroy();
      else reply(request, 200, OK);
    };

    expect(await outcomeInTime(send(transfer))).toEqual({ ok: true });
    expect(stub.requests.length).toBe(2);
    expect(stub.requests[1]?.body).toEqual(stub.requests[0]?.body);
    expect(stub.requests[1]?.url).toBe(stub.requests[0]?.url);
    expect(executed.size).toBe(1);
  });

  it('overtake a server that is slow with the first, on another connection', async () => {
    handle = (request, n) => {
      if (n === 1) reply(request, 200, OK);
    };
    const outcomes = send(transfer);
    await stub.arrived(1);
    clock.advance(499);
    expect(stub.requests.length).toBe(1);
    clock.advance(1);

    expect(await outcomeOf(outcomes)).toEqual({ ok: true });
    expect(stub.connections()).toBe(2);
  });

  it('take the late answer to the first attempt as gladly as one to the second', async () => {
    handle = () => undefined;
    const outcomes = send(transfer);
    await stub.arrived(1);
    clock.advance(500);
    await stub.arrived(2);
    reply(stub.requests[0]!, 422, refusal('90034', 'Call not answered yet'));

    expect(await outcomeOf(outcomes)).toMatchObject({ kind: 'refused', code: '90034' });
  });

  it('end unknown when the server hangs, having let go of its connections', async () => {
    let open = 0;
    handle = ({ response }) => {
      open++;
      response.on('close', () => open--);
    };
    const outcomes = send(transfer);
    for (const [n, ms] of [500, 1000, 2000].entries()) {
      await stub.arrived(n + 1);
      clock.advance(ms);
    }
    await stub.arrived(4);
    clock.advance(2000);

    expect(await outcomeOf(outcomes)).toEqual({
      ok: false,
      kind: 'unknown',
      message: 'no definitive answer after 4 attempts; the last: no answer within 2000 ms',
    });
    await vi.waitUntil(() => open === 0, { timeout: 5000, interval: 2 });
    expect(lines.some((line) => line.includes('telnyx command has no known outcome'))).toBe(true);
  });

  it('follow a 503 at once', async () => {
    handle = (request, n) => reply(request, n === 0 ? 503 : 200, n === 0 ? refusal('10007', 'Unavailable') : OK);

    // No virtual time passes.
    expect(await outcomeOf(send(transfer))).toEqual({ ok: true });
    expect(stub.requests.length).toBe(2);
  });

  it.each([
    ['408', (request: StubRequest) => reply(request, 408, ''), 4],
    ['409', (request: StubRequest) => reply(request, 409, refusal('10011', 'locked')), 4],
    ['a redirect', (request: StubRequest) => request.response.writeHead(307, { location: '/elsewhere' }).end(), 4],
    ['502 as HTML', (request: StubRequest) => reply(request, 502, '<html>', 'text/html'), 5],
    ['a reset', (request: StubRequest) => void request.socket.destroy(), 4],
  ])('go on after %s and end unknown', async (_, answer, attempts) => {
    handle = answer;

    expect(await outcomeInTime(send(transfer), attempts - 4)).toMatchObject({ ok: false, kind: 'unknown' });
    expect(stub.requests.length).toBe(attempts);
    expect(new Set(stub.requests.map(({ url }) => url)).size).toBe(1);
  });

  it('end in the refusal when every answer was 429', async () => {
    handle = (request) => reply(request, 429, refusal('10011', 'Too many requests'));

    expect(await outcomeInTime(send(transfer))).toEqual({
      ok: false,
      kind: 'refused',
      status: 429,
      code: '10011',
      message: 'transfer refused: Too many requests (Telnyx 10011)',
    });
    expect(stub.requests.length).toBe(4);
  });

  it('of a hangup go on past 429 for 50 s and end unknown, so that the state of the leg decides', async () => {
    handle = (request) => reply(request, 429, refusal('10011', 'Too many requests'));

    expect(await outcomeInTime(send({ name: 'hangup' }))).toMatchObject({ ok: false, kind: 'unknown' });
    expect(stub.requests.length).toBe(15);
  });

  it('of a hangup outlast an outage', async () => {
    handle = (request, n) => {
      if (n < 9) request.socket.destroy();
      else reply(request, 422, refusal('90018', 'Call has already ended'));
    };

    expect(await outcomeInTime(send({ name: 'hangup' }))).toMatchObject({ ok: false, kind: 'gone' });
    expect(stub.requests.length).toBe(10);
  });

  it('say why nothing can be reached', async () => {
    const port = new URL(stub.baseUrl).port;
    await stub.close();

    expect(await outcomeInTime(send(transfer))).toMatchObject({
      kind: 'unknown',
      message: `no definitive answer after 4 attempts; the last: connect ECONNREFUSED 127.0.0.1:${port}`,
    });
    stub = await startHttpStub(() => undefined);
  });

  it('stop when the client is closed, and nothing is sent afterwards', async () => {
    handle = () => undefined;
    const outcomes = send({ name: 'hangup' });
    await stub.arrived(1);

    api.close();

    expect(outcomes).toMatchObject([
      { ok: false, kind: 'unknown', message: expect.stringMatching(/closed/) as string },
    ]);
    expect(clock.pending).toBe(0);
    expect(send({ name: 'hangup' })).toMatchObject([{ ok: false, kind: 'unknown' }]);
    expect(stub.requests.length).toBe(1);
  });
});

describe('status', () => {
  it.each([
    [200, { data: { record_type: 'call', is_alive: true } }, { known: true, isAlive: true }],
    [200, { data: { record_type: 'call', is_alive: false } }, { known: true, isAlive: false }],
    [404, refusal('10005', 'Resource not found'), { known: true, isAlive: false }],
    [422, refusal('90015', 'Invalid Call Control ID'), { known: true, isAlive: false }],
    [401, refusal('10009', 'Authentication failed'), { known: false, message: 'Authentication failed (Telnyx 10009)' }],
    [429, refusal('10011', 'Too many requests'), { known: false, message: 'Too many requests (Telnyx 10011)' }],
    [503, '<html>', { known: false, message: 'HTTP 503 without a Telnyx error' }],
    [200, '<html>', { known: false, message: 'the answer of Telnyx does not say is_alive' }],
    [200, '', { known: false, message: 'the answer of Telnyx does not say is_alive' }],
    [200, { data: {} }, { known: false, message: 'the answer of Telnyx does not say is_alive' }],
  ])('of %i %j', async (status, body, expected) => {
    handle = (request) => reply(request, status, body);

    expect(await api.status(ID)).toEqual(expected);
    expect(stub.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([`GET /v2/calls/${ID}`]);
  });

  it('is not known when the connection breaks, or for a leg without an id', async () => {
    handle = (request) => void request.socket.destroy();

    expect(await api.status(ID)).toMatchObject({ known: false });
    expect(await api.status('')).toMatchObject({ known: false });
    expect(stub.requests.length).toBe(1);
  });
});

describe('active calls', () => {
  const call = (n: number): object => ({
    record_type: 'call',
    call_control_id: `v3:${n}`,
    call_leg_id: `leg-${n}`,
    call_session_id: `session-${n}`,
    client_state: '',
    call_duration: n,
  });
  const known = (n: number): object => ({
    callControlId: `v3:${n}`,
    callLegId: `leg-${n}`,
    callSessionId: `session-${n}`,
  });
  const queryOf = ({ url }: StubRequest): string => decodeURIComponent(url.split('?')[1] ?? '');

  it('follow the cursor through all pages', async () => {
    const pages: readonly unknown[] = [
      { data: [call(1), call(2)], meta: { total_items: 3, cursors: { after: 'v1:g3Q=+/', before: null } } },
      { data: [call(3)], meta: { total_items: 3, cursors: { after: null, before: 'x' } } },
    ];
    handle = (request, n) => reply(request, 200, pages[n]);

    expect(await api.activeCalls('2764019283746510928')).toEqual([known(1), known(2), known(3)]);
    expect(stub.requests.map(({ url }) => url.split('?')[0])).toEqual(
      Array(2).fill('/v2/connections/2764019283746510928/active_calls'),
    );
    expect(stub.requests.map(queryOf)).toEqual(['', 'page[after]=v1:g3Q=+/']);
  });

  it('follow page numbers, which the types of the SDK promise', async () => {
    handle = (request, n) =>
      reply(request, 200, { data: [call(n + 1)], meta: { page_number: n + 1, total_pages: 3, total_results: 3 } });

    expect(await api.activeCalls('1')).toEqual([known(1), known(2), known(3)]);
    expect(stub.requests.map(queryOf)).toEqual(['', 'page[number]=2', 'page[number]=3']);
  });

  it.each([
    ['points back to itself', { data: [call(1)], meta: { cursors: { after: 'same' } } }, 2],
    ['has no meta', { data: [call(1)] }, 1],
    ['repeats calls and strange items', { data: [call(1), call(1), null, 'x', {}] }, 1],
  ])('end when the list %s', async (_, body, requests) => {
    handle = (request) => reply(request, 200, body);

    expect(await api.activeCalls('1')).toEqual([known(1)]);
    expect(stub.requests.length).toBe(requests);
  });

  it('may be none', async () => {
    handle = (request) => reply(request, 200, { data: [], meta: { cursors: { after: 'x' } } });

    expect(await api.activeCalls('1')).toEqual([]);
  });

  it.each([
    ['an error', (request: StubRequest) => reply(request, 422, refusal('10015', 'Invalid value for connection_id'))],
    ['an outage', (request: StubRequest) => reply(request, 503, '<html>', 'text/html')],
    ['a login page, which is not an empty list', (request: StubRequest) => reply(request, 200, '<html>', 'text/html')],
    ['JSON without a list', (request: StubRequest) => reply(request, 200, { data: {} })],
    ['a broken connection', (request: StubRequest) => void request.socket.destroy()],
  ])('are not known after %s, also on the second page', async (_, fail) => {
    handle = fail;
    expect(await api.activeCalls('1')).toBe(undefined);

    handle = (request, n) =>
      n === 1 ? reply(request, 200, { data: [call(1)], meta: { cursors: { after: 'b' } } }) : fail(request);
    expect(await api.activeCalls('1')).toBe(undefined);
    expect(stub.requests.length).toBe(3);
    expect(lines.length).toBe(2);
  });

  it('are not known, and nobody is warned, when the client was closed before the answer', async () => {
    handle = () => api.close();

    expect(await api.activeCalls('1')).toBe(undefined);
    expect(lines).toEqual([]);
  });
});

describe('the configuration', () => {
  const create = (options: { apiKey?: string; baseUrl?: string }) => (): unknown =>
    createTelnyxApi({ apiKey: 'KEY', clock, log: recordingLog(), ...options });

  it.each(['', ' ', 'KEY with spaces', 'KEY\n', 'KEYé'])('refuses the key %j', (apiKey) => {
    expect(create({ apiKey })).toThrow(LandlineError);
    expect(create({ apiKey })).toThrow('TELNYX_API_KEY');
  });

  it.each(['', 'api.telnyx.com/v2', 'ftp://api.telnyx.com/v2'])('refuses the address %j', (baseUrl) => {
    expect(create({ baseUrl })).toThrow('TELNYX_BASE_URL');
  });

  it('comes from the options alone, not from the environment', async () => {
    vi.stubEnv('TELNYX_BASE_URL', 'http://127.0.0.1:1/v2');
    vi.stubEnv('TELNYX_CLIENT_ID', 'id');
    vi.stubEnv('TELNYX_CLIENT_SECRET', 'secret');
    vi.stubEnv('TELNYX_LOG', 'debug');
    const asked: string[] = [];
    const printed = vi.spyOn(console, 'debug').mockReturnValue(undefined);
    const quiet = createTelnyxApi({
      apiKey: 'KEY',
      clock,
      log: recordingLog(),
      fetch: async (input) => {
        asked.push(input instanceof Request ? input.url : input.toString());
        return Response.json({ data: { is_alive: true } });
      },
    });

    expect(await quiet.status('v3:x')).toEqual({ known: true, isAlive: true });
    expect(asked).toEqual(['https://api.telnyx.com/v2/calls/v3:x']);
    expect(printed).not.toHaveBeenCalled();
    quiet.close();
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });
});
