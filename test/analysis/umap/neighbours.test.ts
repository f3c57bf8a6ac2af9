import { describe, expect, it } from 'vitest';
import type { Neighbours, Vectors } from '../../../lib/analysis/contract.ts';
import { findNeighbours, nearestAmong } from '../../../lib/analysis/umap/neighbours.ts';
import { clusteredRows, cosineDistance, nearestByHand, rowOf, vectorsOf } from './rows.ts';

const K = 15;

function rowsOf({ indices, k }: Neighbours): number[][] {
  return Array.from({ length: indices.length / k }, (_, row) => Array.from(indices.subarray(row * k, (row + 1) * k)));
}

/** Part of the true neighbours of every `step`-th row that were found. */
function recall(vectors: Vectors, neighbours: Neighbours, step: number): number {
  const checked = Array.from({ length: Math.floor(vectors.count / step) }, (_, row) => row * step);
  const found = checked.map((row) => {
    const list = new Set(rowsOf(neighbours)[row]);
    return nearestByHand(vectors, row, neighbours.k - 1).filter((index) => list.has(index)).length;
  });
  return found.reduce((sum, hits) => sum + hits, 0) / (checked.length * (neighbours.k - 1));
}

function expectRising({ distances, k }: Neighbours): void {
  distances.forEach((distance, place) => {
    if (place % k > 0) expect(distance).toBeGreaterThanOrEqual(distances[place - 1] ?? 0);
  });
}

describe('findNeighbours', () => {
  it.each([
    { count: 237, dimensions: 70 },
    { count: 300, dimensions: 1536 },
    { count: 101, dimensions: 3 },
  ])('finds exactly the nearest of $count rows of $dimensions, itself first', ({ count, dimensions }) => {
    const vectors = clusteredRows(count, dimensions);
    const neighbours = findNeighbours(vectors, K);
    expect(neighbours.k).toBe(K);
    expect(recall(vectors, neighbours, 5)).toBe(1);
    expectRising(neighbours);
    rowsOf(neighbours).forEach((list, row) => {
      expect(list[0]).toBe(row);
      expect(new Set(list).size).toBe(K);
    });
    for (const place of [0, 1, 7, 14]) {
      const expected = cosineDistance(rowOf(vectors, 20), rowOf(vectors, neighbours.indices[20 * K + place] ?? 0));
      expect(neighbours.distances[20 * K + place]).toBeCloseTo(expected, 5);
    }
  });

  it('misses next to nothing when it looks along the principal directions only', () => {
    const vectors = clusteredRows(1500, 300, { clusters: 20 });
    const neighbours = findNeighbours(vectors, K, undefined, { projectFrom: 0 });
    expect(recall(vectors, neighbours, 15)).toBeGreaterThan(0.99);
    expectRising(neighbours);
  });

  it('says how far it is', () => {
    const reports: [number, number][] = [];
    findNeighbours(clusteredRows(500, 300), K, (done, total) => reports.push([done, total]));
    expect(reports.length).toBeGreaterThan(2);
    expect(reports.every(([done], position) => done > (reports[position - 1]?.[0] ?? 0))).toBe(true);
    expect(reports.at(-1)?.[0]).toBe(reports.at(-1)?.[1]);
  });

  it('gives fewer neighbours where there are not four times as many rows', () => {
    const kOf = (count: number) => findNeighbours(clusteredRows(count, 10), K).k;
    expect([1, 2, 3, 8, 16, 59, 60].map(kOf)).toEqual([1, 2, 2, 2, 4, 14, 15]);
    expect(findNeighbours({ values: new Float32Array(0), count: 0, dimensions: 10 }, K).indices).toHaveLength(0);
  });

  it('puts identical rows at distance 0 and rows of zeros at right angles to all', () => {
    const twins = clusteredRows(40, 20);
    const rows = Array.from({ length: 80 }, (_, row) => Array.from(rowOf(twins, row >> 1)));
    rows.push(new Array(20).fill(0));
    const { indices, distances, k } = findNeighbours(vectorsOf(rows), 5);
    for (let row = 0; row < 80; row += 1) {
      expect([indices[row * k], indices[row * k + 1]]).toEqual([row, row ^ 1]);
      expect(distances[row * k + 1]).toBe(0);
      expect(distances[row * k + 2]).toBeGreaterThan(0);
    }
    expect(Array.from(distances.subarray(80 * k))).toEqual([0, 1, 1, 1, 1]);
  });

  it('gives neighbours of nothing but identical rows', () => {
    const same = vectorsOf(Array.from({ length: 200 }, () => [1, 2, 3]));
    const neighbours = findNeighbours(same, K);
    expect(neighbours.distances.every((distance) => distance === 0)).toBe(true);
    expect(rowsOf(neighbours).every((list, row) => list[0] === row && new Set(list).size === K)).toBe(true);
  });

  it('takes the search of umap-js where there is no SIMD, in the same shape', () => {
    const vectors = clusteredRows(200, 20);
    const plain = findNeighbours(vectors, K, undefined, { simd: false });
    expect(rowsOf(plain).every((list, row) => list[0] === row && new Set(list).size === K)).toBe(true);
    expectRising(plain);
    expect(recall(vectors, plain, 5)).toBeGreaterThan(0.9);
  });
});

describe('nearestAmong', () => {
  const sample = clusteredRows(210, 40);
  const queries = clusteredRows(33, 40, { seed: 2 });

  it.each([true, false])('finds the nearest of the sample for each query (SIMD: %s)', (simd) => {
    const found = nearestAmong(sample, queries, 4, undefined, { simd });
    expectRising(found);
    rowsOf(found).forEach((list, query) => {
      const all = Array.from({ length: sample.count }, (_, row) => cosineDistance(rowOf(queries, query), rowOf(sample, row)));
      const nearest = all.map((distance, row) => ({ distance, row })).sort((one, other) => one.distance - other.distance);
      expect(list).toEqual(nearest.slice(0, 4).map(({ row }) => row));
      expect(found.distances[query * 4]).toBeCloseTo(nearest[0]?.distance ?? 0, 5);
    });
  });

  it('gives the whole sample where it is smaller than k', () => {
    const few = { ...sample, values: sample.values.subarray(0, 3 * 40), count: 3 };
    const found = nearestAmong(few, queries, 15);
    expect(found.k).toBe(3);
    expect(rowsOf(found).every((list) => new Set(list).size === 3)).toBe(true);
  });

  it('finds each row of the sample as nearest to itself, along the principal directions too', () => {
    const many = clusteredRows(1500, 300, { clusters: 20 });
    const some = { ...many, values: many.values.subarray(1000 * 300, 1200 * 300), count: 200 };
    const found = nearestAmong(many, some, 3, undefined, { projectFrom: 0 });
    expect(rowsOf(found).map(([first]) => first)).toEqual(Array.from({ length: 200 }, (_, row) => 1000 + row));
  });
});
