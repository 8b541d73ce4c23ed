import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TimerHeap } from '../../src/call/timers.ts';

describe('logical timers', () => {
  it('come in due order, and of several due at once the one set first', () => {
    const timers = new TimerHeap();
    timers.set('caller', 'media', 300);
    timers.set('dialogue', 'idle', 100);
    timers.set('caller', 'start', 100);
    expect(timers.due).toBe(100);

    expect([timers.pop(), timers.pop(), timers.pop(), timers.pop()]).toEqual([
      ['dialogue', 'idle'],
      ['caller', 'start'],
      ['caller', 'media'],
      undefined,
    ]);
    expect(timers.due).toBe(Infinity);
  });

  it('are one per owner and name: setting one again replaces it', () => {
    const timers = new TimerHeap();
    timers.set('caller', 'status', 100);
    timers.set('target1', 'status', 150);
    timers.set('caller', 'status', 200);

    expect(timers.due).toBe(150);
    expect([timers.pop(), timers.pop(), timers.pop()]).toEqual([
      ['target1', 'status'],
      ['caller', 'status'],
      undefined,
    ]);
  });

  it('can be cancelled, also when they are not set', () => {
    const timers = new TimerHeap();
    timers.set('caller', 'media', 100);
    timers.cancel('caller', 'media');
    timers.cancel('caller', 'media');

    expect(timers.due).toBe(Infinity);
    expect(timers.pop()).toBeUndefined();
  });

  it('agree with a sorted list in any order of setting, cancelling and taking', () => {
    const names = ['answer', 'start', 'media', 'restore'] as const;
    const act = fc.record({
      do: fc.constantFrom('set', 'set', 'cancel', 'pop'),
      owner: fc.constantFrom('caller' as const, 'target1' as const),
      name: fc.constantFrom(...names),
      due: fc.integer({ min: 0, max: 5 }),
    });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
        const timers = new TimerHeap();
        let list: { owner: string; name: string; due: number; order: number }[] = [];
        for (const [order, { do: what, owner, name, due }] of acts.entries()) {
          const others = list.filter((one) => one.owner !== owner || one.name !== name);
          if (what === 'set') {
            timers.set(owner, name, due);
            list = [...others, { owner, name, due, order }];
          } else if (what === 'cancel') {
            timers.cancel(owner, name);
            list = others;
          } else {
            list.sort((a, b) => a.due - b.due || a.order - b.order);
            const first = list.shift();
            expect(timers.pop()).toEqual(first && [first.owner, first.name]);
          }
          expect(timers.due).toBe(Math.min(...list.map((one) => one.due)));
        }
      }),
    );
  });
});
