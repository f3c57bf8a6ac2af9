import type { Neighbours, Vectors } from '../../../lib/analysis/contract.ts';
import { createRandom, type Random } from '../../../lib/analysis/umap/random.ts';

/**
 * Rows around `clusters` directions, of unit length; they differ less from column to column, as embeddings do along their principal directions.
 * Made without the Math functions that differ between versions of Node.
 */
export function clusteredRows(count: number, dimensions: number, { clusters = 6, noise = 1, seed = 1 } = {}): Vectors {
  const random = createRandom(seed);
  const centres = Array.from({ length: clusters }, () => Array.from({ length: dimensions }, () => bell(random)));
  return vectorsOf(
    Array.from({ length: count }, (_, row) =>
      (centres[row % clusters] ?? []).map((centre, column) => (centre + noise * bell(random)) * (20 / (20 + column))),
    ),
  );
}

export function vectorsOf(rows: number[][]): Vectors {
  const lengths = rows.map((row) => Math.sqrt(row.reduce((sum, value) => sum + value * value, 0)) || 1);
  const values = Float32Array.from(rows.flatMap((row, index) => row.map((value) => value / (lengths[index] ?? 1))));
  return { values, count: rows.length, dimensions: rows[0]?.length ?? 0 };
}

export function rowOf({ values, dimensions }: Vectors, row: number): Float32Array {
  return values.subarray(row * dimensions, (row + 1) * dimensions);
}

export function cosineDistance(one: Float32Array, other: Float32Array): number {
  return 1 - product(one, other) / Math.sqrt(product(one, one) * product(other, other));
}

function product(one: Float32Array, other: Float32Array): number {
  let sum = 0;
  for (let column = 0; column < one.length; column += 1) sum += (one[column] ?? 0) * (other[column] ?? 0);
  return sum;
}

/** Indices of the `k` nearest of a row among all others, by comparing with each. */
export function nearestByHand(vectors: Vectors, row: number, k: number): number[] {
  return Array.from({ length: vectors.count }, (_, other) => ({ other, distance: cosineDistance(rowOf(vectors, row), rowOf(vectors, other)) }))
    .filter(({ other }) => other !== row)
    .sort((one, other) => one.distance - other.distance)
    .slice(0, k)
    .map(({ other }) => other);
}

/** Part of the neighbours in the rows that are neighbours in the layout too, 0 to 1. */
export function preserved(neighbours: Neighbours, layout: Float32Array, dimensions: number): number {
  const { indices, k } = neighbours;
  const count = indices.length / k;
  const kept = Array.from({ length: count }, (_, row) => {
    const found = new Set(nearestInLayout(layout, dimensions, row, k - 1));
    return indices.subarray(row * k + 1, (row + 1) * k).filter((index) => found.has(index)).length;
  });
  return kept.reduce((sum, part) => sum + part, 0) / (count * (k - 1));
}

function nearestInLayout(layout: Float32Array, dimensions: number, row: number, k: number): number[] {
  const own = layout.subarray(row * dimensions, (row + 1) * dimensions);
  return Array.from({ length: layout.length / dimensions }, (_, other) => ({
    other,
    distance: own.reduce((sum, value, column) => sum + (value - (layout[other * dimensions + column] ?? 0)) ** 2, 0),
  }))
    .filter(({ other }) => other !== row)
    .sort((one, other) => one.distance - other.distance)
    .slice(0, k)
    .map(({ other }) => other);
}

/** Near the bell curve: the sum of four dice. */
function bell({ fraction }: Random): number {
  return fraction() + fraction() + fraction() + fraction() - 2;
}
