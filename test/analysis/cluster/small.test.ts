import { describe, expect, it } from 'vitest';
import { adjustedRandIndex } from '../../../lib/analysis/cluster/agreement.ts';
import { placeFew } from '../../../lib/analysis/cluster/small.ts';
import { createRandom } from '../../../lib/analysis/umap/random.ts';
import { clusteredRows, cosineDistance, rowOf, vectorsOf } from '../umap/rows.ts';
import { fingerprint } from './rows.ts';

const noise = (count: number, dimensions: number) => {
  const { fraction } = createRandom(1);
  return vectorsOf(Array.from({ length: count }, () => Array.from({ length: dimensions }, () => fraction() + fraction() + fraction() - 1.5)));
};

describe('placeFew', () => {
  it('tells groups apart where there are any', () => {
    const { clustering } = placeFew(clusteredRows(40, 64, { clusters: 4, noise: 0.4 }), { seed: 1 });
    expect(clustering.k).toBe(4);
    expect(
      adjustedRandIndex(
        clustering.labels,
        Array.from({ length: 40 }, (_, row) => row % 4),
      ),
    ).toBe(1);
  });

  it('makes one cluster of rows in which there are none', () => {
    const { clustering } = placeFew(noise(40, 64), { seed: 1 });
    expect(clustering).toMatchObject({ k: 1, silhouette: null, stability: null });
    expect(clustering.candidates.length).toBeGreaterThan(0);
  });

  it('makes as many clusters as asked for, up to the distinct rows', () => {
    expect(placeFew(noise(20, 16), { seed: 1, k: 6 }).clustering.k).toBe(6);
    expect(placeFew(noise(3, 16), { seed: 1, k: 6 }).clustering.k).toBe(3);
  });

  it.each([
    { name: 'no rows', vectors: vectorsOf([]), k: 0 },
    { name: 'one row', vectors: vectorsOf([[1, 2, 3]]), k: 1 },
    { name: 'two rows', vectors: noise(2, 8), k: 1 },
    { name: 'four rows', vectors: noise(4, 8), k: 1 },
    { name: 'identical rows', vectors: vectorsOf(new Array<number[]>(14).fill([0.3, 0.1, 0.7])), k: 1 },
    { name: 'two distinct rows, many times', vectors: vectorsOf(Array.from({ length: 14 }, (_, row) => (row % 2 === 0 ? [1, 0] : [0, 1]))), k: 1 },
    { name: 'rows of zeros', vectors: vectorsOf(new Array<number[]>(6).fill([0, 0])), k: 1 },
  ])('has an honest outcome and finite places: $name', ({ vectors, k }) => {
    const { map, clustering } = placeFew(vectors, { seed: 1 });
    expect(clustering.k).toBe(k);
    expect(clustering.labels).toHaveLength(vectors.count);
    expect(map).toHaveLength(2 * vectors.count);
    expect([...map, ...clustering.distances].every(Number.isFinite)).toBe(true);
  });

  it('puts identical rows on one place, and two distinct ones apart by their distance', () => {
    expect([...placeFew(vectorsOf(new Array<number[]>(5).fill([0.3, 0.1])), { seed: 1 }).map]).toEqual(new Array(10).fill(0));
    const { map } = placeFew(
      vectorsOf([
        [1, 0],
        [0, 1],
      ]),
      { seed: 1 },
    );
    expect(Math.abs((map[0] ?? 0) - (map[2] ?? 0))).toBeCloseTo(Math.SQRT2, 5);
    expect([map[1], map[3]]).toEqual([0, 0]);
  });

  it('keeps the distances of rows that lie in a plane', () => {
    const vectors = noise(12, 3);
    const flat = { ...vectors, values: vectors.values.map((value, at) => (at % 3 === 2 ? 0 : value)) };
    const { map } = placeFew(flat, { seed: 1 });
    for (let row = 1; row < 12; row += 1) {
      const [one, other] = [rowOf(flat, 0), rowOf(flat, row)];
      const apart = Math.hypot(...one.map((value, d) => value - (other[d] ?? 0)));
      expect(Math.hypot((map[0] ?? 0) - (map[2 * row] ?? 0), (map[1] ?? 0) - (map[2 * row + 1] ?? 0))).toBeCloseTo(apart, 4);
    }
    expect(cosineDistance(rowOf(flat, 0), rowOf(flat, 1))).toBeGreaterThan(0);
  });

  it('gives the same bytes for the same seed, on any machine', () => {
    const { map, clustering } = placeFew(clusteredRows(30, 20, { clusters: 3, noise: 0.5 }), { seed: 7 });
    expect(fingerprint(map, clustering.labels, clustering.distances)).toBe('0aceb86b680b381b');
  });
});
