import type { Counter } from 'prom-client';
import type { DestinationRule } from '../../call/destinations.ts';
import type { RejectReason } from '../../call/route.ts';
import type { Instruments } from './instruments.ts';

const REASONS: readonly RejectReason[] = ['blocked', 'no_agent', 'caller_limit', 'full'];
const RULES: readonly DestinationRule[] = [
  ...(['malformed', 'invalid_number', 'emergency', 'premium', 'satellite', 'short_code', 'not_a_target'] as const),
  ...(['own_number', 'deny', 'allow', 'max_per_call', 'max_per_hour', 'max_per_day', 'max_spend_per_day'] as const),
];

/** Calls that were not taken, and legs that were not dialled. */
export class GateMetrics {
  readonly #rejected: Counter<'reason'>;
  readonly #refused: Counter<'rule'>;

  constructor(on: Instruments) {
    this.#rejected = on.counter(
      'landline_calls_rejected_total',
      'Calls turned away before they were answered, by reason.',
      ['reason'],
      REASONS.map((reason) => ({ reason })),
    );
    this.#refused = on.counter(
      'landline_destinations_refused_total',
      'Legs that were not dialled, by the rule that refused them.',
      ['rule'],
      RULES.map((rule) => ({ rule })),
    );
  }

  rejected(reason: RejectReason): void {
    this.#rejected.inc({ reason });
  }

  refused(rule: DestinationRule): void {
    this.#refused.inc({ rule });
  }
}
