import { kmeans } from 'ml-kmeans';
import { describe, expect, it } from 'vitest';
import { adjustedRandIndex } from '../../../lib/analysis/cluster/agreement.ts';
import { bestOf, fitAll } from '../../../lib/analysis/cluster/kmeans.ts';
import { assign, lloyd } from '../../../lib/analysis/cluster/lloyd.ts';
import { type Points, widen } from '../../../lib/analysis/cluster/points.ts';
import { startCentres } from '../../../lib/analysis/cluster/starts.ts';
import { createRandom } from '../../../lib/analysis/umap/random.ts';
import { blobs, rowsOf } from './rows.ts';

const cloud = (count: number, dimensions: number, seed: number) => {
  const random = createRandom(seed);
  return rowsOf(Array.from({ length: count }, () => Array.from({ length: dimensions }, random.fraction)));
};
const nested = (values: Float64Array, dimensions: number) =>
  Array.from({ length: values.length / dimensions }, (_, row) => Array.from(values.subarray(row * dimensions, (row + 1) * dimensions)));
const rowsIn = ({ labels }: { labels: Int32Array }) => new Set(labels).size;

describe('lloyd', () => {
  it.each([1, 2, 7, 20])('ends where ml-kmeans ends from the same centres: k = %i', (k) => {
    const points = widen(cloud(400, 5, k));
    const start = startCentres(points, k, createRandom(3));
    const ours = lloyd(points, start, 1_000);
    const theirs = kmeans(nested(points.values, 5), k, { initialization: nested(start, 5), maxIterations: 1_000, tolerance: 0 });
    expect([...ours.labels]).toEqual(theirs.clusters);
    theirs.centroids.flat().forEach((value, at) => void expect(ours.centres[at]).toBeCloseTo(value, 9));
  });

  it('leaves every row with its nearest centre', () => {
    const points = widen(cloud(500, 8, 4));
    const fit = lloyd(points, startCentres(points, 25, createRandom(1)), 1_000);
    expect(fit.labels).toEqual(assign(points, fit.centres).labels);
  });

  it('fills the clusters that no row would go to', () => {
    const points = widen(blobs([20, 20]).rows);
    const start = Float64Array.from([...points.values.subarray(0, 8), ...points.values.subarray(0, 8), ...new Array<number>(16).fill(1e6)]);
    expect(rowsIn(lloyd(points, start))).toBe(4);
  });

  it('ends on rows that are all the same', () => {
    const points = widen(rowsOf(new Array(30).fill([1, 2])));
    expect(lloyd(points, startCentres(points, 3, createRandom(1))).inertia).toBe(0);
  });
});

describe('startCentres', () => {
  it('draws far rows, however few they are', () => {
    const far = [1, 2, 3, 4].map((each) => [10 * each, -10 * each]);
    const points = widen(rowsOf([...new Array(1_000).fill([0, 0]), ...far]));
    for (const seed of [1, 2, 3]) expect(assign(points, startCentres(points, 5, createRandom(seed))).inertia).toBe(0);
  });
});

describe('bestOf', () => {
  it('is not above the mean inertia of ml-kmeans with starts of its own', () => {
    const points = widen(cloud(600, 8, 9));
    const rows = nested(points.values, 8);
    const theirs = [1, 2, 3, 4, 5].map((seed) => inertiaOf(points, kmeans(rows, 12, { seed }).centroids));
    expect(bestOf(points, 12, createRandom(1)).inertia).toBeLessThanOrEqual(theirs.reduce((sum, each) => sum + each) / theirs.length);
  });

  it('finds groups that lie apart, whatever the seed', () => {
    const { rows, truth } = blobs([40, 10, 25, 60, 15, 30]);
    for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) expect(adjustedRandIndex(bestOf(widen(rows), 6, createRandom(seed)).labels, truth)).toBe(1);
  });
});

describe('fitAll', () => {
  it('lets ml-kmeans move good centres no more', () => {
    const points = widen(cloud(500, 8, 2));
    const { centres, inertia } = lloyd(points, startCentres(points, 10, createRandom(5)), 1_000);
    expect(fitAll(points, centres).inertia).toBeCloseTo(inertia, 9);
  });
});

function inertiaOf(points: Points, centroids: number[][]): number {
  return assign(points, Float64Array.from(centroids.flat())).inertia;
}
