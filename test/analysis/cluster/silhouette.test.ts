import { expect, it } from 'vitest';
import { cosineDistances } from '../../../lib/analysis/cluster/cosine.ts';
import { widen } from '../../../lib/analysis/cluster/points.ts';
import { distancesOf, silhouettes } from '../../../lib/analysis/cluster/silhouette.ts';
import { clusteredRows, cosineDistance, rowOf } from '../umap/rows.ts';
import { rowsOf } from './rows.ts';

it('is the difference between the nearest other cluster and the own one, by the larger of both', () => {
  const distances = distancesOf(widen(rowsOf([[0], [1], [4], [6]])));
  // Row 0: 1 within, 5 beside. Row 2: 2 within, 3.5 beside.
  expect([...silhouettes(distances, Int32Array.of(0, 0, 1, 1), 2)]).toEqual([0.8, 0.75, 1.5 / 3.5, 3.5 / 5.5]);
});

it('is 0 for a row alone in its cluster, for one cluster, and for identical rows', () => {
  const distances = distancesOf(widen(rowsOf([[0], [1], [4]])));
  expect(silhouettes(distances, Int32Array.of(0, 0, 1), 2)[2]).toBe(0);
  expect([...silhouettes(distances, Int32Array.of(0, 0, 0), 1)]).toEqual([0, 0, 0]);
  expect([...silhouettes(new Float32Array(9), Int32Array.of(0, 0, 1), 2)]).toEqual([0, 0, 0]);
});

it.each([1, 2, 3, 4, 5, 8, 9, 30])('compares each of %i rows with each other by their angle', (count) => {
  const vectors = clusteredRows(count, 7);
  const distances = cosineDistances(vectors);
  for (let row = 0; row < count; row += 1) {
    for (let other = 0; other < count; other += 1) {
      const expected = row === other ? 0 : cosineDistance(rowOf(vectors, row), rowOf(vectors, other));
      expect(distances[row * count + other]).toBeCloseTo(expected, 5);
    }
  }
});
