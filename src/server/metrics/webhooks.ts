import type { Counter, Histogram } from 'prom-client';
import type { Instruments } from './instruments.ts';

/** Telnyx' webhooks: what they were worth, and how fast they were answered. */
export class WebhookMetrics {
  readonly #verdicts: Counter<'verdict'>;
  readonly #reply: Histogram;

  constructor(on: Instruments) {
    const refusals = ['missing_headers', 'bad_timestamp', 'stale', 'bad_signature', 'malformed'];
    this.#verdicts = on.counter(
      'landline_webhooks_total',
      'Webhooks received, by verdict.',
      ['verdict'],
      ['taken', ...refusals].map((verdict) => ({ verdict })),
    );
    this.#reply = on.histogram(
      'landline_webhook_reply_seconds',
      'Webhook received to answered.',
      [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2],
    );
  }

  verdict(verdict: string): void {
    this.#verdicts.inc({ verdict });
  }

  replied(ms: number): void {
    this.#reply.observe(ms / 1000);
  }
}
