import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Clock } from '../../core/clock.ts';
import { LandlineError } from '../../core/errors.ts';
import { RateLimiter, type ApiRateLimit } from './rate-limit.ts';

export interface ApiDoorOptions {
  /** Empty: the API is open, which the configuration allows only on a loopback address. */
  readonly apiKeys: readonly string[];
  /** Of this installation: see {@link fingerprint}. */
  readonly secret: Uint8Array;
  readonly rateLimit: ApiRateLimit;
  readonly clock: Clock;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks, for journals and audit lines: `api`, and the fingerprint of the key where there is one. */
    caller: string;
  }
}

/** What proxies and tunnels add; a program of this machine has no reason to. */
const FORWARDED = [
  ...(['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'] as const),
  ...(['x-real-ip', 'cf-connecting-ip'] as const),
];
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/**
 * Who may come in to the routes of this instance. With keys: who has one, as often as the rate limit allows. Without:
 * programs of this machine, and no page that somebody else's site has put into a browser here.
 */
export function addApiDoor(app: FastifyInstance, { apiKeys, secret, rateLimit, clock }: ApiDoorOptions): void {
  const keys = apiKeys.map((key) => ({ digest: digest(key), caller: `api:${fingerprint(key, secret)}` }));
  const limiter = new RateLimiter(rateLimit, clock);
  app.decorateRequest('caller', 'api');

  app.addHook('onRequest', async (request, reply) => {
    if (keys.length === 0) {
      refuseStrangers(request);
      return;
    }
    const given = digest(/^Bearer +(.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '');
    // Every key is compared in full: the time tells nothing about which one was close.
    const found = keys.filter((key) => timingSafeEqual(key.digest, given));
    const [key] = found;
    if (!key)
      throw new LandlineError('unauthorized', 'send "Authorization: Bearer <key>" with one of LANDLINE_API_KEY');
    request.caller = key.caller;
    const { isAllowed, limit, remaining, resetSeconds, retrySeconds } = limiter.take(key.caller);
    void reply
      .header('ratelimit-limit', limit)
      .header('ratelimit-remaining', remaining)
      .header('ratelimit-reset', resetSeconds);
    if (isAllowed) return;
    void reply.header('retry-after', retrySeconds);
    throw new LandlineError(
      'rate_limited',
      `this key may ask ${rateLimit.requestsPerSecond} times a second; come back in ${retrySeconds} s`,
    );
  });
}

/**
 * Short, the same after a restart, and of no use to who reads it in a journal: without the installation's secret nobody can
 * try keys until one has it.
 */
export function fingerprint(key: string, secret: Uint8Array): string {
  return createHmac('sha256', secret).update('landline api key\n').update(key).digest('hex').slice(0, 8);
}

/**
 * An open API trusts who can reach its loopback address, and so would trust a foreign page in a browser of this machine:
 * one whose name was made to resolve to 127.0.0.1 (its Host gives it away), or one that just posts (its Origin does). A
 * tunnel or a proxy to this port is refused alike, by the Host of the world or by what it adds: what the world can reach
 * needs a key.
 */
function refuseStrangers({ headers }: FastifyRequest): void {
  const { host = '', origin } = headers;
  const hostname = URL.parse(`http://${host}`)?.hostname ?? '';
  if (!LOOPBACK.test(hostname)) {
    throw new LandlineError(
      'origin_not_allowed',
      `without LANDLINE_API_KEY the API answers on a loopback address only, not as "${host.slice(0, 100)}"`,
    );
  }
  if (FORWARDED.some((name) => headers[name] !== undefined)) {
    throw new LandlineError(
      'origin_not_allowed',
      'without LANDLINE_API_KEY the API answers programs of this machine only, and this request came through a proxy',
    );
  }
  if (origin !== undefined && URL.parse(origin)?.host !== host) {
    throw new LandlineError(
      'origin_not_allowed',
      `without LANDLINE_API_KEY the API takes no requests from pages of "${origin.slice(0, 100)}"`,
    );
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
