import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/core/clock.ts';
import type { Resolve } from '../../src/tools/guarded-agent.ts';
import { createHttpTool, type HttpTool } from '../../src/tools/http-tool.ts';
import { httpToolOptions } from '../../src/tools/options.ts';
import { isSigned, readSecrets } from '../../src/tools/sign.ts';
import type { ToolOutcome } from '../../src/tools/tool.ts';
import { toolContext } from './context.ts';

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

type Answer = (asked: Asked, response: ServerResponse, n: number) => void;

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const ENV = { TOOL_KEY: 'key-of-the-test', TOOL_SECRET: SECRET };
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server on loopback that notes what it was asked. */
class ToolHost {
  readonly asked: Asked[] = [];
  connections = 0;
  readonly #server: Server;

  constructor(answer: Answer) {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        const asked = { method, url, headers, body: Buffer.concat(chunks).toString() };
        this.asked.push(asked);
        answer(asked, response, this.asked.length);
      });
    });
    this.#server.on('connection', () => this.connections++);
    closing.push(() => {
      this.#server.closeAllConnections();
      this.#server.close();
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get place(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
}

function host(answer: Answer): Promise<ToolHost> {
  return new ToolHost(answer).listen();
}

const json =
  (value: unknown): Answer =>
  (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };

function tool(url: string, more: Record<string, unknown> = {}, resolve?: Resolve): HttpTool {
  const options = httpToolOptions.parse({
    ...{ type: 'http', name: 'look_up', description: 'Looks it up.', url },
    parameters: { type: 'object', properties: { day: { type: 'string' } }, required: ['day'] },
    ...more,
  });
  const made = createHttpTool(options, { clock: new VirtualClock(), env: ENV, resolve });
  closing.push(() => made.close());
  return made;
}

/** On loopback, which is private. */
function at(server: ToolHost, more: Record<string, unknown> = {}): HttpTool {
  return tool(`http://${server.place}/look`, { allowPrivate: [server.place], ...more });
}

function ask(asked: HttpTool, args = '{"day":"monday"}', signal = new AbortController().signal): Promise<ToolOutcome> {
  return asked.run(args, toolContext({ signal }));
}

describe('a tool over HTTP', () => {
  it('is asked with its arguments and the call, and gives what came back', async () => {
    const server = await host(json({ free: ['17:00'] }));
    const outcome = await ask(at(server, { headers: { 'X-Key': { env: 'TOOL_KEY' }, 'x-plain': 'yes' } }));

    expect(outcome).toEqual({ ok: true, result: '{"free":["17:00"]}' });
    expect(server.asked).toHaveLength(1);
    expect(server.asked[0]).toMatchObject({
      method: 'POST',
      url: '/look',
      headers: { 'content-type': 'application/json', 'x-key': 'key-of-the-test', 'x-plain': 'yes' },
    });
    expect(JSON.parse(server.asked[0]?.body ?? '')).toEqual({
      tool: 'look_up',
      arguments: { day: 'monday' },
      call: {
        id: 'call_1',
        from: '+14155550142',
        to: '+13125550178',
        agent: 'desk',
        language: 'en',
        metadata: { room: '4' },
      },
    });
  });

  it('is signed so that a Standard Webhooks library can check it', async () => {
    const server = await host(json('ok'));
    await ask(at(server, { secretEnv: 'TOOL_SECRET' }));
    const { headers = {}, body = '' }: Partial<Asked> = server.asked[0] ?? {};
    const given = {
      id: String(headers['webhook-id']),
      timestamp: String(headers['webhook-timestamp']),
      signature: String(headers['webhook-signature']),
    };

    expect(isSigned(readSecrets(SECRET), { ...given, body })).toBe(true);
    expect(isSigned(readSecrets(SECRET), { ...given, body: `${body} ` })).toBe(false);
  });

  it('with GET has its arguments in the query', async () => {
    const server = await host(json('ok'));
    await ask(at(server, { method: 'GET' }), '{"day":"a b&c","n":{"x":1}}');

    expect(server.asked[0]).toMatchObject({ method: 'GET', body: '' });
    expect(new URL(server.asked[0]?.url ?? '', 'http://x').searchParams.get('day')).toBe('a b&c');
    expect(new URL(server.asked[0]?.url ?? '', 'http://x').searchParams.get('n')).toBe('{"x":1}');
  });

  it('with GET keeps what the operator wrote into its query, unless a parameter says otherwise', async () => {
    const server = await host(json('ok'));
    const url = `http://${server.place}/look?tenant=ours&day=today`;
    await ask(
      tool(url, { allowPrivate: [server.place], method: 'GET' }),
      '{"day":"monday","tenant":"theirs","more":"1"}',
    );

    expect(server.asked[0]?.url).toBe('/look?tenant=ours&day=monday&more=1');
  });

  it('is not asked with arguments that its schema refuses', async () => {
    const server = await host(json('ok'));

    expect(await ask(at(server), '{"day":5}')).toMatchObject({ ok: false, kind: 'invalid' });
    expect(await ask(at(server), '{}')).toMatchObject({ ok: false, kind: 'invalid' });
    expect(server.asked).toEqual([]);
  });

  const answers: readonly (readonly [string, Answer, ToolOutcome])[] = [
    [
      'text',
      (_, r) => void r.writeHead(200, { 'content-type': 'text/plain' }).end('At five.'),
      { ok: true, result: 'At five.' },
    ],
    ['nothing', (_, r) => void r.writeHead(204).end(), { ok: true, result: '{"status":"ok"}' }],
    [
      'broken JSON',
      (_, r) => void r.writeHead(200, { 'content-type': 'application/json' }).end('{"a":'),
      { ok: false, kind: 'failed', message: "the tool's server answered with broken JSON" },
    ],
    [
      'a refusal that says why',
      (_, r) => void r.writeHead(409).end('{"error":"monday is full\\nat db.js:5"}'),
      { ok: false, kind: 'failed', message: "the tool's server answered 409: monday is full" },
    ],
    [
      'a page with a stack',
      (_, r) => void r.writeHead(500).end('<html>Error at db.js:5 secret</html>'),
      { ok: false, kind: 'failed', message: "the tool's server answered 500" },
    ],
    [
      'a megabyte',
      (_, r) => void r.writeHead(200, { 'content-type': 'text/plain' }).end('x'.repeat(1_000_000)),
      { ok: false, kind: 'failed', message: "the tool's server did not answer properly" },
    ],
    [
      'a cut connection',
      (_, r) => void r.destroy(),
      { ok: false, kind: 'failed', message: "the tool's server did not answer properly" },
    ],
  ];
  it.each(answers)('may be answered with %s', async (_, answer, outcome) => {
    const server = await host(answer);

    expect(await ask(at(server))).toEqual(outcome);
    // A POST that has left is not sent again.
    expect(server.asked).toHaveLength(1);
  });

  it('ends when nobody waits any more', async () => {
    const stop = new AbortController();
    const server = await host(() => stop.abort());

    expect(await ask(at(server), undefined, stop.signal)).toMatchObject({ ok: false });
  });

  it('that is not there could not be reached', async () => {
    const outcome = await ask(tool('http://127.0.0.1:9/', { allowPrivate: ['127.0.0.1:9'] }));

    expect(outcome).toEqual({ ok: false, kind: 'failed', message: "the tool's server could not be reached" });
  });

  it('is tried twice where that does no harm', async () => {
    const flaky = (): Promise<ToolHost> =>
      host((asked, response, n) => (n === 1 ? void response.writeHead(503).end() : json('ok')(asked, response, n)));
    const [get, post] = [await flaky(), await flaky()];

    expect(await ask(at(get, { method: 'GET' }))).toEqual({ ok: true, result: 'ok' });
    expect(await ask(at(post))).toMatchObject({ ok: false });
    expect([get.asked.length, post.asked.length]).toEqual([2, 1]);
  });
});

describe('redirects', () => {
  const to = (status: number, location: () => string): Answer => {
    return (asked, response, n) =>
      asked.url === '/look'
        ? void response.writeHead(status, { location: location() }).end()
        : json(asked.method)(asked, response, n);
  };

  it.each([
    [301, 'GET'],
    [302, 'GET'],
    [303, 'GET'],
    [307, 'POST'],
    [308, 'POST'],
  ])('with %i ask the next place with %s', async (status, method) => {
    const server = await host(to(status, () => '/next'));

    expect(await ask(at(server))).toEqual({ ok: true, result: method });
    expect(server.asked[1]?.body === '').toBe(method === 'GET');
  });

  it('are followed three times, not four', async () => {
    const server = await host((asked, response) => {
      response.writeHead(302, { location: `${asked.url}x` }).end();
    });

    expect(await ask(at(server))).toMatchObject({ ok: false });
    expect(server.asked).toHaveLength(4);
  });

  it.each([
    'http://169.254.169.254/latest/meta-data/',
    'https://127.0.0.1/',
    'https://[::ffff:10.0.0.1]/',
    'https://2130706433/',
    'file:///etc/passwd',
    'https://example.com:22/',
    'http://',
  ])('to %s end there', async (location) => {
    const server = await host(to(302, () => location));

    expect(await ask(at(server))).toMatchObject({ ok: false, kind: 'failed' });
    expect(server.asked).toHaveLength(1);
  });

  it('to another private place are refused before it is connected to', async () => {
    const inner = await host(json('secret'));
    const server = await host(to(302, () => `http://${inner.place}/`));

    expect(await ask(at(server))).toMatchObject({ ok: false });
    expect(inner.connections).toBe(0);
  });
});

describe('names', () => {
  it('that lead to a private address are refused before a connection is made', async () => {
    const server = await host(json('secret'));
    const url = `https://tools.example.com:${server.place.split(':')[1] ?? ''}/`;

    expect(await ask(tool(url, {}, () => Promise.resolve(['127.0.0.1'])))).toMatchObject({ ok: false });
    expect(await ask(tool(url, {}, () => Promise.resolve(['93.184.215.14', '127.0.0.1'])))).toMatchObject({
      ok: false,
    });
    expect(server.connections).toBe(0);
  });

  it('are looked up once for each connection, which goes to the very address that was judged', async () => {
    const server = await host(json('ok'));
    const port = server.place.split(':')[1] ?? '';
    let lookups = 0;
    // First it leads to the address that is allowed, from then on elsewhere.
    const rebinding: Resolve = () => Promise.resolve([lookups++ === 0 ? '127.0.0.1' : '169.254.169.254']);
    const asked = tool(`http://tools.example.com:${port}/`, { allowPrivate: [`tools.example.com:${port}`] }, rebinding);

    expect(await ask(asked)).toEqual({ ok: true, result: 'ok' });
    expect(lookups).toBe(1);
    expect(server.asked[0]?.headers.host).toBe(`tools.example.com:${port}`);
  });

  it('that change their mind between two connections lead nowhere', async () => {
    const server = await host((asked, response, n) => {
      response.setHeader('connection', 'close');
      json('ok')(asked, response, n);
    });
    const port = server.place.split(':')[1] ?? '';
    let lookups = 0;
    const rebinding: Resolve = () => Promise.resolve([lookups++ === 0 ? '127.0.0.1' : '169.254.169.254']);
    const place = `tools.example.com:${port}`;
    const asked = tool(`http://${place}/`, { allowPrivate: [place] }, rebinding);

    expect(await ask(asked)).toEqual({ ok: true, result: 'ok' });
    expect(await ask(asked)).toMatchObject({ ok: false, message: "the tool's server could not be reached" });
    expect(server.asked).toHaveLength(1);
  });

  it('with several addresses are tried in turn', async () => {
    const server = await host(json('ok'));
    const port = server.place.split(':')[1] ?? '';
    const allowPrivate = [`tools.example.com:${port}`];
    const resolve: Resolve = () => Promise.resolve(['127.0.0.2', '127.0.0.1']);

    expect(await ask(tool(`http://tools.example.com:${port}/`, { allowPrivate }, resolve))).toEqual({
      ok: true,
      result: 'ok',
    });
  });
});
