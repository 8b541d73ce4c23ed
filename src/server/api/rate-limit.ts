import { z } from 'zod';
import type { Clock } from '../../core/clock.ts';

/** `apiRateLimit` of the config: what each API key may do. */
export interface ApiRateLimit {
  readonly requestsPerSecond: number;
  /** Requests that may come at once before the rate counts. */
  readonly burst: number;
}

const wrong = { error: 'must be 1 to 100000' };
const rate = z.number(wrong).min(1, wrong).max(100_000, wrong);

export const apiRateLimit: z.ZodType<ApiRateLimit> = z
  .strictObject({ requestsPerSecond: rate.default(50), burst: rate.int('must be a whole number').default(100) })
  .prefault({});

export const DEFAULT_API_RATE_LIMIT: ApiRateLimit = apiRateLimit.parse(undefined);

export interface Allowance {
  readonly isAllowed: boolean;
  readonly limit: number;
  /** Whole requests that are left. */
  readonly remaining: number;
  /** Until everything is there again. */
  readonly resetSeconds: number;
  /** Until the next request; 0 when this one was allowed. */
  readonly retrySeconds: number;
}

/** A token bucket for each one who asks. It never forgets one: there are as many as there are keys. */
export class RateLimiter {
  readonly #limit: ApiRateLimit;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  constructor(limit: ApiRateLimit, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  take(who: string): Allowance {
    const { requestsPerSecond, burst } = this.#limit;
    const now = this.#clock.mono();
    const bucket = this.#buckets.get(who) ?? { tokens: burst, at: now };
    const grown = Math.min(burst, bucket.tokens + ((now - bucket.at) * requestsPerSecond) / 1000);
    const isAllowed = grown >= 1;
    const tokens = isAllowed ? grown - 1 : grown;
    this.#buckets.set(who, { tokens, at: now });
    const secondsUntil = (wanted: number): number => Math.max(0, Math.ceil((wanted - tokens) / requestsPerSecond));
    return {
      isAllowed,
      limit: burst,
      remaining: Math.floor(tokens),
      resetSeconds: secondsUntil(burst),
      retrySeconds: isAllowed ? 0 : Math.max(1, secondsUntil(1)),
    };
  }
}
