import fastify, { type FastifyInstance } from 'fastify';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../src/core/clock.ts';
import { addApiDoor, fingerprint } from '../../../src/server/api/door.ts';
import { errorHandler } from '../../../src/server/problem.ts';
import { silentLog } from '../../../src/core/log.ts';

const SECRET = Buffer.alloc(32, 1);

function server(apiKeys: readonly string[], clock = new VirtualClock()): FastifyInstance {
  const app = fastify();
  app.setErrorHandler(errorHandler(silentLog));
  addApiDoor(app, { apiKeys, secret: SECRET, rateLimit: { requestsPerSecond: 1, burst: 2 }, clock });
  app.get('/v1/who', async ({ caller }) => ({ caller }));
  return app;
}

async function ask(app: FastifyInstance, headers: Record<string, string>): Promise<unknown[]> {
  const { statusCode, body } = await app.inject({ url: '/v1/who', headers });
  const { caller, code } = JSON.parse(body) as { caller?: string; code?: string };
  return [statusCode, code ?? caller];
}

describe('an API without a key', () => {
  const good: Record<string, string>[] = [
    { host: '127.0.0.1:8080' },
    { host: 'localhost' },
    { host: 'LOCALHOST:8080' },
    { host: '[::1]:8080' },
    { host: '127.8.8.8:1' },
    { host: 'localhost:8080', origin: 'http://localhost:8080' },
  ];
  it.each(good)('answers programs and pages of this machine: %o', async (headers) => {
    expect(await ask(server([]), headers)).toEqual([200, 'api']);
  });

  const bad: Record<string, string>[] = [
    { host: 'evil.example' },
    { host: 'localhost.evil.example:8080' },
    { host: '127.0.0.1.evil.example' },
    { host: 'evil.example#127.0.0.1' },
    { host: 'user@evil.example' },
    { host: '192.168.1.7:8080' },
    { host: 'voice.example.com' },
    { host: '127.0.0.1:8080', origin: 'https://evil.example' },
    { host: '127.0.0.1:8080', origin: 'http://127.0.0.1:3000' },
    { host: '127.0.0.1:8080', origin: 'null' },
    { host: '127.0.0.1:8080', origin: '' },
    // A proxy on this machine that tells the gateway its own address, as nginx does when nothing else is said.
    { host: '127.0.0.1:8080', 'x-forwarded-for': '203.0.113.9' },
    { host: '127.0.0.1:8080', 'x-forwarded-host': 'voice.example.com' },
    { host: '127.0.0.1:8080', 'x-real-ip': '127.0.0.1' },
    { host: 'localhost', forwarded: 'for=203.0.113.9' },
    { host: 'localhost', 'cf-connecting-ip': '203.0.113.9' },
  ];
  it.each(bad)('refuses who comes another way: %o', async (headers) => {
    expect(await ask(server([]), headers)).toEqual([403, 'origin_not_allowed']);
  });
});

describe('an API with keys', () => {
  it('knows each key by its fingerprint, which tells nothing of it', async () => {
    const app = server(['first-key', 'second-key']);
    for (const key of ['first-key', 'second-key']) {
      const caller = `api:${fingerprint(key, SECRET)}`;
      expect(caller).toMatch(/^api:[0-9a-f]{8}$/);
      // Where it comes from does not count: who has a key is let in.
      const headers = { host: 'voice.example.com', origin: 'https://desk.example.com', authorization: `Bearer ${key}` };
      expect(await ask(app, headers)).toEqual([200, caller]);
    }
    expect(fingerprint('first-key', SECRET)).not.toBe(fingerprint('second-key', SECRET));
    // Who reads one in a journal cannot try keys until one fits: that takes what only this installation has.
    expect(fingerprint('first-key', Buffer.alloc(32, 2))).not.toBe(fingerprint('first-key', SECRET));
    expect(await ask(app, { authorization: 'Bearer third-key' })).toEqual([401, 'unauthorized']);
    expect(await ask(app, {})).toEqual([401, 'unauthorized']);
  });

  it('lets a key ask as often as it may, and says what is left and when to come back', async () => {
    const clock = new VirtualClock();
    const app = server(['first-key', 'second-key'], clock);
    const limits = async (key: string): Promise<unknown[]> => {
      const { statusCode, headers } = await app.inject({ url: '/v1/who', headers: { authorization: `Bearer ${key}` } });
      const { 'ratelimit-limit': limit, 'ratelimit-remaining': remaining, 'ratelimit-reset': reset } = headers;
      return [statusCode, limit, remaining, reset, headers['retry-after']];
    };
    expect([await limits('first-key'), await limits('first-key'), await limits('first-key')]).toEqual([
      [200, '2', '1', '1', undefined],
      [200, '2', '0', '2', undefined],
      [429, '2', '0', '2', '1'],
    ]);
    expect(await limits('second-key')).toEqual([200, '2', '1', '1', undefined]);
    // Who has no key uses up nobody's allowance.
    expect(await ask(app, { authorization: 'Bearer wrong' })).toEqual([401, 'unauthorized']);
    clock.advance(1000);
    expect(await limits('first-key')).toEqual([200, '2', '0', '2', undefined]);
  });
});
