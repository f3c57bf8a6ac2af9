import type { Neighbours, Vectors } from '../contract.ts';
import { cosine, type MatrixEntry, openUmap, type UmapInternals } from './internals.ts';
import { type LayoutOptions, neighboursFor, type Report } from './options.ts';
import { createRandom } from './random.ts';

/**
 * umap-js as it comes: what the fast path is tested against, the baseline of the benchmark, and what runs where WebAssembly SIMD is missing.
 * The same seed gives the same bytes on one version of Node only: the last bits of `Math.pow` and `Math.exp` differ between versions.
 */
export function plainUmap(vectors: Vectors, k: number, options: LayoutOptions): Float32Array {
  const umap = openUmap(neighboursFor(vectors.count, k), options, createRandom(options.seed));
  umap.initializeFit(rowsOf(vectors));
  return optimise(umap, options);
}

/** The nearest by umap-js's approximate search (NN-descent), in the shape that `findNeighbours` gives. */
export function plainNeighbours(vectors: Vectors, k: number, seed = 0): Neighbours {
  const wanted = neighboursFor(vectors.count, k);
  const umap = openUmap(wanted, { dimensions: 2, minDist: 0.1, seed }, createRandom(seed));
  const { knnIndices, knnDistances } = umap.nearestNeighbors(rowsOf(vectors));
  return itselfFirst(knnIndices, knnDistances, wanted);
}

/** umap-js's graph and layout of given neighbours: what `graphOf` and `layOut` replace. */
export function plainLayout(neighbours: Neighbours, options: LayoutOptions, report?: Report): Float32Array {
  return optimise(umapOf(neighbours, options), options, report);
}

/** The edges of umap-js's own graph, by row and column. */
export function plainGraph(neighbours: Neighbours): MatrixEntry[] {
  const umap = openUmap(neighbours.k, { dimensions: 2, minDist: 0.1, seed: 0 }, createRandom(0));
  umap.setPrecomputedKNN(rowsBy(neighbours.indices, neighbours.k), rowsBy(neighbours.distances, neighbours.k));
  const graph = umap.fuzzySimplicialSet(new Array<number[]>(neighbours.indices.length / neighbours.k), neighbours.k, 1);
  return graph.getAll().filter(({ value }) => value > 0);
}

/** umap-js up to the point where it begins to optimise. */
export function umapOf({ indices, distances, k }: Neighbours, options: LayoutOptions, random = createRandom(options.seed)): UmapInternals {
  const count = indices.length / k;
  const umap = openUmap(Math.min(k, count - 1), options, random);
  umap.setPrecomputedKNN(rowsBy(indices, k), rowsBy(distances, k));
  umap.initializeFit(new Array<number[]>(count));
  return umap;
}

function optimise(umap: UmapInternals, { dimensions }: LayoutOptions, report?: Report): Float32Array {
  const { nEpochs } = umap.optimizationState;
  const points = umap.optimizeLayout((epoch) => {
    report?.(epoch, nEpochs);
    return undefined;
  });
  return flatten(points, dimensions);
}

export function flatten(points: number[][], dimensions: number): Float32Array {
  const flat = new Float32Array(points.length * dimensions);
  points.forEach((point, row) => {
    flat.set(point, row * dimensions);
  });
  return flat;
}

/** Views, not copies: umap-js only reads its rows by index. */
function rowsOf({ values, count, dimensions }: Vectors): number[][] {
  const rows = Array.from({ length: count }, (_, row) => values.subarray(row * dimensions, (row + 1) * dimensions));
  // umap-js asks for arrays of numbers and is content with what has a length and numbers.
  return rows as unknown as number[][];
}

function rowsBy(values: Int32Array | Float32Array, k: number): number[][] {
  return Array.from({ length: values.length / k }, (_, row) => Array.from(values.subarray(row * k, (row + 1) * k)));
}

/** Every query against every row of the sample. */
export function plainNearestAmong(sample: Vectors, queries: Vectors, k: number): Neighbours {
  const indices = new Int32Array(new SharedArrayBuffer(4 * k * queries.count));
  const distances = new Float32Array(new SharedArrayBuffer(4 * k * queries.count));
  const rows = rowsOf(sample);
  rowsOf(queries).forEach((query, position) => {
    const all = rows.map((row, index) => ({ index, distance: cosine(query, row) }));
    all.sort((one, other) => one.distance - other.distance || one.index - other.index);
    all.slice(0, k).forEach(({ index, distance }, place) => {
      indices[position * k + place] = index;
      distances[position * k + place] = distance;
    });
  });
  return { indices, distances, k };
}

function itselfFirst(knnIndices: number[][], knnDistances: number[][], k: number): Neighbours {
  const indices = new Int32Array(new SharedArrayBuffer(4 * k * knnIndices.length));
  const distances = new Float32Array(new SharedArrayBuffer(4 * k * knnIndices.length));
  knnIndices.forEach((found, row) => {
    indices[row * k] = row;
    const others = found.map((index, place) => ({ index, distance: knnDistances[row]?.[place] ?? 0 })).filter(({ index }) => index !== row);
    others.slice(0, k - 1).forEach(({ index, distance }, place) => {
      indices[row * k + place + 1] = index;
      distances[row * k + place + 1] = distance;
    });
  });
  return { indices, distances, k };
}
