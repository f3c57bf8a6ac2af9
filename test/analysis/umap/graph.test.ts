import { describe, expect, it } from 'vitest';
import type { Vectors } from '../../../lib/analysis/contract.ts';
import { type FuzzyGraph, graphOf } from '../../../lib/analysis/umap/graph.ts';
import { findNeighbours } from '../../../lib/analysis/umap/neighbours.ts';
import { plainGraph } from '../../../lib/analysis/umap/plain.ts';
import { clusteredRows, rowOf, vectorsOf } from './rows.ts';

function edgesOf({ count, starts, columns, weights }: FuzzyGraph): { row: number; col: number; value: number }[] {
  return Array.from({ length: count }, (_, row) => row).flatMap((row) =>
    Array.from(columns.subarray(starts[row], starts[row + 1]), (col, place) => ({ row, col, value: weights[(starts[row] ?? 0) + place] ?? 0 })),
  );
}

const twins = (vectors: Vectors) => vectorsOf(Array.from({ length: 2 * vectors.count }, (_, row) => Array.from(rowOf(vectors, row >> 1))));

describe('graphOf', () => {
  it.each([
    { name: 'clusters', vectors: clusteredRows(400, 30) },
    { name: 'every row twice', vectors: twins(clusteredRows(100, 30)) },
    { name: 'identical rows', vectors: vectorsOf(Array.from({ length: 70 }, () => [1, 2, 3])) },
    { name: 'sixteen rows', vectors: clusteredRows(16, 30) },
  ])('has the edges and weights of umap-js: $name', ({ vectors }) => {
    const neighbours = findNeighbours(vectors, 15);
    const edges = edgesOf(graphOf(neighbours));
    const expected = plainGraph(neighbours);
    expect(edges.map(({ row, col }) => `${row}:${col}`)).toEqual(expected.map(({ row, col }) => `${row}:${col}`));
    const worst = Math.max(...edges.map(({ value }, edge) => Math.abs(value - (expected[edge]?.value ?? 0))));
    expect(worst).toBeLessThan(1e-9);
  });

  it('lies in shared memory, and so does that of umap-js where there is no SIMD', () => {
    const neighbours = findNeighbours(clusteredRows(100, 10), 15);
    const fast = graphOf(neighbours);
    const plain = graphOf(neighbours, { simd: false });
    for (const { starts, columns, weights } of [fast, plain]) {
      expect([starts, columns, weights].every(({ buffer }) => buffer instanceof SharedArrayBuffer)).toBe(true);
    }
    expect(plain.starts).toEqual(fast.starts);
    expect(plain.columns).toEqual(fast.columns);
  });
});
