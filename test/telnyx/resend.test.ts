import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/core/clock.ts';
import type { CommandOutcome } from '../../src/telnyx/commands.ts';
import { type AttemptAnswer, COMMAND_PLAN, HANGUP_PLAN, resend, type ResendPlan } from '../../src/telnyx/resend.ts';

interface Attempt {
  readonly atMs: number;
  readonly signal: AbortSignal;
  readonly answer: (answer: AttemptAnswer) => void;
}

const OK: AttemptAnswer = { kind: 'definitive', outcome: { ok: true } };
const REFUSED: CommandOutcome = { ok: false, kind: 'refused', status: 422, code: '10016', message: 'no' };
const LIMITED: CommandOutcome = { ok: false, kind: 'refused', status: 429, code: '10011', message: 'slow down' };

/** Starts a plan on a virtual clock; `react` may answer an attempt at once. */
function run(plan: ResendPlan, react: (n: number, attempt: Attempt) => void = () => {}) {
  const clock = new VirtualClock(1000);
  const attempts: Attempt[] = [];
  const outcomes: { atMs: number; outcome: CommandOutcome }[] = [];
  const giveUp = resend({
    plan,
    clock,
    attempt(n, signal, answer) {
      expect(n).toBe(attempts.length);
      const attempt = { atMs: clock.mono() - 1000, signal, answer };
      attempts.push(attempt);
      react(n, attempt);
    },
    done: (outcome) => void outcomes.push({ atMs: clock.mono() - 1000, outcome }),
  });
  return { clock, attempts, outcomes, giveUp, starts: () => attempts.map(({ atMs }) => atMs) };
}

describe('the plan', () => {
  it('starts attempts at 0, 0.5, 1.5 and 3.5 s, cuts each after 2 s, and ends unknown at 5.5 s', () => {
    const { clock, attempts, outcomes, starts } = run(COMMAND_PLAN);
    const aborted = (): boolean[] => attempts.map(({ signal }) => signal.aborted);

    clock.advance(1999);
    expect(starts()).toEqual([0, 500, 1500]);
    expect(aborted()).toEqual([false, false, false]);
    clock.advance(1);
    expect(aborted()).toEqual([true, false, false]);
    clock.advance(500);
    expect(aborted()).toEqual([true, true, false]);
    clock.advance(2999);
    expect(starts()).toEqual([0, 500, 1500, 3500]);
    expect(outcomes).toEqual([]);
    clock.advance(1);
    expect(outcomes).toEqual([
      {
        atMs: 5500,
        outcome: {
          ok: false,
          kind: 'unknown',
          message: 'no definitive answer after 4 attempts; the last: no answer within 2000 ms',
        },
      },
    ]);
    expect(aborted()).toEqual([true, true, true, true]);
    expect(clock.pending).toBe(0);
  });

  it('goes on every 4 s up to 50 s for a hangup, all within the 60 s in which repeats are ignored', () => {
    const { clock, starts, outcomes } = run(HANGUP_PLAN);

    clock.advance(100_000);

    const every4s = [7500, 11500, 15500, 19500, 23500, 27500, 31500, 35500, 39500, 43500, 47500];
    expect(starts()).toEqual([0, 500, 1500, 3500, ...every4s]);
    expect(outcomes).toMatchObject([{ atMs: 49500, outcome: { kind: 'unknown' } }]);
    expect(clock.pending).toBe(0);
  });
});

describe('a definitive answer', () => {
  it.each([0, 1, 2, 3])('to attempt %i wins and ends everything', (which) => {
    const { clock, attempts, outcomes } = run(COMMAND_PLAN, (n, { answer }) => {
      if (n === which) answer(OK);
    });

    clock.advance(10_000);

    expect(outcomes).toEqual([{ atMs: [0, 500, 1500, 3500][which], outcome: { ok: true } }]);
    expect(attempts.length).toBe(which + 1);
    expect(clock.pending).toBe(0);
  });

  it('to an earlier attempt wins over a later one that still waits, which is aborted', () => {
    const { clock, attempts, outcomes } = run(COMMAND_PLAN);
    clock.advance(600);

    attempts[0]!.answer({ kind: 'definitive', outcome: REFUSED });
    attempts[1]!.answer(OK);

    expect(outcomes).toEqual([{ atMs: 600, outcome: REFUSED }]);
    expect(attempts.map(({ signal }) => signal.aborted)).toEqual([false, true]);
    expect(clock.pending).toBe(0);
  });

  it('that comes after the cut is not heard: a later attempt has to bring it', () => {
    const { clock, attempts, outcomes } = run(COMMAND_PLAN);
    clock.advance(2100);

    attempts[0]!.answer({ kind: 'definitive', outcome: REFUSED });
    expect(outcomes).toEqual([]);
    attempts[2]!.answer(OK);

    expect(outcomes).toEqual([{ atMs: 2100, outcome: { ok: true } }]);
  });
});

describe('answers that settle nothing', () => {
  it('keep the schedule', () => {
    const { clock, starts, outcomes } = run(COMMAND_PLAN, (_, { answer }) =>
      answer({ kind: 'unclear', message: 'ECONNRESET' }),
    );

    clock.advance(10_000);

    expect(starts()).toEqual([0, 500, 1500, 3500]);
    expect(outcomes).toMatchObject([
      { atMs: 3500, outcome: { kind: 'unknown', message: expect.stringMatching(/ECONNRESET$/) as string } },
    ]);
  });

  it('of 5xx are repeated at once, but only once', () => {
    const { clock, starts, outcomes } = run(COMMAND_PLAN, (_, { answer }) =>
      answer({ kind: 'server_error', message: 'HTTP 503' }),
    );

    clock.advance(10_000);

    expect(starts()).toEqual([0, 0, 500, 1500, 3500]);
    expect(outcomes).toMatchObject([{ atMs: 3500, outcome: { kind: 'unknown' } }]);
  });

  it('of 5xx to the last attempt are repeated at once, too', () => {
    const { clock, starts, outcomes } = run(COMMAND_PLAN, (n, { answer }) => {
      if (n === 3) answer({ kind: 'server_error', message: 'HTTP 500' });
      if (n === 4) answer(OK);
    });

    clock.advance(10_000);

    expect(starts()).toEqual([0, 500, 1500, 3500, 3500]);
    expect(outcomes).toEqual([{ atMs: 3500, outcome: { ok: true } }]);
  });

  it('of 429 only make that refusal the outcome', () => {
    const { clock, outcomes } = run(COMMAND_PLAN, (_, { answer }) =>
      answer({ kind: 'rate_limited', outcome: LIMITED }),
    );

    clock.advance(10_000);

    expect(outcomes).toEqual([{ atMs: 3500, outcome: LIMITED }]);
  });

  it('of 429 after a lost attempt stay unknown, because the lost one may have been executed', () => {
    const { clock, outcomes } = run(COMMAND_PLAN, (n, { answer }) => {
      if (n > 0) answer({ kind: 'rate_limited', outcome: LIMITED });
    });

    clock.advance(10_000);

    expect(outcomes).toMatchObject([
      {
        atMs: 3500,
        outcome: { kind: 'unknown', message: expect.stringMatching(/no answer within 2000 ms$/) as string },
      },
    ]);
  });
});

it('starts no attempt a stalled process would send after the 60 s in which repeats are ignored', () => {
  const { starts, outcomes, clock } = run({ startsMs: [0, 54_000, 56_000], cutMs: 2000 });

  clock.advance(100_000);

  expect(starts()).toEqual([0, 54_000]);
  expect(outcomes).toMatchObject([{ atMs: 56_000, outcome: { kind: 'unknown' } }]);
  expect(clock.pending).toBe(0);
});

it('given up, it is unknown at once and leaves nothing behind', () => {
  const { clock, attempts, outcomes, giveUp } = run(HANGUP_PLAN);
  clock.advance(700);

  giveUp('closing');
  giveUp('again');
  attempts[0]!.answer(OK);
  clock.advance(100_000);

  expect(outcomes).toEqual([{ atMs: 700, outcome: { ok: false, kind: 'unknown', message: 'closing' } }]);
  expect(attempts.map(({ signal }) => signal.aborted)).toEqual([true, true]);
  expect(clock.pending).toBe(0);
});

it('ends exactly once, whatever is answered whenever', () => {
  const answers: readonly AttemptAnswer[] = [
    OK,
    { kind: 'definitive', outcome: REFUSED },
    { kind: 'rate_limited', outcome: LIMITED },
    { kind: 'server_error', message: '500' },
    { kind: 'unclear', message: 'reset' },
  ];
  const script = fc.array(fc.record({ afterMs: fc.nat({ max: 3000 }), answer: fc.constantFrom(...answers) }), {
    minLength: 6,
    maxLength: 20,
  });
  fc.assert(
    fc.property(fc.constantFrom(COMMAND_PLAN, HANGUP_PLAN), script, (plan, steps) => {
      const clock = new VirtualClock();
      const outcomes: CommandOutcome[] = [];
      let attempts = 0;
      resend({
        plan,
        clock,
        attempt(n, _, answer) {
          attempts++;
          const step = steps[n];
          if (step) clock.after(step.afterMs, () => answer(step.answer));
        },
        done: (outcome) => void outcomes.push(outcome),
      });
      clock.advance(120_000);

      expect(outcomes.length).toBe(1);
      expect(clock.pending).toBe(0);
      expect(attempts).toBeLessThanOrEqual(plan.startsMs.length + 1);
      const heard = steps.slice(0, attempts).filter(({ afterMs }) => afterMs < 2000);
      if (!heard.some(({ answer }) => answer.kind === 'definitive')) expect(outcomes[0]).toMatchObject({ ok: false });
    }),
    { numRuns: 300 },
  );
});
