import type { Counter } from 'prom-client';
import type { Instruments } from './instruments.ts';

const OUTCOMES = ['ok', 'unauthorized', 'rate_limited', 'refused', 'failed'] as const;

/** What became of requests to `/v1`. */
export class ApiMetrics {
  readonly #requests: Counter<'outcome'>;

  constructor(on: Instruments) {
    this.#requests = on.counter(
      'landline_api_requests_total',
      'Requests to the control API, by outcome.',
      ['outcome'],
      OUTCOMES.map((outcome) => ({ outcome })),
    );
  }

  answered(status: number): void {
    this.#requests.inc({ outcome: outcomeOf(status) });
  }
}

function outcomeOf(status: number): (typeof OUTCOMES)[number] {
  if (status < 400) return 'ok';
  if (status >= 500) return 'failed';
  return status === 401 ? 'unauthorized' : status === 429 ? 'rate_limited' : 'refused';
}
