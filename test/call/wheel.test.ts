import { describe, expect, it } from 'vitest';
import { Wheel, type Timed } from '../../src/call/wheel.ts';
import { VirtualClock } from '../../src/core/clock.ts';

/** Does something at every one of its deadlines and notes when it was called. */
class Member implements Timed {
  readonly served: number[] = [];
  readonly #deadlines: number[];

  constructor(...deadlines: number[]) {
    this.#deadlines = deadlines;
  }

  get due(): number {
    return this.#deadlines[0] ?? Infinity;
  }

  advance(now: number): void {
    this.served.push(now);
    while (this.due <= now) this.#deadlines.shift();
  }

  add(deadline: number): void {
    this.#deadlines.push(deadline);
    this.#deadlines.sort((a, b) => a - b);
  }
}

function wheelOf(...members: Member[]): { clock: VirtualClock; wheel: Wheel } {
  const clock = new VirtualClock();
  const wheel = new Wheel(clock);
  for (const member of members) wheel.add(member);
  return { clock, wheel };
}

describe('the wheel', () => {
  it('serves every member at its deadlines with one timer', () => {
    const a = new Member(10, 30, 50);
    const b = new Member(30, 40);
    const { clock } = wheelOf(a, b);
    expect(clock.pending).toBe(1);
    clock.advance(100);

    expect(a.served).toEqual([10, 30, 50]);
    expect(b.served).toEqual([30, 40]);
    expect(clock.pending).toBe(0);
  });

  it('wakes earlier when a deadline moves closer', () => {
    const a = new Member(500);
    const { clock, wheel } = wheelOf(a);
    a.add(20);
    wheel.changed(a);
    clock.advance(600);

    expect(a.served).toEqual([20, 500]);
  });

  it('looks again by itself when a deadline moves away', () => {
    const a = new Member(20, 400);
    const { clock, wheel } = wheelOf(a);
    a.advance(20);
    wheel.changed(a);
    clock.advance(500);

    expect(a.served).toEqual([20, 400]);
  });

  it('never adds up lateness: deadlines are absolute', () => {
    const every20 = Array.from({ length: 50 }, (_, n) => n * 20 + 0.3);
    const a = new Member(...every20);
    const { clock } = wheelOf(a);
    clock.advance(1000);

    for (const [n, at] of a.served.entries()) expect(at - (every20[n] ?? 0)).toBeLessThanOrEqual(1);
    expect(a.served).toHaveLength(50);
  });

  it('does not spin on a member that stays due', () => {
    const clock = new VirtualClock();
    const wheel = new Wheel(clock);
    let served = 0;
    wheel.add({ due: -Infinity, advance: () => (served += 1) });
    clock.advance(10);

    expect(served).toBe(10);
  });

  it('lets a member leave and join while it is serving', () => {
    const late = new Member(15);
    const b = new Member(10, 20);
    const { clock, wheel } = wheelOf();
    const a: Timed = {
      due: 10,
      advance: () => {
        wheel.remove(a);
        wheel.remove(b);
        wheel.add(late);
      },
    };
    wheel.add(a);
    wheel.add(b);
    clock.advance(50);

    expect(b.served).toEqual([]);
    expect(late.served).toEqual([15]);
  });

  it('leaves no timer behind when the last member leaves, or when it stops', () => {
    const a = new Member(1000);
    const { clock, wheel } = wheelOf(a);
    wheel.remove(a);
    expect(clock.pending).toBe(0);
    wheel.add(a);
    wheel.stop();

    expect(clock.pending).toBe(0);
    clock.advance(2000);
    expect(a.served).toEqual([]);
  });
});
