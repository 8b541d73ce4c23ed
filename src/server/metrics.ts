import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { PublishedEvent } from '../call/ports.ts';
import type { JournalState } from '../journal/writer.ts';

/** Prometheus metrics of one gateway. Everything about calls is read off their events: one source of truth. */
export class Metrics {
  readonly registry: Registry = new Registry();
  readonly #ended = this.#counter('landline_calls_ended_total', 'Calls ended, by reason.', ['reason']);
  readonly #webhooks = this.#counter('landline_webhooks_total', 'Webhooks received, by verdict.', ['verdict']);
  readonly #interrupted = this.#counter('landline_barge_ins_total', 'Agent turns cut by the caller.', []);
  readonly #failures = this.#counter('landline_provider_failures_total', 'Provider failures.', ['provider', 'kind']);
  readonly #transfers = this.#counter('landline_transfers_total', 'Transfers, by outcome.', ['outcome']);
  readonly #mediaRefused = this.#counter(
    'landline_media_upgrades_refused_total',
    'Media upgrades without a good token.',
    [],
  );
  readonly #journalBehind = this.#counter(
    'landline_journal_behind_total',
    'Intents sent before they were on file.',
    [],
  );
  readonly #underruns = this.#counter('landline_playout_underruns_total', 'Holes inside agent turns.', []);
  readonly #latency = new Histogram({
    name: 'landline_response_latency_seconds',
    help: 'End of caller speech to a step of the answer.',
    labelNames: ['step'],
    buckets: [0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10],
    registers: [this.registry],
  });

  /** @param live what is asked at every scrape. */
  constructor(live: { readonly calls: () => number; readonly journal: () => JournalState }) {
    collectDefaultMetrics({ register: this.registry });
    const gauge = (name: string, help: string, read: () => number): Gauge =>
      new Gauge({
        name,
        help,
        registers: [this.registry],
        collect: function collect(this: Gauge) {
          this.set(read());
        },
      });
    gauge('landline_calls_active', 'Calls that are up.', live.calls);
    gauge('landline_journal_queue_bytes', 'Bytes waiting for the disk.', () => live.journal().queuedBytes);
    gauge(
      'landline_journal_behind_seconds',
      'Age of the oldest byte waiting for the disk.',
      () => live.journal().behindMs / 1000,
    );
    gauge('landline_journal_failed', '1 while the disk refuses.', () => (live.journal().failed === undefined ? 0 : 1));
  }

  event(event: PublishedEvent): void {
    switch (event.type) {
      case 'call.ended':
        this.#ended.inc({ reason: event.data.reason });
        return;
      case 'speech.interrupted':
        this.#interrupted.inc();
        return;
      case 'provider.failed':
        this.#failures.inc({ provider: event.data.provider, kind: event.data.kind });
        return;
      case 'transfer.ended':
        this.#transfers.inc({ outcome: event.data.outcome });
        return;
      case 'turn.ended': {
        const latency = event.data.latency;
        for (const [step, ms] of Object.entries(latency ?? {}))
          this.#latency.observe({ step: step.replace('Ms', '') }, (ms as number) / 1000);
        return;
      }
      default:
    }
  }

  webhook(verdict: string): void {
    this.#webhooks.inc({ verdict });
  }

  mediaRefused(): void {
    this.#mediaRefused.inc();
  }

  journalBehind(): void {
    this.#journalBehind.inc();
  }

  underruns(count: number): void {
    if (count > 0) this.#underruns.inc(count);
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }
}
