import type { Counter } from 'prom-client';
import type { KeeperState, RecordingOutcome } from '../../records/recording-keep.ts';
import type { Instruments } from './instruments.ts';

const SOURCES = ['call', 'telnyx'] as const;
type Source = (typeof SOURCES)[number];

/** What became of recordings after their calls. */
export class RecordingMetrics {
  readonly #kept: Counter<'source'>;
  readonly #failed: Counter<'source'>;
  readonly #bytes: Counter<'source'>;
  #state: () => KeeperState = () => ({ waiting: 0 });

  constructor(on: Instruments) {
    const bySource = SOURCES.map((source) => ({ source }));
    this.#kept = on.counter('landline_recordings_kept_total', 'Recordings stored.', ['source'], bySource);
    this.#bytes = on.counter(
      'landline_recordings_kept_bytes_total',
      'Bytes of recordings stored.',
      ['source'],
      bySource,
    );
    this.#failed = on.counter(
      'landline_recordings_failed_total',
      'Attempts to store a recording that failed; they are repeated.',
      ['source'],
      bySource,
    );
    on.gauge('landline_recordings_waiting', 'Recordings whose last attempt to be stored failed.', (report) =>
      report(this.#state().waiting),
    );
  }

  /** Where the gauge reads from. */
  watch(state: () => KeeperState): void {
    this.#state = state;
  }

  attempt(source: Source, outcome: RecordingOutcome, bytes: number): void {
    if (outcome === 'failed') this.#failed.inc({ source });
    if (outcome !== 'kept') return;
    this.#kept.inc({ source });
    this.#bytes.inc({ source }, bytes);
  }
}
