import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/core/clock.ts';
import { LandlineError } from '../../src/core/errors.ts';
import type { Log } from '../../src/core/log.ts';
import { OutboxWorker, pauseAfter, type OutboxOptions, type WorkHandler } from '../../src/records/outbox.ts';
import type { NewWork, Store, Work } from '../../src/store/port.ts';
import { createSqliteEngine } from '../../src/store/sqlite.ts';
import { createSqlStore } from '../../src/store/sql-store.ts';

const HOUR = 3_600_000;
const open: { readonly store: Store; readonly worker: OutboxWorker; readonly folder: string }[] = [];
afterEach(async () => {
  for (const { worker, store, folder } of open.splice(0)) {
    await worker.stop();
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

interface Bench {
  readonly clock: VirtualClock;
  readonly store: Store;
  readonly worker: OutboxWorker;
  readonly lines: string[];
  /** `key` of every attempt, in the order in which they began. */
  readonly attempts: string[];
  /** Does what can be done at this moment. */
  readonly settle: () => Promise<void>;
  /** Moves time in steps, doing at each what is due. */
  readonly pass: (ms: number, step?: number) => Promise<void>;
}

function bench(options: Partial<OutboxOptions> & { readonly faults?: () => boolean } = {}): Bench {
  const clock = new VirtualClock();
  const folder = mkdtempSync(join(tmpdir(), 'landline-outbox-'));
  const store = createSqlStore(createSqliteEngine(join(folder, 'landline.db')), clock);
  const lines: string[] = [];
  const attempts: string[] = [];
  const handlers: Record<string, WorkHandler> = Object.fromEntries(
    Object.entries(options.handlers ?? {}).map(([kind, handle]) => [
      kind,
      (work, attempt) => {
        attempts.push(work.key);
        return handle(work, attempt);
      },
    ]),
  );
  let calls = 0;
  /** The store as the worker sees it: counts what is under way, and is away when the test says so. */
  const through = <A extends readonly unknown[], R>(method: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      calls += 1;
      try {
        if (options.faults?.()) throw new LandlineError('store_unavailable', 'it is away', { retryable: true });
        return await method(...args);
      } finally {
        calls -= 1;
      }
    };
  };
  const worker = new OutboxWorker({
    clock,
    log: linesOf(lines),
    ...options,
    handlers,
    store: {
      dueWork: through((now, limit) => store.dueWork(now, limit)),
      nextDue: through(() => store.nextDue()),
      workDone: through((id) => store.workDone(id)),
      workFailed: through((id, error, dueAt) => store.workFailed(id, error, dueAt)),
    },
  });
  open.push({ store, worker, folder });
  const settle = async (): Promise<void> => {
    // Quiet for several rounds of the event loop: nothing is between two steps.
    for (let quiet = 0; quiet < 5; quiet = calls === 0 ? quiet + 1 : 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return {
    clock,
    store,
    worker,
    lines,
    attempts,
    settle,
    pass: async (ms, step = 1000) => {
      for (let passed = 0; passed < ms; passed += step) {
        clock.advance(Math.min(step, ms - passed));
        await settle();
      }
    },
  };
}

function linesOf(lines: string[]): Log {
  const at = (level: string) => (_: unknown, message: string) => void lines.push(`${level}: ${message}`);
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => log };
  return log;
}

const work = (key: string, more: Partial<NewWork> = {}): NewWork => ({
  key,
  kind: 'test',
  lane: key,
  callId: null,
  payload: { of: key },
  ...more,
});
const broken = new Error('not today');

describe('the outbox worker', () => {
  it('does what is due, once, and what is put in later when it is woken', async () => {
    const seen: Pick<Work, 'key' | 'payload' | 'attempts'>[] = [];
    const handlers = {
      test: async ({ key, payload, attempts }: Work) => void seen.push({ key, payload, attempts }),
    };
    const { store, worker, settle, pass } = bench({ handlers });
    await store.addWork([work('a'), work('b')]);
    worker.start();
    await settle();
    await store.addWork([work('a'), work('c')]);
    worker.wake();
    await settle();
    await pass(2 * HOUR, 60_000);

    expect(seen).toEqual(['a', 'b', 'c'].map((key) => ({ key, payload: { of: key }, attempts: 0 })));
    expect(await store.nextDue()).toBeUndefined();
    expect(worker.state()).toEqual({ running: 0, givenUp: 0 });
  });

  it('finds work that another process put in, without being woken', async () => {
    const { store, worker, settle, pass, attempts } = bench({ handlers: { test: async () => undefined } });
    worker.start();
    await settle();
    await store.addWork([work('a')]);
    await pass(60_000);
    expect(attempts).toEqual(['a']);
  });

  it('keeps the order of a lane through failures, and holds no other lane up', async () => {
    let failures = 3;
    const handlers = {
      test: async ({ key }: Work) => {
        if (key === 'a1' && failures-- > 0) throw broken;
      },
    };
    const { store, worker, pass, attempts } = bench({ handlers });
    await store.addWork([
      work('a1', { lane: 'a' }),
      work('a2', { lane: 'a' }),
      work('b1', { lane: 'b' }),
      work('a3', { lane: 'a' }),
    ]);
    worker.start();
    await pass(20_000);
    expect(attempts).toEqual(['a1', 'b1', 'a1', 'a1', 'a1', 'a2', 'a3']);
  });

  it('waits longer after each failure, from 1 s to 1 h, and gives up after about 72 h', async () => {
    const at: number[] = [];
    const outcomes: string[] = [];
    const isLast: boolean[] = [];
    const { clock, store, worker, pass, lines } = bench({
      handlers: {
        test: async (_, attempt) => {
          at.push(clock.wall());
          isLast.push(attempt.isLast);
          throw broken;
        },
      },
      observe: (_, outcome) => void outcomes.push(outcome),
    });
    await store.addWork([work('a')]);
    worker.start();
    await pass(120 * HOUR, 60_000);

    const pauses = at.slice(1).map((time, n) => time - (at[n] ?? 0));
    expect(at).toHaveLength(84);
    pauses.forEach((pause, n) => {
      // The test looks once a minute.
      expect(Math.abs(pause - pauseAfter('a', n + 1))).toBeLessThanOrEqual(60_000);
    });
    expect(((at.at(-1) ?? 0) - (at[0] ?? 0)) / HOUR).toBeGreaterThan(65);
    expect(((at.at(-1) ?? 0) - (at[0] ?? 0)) / HOUR).toBeLessThan(80);
    expect(isLast).toEqual([...Array<boolean>(83).fill(false), true]);
    expect(outcomes).toEqual([...Array<string>(83).fill('retry'), 'givenUp']);
    expect(lines.filter((line) => line.startsWith('error'))).toEqual(['error: work after a call was given up']);
    expect(worker.state()).toEqual({ running: 0, givenUp: 1 });
    expect(await store.nextDue()).toBeUndefined();
  });

  it('has pauses that double up to an hour, a quarter more or less, the same for the same work', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 200 }), (key, attempt) => {
        const pause = Math.min(HOUR, 1000 * 2 ** (attempt - 1));
        expect(pauseAfter(key, attempt)).toBe(pauseAfter(key, attempt));
        expect(pauseAfter(key, attempt)).toBeGreaterThanOrEqual(pause * 0.75 - 1);
        expect(pauseAfter(key, attempt)).toBeLessThanOrEqual(pause * 1.25 + 1);
      }),
    );
    expect(new Set(Array.from({ length: 50 }, (_, n) => pauseAfter(`${n}`, 5))).size).toBeGreaterThan(45);
  });

  it('gives up at once what cannot succeed, and goes on with its lane', async () => {
    const handlers = {
      test: async ({ key }: Work) => {
        if (key === 'a1') throw new LandlineError('request_invalid', 'nobody takes this');
      },
    };
    const { store, worker, pass, attempts } = bench({ handlers });
    await store.addWork([work('a1', { lane: 'a' }), work('a2', { lane: 'a' })]);
    worker.start();
    await pass(5_000);
    expect(attempts).toEqual(['a1', 'a2']);
    expect(worker.state().givenUp).toBe(1);
  });

  it('leaves work of a kind that it does not know, says so once, and does what stands behind it', async () => {
    const { store, worker, pass, attempts, lines, settle } = bench({
      handlers: { test: async () => undefined },
      concurrency: 2,
    });
    await store.addWork([
      ...Array.from({ length: 20 }, (_, n) => work(`future ${n}`, { kind: 'hologram' })),
      work('a'),
      work('toString', { kind: 'toString' }),
      work('b'),
    ]);
    worker.start();
    await settle();
    await pass(10_000);
    expect(attempts).toEqual(['a', 'b']);
    expect(lines).toEqual(
      Array(2).fill('warn: the outbox holds work of a kind that this version does not know; it is left there'),
    );
    expect(await store.dueWork(Number.MAX_SAFE_INTEGER, 100)).toHaveLength(21);
  });

  it('does so many at a time and no more', async () => {
    let now = 0;
    let most = 0;
    const ends: (() => void)[] = [];
    const { store, worker, settle } = bench({
      concurrency: 3,
      handlers: {
        test: async () => {
          most = Math.max(most, ++now);
          await new Promise<void>((resolve) => ends.push(resolve));
          now -= 1;
        },
      },
    });
    await store.addWork(Array.from({ length: 10 }, (_, n) => work(`${n}`)));
    worker.start();
    for (let done = 0; done < 10; done++) {
      await settle();
      expect(worker.state().running).toBe(Math.min(3, 10 - done));
      ends.shift()?.();
    }
    await settle();
    expect(most).toBe(3);
    expect(await store.nextDue()).toBeUndefined();
  });

  it('waits while the store is away, says so once, and does no work twice because its end could not be noted', async () => {
    let isAway = false;
    const { store, worker, pass, settle, attempts, lines } = bench({
      faults: () => isAway,
      handlers: {
        test: async ({ key }) => {
          if (key === 'a') isAway = true;
        },
      },
    });
    await store.addWork([work('a', { lane: 'x' }), work('b', { lane: 'x' })]);
    worker.start();
    await settle();
    await pass(60_000);
    expect(attempts).toEqual(['a']);
    expect(worker.state()).toEqual({ running: 1, givenUp: 0, failed: 'it is away' });
    isAway = false;
    await pass(31_000);
    expect(attempts).toEqual(['a', 'b']);
    expect(worker.state()).toEqual({ running: 0, givenUp: 0 });
    expect(lines).toEqual([
      'warn: the outbox cannot use the store; its work waits',
      'info: the outbox can use the store again',
    ]);
  });

  it('stops in the middle: what runs is aborted and stays, and the next process does it', async () => {
    const { store, worker, settle, attempts } = bench({
      handlers: {
        test: (_, { signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('stopped')))),
      },
    });
    await store.addWork([work('a')]);
    worker.start();
    await settle();
    await worker.stop();
    expect(attempts).toEqual(['a']);
    const [left] = await store.dueWork(Number.MAX_SAFE_INTEGER, 10);
    expect([left?.key, left?.attempts]).toEqual(['a', 0]);

    const done: string[] = [];
    const clock = new VirtualClock();
    const next = new OutboxWorker({
      store,
      clock,
      log: linesOf([]),
      handlers: { test: async ({ key }) => void done.push(key) },
    });
    next.start();
    await settle();
    await next.stop();
    expect(done).toEqual(['a']);
    expect(clock.pending).toBe(0);
  });

  it('cuts an attempt at its deadline and tries again', async () => {
    const { store, worker, pass, attempts } = bench({
      deadlineMs: 5_000,
      handlers: {
        test: (_, { signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('late')))),
      },
    });
    await store.addWork([work('a')]);
    worker.start();
    await pass(12_000);
    expect(attempts).toEqual(['a', 'a']);
  });

  it('does everything in the order of its lane, each at least once and after its last failure never again', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ lane: fc.integer({ min: 0, max: 3 }), failures: fc.integer({ min: 0, max: 3 }) }), {
          maxLength: 20,
        }),
        fc.array(fc.boolean(), { maxLength: 60 }),
        fc.integer({ min: 1, max: 4 }),
        async (plan, away, concurrency) => {
          let asked = 0;
          const left = new Map(plan.map(({ failures }, n) => [`${n}`, failures]));
          const done: string[] = [];
          const { store, worker, pass } = bench({
            concurrency,
            faults: () => away[asked++] ?? false,
            handlers: {
              test: async ({ key }) => {
                const failures = left.get(key) ?? 0;
                left.set(key, failures - 1);
                if (failures > 0) throw broken;
                done.push(key);
              },
            },
          });
          await store.addWork(plan.map(({ lane }, n) => work(`${n}`, { lane: `lane ${lane}` })));
          worker.start();
          await pass(600_000, 10_000);
          const lanes = (keys: readonly string[]): string[][] =>
            [0, 1, 2, 3].map((lane) => keys.filter((key) => plan[Number(key)]?.lane === lane));
          expect(lanes(done)).toEqual(lanes(plan.map((_, n) => `${n}`)));
        },
      ),
      { numRuns: 15 },
    );
  });
});
