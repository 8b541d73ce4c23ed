import type { Histogram } from 'prom-client';
import type { DialQueueState } from '../../call/dial-queue.ts';
import type { Instruments } from './instruments.ts';

const WAITS_S = [0.05, 0.2, 0.5, 1, 2, 5, 10, 20, 40, 60];

/** Calls out that wait for their turn. */
export class OutboundMetrics {
  readonly #waited: Histogram;
  #read: () => DialQueueState = () => ({ queued: 0, active: 0 });

  constructor(on: Instruments) {
    on.gauge('landline_dials_queued', 'Calls out that wait for their turn.', (report) => report(this.#read().queued));
    on.gauge('landline_dials_active', 'Calls out that are dialled or up.', (report) => report(this.#read().active));
    this.#waited = on.histogram('landline_dial_wait_seconds', 'From the request of a call out to its dial.', WAITS_S);
  }

  watch(read: () => DialQueueState): void {
    this.#read = read;
  }

  waited(ms: number): void {
    this.#waited.observe(ms / 1000);
  }
}
