/** One figure of a benchmark, against a baseline measured in the same run. */
export interface Figure {
  bench: string;
  value: number;
  unit: string;
  /** What `ratio` compares with, and its value in the same unit. */
  baseline: string;
  baselineValue: number;
  /** Above 1 = better than the baseline. */
  ratio: number;
  /** How many samples or pairs are behind `value`. */
  n: number;
}

export interface Bench {
  name: string;
  /** One line: what is measured against what. */
  about: string;
  run(): Promise<Figure[]>;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

/** Runs both sides in turns, so that a machine that changes its speed changes both; the first pair warms up and is dropped. */
export async function inPairs(
  pairs: number,
  ours: () => Promise<number>,
  baseline: () => Promise<number>,
): Promise<{ ours: number[]; baseline: number[] }> {
  const measured = { ours: [] as number[], baseline: [] as number[] };
  for (let pair = 0; pair <= pairs; pair += 1) {
    // Whoever goes first pays for the other's garbage; they take turns at that too.
    const [first, second] = pair % 2 === 0 ? (['ours', 'baseline'] as const) : (['baseline', 'ours'] as const);
    const results = { ours: 0, baseline: 0 };
    results[first] = await { ours, baseline }[first]();
    results[second] = await { ours, baseline }[second]();
    if (pair === 0) continue;
    measured.ours.push(results.ours);
    measured.baseline.push(results.baseline);
  }
  return measured;
}

/** `higher` = more is better (jobs/s); `lower` = less is better (ms). The ratio is the median of the pairs' ratios. */
export function figure(
  name: string,
  unit: string,
  baseline: string,
  better: 'higher' | 'lower',
  measured: { ours: readonly number[]; baseline: readonly number[] },
): Figure {
  const ratios = measured.ours.map((ours, pair) => {
    const other = measured.baseline[pair] ?? Number.NaN;
    return better === 'higher' ? ours / other : other / ours;
  });
  return {
    bench: name,
    value: median(measured.ours),
    unit,
    baseline,
    baselineValue: median(measured.baseline),
    ratio: median(ratios),
    n: ratios.length,
  };
}
