import { quantiles, type Quantiles } from './quantiles.ts';

const FRAME_MS = 20;
/** Frames of the lead leave at once, and so does the one that follows them. */
const LEAD_FRAMES = 11;

export interface LatenessReport extends Quantiles {
  /** Frames sent of those that were due, per cent. */
  readonly percent: number;
}

/**
 * How late each frame was against absolute deadlines 20 ms apart. Where a call's line of deadlines lies is told by its
 * most punctual frame: nothing is ever sent before its time, so this is off by no more than that frame was late.
 */
export class Lateness {
  readonly #calls: number[][] = [];

  /** Send times of one call, monotonic milliseconds, to be filled. */
  call(): number[] {
    const times: number[] = [];
    this.#calls.push(times);
    return times;
  }

  report(): LatenessReport {
    const late: number[] = [];
    let sent = 0;
    let due = 0;
    const now = performance.now();
    for (const times of this.#calls) {
      let origin = Infinity;
      times.forEach((t, n) => {
        if (n >= LEAD_FRAMES) origin = Math.min(origin, t - n * FRAME_MS);
      });
      times.forEach((t, n) => {
        if (n >= LEAD_FRAMES) late.push(t - n * FRAME_MS - origin);
      });
      // What fell due within the last frame may still be on its way.
      const nominal = Math.floor((now - FRAME_MS - origin) / FRAME_MS) + 1;
      due += nominal;
      sent += Math.min(nominal, times.length);
    }
    return { ...quantiles(late), percent: (100 * sent) / due };
  }
}
