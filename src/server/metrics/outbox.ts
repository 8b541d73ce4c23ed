import type { Counter } from 'prom-client';
import type { OutboxState, WorkOutcome } from '../../records/outbox.ts';
import type { Instruments } from './instruments.ts';

/** What the outbox does after calls. */
export class OutboxMetrics {
  readonly #attempts: Counter<'kind' | 'outcome'>;
  #state: () => OutboxState = () => ({ running: 0, givenUp: 0 });

  constructor(on: Instruments) {
    this.#attempts = on.counter(
      'landline_outbox_attempts_total',
      'Attempts at work after calls (summaries, recordings, webhooks), by kind and outcome; givenUp is never tried again.',
      ['kind', 'outcome'],
      (['done', 'retry', 'givenUp'] as const).map((outcome) => ({ kind: 'summary', outcome })),
    );
    on.gauge('landline_outbox_running', 'Attempts at work after calls that are under way.', (report) =>
      report(this.#state().running),
    );
  }

  attempt(kind: string, outcome: WorkOutcome): void {
    this.#attempts.inc({ kind, outcome });
  }

  /** Where the gauge reads from. */
  watch(state: () => OutboxState): void {
    this.#state = state;
  }
}
