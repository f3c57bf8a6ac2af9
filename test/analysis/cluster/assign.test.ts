import { describe, expect, it } from 'vitest';
import { assignRest } from '../../../lib/analysis/cluster/assign.ts';
import { nearestAmong } from '../../../lib/analysis/umap/neighbours.ts';
import { clusteredRows, vectorsOf } from '../umap/rows.ts';

const neighbours = (indices: number[], distances: number[]) => ({
  indices: Int32Array.from(indices),
  distances: Float32Array.from(distances),
  k: indices.length,
});
const labels = Int32Array.of(0, 0, 1, -1, -1);
const map = Float32Array.of(0, 0, 2, 0, 9, 9, -5, -5, -7, -7);

describe('assignRest', () => {
  it.each([
    { name: 'the many, where all are as near', near: neighbours([2, 0, 1], [0.2, 0.2, 0.2]), label: 0, at: [1, 0] },
    { name: 'the nearest, where the others are far', near: neighbours([2, 0, 1], [0.05, 0.4, 0.4]), label: 1, at: [9, 9] },
    { name: 'none, where outliers say so', near: neighbours([3, 4, 0], [0.1, 0.1, 0.3]), label: -1, at: [-6, -6] },
    { name: 'one that says the very same', near: neighbours([2, 0, 1], [0, 0.01, 0.01]), label: 1, at: [9, 9] },
  ])('follows $name', ({ near, label, at }) => {
    const placed = assignRest(labels, map, near);
    expect([...placed.labels]).toEqual([label]);
    expect([...placed.map]).toEqual(at);
  });

  it('leans to the nearer ones on the map', () => {
    const [x] = assignRest(labels, map, neighbours([1, 0], [0.1, 0.3])).map;
    expect(x).toBeCloseTo(1.5, 5);
  });

  it('places no rows where there are none', () => {
    expect(assignRest(labels, map, { indices: new Int32Array(0), distances: new Float32Array(0), k: 15 }).labels).toHaveLength(0);
  });

  it('gives rows beyond the sample to the clusters that they come from', () => {
    const all = clusteredRows(300, 32, { clusters: 5, noise: 0.5 });
    const part = (from: number, to: number) =>
      vectorsOf(Array.from({ length: to - from }, (_, row) => [...all.values.subarray((from + row) * 32, (from + row + 1) * 32)]));
    const [sample, rest] = [part(0, 200), part(200, 300)];
    const truth = Int32Array.from({ length: 300 }, (_, row) => row % 5);
    const placed = assignRest(truth.slice(0, 200), new Float32Array(400), nearestAmong(sample, rest, 5));
    expect(placed.labels).toEqual(truth.slice(200));
  });
});
