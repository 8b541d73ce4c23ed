import type { Counter } from 'prom-client';
import type { ExpiredKind } from '../../records/retention.ts';
import type { Instruments } from './instruments.ts';

const KINDS: readonly ExpiredKind[] = ['recordings', 'transcripts', 'events', 'journals', 'calls'];

/** What retention took away. */
export class PrivacyMetrics {
  readonly #expired: Counter<'kind' | 'outcome'>;

  constructor(on: Instruments) {
    this.#expired = on.counter(
      'landline_retention_calls_total',
      'Calls that retention took one kind of data from, by kind and whether it succeeded.',
      ['kind', 'outcome'],
      KINDS.flatMap((kind) => [
        { kind, outcome: 'removed' },
        { kind, outcome: 'failed' },
      ]),
    );
  }

  expired(kind: ExpiredKind, removed: number, failed: number): void {
    this.#expired.inc({ kind, outcome: 'removed' }, removed);
    this.#expired.inc({ kind, outcome: 'failed' }, failed);
  }
}
