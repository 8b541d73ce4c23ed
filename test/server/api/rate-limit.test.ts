import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../src/core/clock.ts';
import { apiRateLimit, DEFAULT_API_RATE_LIMIT, RateLimiter } from '../../../src/server/api/rate-limit.ts';

describe('the rate limit of an API key', () => {
  it('allows a burst, then the rate, and says when to come back', () => {
    const clock = new VirtualClock();
    const limiter = new RateLimiter({ requestsPerSecond: 2, burst: 3 }, clock);
    const take = (): unknown[] => {
      const { isAllowed, limit, remaining, resetSeconds, retrySeconds } = limiter.take('ops');
      return [isAllowed, limit, remaining, resetSeconds, retrySeconds];
    };
    expect([take(), take(), take(), take()]).toEqual([
      [true, 3, 2, 1, 0],
      [true, 3, 1, 1, 0],
      [true, 3, 0, 2, 0],
      [false, 3, 0, 2, 1],
    ]);
    clock.advance(500);
    expect([take(), take()]).toEqual([
      [true, 3, 0, 2, 0],
      [false, 3, 0, 2, 1],
    ]);
    clock.advance(60_000);
    expect(take()).toEqual([true, 3, 2, 1, 0]);
  });

  it('is one for each key', () => {
    const limiter = new RateLimiter({ requestsPerSecond: 1, burst: 1 }, new VirtualClock());
    expect(['a', 'b', 'a'].map((who) => limiter.take(who).isAllowed)).toEqual([true, true, false]);
  });

  it('never allows more than the burst and the rate together, and who waits as told is allowed', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.nat(400), { maxLength: 200 }),
        (requestsPerSecond, burst, gaps) => {
          const clock = new VirtualClock();
          const limiter = new RateLimiter({ requestsPerSecond, burst }, clock);
          let allowed = 0;
          let retrySeconds = 0;
          for (const gap of gaps) {
            clock.advance(gap);
            const answer = limiter.take('a');
            if (answer.isAllowed) allowed += 1;
            retrySeconds = answer.retrySeconds;
          }
          const elapsed = gaps.reduce((sum, gap) => sum + gap, 0);
          expect(allowed).toBeLessThanOrEqual(burst + (elapsed * requestsPerSecond) / 1000 + 1e-6);
          clock.advance(retrySeconds * 1000);
          if (retrySeconds > 0) expect(limiter.take('a').isAllowed).toBe(true);
        },
      ),
    );
  });

  it('has a default, and is refused when it is none', () => {
    expect(DEFAULT_API_RATE_LIMIT).toEqual({ requestsPerSecond: 50, burst: 100 });
    expect(apiRateLimit.parse({ requestsPerSecond: 5 })).toEqual({ requestsPerSecond: 5, burst: 100 });
    for (const wrong of [{ burst: 0 }, { burst: 1.5 }, { requestsPerSecond: 0 }, { perSecond: 1 }, 50]) {
      expect(apiRateLimit.safeParse(wrong).success).toBe(false);
    }
  });
});
