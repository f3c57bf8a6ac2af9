import type { Fit } from './lloyd.ts';

/** How far beyond the usual a row has to be: so many times the spread of its cluster. With 5, most that is cut off belongs to a theme; with 10, hardly anything is. */
const SPREADS = 7;
/** Never more of a cluster than this: where the far ones are many, they are no outliers. */
const MOST = 0.05;
/** Fewer rows have no usual distance. */
const FEWEST = 8;

/**
 * Labels with -1 for rows that are too far from their centre: beyond the median distance of their cluster by `SPREADS` times its median
 * absolute deviation (Leys et al., 2013), the farthest first.
 */
export function cutOutliers({ labels, squared, k }: Fit): Int32Array {
  const cut = labels.slice();
  for (let cluster = 0; cluster < k; cluster += 1) {
    const rows = [...labels.keys()].filter((row) => labels[row] === cluster);
    for (const row of outliersOf(rows, squared)) cut[row] = -1;
  }
  return cut;
}

function outliersOf(rows: readonly number[], squared: Float64Array): number[] {
  if (rows.length < FEWEST) return [];
  const distance = (row: number) => Math.sqrt(squared[row] ?? 0);
  const middle = medianOf(rows.map(distance));
  const spread = medianOf(rows.map((row) => Math.abs(distance(row) - middle)));
  return rows
    .filter((row) => distance(row) > middle + SPREADS * spread)
    .toSorted((one, other) => distance(other) - distance(one) || one - other)
    .slice(0, Math.floor(rows.length * MOST));
}

function medianOf(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[half] ?? 0) : ((sorted[half - 1] ?? 0) + (sorted[half] ?? 0)) / 2;
}
