import { describe, expect, it } from 'vitest';
import { adjustedRandIndex } from '../../../lib/analysis/cluster/agreement.ts';
import { cluster } from '../../../lib/analysis/cluster/choose-k.ts';
import type { Clustering } from '../../../lib/analysis/contract.ts';
import { blobs, fingerprint, rowsOf } from './rows.ts';

const sizesOf = ({ labels, k }: Clustering) => Array.from({ length: k }, (_, each) => labels.filter((label) => label === each).length);
const outliersOf = ({ labels }: Clustering) => [...labels.keys()].filter((row) => labels[row] === -1);

describe('cluster', () => {
  it.each([
    { name: 'even groups', sizes: new Array<number>(9).fill(30) },
    { name: 'uneven groups', sizes: [120, 100, 60, 50, 40, 30, 25, 20] },
    { name: 'more rows than are searched', sizes: new Array<number>(12).fill(200) },
  ])('finds how many groups there are, and which: $name', ({ sizes }) => {
    const { rows, truth } = blobs(sizes);
    const found = cluster(rows, { seed: 1 });
    expect(found.k).toBe(sizes.length);
    expect(adjustedRandIndex(found.labels, truth)).toBeGreaterThan(0.97);
    expect(found.silhouette).toBeGreaterThan(0.3);
    expect(found.stability).toBeGreaterThan(0.9);
  });

  it('judges by the vectors that the rows were reduced from, not by how far the reduction pulled them apart', () => {
    // Eight groups in the vectors; the reduction drew them together in pairs.
    const { rows: origin, truth } = blobs(new Array<number>(8).fill(40), { dimensions: 32 });
    const pairs = blobs(new Array<number>(8).fill(40), { seed: 3 }).rows;
    const reduced = { ...pairs, values: pairs.values.map((value, at) => (at % 8 === 0 && value > 3 ? value - 3.5 : value)) };
    const found = cluster(reduced, { seed: 1 }, undefined, origin);
    expect(adjustedRandIndex(found.labels, truth)).toBeGreaterThan(0.95);
  });

  it('takes fewer where links and distances are not of one mind: knots of four within a group are no themes', () => {
    const { rows: knots } = blobs(new Array<number>(6).fill(10), { dimensions: 16, apart: 3 });
    const { rows: beside } = blobs([240], { dimensions: 16, apart: 0 });
    const values = beside.values.map((value, at) => (knots.values[16 * Math.floor(at / 64) + (at % 16)] ?? 0) + 0.02 * value);
    expect(cluster({ ...beside, values }, { seed: 1 }).k).toBeLessThan(9);
  });

  it('numbers the clusters from the largest on', () => {
    const found = cluster(blobs([10, 50, 30, 20]).rows, { seed: 1, k: 4 });
    expect(sizesOf(found)).toEqual([...sizesOf(found)].sort((one, other) => other - one));
    expect(found.clusterStability).toHaveLength(4);
  });

  it('makes exactly as many clusters as asked for', () => {
    const { rows } = blobs([40, 40, 40]);
    for (const k of [1, 2, 5, 11]) expect(cluster(rows, { seed: 1, k })).toMatchObject({ k });
  });

  it('searches within the bounds given', () => {
    const { rows } = blobs(new Array<number>(8).fill(20));
    const found = cluster(rows, { seed: 1, minK: 3, maxK: 5 });
    expect(found.candidates.map(({ k }) => k)).toEqual([3, 4, 5]);
    expect([3, 4, 5]).toContain(found.k);
    expect(cluster(rows, { seed: 1, maxK: 1 })).toMatchObject({ k: 1, silhouette: null, stability: null });
  });

  it('takes the upper bound where the lower one is above it', () => {
    expect(cluster(blobs([30, 30, 30]).rows, { seed: 1, minK: 9, maxK: 4 }).candidates.map(({ k }) => k)).toEqual([4]);
  });

  it('leaves a row far from all others out, and says how far it is', () => {
    const { rows } = blobs([60, 60]);
    rows.values.set([3, 3, 3, 3, -4, -4, -4, -4], 0);
    const found = cluster(rows, { seed: 1, k: 2 });
    expect(outliersOf(found)).toContain(0);
    expect(found.distances[0]).toBe(Math.max(...found.distances));
  });

  it('never leaves out more than a twentieth of a cluster', () => {
    // A tight middle, and two fifths of the rows far around it on all sides.
    const rows = Array.from({ length: 100 }, (_, row) => (row < 60 ? [row * 1e-4, 0] : [row % 2 === 0 ? row : -row, row % 4 < 2 ? row : -row]));
    expect(outliersOf(cluster(rowsOf([...rows, ...rows.map(([x = 0, y = 0]) => [x + 1e4, y])]), { seed: 1, k: 2 })).length).toBeLessThanOrEqual(10);
  });

  it.each([
    { name: 'no rows', rows: [], k: 0 },
    { name: 'one row', rows: [[1, 2]], k: 1 },
    { name: 'identical rows', rows: new Array<number[]>(100).fill([1, 2]), k: 1 },
    { name: 'four distinct rows among many', rows: Array.from({ length: 100 }, (_, row) => [row % 4, 0]), k: 1 },
  ])('is honest about what cannot be told apart: $name', ({ rows, k }) => {
    const found = cluster(rowsOf(rows), { seed: 1 });
    expect(found).toMatchObject({ k, silhouette: null, stability: null, candidates: [] });
    expect([...found.labels]).toEqual(rows.map(() => 0));
  });

  it('makes no more clusters than there are distinct rows', () => {
    const rows = rowsOf(Array.from({ length: 3_000 }, (_, row) => [row < 2_990 ? 0 : row, row % 2]));
    const found = cluster(rows, { seed: 1, k: 50 });
    expect(found.k).toBeLessThanOrEqual(12);
    expect(sizesOf(found).every((size) => size > 0)).toBe(true);
  });

  it('says how much of a cluster comes back: all of one that lies apart, less of a cloud cut in two', () => {
    const { rows } = blobs([80, 80], { apart: 30 });
    const found = cluster(rows, { seed: 1, k: 3 });
    const whole = found.clusterStability[0] ?? 0;
    expect(whole).toBeGreaterThan(Math.max(found.clusterStability[1] ?? 1, found.clusterStability[2] ?? 1));
    expect(found.stability).toBeLessThan(1);
  });

  it('gives the same bytes for the same seed, on any machine', () => {
    const { rows } = blobs([90, 70, 50, 40, 30, 20, 10], { apart: 2 });
    const { labels, distances, clusterStability } = cluster(rows, { seed: 7 });
    expect(fingerprint(labels, distances, clusterStability)).toBe('7bddbb6e466a9461');
  });

  it('reports its progress up to the end', () => {
    const steps: [number, number][] = [];
    cluster(blobs([30, 30, 30]).rows, { seed: 1, maxK: 6 }, (done, total) => steps.push([done, total]));
    expect(steps.map(([done]) => done)).toEqual(steps.map((_, index) => index + 2));
    expect(steps.at(-1)?.[0]).toBe(steps.at(-1)?.[1]);
  });

  it('refuses vectors that are not those of the rows', () => {
    expect(() => cluster(blobs([10]).rows, { seed: 1 }, undefined, blobs([11]).rows)).toThrow('10 rows cannot come from 11 vectors');
  });
});
