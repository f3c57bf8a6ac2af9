import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Source } from './source.ts';

/** Seconds; from a cache hit to the longest job. */
const BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600];

/** Every label has few values: names of the catalogue, states, outcomes, vendors and their models. Ids, users and paths never are labels. */
export type Label = 'queue' | 'name' | 'state' | 'outcome' | 'provider' | 'model' | 'operation' | 'direction' | 'cache' | 'result';

/** Values of a metric, each with its labels. */
export type Samples<L extends Label> = Iterable<readonly [labels: Partial<Record<L, string>>, value: number]>;

/** What the groups of metrics are made with. Times are in seconds, sizes in bytes. */
export interface Kit {
  counter<L extends Label = never>(name: string, help: string, labelNames?: readonly L[]): Counter<L>;
  histogram<L extends Label = never>(name: string, help: string, labelNames?: readonly L[]): Histogram<L>;
  gauge<L extends Label = never>(name: string, help: string, labelNames?: readonly L[]): Gauge<L>;
  /** A gauge that is read when it is asked for; absent while its source is away. */
  reading<T, L extends Label = never>(
    source: Source<T>,
    name: string,
    help: string,
    labelNames: readonly L[],
    samples: (value: T) => Samples<L>,
  ): void;
}

export function createKit(registry: Registry): Kit {
  const registers = [registry];
  return {
    counter: (name, help, labelNames = []) => new Counter({ name, help, labelNames, registers }),
    histogram: (name, help, labelNames = []) => new Histogram({ name, help, labelNames, registers, buckets: BUCKETS }),
    gauge: (name, help, labelNames = []) => new Gauge({ name, help, labelNames, registers }),
    reading: (source, name, help, labelNames, samples) => {
      const gauge = new Gauge({
        name,
        help,
        labelNames,
        registers,
        collect: async () => {
          const seen = await source.read().then(samples, () => []);
          clear();
          for (const [labels, value] of seen) gauge.set(labels, value);
        },
      });
      /** What was seen before is old news. Reset, a gauge without labels would say 0. */
      const clear = (): void => (labelNames.length > 0 ? gauge.reset() : gauge.remove());
    },
  };
}
