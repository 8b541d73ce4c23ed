import { quantiles, type Quantiles } from './quantiles.ts';

const FRAME_MS = 20;
/** How far ahead of the ear playout sends. */
const LEAD_MS = 200;
/** Frames of the lead leave at once, and so does the one that follows them. */
const LEAD_FRAMES = LEAD_MS / FRAME_MS + 1;

export interface LatenessReport extends Quantiles {
  /** Frames sent of those that were due, per cent. */
  readonly percent: number;
}

/**
 * How late each frame was against absolute deadlines 20 ms apart. Where a call's line of deadlines lies is told by its
 * most punctual frame: nothing is ever sent before its time, so this is off by no more than that frame was late.
 */
export class Lateness {
  #calls: number[][] = [];
  #from = 0;

  /** Send times of one call, monotonic milliseconds, to be filled. */
  call(): number[] {
    const times: number[] = [];
    this.#calls.push(times);
    return times;
  }

  /** Calls so far do not count any more. */
  forget(): void {
    this.#calls = [];
  }

  /** What is due before now does not count. */
  begin(): void {
    this.#from = performance.now();
  }

  report(): LatenessReport {
    const late: number[] = [];
    let sent = 0;
    let due = 0;
    // What fell due within the last lead may still be on its way; the caller would not hear it.
    const until = performance.now() - LEAD_MS;
    for (const times of this.#calls) {
      let origin = Infinity;
      times.forEach((t, n) => {
        if (n >= LEAD_FRAMES) origin = Math.min(origin, t - n * FRAME_MS);
      });
      const first = Math.max(LEAD_FRAMES, Math.ceil((this.#from - origin) / FRAME_MS));
      const end = Math.floor((until - origin) / FRAME_MS) + 1;
      due += end - first;
      for (let n = first; n < Math.min(end, times.length); n++) {
        sent++;
        late.push((times[n] as number) - n * FRAME_MS - origin);
      }
    }
    return { ...quantiles(late), percent: (100 * sent) / due };
  }
}
