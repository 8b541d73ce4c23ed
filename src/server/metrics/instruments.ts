import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Buckets } from '../../core/buckets.ts';

/** Says what a series stands at, while a scrape is answered. */
export type Report<L extends string> = (value: number, labels?: Partial<Record<L, string>>) => void;

/** Makes the metrics of one registry. What is read off state is read when somebody scrapes, and costs nothing else. */
export class Instruments {
  readonly registry: Registry = new Registry();

  /** @param known label values that show up as 0 before anything happened, so that the first one is seen as a rise. */
  counter<L extends string = never>(
    name: string,
    help: string,
    labelNames: readonly L[] = [],
    known: readonly Record<L, string>[] = [],
  ): Counter<L> {
    const counter = new Counter<L>({ name, help, labelNames, registers: [this.registry] });
    for (const labels of known) counter.inc(labels, 0);
    return counter;
  }

  /** @param buckets upper borders in seconds. */
  histogram<L extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    labelNames: readonly L[] = [],
  ): Histogram<L> {
    return new Histogram<L>({ name, help, labelNames, buckets: [...buckets], registers: [this.registry] });
  }

  gauge<L extends string = never>(
    name: string,
    help: string,
    read: (report: Report<L>) => void,
    labelNames: readonly L[] = [],
  ): void {
    new Gauge<L>({
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        this.reset();
        read((value, labels) => (labels ? this.set(labels as Record<L, string>, value) : this.set(value)));
      },
    });
  }

  /** A counter that somebody else counts. */
  counted<L extends string = never>(
    name: string,
    help: string,
    read: (report: Report<L>) => void,
    labelNames: readonly L[] = [],
  ): void {
    new Counter<L>({
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        this.reset();
        read((value, labels) => (labels ? this.inc(labels as Record<L, string>, value) : this.inc(value)));
      },
    });
  }

  /** A histogram that somebody else counts, in milliseconds; shown in seconds. */
  bucketed(name: string, help: string, buckets: Buckets): void {
    new ReadHistogram(name, help, buckets, this.registry);
  }
}

/** What prom-client's registry takes from a histogram; its types do not tell of it. */
type HistogramData = Omit<Awaited<ReturnType<Histogram['get']>>, 'type' | 'collect'> & { readonly type: 'histogram' };

class ReadHistogram extends Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #buckets: Buckets;

  constructor(name: string, help: string, buckets: Buckets, registry: Registry) {
    super({ name, help, buckets: buckets.bounds.map((ms) => ms / 1000), registers: [registry] });
    this.#name = name;
    this.#help = help;
    this.#buckets = buckets;
  }

  /** What the registry asks for when it writes the page, and what `get` is made of. */
  async getForPromString(): Promise<HistogramData> {
    const { bounds, counts, sum } = this.#buckets;
    const values: HistogramData['values'] = [];
    let count = 0;
    for (const [at, own] of counts.entries()) {
      count += own;
      const ms = bounds[at];
      const le = ms === undefined ? '+Inf' : ms / 1000;
      values.push({ metricName: `${this.#name}_bucket`, labels: { le }, value: count });
    }
    values.push({ metricName: `${this.#name}_sum`, labels: {}, value: sum / 1000 });
    values.push({ metricName: `${this.#name}_count`, labels: {}, value: count });
    return { name: this.#name, help: this.#help, type: 'histogram', aggregator: 'sum', values };
  }
}
