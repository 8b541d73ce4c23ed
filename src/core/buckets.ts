/**
 * Counts values into fixed buckets: a few comparisons and two additions, nothing is allocated. For places that run
 * thousands of times a second; whoever shows the counts reads them when asked.
 */
export class Buckets {
  /** Upper borders, rising; a value on a border belongs below it. */
  readonly bounds: readonly number[];
  /** One count per border, and one for what lies above the last. Not cumulative. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  add(value: number): void {
    const { bounds, counts } = this;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] ?? Infinity)) at++;
    counts[at] = (counts[at] ?? 0) + 1;
    this.sum += value;
  }
}
