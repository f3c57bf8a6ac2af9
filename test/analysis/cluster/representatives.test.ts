import { expect, it } from 'vitest';
import { representativesOf } from '../../../lib/analysis/cluster/representatives.ts';
import { clusteredRows, vectorsOf } from '../umap/rows.ts';

it('takes rows of the cluster alone, the nearest to its middle first', () => {
  // At these angles the middle of cluster 0 lies at 0 degrees, that of cluster 1 at 90.
  const at = (degrees: number) => [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const vectors = vectorsOf([-20, 20, 2, -1, 80, 100, 91].map(at));
  const found = representativesOf(vectors, Int32Array.of(0, 0, 0, 0, 1, 1, 1), 2, 3);
  expect(found.map(([first]) => first)).toEqual([3, 6]);
  expect(found[1]?.toSorted()).toEqual([4, 5, 6]);
});

it('takes the nearest of many', () => {
  const fan = vectorsOf(Array.from({ length: 61 }, (_, row) => [30, row - 30]));
  expect(representativesOf(fan, new Int32Array(61), 1, 1)).toEqual([[30]]);
});

it('does not take a row that says the same as one before, as long as there are others', () => {
  const vectors = vectorsOf([
    [1, 0, 0],
    [1, 0, 0],
    [1, 0.001, 0],
    [1, 0.5, 0],
    [1, 0, 0.5],
    [1, -0.5, -0.5],
  ]);
  const [found = []] = representativesOf(vectors, new Int32Array(6), 1, 4);
  expect(found.filter((row) => row <= 2)).toHaveLength(1);
  expect(representativesOf(vectors, new Int32Array(6), 1, 6)[0]).toHaveLength(6);
});

it('never takes an outlier, and has nothing to say of an empty cluster', () => {
  const vectors = clusteredRows(12, 5, { clusters: 2 });
  const labels = Int32Array.from({ length: 12 }, (_, row) => (row < 3 ? -1 : 0));
  expect(representativesOf(vectors, labels, 2, 20)).toEqual([expect.not.arrayContaining([0, 1, 2]), []]);
});
