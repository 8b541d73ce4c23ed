import { Buckets } from '../../../src/core/buckets.ts';
import type { MetricsSources } from '../../../src/server/metrics/sources.ts';

/** A gateway at rest. */
export const AT_REST: MetricsSources = {
  software: 'landline test',
  sessions: () => [],
  maxConcurrentCalls: 200,
  isDraining: () => false,
  journal: () => ({ queuedBytes: 0, behindMs: 0, droppedTrackBytes: 0, droppedRecords: 0 }),
  store: () => ({ pendingCalls: 0, lagMs: 0, skipped: 0, outbox: 0 }),
  lateness: new Buckets([1, 10]),
  eventReaders: () => 0,
  breakers: () => [],
  spans: () => undefined,
};

/** `name{label="x"} 1` lines of a page that begin with `prefix`. */
export function samples(page: string, prefix: string): string[] {
  return page.split('\n').filter((line) => line.startsWith(prefix));
}
