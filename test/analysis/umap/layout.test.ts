import { createHash } from 'node:crypto';
import { findABParams } from 'umap-js/dist/umap.js';
import { describe, expect, it } from 'vitest';
import { curveOf } from '../../../lib/analysis/umap/curve.ts';
import { graphOf } from '../../../lib/analysis/umap/graph.ts';
import { layOut } from '../../../lib/analysis/umap/layout.ts';
import { findNeighbours } from '../../../lib/analysis/umap/neighbours.ts';
import { createOptimiser } from '../../../lib/analysis/umap/optimiser.ts';
import { plainLayout, plainUmap, umapOf } from '../../../lib/analysis/umap/plain.ts';
import { createRandom } from '../../../lib/analysis/umap/random.ts';
import { clusteredRows, preserved, vectorsOf } from './rows.ts';

const map = { dimensions: 2, minDist: 0.1, seed: 5 };
const space = { dimensions: 8, minDist: 0, seed: 5 };
const vectors = clusteredRows(300, 40);
const neighbours = findNeighbours(vectors, 15);

const hash = (numbers: Float32Array) =>
  createHash('sha256')
    .update(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength))
    .digest('hex');

describe('the optimiser', () => {
  it.each([map, space, { ...map, dimensions: 3 }])(
    'moves the points as umap-js does with the same random numbers: $dimensions dimensions',
    (options) => {
      const random = createRandom(options.seed);
      const umap = umapOf(neighbours, options, random);
      const state = umap.optimizationState;
      const start = state.headEmbedding.flat();
      const optimiser = createOptimiser(state, random);
      // Steps so short that rounding does not grow: at full length close points fly apart in one direction or the other.
      for (let epoch = 0; epoch <= 10; epoch += 1) {
        state.alpha = 0.01;
        optimiser.step(epoch, 0.01);
        umap.optimizeLayoutStep(epoch);
      }
      const expected = state.headEmbedding.flat();
      const moved = Math.max(...expected.map((value, place) => Math.abs(value - (start[place] ?? 0))));
      const worst = Math.max(...Array.from(optimiser.points(), (value, place) => Math.abs(value - (expected[place] ?? 0))));
      expect(moved).toBeGreaterThan(0.05);
      expect(worst).toBeLessThan(moved / 500);
    },
  );

  it('uses the curve that umap-js fits', () => {
    for (const minDist of [0, 0.1, 0.25]) {
      const fitted = findABParams(1, minDist);
      expect(curveOf(minDist).a).toBeCloseTo(fitted.a, 5);
      expect(curveOf(minDist).b).toBeCloseTo(fitted.b, 5);
    }
  });
});

describe('layOut', () => {
  it.each([map, space])('keeps as many neighbours together as plain umap-js: $dimensions dimensions', (options) => {
    const fast = preserved(neighbours, layOut(neighbours, options), options.dimensions);
    const sameNeighbours = preserved(neighbours, plainLayout(neighbours, options), options.dimensions);
    const plain = preserved(neighbours, plainUmap(vectors, 15, options), options.dimensions);
    expect(fast).toBeGreaterThan(sameNeighbours - 0.02);
    expect(fast).toBeGreaterThan(plain - 0.02);
  });

  it('gives the same bytes on every machine and every version of Node', () => {
    expect(hash(layOut(neighbours, map))).toBe('549bd001b0798e1033957cdf5c0797b3b1aae93e0086a3b1dd7d93268f23a4c3');
    expect(hash(layOut(neighbours, space))).toBe('4ecd204058e2c96785034d770600ca107137bb482128f0d85ee2cafe4b0cb373');
    const projected = findNeighbours(clusteredRows(1500, 300, { clusters: 20 }), 15, undefined, { projectFrom: 0 });
    expect(hash(projected.distances)).toBe('d22fe153a63f2641ba147de4a8b832aa6801c9bbdf78b3775b81ceeee1be85b0');
  });

  it('gives other layouts for other seeds, and the same from a graph made once', () => {
    const graph = graphOf(neighbours);
    expect(hash(layOut(graph, map))).toBe(hash(layOut(neighbours, map)));
    expect(hash(layOut(graph, { ...map, seed: 6 }))).not.toBe(hash(layOut(graph, map)));
  });

  it.each([
    { name: 'one row', rows: [[1, 2]] },
    {
      name: 'two rows',
      rows: [
        [1, 2],
        [2, 1],
      ],
    },
    { name: 'identical rows', rows: Array.from({ length: 70 }, () => [1, 2, 3]) },
    { name: 'sixteen rows', rows: Array.from({ length: 16 }, (_, row) => [1, row, row * row]) },
    { name: 'rows of zeros', rows: Array.from({ length: 20 }, () => [0, 0]) },
  ])('places $name, with and without SIMD', ({ rows }) => {
    for (const simd of [true, false]) {
      const found = findNeighbours(vectorsOf(rows), 15, undefined, { simd });
      for (const options of [map, space].map((layout) => ({ ...layout, epochs: 30 }))) {
        const layout = layOut(found, options, undefined, { simd });
        expect(layout).toHaveLength(rows.length * options.dimensions);
        expect(layout.every(Number.isFinite)).toBe(true);
      }
    }
  });

  it('places nothing where there is nothing', () => {
    expect(layOut(findNeighbours({ values: new Float32Array(0), count: 0, dimensions: 4 }, 15), map)).toHaveLength(0);
  });

  it('says how far it is, every ten epochs', () => {
    const reports: [number, number][] = [];
    layOut(neighbours, { ...map, epochs: 30 }, (done, total) => reports.push([done, total]));
    expect(reports).toEqual([
      [10, 30],
      [20, 30],
      [30, 30],
    ]);
  });

  it('runs umap-js itself where there is no SIMD', () => {
    const options = { ...map, epochs: 20 };
    expect(hash(layOut(neighbours, options, undefined, { simd: false }))).toBe(hash(plainLayout(neighbours, options)));
    expect(hash(layOut(neighbours, options))).not.toBe(hash(plainLayout(neighbours, options)));
  });

  it('refuses more than eight dimensions', () => {
    expect(() => layOut(neighbours, { ...map, dimensions: 9 })).toThrow(RangeError);
  });
});
