import type { Vectors } from '../contract.ts';
import type { Random } from '../umap/random.ts';

/**
 * `count` rows of `dimensions` each, row-major, of any length. Doubles, as all that is computed from them: one type of array everywhere is
 * what lets V8 compile the inner loops well, several times faster than a mixture.
 */
export interface Points {
  values: Float64Array;
  count: number;
  dimensions: number;
}

export function squaredDistance(one: Float64Array, from: number, other: Float64Array, to: number, dimensions: number): number {
  let sum = 0;
  for (let d = 0; d < dimensions; d += 1) {
    const difference = (one[from + d] ?? 0) - (other[to + d] ?? 0);
    sum += difference * difference;
  }
  return sum;
}

export function widen({ values, count, dimensions }: Vectors): Points {
  return { values: Float64Array.from(values), count, dimensions };
}

/** The rows named, in that order. */
export function pick({ values, dimensions }: Points, rows: Int32Array): Points {
  const picked = new Float64Array(rows.length * dimensions);
  rows.forEach((row, index) => {
    picked.set(values.subarray(row * dimensions, (row + 1) * dimensions), index * dimensions);
  });
  return { values: picked, count: rows.length, dimensions };
}

/** `size` of `count` row numbers in rising order, each as likely as any other; all of them where `size` is not less. */
export function sampleRows(count: number, size: number, random: Random): Int32Array {
  const rows = new Int32Array(Math.min(size, count));
  for (let row = 0, taken = 0; taken < rows.length; row += 1) {
    if (random.fraction() * (count - row) < rows.length - taken) {
      rows[taken] = row;
      taken += 1;
    }
  }
  return rows;
}

/** How many different rows there are; counting ends at `enough`. */
export function countDistinct({ values, count, dimensions }: Points, enough: number): number {
  const seen = new Set<string>();
  for (let row = 0; row < count && seen.size < enough; row += 1) seen.add(values.subarray(row * dimensions, (row + 1) * dimensions).join());
  return seen.size;
}
