import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DialQueue, type DialTurn } from '../../src/call/dial-queue.ts';
import { outboundOptions, type OutboundOptions } from '../../src/call/outbound-options.ts';
import { VirtualClock } from '../../src/core/clock.ts';

interface Line {
  readonly clock: VirtualClock;
  readonly queue: DialQueue;
  readonly turns: { readonly call: string; readonly t: number; readonly turn: DialTurn }[];
  readonly enter: (call: string, afterMs?: number) => void;
}

function line(options: Partial<OutboundOptions> = {}): Line {
  const clock = new VirtualClock(1000);
  const queue = new DialQueue(clock, { ...outboundOptions.parse({}), ...options });
  const turns: Line['turns'] = [];
  return {
    clock,
    queue,
    turns,
    enter: (call, afterMs = 0) =>
      queue.enter(call, afterMs, (turn) => void turns.push({ call, t: clock.mono() - 1000, turn })),
  };
}

describe('the line of calls out', () => {
  it('is first come, first dialled, spread evenly', () => {
    const { clock, turns, enter } = line({ maxPerSecond: 4 });
    for (const call of ['a', 'b', 'c']) enter(call);
    expect(turns).toEqual([]);
    clock.advance(1000);
    expect(turns.map(({ call, t, turn }) => [call, t, turn])).toEqual([
      ['a', 0, { waitedMs: 0 }],
      ['b', 250, { waitedMs: 250 }],
      ['c', 500, { waitedMs: 500 }],
    ]);
  });

  it('lets no more go than may be up, until one is over', () => {
    const { clock, queue, turns, enter } = line({ maxConcurrent: 2 });
    for (const call of ['a', 'b', 'c']) enter(call);
    clock.advance(5000);
    expect([turns.map(({ call }) => call), queue.state]).toEqual([['a', 'b'], { queued: 1, active: 2 }]);
    queue.leave('a');
    clock.advance(0);
    expect([turns.at(-1)?.call, queue.state]).toEqual(['c', { queued: 0, active: 2 }]);
  });

  it('tells who waits too long, counting all its waiting, and leaves nothing behind', () => {
    const { clock, queue, turns, enter } = line({ maxConcurrent: 1, maxQueueSeconds: 10 });
    enter('a');
    clock.advance(0);
    enter('b');
    clock.advance(10_000);
    expect(turns.at(-1)).toEqual({ call: 'b', t: 10_000, turn: { waitedMs: 10_000, refused: 'timeout' } });
    queue.leave('a');
    expect([queue.state, clock.pending]).toEqual([{ queued: 0, active: 0 }, 0]);
  });

  it('puts who was turned away at its head, and holds everybody for as long as Telnyx asked', () => {
    const { clock, turns, enter } = line();
    for (const call of ['a', 'b', 'c']) enter(call);
    clock.advance(0);
    enter('a', 3000);
    clock.advance(2999);
    expect(turns).toHaveLength(1);
    clock.advance(1001);
    expect(turns.map(({ call, t }) => [call, t])).toEqual([
      ['a', 0],
      ['a', 3000],
      ['b', 3200],
      ['c', 3400],
    ]);
  });

  it('is closed for who waits and for who comes', () => {
    const { clock, queue, turns, enter } = line({ maxConcurrent: 1 });
    for (const call of ['a', 'b']) enter(call);
    clock.advance(10);
    queue.close();
    enter('c');
    clock.advance(10);
    expect(turns.map(({ call, turn }) => [call, turn.refused])).toEqual([
      ['a', undefined],
      ['b', 'draining'],
      ['c', 'draining'],
    ]);
  });

  it('is full when the config says so', () => {
    const { queue, enter } = line({ maxQueued: 1, maxConcurrent: 1 });
    expect(queue.isFull).toBe(false);
    enter('a');
    expect(queue.isFull).toBe(true);
  });

  it('never lets go faster or more than it may, loses nobody and keeps the order, whatever comes and goes', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('enter' as const) }),
      fc.record({ do: fc.constant('leave' as const), which: fc.nat(30) }),
      fc.record({ do: fc.constant('again' as const), ms: fc.integer({ min: 0, max: 3000 }) }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 4000 }) }),
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 5 }),
        (steps, rate, most) => {
          const { clock, queue, turns, enter } = line({
            maxPerSecond: rate,
            maxConcurrent: most,
            maxQueueSeconds: 3600,
          });
          const gone = new Set<string>();
          let count = 0;
          for (const one of steps) {
            if (one.do === 'enter') enter(`call ${count++}`);
            if (one.do === 'wait') clock.advance(one.ms);
            if (one.do === 'leave' && one.which < count) {
              gone.add(`call ${one.which}`);
              queue.leave(`call ${one.which}`);
            }
            const last = turns.at(-1)?.call;
            if (one.do === 'again' && last !== undefined && !gone.has(last)) enter(last, one.ms);
            expect(queue.state.active).toBeLessThanOrEqual(most);
          }
          for (let n = 0; n < count; n++) {
            clock.advance(60_000);
            const up = turns.at(-1)?.call;
            for (let m = 0; m <= n; m++) {
              if (up !== undefined) gone.add(`call ${m}`);
              queue.leave(`call ${m}`);
            }
          }
          for (const [n, { t }] of turns.entries()) {
            expect(t - (turns[n - 1]?.t ?? -Infinity)).toBeGreaterThanOrEqual(1000 / rate - 1e-6);
          }
          const firsts = [...new Set(turns.map(({ call }) => Number(call.slice(5))))];
          expect(firsts).toEqual([...firsts].sort((a, b) => a - b));
          expect([queue.state, clock.pending]).toEqual([{ queued: 0, active: 0 }, 0]);
        },
      ),
      { numRuns: 200 },
    );
  });
});
