import { collectDefaultMetrics, type Counter } from 'prom-client';
import type { Instruments } from './instruments.ts';
import type { MetricsSources } from './sources.ts';

/** The process: its disk, its queues, its readers, and what prom-client tells of every Node process. */
export class MachineMetrics {
  readonly #behind: Counter;

  constructor(on: Instruments, sources: MetricsSources) {
    // Event-loop lag, CPU, memory, handles: `nodejs_…` and `process_…`.
    collectDefaultMetrics({ register: on.registry });
    on.gauge(
      'landline_build_info',
      'Always 1; the label says what runs.',
      (report) => report(1, { version: sources.software }),
      ['version'],
    );
    on.gauge('landline_draining', '1 while no new calls are taken.', (report) => report(sources.isDraining() ? 1 : 0));
    on.gauge('landline_journal_queue_bytes', 'Bytes waiting for the disk.', (report) =>
      report(sources.journal().queuedBytes),
    );
    on.gauge('landline_journal_behind_seconds', 'Age of the oldest byte waiting for the disk.', (report) =>
      report(sources.journal().behindMs / 1000),
    );
    on.gauge('landline_journal_failed', '1 while the disk refuses.', (report) =>
      report(sources.journal().failed === undefined ? 0 : 1),
    );
    on.counted('landline_journal_dropped_records_total', 'Journal records dropped, the disk being behind.', (report) =>
      report(sources.journal().droppedRecords),
    );
    on.counted('landline_journal_dropped_audio_bytes_total', 'Audio bytes dropped for the same reason.', (report) =>
      report(sources.journal().droppedTrackBytes),
    );
    on.gauge('landline_store_failed', '1 while the database cannot be used.', (report) =>
      report(sources.store().failed === undefined ? 0 : 1),
    );
    on.gauge('landline_store_lag_seconds', 'For how long the oldest call waits for the store.', (report) =>
      report(sources.store().lagMs / 1000),
    );
    on.gauge('landline_store_pending_calls', 'Calls whose journals hold more than the store does.', (report) =>
      report(sources.store().pendingCalls),
    );
    on.counted('landline_store_skipped_journals_total', 'Journals that could not be used.', (report) =>
      report(sources.store().skipped),
    );
    on.gauge('landline_outbox_waiting', 'Work that waits in the outbox.', (report) => report(sources.store().outbox));
    this.#behind = on.counter('landline_journal_behind_total', 'Intents sent before they were on file.');
    on.gauge('landline_inbox_depth', 'Inputs waiting at the doors of all calls.', (report) =>
      report([...sources.sessions()].reduce((sum, session) => sum + session.waiting, 0)),
    );
    on.gauge('landline_event_readers', 'Readers of server-sent events.', (report) => report(sources.eventReaders()));
    on.counted(
      'landline_trace_spans_total',
      'Spans of traces, by what became of them.',
      (report) => {
        const spans = sources.spans();
        for (const outcome of ['exported', 'dropped', 'failed'] as const)
          if (spans) report(spans[outcome], { outcome });
      },
      ['outcome'],
    );
    on.gauge('landline_trace_queue_spans', 'Spans waiting for the collector.', (report) =>
      report(sources.spans()?.queued ?? 0),
    );
  }

  journalBehind(): void {
    this.#behind.inc();
  }
}
