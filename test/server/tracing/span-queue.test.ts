import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../src/core/clock.ts';
import { silentLog } from '../../../src/core/log.ts';
import { SpanQueue } from '../../../src/server/tracing/span-queue.ts';

function bench(capacity?: number) {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const sent: { readonly batch: readonly number[]; readonly done: (failure: string | undefined) => void }[] = [];
  const say = (level: string) => (_fields: object, message: string) => void lines.push(`${level} ${message}`);
  const queue = new SpanQueue<number>({
    clock,
    log: { ...silentLog, info: say('info'), warn: say('warn') },
    send: (batch, done) => sent.push({ batch, done }),
    ...(capacity === undefined ? {} : { capacity }),
  });
  const push = (count: number): void => {
    for (let i = 0; i < count; i++) queue.push(i);
  };
  return { clock, lines, sent, queue, push };
}

describe('spans on their way', () => {
  it('go out together after a second, one batch at a time', () => {
    const { clock, sent, push } = bench();

    push(3);
    clock.advance(999);
    expect(sent).toHaveLength(0);
    clock.advance(1);
    expect(sent.map(({ batch }) => batch)).toEqual([[0, 1, 2]]);
    push(2);
    clock.advance(5_000);
    expect(sent).toHaveLength(1);
    sent[0]!.done(undefined);
    clock.advance(1_000);
    expect(sent.map(({ batch }) => batch.length)).toEqual([3, 2]);
  });

  it('go out in batches of 512, the next one at once', () => {
    const { clock, sent, push, queue } = bench();

    push(1100);
    clock.advance(1_000);
    sent[0]!.done(undefined);
    sent[1]!.done(undefined);
    clock.advance(1_000);
    sent[2]!.done(undefined);

    expect(sent.map(({ batch }) => batch.length)).toEqual([512, 512, 76]);
    expect(queue.counts()).toEqual({ exported: 1100, dropped: 0, failed: 0, queued: 0 });
  });

  it('are dropped and counted when too many wait, those under way included', () => {
    const { clock, push, queue } = bench(10);

    push(8);
    clock.advance(1_000);
    push(5);

    expect(queue.counts()).toEqual({ exported: 0, dropped: 3, failed: 0, queued: 10 });
  });

  it('that a collector refuses are counted; it is said once, and once when it takes them again', () => {
    const { clock, lines, sent, push, queue } = bench();

    for (const failure of ['refused', 'refused', undefined, undefined]) {
      push(1);
      clock.advance(1_000);
      sent.at(-1)!.done(failure);
    }

    expect(lines).toEqual([
      'warn traces cannot be delivered; calls go on without them',
      'info traces are delivered again',
    ]);
    expect(queue.counts()).toEqual({ exported: 2, dropped: 0, failed: 2, queued: 0 });
  });

  it('that get no answer within 30 s have failed, and a late answer counts for nothing', () => {
    const { clock, sent, push, queue } = bench();

    push(1);
    clock.advance(31_000);
    sent[0]!.done(undefined);

    expect(queue.counts()).toEqual({ exported: 0, dropped: 0, failed: 1, queued: 0 });
  });

  it('are nobody’s fault when the way out throws', () => {
    const clock = new VirtualClock();
    const send = (): never => {
      throw new Error('no way');
    };
    const queue = new SpanQueue<number>({ clock, log: silentLog, send });

    queue.push(1);
    clock.advance(1_000);

    expect(queue.counts()).toEqual({ exported: 0, dropped: 0, failed: 1, queued: 0 });
    expect(clock.pending).toBe(0);
  });
});

describe('the end', () => {
  it('sends what waits and resolves with the answer', async () => {
    const { sent, push, queue, clock } = bench();
    let closed = false;

    push(600);
    const closing = queue.close(2_000).then(() => (closed = true));
    sent[0]!.done(undefined);
    await Promise.resolve();
    expect(closed).toBe(false);
    sent[1]!.done(undefined);
    await closing;

    expect(queue.counts()).toEqual({ exported: 600, dropped: 0, failed: 0, queued: 0 });
    queue.push(1);
    expect(queue.counts().dropped).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it('waits for nobody longer than it was told', async () => {
    const { push, queue, clock } = bench();

    push(600);
    const closing = queue.close(2_000);
    clock.advance(2_000);
    await closing;

    expect(queue.counts()).toMatchObject({ dropped: 88, queued: 512 });
  });

  it('with nothing to send is at once', async () => {
    await bench().queue.close(2_000);
  });
});
