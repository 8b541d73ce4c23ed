import type { Counter } from 'prom-client';
import type { WorkOutcome } from '../../records/outbox.ts';
import type { EndpointState } from '../../records/webhooks.ts';
import type { Instruments } from './instruments.ts';

/** Outgoing webhooks. Endpoints have the names that they have in the config, so there are few. */
export class EndpointMetrics {
  readonly #deliveries: Counter<'endpoint' | 'outcome'>;
  #state: () => readonly EndpointState[] = () => [];

  constructor(on: Instruments) {
    this.#deliveries = on.counter(
      'landline_webhook_deliveries_total',
      'Tries to tell an endpoint of an event, by outcome; retry comes again, givenUp does not.',
      ['endpoint', 'outcome'],
    );
    on.gauge(
      'landline_webhook_queue',
      'Events that wait for an endpoint, counted every 10 seconds.',
      (report) => this.#each(report, ({ waiting }) => waiting),
      ['endpoint'],
    );
    on.gauge(
      'landline_webhook_oldest_seconds',
      'How long the oldest waiting event of an endpoint has waited; 0 when none waits.',
      (report) => this.#each(report, ({ oldestMs }) => oldestMs / 1000),
      ['endpoint'],
    );
  }

  attempt(endpoint: string, outcome: WorkOutcome): void {
    this.#deliveries.inc({ endpoint, outcome });
  }

  /** Where the gauges read from. */
  watch(state: () => readonly EndpointState[]): void {
    this.#state = state;
    for (const { name: endpoint } of state()) {
      for (const outcome of ['done', 'retry', 'givenUp']) this.#deliveries.inc({ endpoint, outcome }, 0);
    }
  }

  #each(report: (value: number, labels: { endpoint: string }) => void, read: (state: EndpointState) => number): void {
    for (const state of this.#state()) report(read(state), { endpoint: state.name });
  }
}
