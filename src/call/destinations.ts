import { LandlineError } from '../core/errors.ts';
import { maskNumber, type Log } from '../core/log.ts';
import { covers, RECKONED_MINUTES, type DestinationOptions } from './destination-options.ts';
import type { DialLedger } from './dial-ledger.ts';
import { normaliseTarget, type NeverRule, type NormalisedTarget } from './dial-target.ts';

/** The rule that refused a destination: label of the metric and field of the log line. */
export type DestinationRule =
  | NeverRule
  | 'not_a_target'
  | 'own_number'
  | 'deny'
  | 'allow'
  | 'max_per_call'
  | 'max_per_hour'
  | 'max_per_day'
  | 'max_spend_per_day';

/** A leg that is to be dialled, and on whose word. */
export interface DialRequest {
  /** The call it is for; undefined before there is one. */
  readonly callId: string | undefined;
  readonly to: string;
  /** Gate A: what the operator lists for this agent (`transferTargets`). */
  readonly listed: readonly string[];
  /** Gate B: what people with an API key have asked for, for this call. */
  readonly ordered: readonly string[];
  /** Our own number in this call, whatever the lists say. */
  readonly here?: string | undefined;
}

export type Verdict = { readonly ok: true; readonly to: string } | Refusal;

export interface Refusal {
  readonly ok: false;
  readonly rule: DestinationRule;
  /** Goes on a sentence and says what to change. */
  readonly why: string;
}

/** Where the command desk asks before it dials. Nothing is dialled past it. */
export interface DialGate {
  /** Judges a leg and, when it may be dialled, counts it. */
  admit(request: DialRequest): Verdict;
}

/** What holds in this house all the time. */
export interface HouseRules {
  readonly options: DestinationOptions;
  /** Does this number (E.164) ring at this gateway? */
  readonly isOwn: (number: string) => boolean;
}

export interface DestinationsOptions extends HouseRules {
  readonly ledger: DialLedger;
  readonly log: Log;
  /** For the metric. */
  readonly refused: (rule: DestinationRule) => void;
}

/** The two gates of toll fraud, and the limits behind them (contract section 3, docs/destinations.md). */
export class Destinations implements DialGate {
  readonly #options: DestinationsOptions;
  /** Live call -> legs dialled for it. */
  readonly #perCall = new Map<string, number>();

  constructor(options: DestinationsOptions) {
    this.#options = options;
  }

  /**
   * For an API route, before it accepts: may people with a key have this dialled?
   * @returns the target in its one form.
   * @throws LandlineError `destination_not_allowed`, naming the rule and what to change.
   */
  check(request: Omit<DialRequest, 'ordered'>): string {
    const verdict = this.#judge({ ...request, ordered: [request.to] });
    if (verdict.ok) return verdict.to;
    this.#tell(request, verdict);
    const either = verdict.rule === 'malformed' ? "; nor is it a name in the agent's transferTargets" : '';
    throw new LandlineError('destination_not_allowed', `to ${verdict.why}${either} (rule ${verdict.rule})`);
  }

  admit(request: DialRequest): Verdict {
    const verdict = this.#judge(request);
    if (!verdict.ok) {
      this.#tell(request, verdict);
      return verdict;
    }
    const { callId } = request;
    if (callId !== undefined) this.#perCall.set(callId, (this.#perCall.get(callId) ?? 0) + 1);
    this.#options.ledger.add(verdict.to, callId ?? null, this.#estimate(verdict.to));
    return verdict;
  }

  /** The call is over. */
  forget(callId: string): void {
    this.#perCall.delete(callId);
  }

  #judge({ callId, to, listed, ordered, here }: DialRequest): Verdict {
    const { options, isOwn } = this.#options;
    const target = normaliseTarget(to);
    if (!target.ok) return target;
    const isThis = (other: string): boolean => other === to || sameTarget(other, target.target);
    const isListed = listed.some(isThis);
    if (!isListed && !ordered.some(isThis)) {
      return no('not_a_target', "is none of the agent's transferTargets; only people with an API key may name others");
    }
    const refusal =
      refusalOf(target, isListed, { options, isOwn: (number) => number === here || isOwn(number) }) ??
      this.#atLimit(callId, target.target);
    return refusal ?? { ok: true, to: target.target };
  }

  #atLimit(callId: string | undefined, to: string): Refusal | undefined {
    const { options, ledger } = this.#options;
    const legs = callId === undefined ? 0 : (this.#perCall.get(callId) ?? 0);
    if (legs >= options.maxPerCall) {
      return no('max_per_call', `is one leg too many for this call (${legs}); raise destinations.maxPerCall`);
    }
    const { hour, day, spend } = ledger.totals();
    if (hour >= options.maxPerHour) {
      return no(
        'max_per_hour',
        `cannot be dialled now: ${hour} legs in the last hour; wait, or raise destinations.maxPerHour`,
      );
    }
    if (day >= options.maxPerDay) {
      return no(
        'max_per_day',
        `cannot be dialled now: ${day} legs in the last 24 hours; wait, or raise destinations.maxPerDay`,
      );
    }
    if (spend + this.#estimate(to) > options.maxSpendPerDay) {
      const spent = spend.toFixed(2);
      return no(
        'max_spend_per_day',
        `cannot be dialled now: about ${spent} was spent in the last 24 hours; wait, or raise destinations.maxSpendPerDay`,
      );
    }
    return undefined;
  }

  /** Money for a leg of usual length. */
  #estimate(to: string): number {
    const { prices } = this.#options.options;
    const target = normaliseTarget(to);
    const part = target.ok && target.host !== undefined ? { host: target.host } : { number: to };
    const pattern = Object.keys(prices)
      .filter((key) => key !== '*' && covers(key, part))
      .reduce((longest, key) => (key.length > longest.length ? key : longest), '*');
    return (prices[pattern] ?? 0) * RECKONED_MINUTES;
  }

  #tell({ to, callId }: Pick<DialRequest, 'to' | 'callId'>, verdict: Refusal): void {
    const { log, refused } = this.#options;
    refused(verdict.rule);
    log.warn(
      { to: maskNumber(to), rule: verdict.rule, ...(callId === undefined ? {} : { callId }) },
      'destination refused',
    );
  }
}

/**
 * What speaks against a target whatever was dialled before: for the check of a config.
 * @param isListed the operator names it in `transferTargets`.
 */
export function standingRefusal(to: string, isListed: boolean, house: HouseRules): Refusal | undefined {
  const target = normaliseTarget(to);
  return target.ok ? refusalOf(target, isListed, house) : target;
}

function refusalOf(
  target: Extract<NormalisedTarget, { ok: true }>,
  isListed: boolean,
  { options, isOwn }: HouseRules,
): Refusal | undefined {
  const parts = [
    ...(target.number === undefined ? [] : [{ number: target.number }]),
    ...(target.host === undefined ? [] : [{ host: target.host }]),
  ];
  if (target.number !== undefined && isOwn(target.number)) {
    return no('own_number', 'is a number of this gateway: the call would come back to it; choose another');
  }
  const denied = options.deny.find((pattern) => parts.some((part) => covers(pattern, part)));
  if (denied !== undefined) return no('deny', `is covered by "${denied}" in destinations.deny; take it out there`);
  const { allow } = options;
  // What the operator lists by name needs no second permission.
  if (allow === undefined || isListed) return undefined;
  const uncovered = parts.find((part) => !allow.some((pattern) => covers(pattern, part)));
  if (!uncovered) return undefined;
  const what = 'number' in uncovered ? 'its number' : `"sip:${uncovered.host}"`;
  return no('allow', `is not covered by destinations.allow; add a pattern for ${what} there`);
}

function sameTarget(one: string, normalised: string): boolean {
  const target = normaliseTarget(one);
  return target.ok && target.target === normalised;
}

function no(rule: DestinationRule, why: string): Refusal {
  return { ok: false, rule, why };
}
