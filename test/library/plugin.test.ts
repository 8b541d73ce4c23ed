import websocket from '@fastify/websocket';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { silentLog } from '../../src/core/log.ts';
import { landlinePlugin } from '../../src/index.ts';
import { until } from '../gateway/world.ts';
import { CALL, dataFolder, hotel } from './hotel.ts';

let app: FastifyInstance | undefined;
const folders: (() => void)[] = [];
afterEach(async () => {
  await app?.close();
  for (const remove of folders.splice(0)) remove();
});

/** Somebody's server with ways of its own. */
function theirs(): FastifyInstance {
  // A connection that never asked anything would hold Fastify's close up for a minute.
  const server = fastify({ forceCloseConnections: true });
  server.setErrorHandler((error, _request, reply) => reply.code(418).send({ theirs: String(error) }));
  server.setNotFoundHandler((_request, reply) => reply.code(404).send('nothing of theirs'));
  server.addContentTypeParser('text/csv', { parseAs: 'string' }, (_request, body, done) => done(null, { csv: body }));
  server.post('/echo', async ({ body }) => body);
  server.get('/broken', async () => {
    throw new Error('theirs is broken');
  });
  return server;
}

const options = (more: object = {}): { prefix: string } => {
  const { dataDir, remove } = dataFolder();
  folders.push(remove);
  return { config: hotel, env: {}, dataDir, log: silentLog, prefix: '/voice', ...more } as never;
};
const post = (type: string, payload: string) =>
  ({ method: 'POST', url: '/echo', headers: { 'content-type': type }, payload }) as const;

describe('landlinePlugin', () => {
  it('takes calls below its prefix and leaves everything else as it was', async () => {
    app = theirs();
    await app.register(landlinePlugin, options());
    const origin = await app.listen({ host: '127.0.0.1', port: 0 });
    const { landline } = app;

    expect(landline.url).toBe(`${origin}/voice`);
    const types: string[] = [];
    for (const type of ['call.answered', 'turn.ended', 'call.ended'] as const)
      landline.on(type, () => types.push(type));
    const phone = landline.emulator!.placeCall(CALL);
    await until(() => types.includes('turn.ended'), 'the greeting');
    const { calls } = (await (await fetch(`${origin}/voice/v1/calls`)).json()) as { calls: { id: string }[] };
    expect(calls.map(({ id }) => id)).toEqual((await landline.calls.list()).calls.map(({ id }) => id));
    phone.hangup();
    await until(() => types.includes('call.ended'), 'the end');
    expect(types).toEqual(['call.answered', 'turn.ended', 'call.ended']);

    expect((await app.inject({ url: '/voice/healthz' })).json()).toEqual({ status: 'ok' });
    expect((await app.inject({ url: '/healthz' })).body).toBe('nothing of theirs');
    expect((await app.inject({ url: '/voice/nothing' })).json()).toMatchObject({ status: 404, code: 'not_found' });
    expect((await app.inject({ url: '/broken' })).json()).toEqual({ theirs: 'Error: theirs is broken' });
    expect((await app.inject(post('text/csv', 'a,b'))).json()).toEqual({ csv: 'a,b' });
    expect((await app.inject(post('application/json', '{"a":1}'))).json()).toEqual({ a: 1 });
    expect((await app.inject(post('application/json', '{'))).json()).toMatchObject({
      theirs: expect.anything() as unknown,
    });
  }, 30_000);

  it('shares the WebSockets of a server that has some', async () => {
    app = theirs();
    await app.register(websocket);
    await app.register(async (own) => {
      own.get('/chat', { websocket: true }, (socket) => socket.send('theirs'));
    });
    await app.register(landlinePlugin, options({ prefix: '' }));
    const origin = await app.listen({ host: '127.0.0.1', port: 0 });

    const said = await new Promise((resolve, reject) => {
      const socket = new WebSocket(`${origin.replace('http', 'ws')}/chat`);
      socket.on('message', (data: Buffer) => resolve(data.toString()));
      socket.on('error', reject);
    });
    expect(said).toBe('theirs');
    let heard = '';
    app.landline.on('turn.ended', ({ data }) => (heard = data.text));
    app.landline.emulator!.placeCall(CALL);
    await until(() => heard !== '', 'the greeting');
    expect(heard).toBe('Good day.');
    // At the root their answer to what is nowhere stays theirs.
    expect((await app.inject({ url: '/nothing' })).body).toBe('nothing of theirs');
  }, 30_000);

  it('leaves the upgrades of others to them', async () => {
    app = theirs();
    await app.register(landlinePlugin, options());
    app.server.on('upgrade', (request, socket) => {
      if (request.url === '/raw') socket.end('HTTP/1.1 426 Theirs\r\n\r\n');
    });
    const origin = await app.listen({ host: '127.0.0.1', port: 0 });
    const answerAt = (path: string): Promise<number> =>
      new Promise((resolve) => {
        const socket = new WebSocket(`${origin.replace('http', 'ws')}${path}`);
        socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
        socket.on('error', () => undefined);
      });

    expect(await answerAt('/raw')).toBe(426);
    expect(await answerAt('/voice/media/unknown')).toBe(401);
  }, 30_000);

  it('ends its calls with the server', async () => {
    app = theirs();
    await app.register(landlinePlugin, options());
    await app.listen({ host: '127.0.0.1', port: 0 });
    let isAnswered = false;
    const ends: string[] = [];
    app.landline.on('call.answered', () => (isAnswered = true));
    app.landline.on('call.ended', ({ data }) => ends.push(data.reason));
    const phone = app.landline.emulator!.placeCall(CALL);
    await until(() => isAnswered, 'the answer');

    await app.close();

    expect(phone.state).toBe('ended');
  }, 30_000);

  it('refuses a wrong config before anything is registered', async () => {
    app = theirs();

    await expect(app.register(landlinePlugin, options({ config: { agents: {} } }))).rejects.toThrow(
      'agents must name at least one agent',
    );
  });

  it('keeps an open API to loopback when the server is public', async () => {
    app = theirs();
    await app.register(landlinePlugin, options());
    await app.listen({ host: '0.0.0.0', port: 0 });

    const answer = await fetch(`${app.landline.url}/v1/calls`);

    expect([answer.status, await answer.json()]).toMatchObject([401, { code: 'unauthorized' }]);
    expect((await app.landline.calls.list()).calls).toEqual([]);
  }, 30_000);
});
