import type { Session } from '../../call/session.ts';
import type { Buckets } from '../../core/buckets.ts';
import type { JournalState } from '../../journal/writer.ts';
import type { ProviderBreaker } from '../../providers/create.ts';
import type { StoreState } from '../../store/port.ts';

/** What became of the spans of all calls so far, and how many wait. */
export interface SpanCounts {
  readonly exported: number;
  /** Not taken because too many waited. */
  readonly dropped: number;
  /** Given to the collector in vain. */
  readonly failed: number;
  readonly queued: number;
}

/** The state of a gateway that its metrics are read off, asked at every scrape. */
export interface MetricsSources {
  /** E.g. `landline 0.1.0`. */
  readonly software: string;
  readonly sessions: () => Iterable<Session>;
  readonly maxConcurrentCalls: number;
  readonly isDraining: () => boolean;
  readonly journal: () => JournalState;
  readonly store: () => StoreState;
  /** How late the wheel was, milliseconds. */
  readonly lateness: Buckets;
  /** Readers of `/v1/events` and its like. */
  readonly eventReaders: () => number;
  readonly breakers: () => readonly ProviderBreaker[];
  /** Undefined: traces are off. */
  readonly spans: () => SpanCounts | undefined;
}
