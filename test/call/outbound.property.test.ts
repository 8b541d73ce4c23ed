import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { TelnyxEvent } from '../../src/telnyx/events.ts';
import { GONE, type World } from './harness.ts';
import { dials, IDS, outboundWorld, place, tell } from './outbound-world.ts';

/** What becomes of one dial, and of everything that Telnyx says about it. */
interface Fate {
  readonly outcome: 'named' | 'nameless' | 'unknown' | 'unknown but done' | 'refused';
  readonly outcomeMs: number;
  /** Milliseconds after the dial; undefined: lost. */
  readonly initiatedMs: number | undefined;
  readonly answers: boolean;
  readonly answersMs: number;
  readonly answeredIsTold: boolean;
  /** They hang up so long after answering, or never. */
  readonly leavesMs: number | undefined;
  readonly endIsTold: boolean;
  readonly hangUpMs: number | undefined;
  readonly opens: boolean;
  readonly twice: boolean;
  readonly listKnown: boolean;
}

const ms = fc.integer({ min: 0, max: 9000 });
const maybe = fc.option(ms, { nil: undefined });
const fates: fc.Arbitrary<Fate> = fc.record({
  outcome: fc.constantFrom('named', 'nameless', 'unknown', 'unknown but done', 'refused'),
  outcomeMs: ms,
  initiatedMs: maybe,
  answers: fc.boolean(),
  answersMs: ms,
  answeredIsTold: fc.boolean(),
  leavesMs: maybe,
  endIsTold: fc.boolean(),
  hangUpMs: maybe,
  opens: fc.boolean(),
  twice: fc.boolean(),
  listKnown: fc.boolean(),
});

/** Telnyx with one phone behind it. */
async function live(fate: Fate): Promise<{ readonly world: World; readonly isUp: boolean }> {
  const world = outboundWorld({ idle: { afterSeconds: 0 } });
  const { clock, telnyx } = world;
  const leg = { was: false, up: false };
  const say = (type: TelnyxEvent['type'], more: Partial<TelnyxEvent> = {}): void => {
    for (let n = 0; n < (fate.twice ? 2 : 1); n++) tell(world, type, more);
  };
  const down = (cause: string): void => {
    if (!leg.up) return;
    leg.up = false;
    if (fate.endIsTold) clock.after(5, () => say('call.hangup', { cause, sipCode: '200', source: 'callee' }));
  };
  const ring = (): void => {
    leg.was = leg.up = true;
    if (fate.initiatedMs !== undefined) clock.after(fate.initiatedMs, () => say('call.initiated'));
    clock.after(30_000, () => fate.answers || down('timeout'));
    if (!fate.answers) return;
    clock.after(fate.answersMs, () => {
      if (!leg.up) return;
      if (fate.answeredIsTold) say('call.answered');
      if (fate.opens && world.registry.sessions.size > 0) {
        try {
          world.connect();
        } catch {
          // Its token is void: the leg was given up.
        }
      }
      if (fate.leavesMs !== undefined) clock.after(fate.leavesMs, () => down('normal_clearing'));
    });
  };
  telnyx.alive = () => ({ known: true, isAlive: leg.up });
  telnyx.found = () =>
    fate.listKnown ? { known: true, leg: leg.up ? IDS : undefined } : { known: false, message: '503' };
  telnyx.answers = (command) => {
    if (command.name === 'dial') {
      const sent = telnyx.sent.at(-1);
      const isDone = fate.outcome !== 'unknown' && fate.outcome !== 'refused';
      if (isDone) ring();
      clock.after(fate.outcomeMs, () => {
        if (fate.outcome === 'named') sent?.done({ ok: true, leg: IDS });
        else if (fate.outcome === 'nameless') sent?.done({ ok: true });
        else if (fate.outcome === 'refused') sent?.done({ ok: false, kind: 'refused', status: 422, message: 'no' });
        else sent?.done({ ok: false, kind: 'unknown', message: 'lost' });
      });
      return undefined;
    }
    if (command.name === 'hangup') {
      const wasUp = leg.up;
      down('normal_clearing');
      return wasUp ? { ok: true } : GONE;
    }
    return leg.up ? { ok: true } : GONE;
  };
  place(world, { maxDurationMs: 40_000 });
  if (fate.hangUpMs !== undefined) {
    clock.after(fate.hangUpMs, () => {
      for (const session of world.registry.sessions.values())
        session.post({ type: 'control', action: { type: 'hangup' }, by: 'api' });
    });
  }
  for (let s = 0; s < 400; s++) await world.settle(500);
  // While Telnyx never says anything, nothing is known; then it does.
  telnyx.found = () => ({ known: true, leg: leg.up ? IDS : undefined });
  for (let s = 0; s < 100; s++) await world.settle(500);
  expect(leg.was || fate.outcome.startsWith('unknown') || fate.outcome === 'refused' || fate.hangUpMs === 0).toBe(true);
  return { world, isUp: leg.up };
}

it('whatever is lost, late or said twice: one dial, one end, and no leg left up', async () => {
  await fc.assert(
    fc.asyncProperty(fates, async (fate) => {
      const { world, isUp } = await live(fate);
      const types = world.types();
      expect(dials(world).length).toBeLessThanOrEqual(1);
      expect([isUp, world.registry.sessions.size]).toEqual([false, 0]);
      expect(types.filter((type) => type === 'call.created')).toHaveLength(1);
      expect(types.filter((type) => type === 'call.ended')).toHaveLength(1);
      expect(types.at(-1)).toBe('call.ended');
      expect([world.late, world.dials.state]).toEqual([[], { queued: 0, active: 0 }]);
      expect(world.records.some((record) => record.k === 'in' && record.d.type === 'fault')).toBe(false);
      expect(world.phones.filter(({ closed }) => closed === undefined)).toEqual([]);
      world.clock.advance(120_000);
      expect(world.clock.pending).toBe(0);
    }),
    { numRuns: 300 },
  );
});
