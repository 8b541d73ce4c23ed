import type { Clock, TimerHandle } from '../core/clock.ts';
import type { CommandOutcome } from './commands.ts';

/** When the identical attempts of one command start, milliseconds after the first, and how long each may take. */
export interface ResendPlan {
  readonly startsMs: readonly number[];
  readonly cutMs: number;
  /** A rate limit ends it when nothing else was heard: whoever sent it waits for a turn instead. */
  readonly endsWhenLimited?: boolean;
}

const CUT_MS = 2_000;
const FIRST_STARTS_MS = [0, 500, 1_500, 3_500];

export const COMMAND_PLAN: ResendPlan = { startsMs: FIRST_STARTS_MS, cutMs: CUT_MS };

/** Repeating a dial into a rate limit makes it last: the queue of dials waits instead. */
export const DIAL_PLAN: ResendPlan = { ...COMMAND_PLAN, endsWhenLimited: true };

/** A leg left up costs money: a hangup goes on every 4 s up to 50 s (7.5, 11.5, … 47.5 s). */
export const HANGUP_PLAN: ResendPlan = {
  startsMs: [...FIRST_STARTS_MS, ...Array.from({ length: 11 }, (_, n) => 7_500 + 4_000 * n)],
  cutMs: CUT_MS,
};

/**
 * Telnyx ignores a repeated `command_id` for 60 s. An attempt that a stalled process starts later than this could act
 * a second time (a transfer would dial twice), so it is not made.
 */
const LATEST_START_MS = 55_000;

/** What one attempt came to. A cut one never says anything. */
export type AttemptAnswer =
  /** 2xx, or 4xx other than 408, 409 and 429: nothing can change it. */
  | { readonly kind: 'definitive'; readonly outcome: CommandOutcome }
  /** 429: Telnyx did not execute it, a later attempt may succeed. */
  | { readonly kind: 'rate_limited'; readonly outcome: CommandOutcome }
  /** 5xx: Telnyx advises to repeat at once; that is done once. */
  | { readonly kind: 'server_error'; readonly message: string }
  /** The network broke, 408, 409, 3xx: executed or not, nobody knows. */
  | { readonly kind: 'unclear'; readonly message: string };

export interface ResendOptions {
  readonly plan: ResendPlan;
  readonly clock: Clock;
  /** Makes attempt `n` (from 0) and answers once; `signal` ends it when it is cut or no longer needed. */
  readonly attempt: (n: number, signal: AbortSignal, answer: (answer: AttemptAnswer) => void) => void;
  /** Called exactly once. */
  readonly done: (outcome: CommandOutcome) => void;
}

/**
 * Sends one command until a definitive answer comes. Attempts do not cancel one another; the first definitive answer
 * wins and ends the others. Without one the outcome is `unknown`; only when *every* attempt was refused with 429 it is
 * that refusal, because an attempt that was lost may have been executed.
 * @returns a function that gives the command up: its outcome is then `unknown`.
 */
export function resend(options: ResendOptions): (reason: string) => void {
  const { plan, clock, attempt, done } = options;
  const firstMs = clock.mono();
  const inFlight = new Map<AbortController, TimerHandle>();
  let nextStart = 0;
  let attempts = 0;
  let timer: TimerHandle | undefined;
  let finished = false;
  let repeatedAtOnce = false;
  let refusal: CommandOutcome | undefined;
  let unclear: string | undefined;

  const finish = (outcome: CommandOutcome): void => {
    if (finished) return;
    finished = true;
    timer?.cancel();
    for (const [controller, cut] of inFlight) {
      cut.cancel();
      controller.abort();
    }
    inFlight.clear();
    done(outcome);
  };

  const begin = (): void => {
    const controller = new AbortController();
    const cut = clock.after(plan.cutMs, () => {
      settle(controller, { kind: 'unclear', message: `no answer within ${plan.cutMs} ms` });
      controller.abort();
    });
    inFlight.set(controller, cut);
    attempt(attempts++, controller.signal, (answer) => settle(controller, answer));
  };

  const settle = (controller: AbortController, answer: AttemptAnswer): void => {
    const cut = inFlight.get(controller);
    if (!cut) return;
    cut.cancel();
    inFlight.delete(controller);
    if (answer.kind === 'definitive') {
      finish(answer.outcome);
      return;
    }
    if (answer.kind === 'rate_limited') {
      refusal = answer.outcome;
      // An attempt that is still out, or was lost, may have been executed.
      if (plan.endsWhenLimited === true && unclear === undefined && inFlight.size === 0) {
        finish(refusal);
        return;
      }
    } else unclear = answer.message;
    if (answer.kind === 'server_error' && !repeatedAtOnce) {
      repeatedAtOnce = true;
      begin();
    }
    endIfSpent();
  };

  const endIfSpent = (): void => {
    if (inFlight.size > 0 || nextStart < plan.startsMs.length) return;
    const tried = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
    finish(
      refusal && unclear === undefined
        ? refusal
        : {
            ok: false,
            kind: 'unknown',
            message: `no definitive answer after ${tried}; the last: ${unclear ?? 'none'}`,
          },
    );
  };

  const schedule = (): void => {
    const start = plan.startsMs[nextStart];
    if (finished || start === undefined) return;
    timer = clock.after(Math.max(0, firstMs + start - clock.mono()), () => {
      if (clock.mono() - firstMs > LATEST_START_MS) {
        nextStart = plan.startsMs.length;
        endIfSpent();
        return;
      }
      nextStart++;
      begin();
      schedule();
    });
  };

  nextStart++;
  begin();
  schedule();
  return (reason) => finish({ ok: false, kind: 'unknown', message: reason });
}
