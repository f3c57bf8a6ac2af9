import { UMAP } from 'umap-js';
import type { LayoutOptions } from './options.ts';
import type { Random } from './random.ts';

/**
 * The parts of umap-js 1.4.0 that its types call private and that are replaced or read here. The version is pinned, and
 * `test/analysis/umap/internals.test.ts` fails when one of them goes missing.
 */
export interface UmapInternals {
  embedding: number[][];
  optimizationState: OptimisationState;
  initializeFit(rows: number[][]): number;
  nearestNeighbors(rows: number[][]): { knnIndices: number[][]; knnDistances: number[][] };
  getNEpochs(): number;
  setPrecomputedKNN(indices: number[][], distances: number[][]): void;
  fuzzySimplicialSet(rows: number[][], nNeighbors: number, setOpMixRatio: number): GraphMatrix;
  makeSearchGraph(rows: number[][]): unknown;
  initializeOptimization(): void;
  optimizeLayoutStep(epoch: number): number[][];
  optimizeLayout(onEpoch?: (epoch: number) => boolean | undefined): number[][];
}

export interface OptimisationState {
  currentEpoch: number;
  headEmbedding: number[][];
  tailEmbedding: number[][];
  head: number[];
  tail: number[];
  epochsPerSample: number[];
  epochOfNextSample: number[];
  epochOfNextNegativeSample: number[];
  epochsPerNegativeSample: number[];
  initialAlpha: number;
  alpha: number;
  a: number;
  b: number;
  dim: number;
  nEpochs: number;
  nVertices: number;
}

export interface MatrixEntry {
  row: number;
  col: number;
  value: number;
}

/** What umap-js asks of the graph once it is made. */
export interface GraphMatrix {
  nRows: number;
  nCols: number;
  getValues(): ArrayLike<number>;
  map(change: (value: number, row: number, column: number) => number): GraphMatrix;
  /** By row, then column. */
  getAll(): MatrixEntry[];
}

/** See `LayoutOptions`. */
const DEFAULT_EPOCHS = 200;

/** umap-js for rows of unit length, `k` neighbours each, drawing from `random`. */
export function openUmap(k: number, { dimensions, minDist, epochs = DEFAULT_EPOCHS }: LayoutOptions, random: Random): UmapInternals {
  const parameters = { nComponents: dimensions, nNeighbors: k, minDist, nEpochs: epochs, random: random.fraction, distanceFn: cosine };
  // The declared type hides what is described above.
  return new UMAP(parameters) as unknown as UmapInternals;
}

/** 1 - cosine of the angle; 0 for two rows of zeros, 1 for one. */
export function cosine(one: ArrayLike<number>, other: ArrayLike<number>): number {
  let product = 0;
  let oneSquared = 0;
  let otherSquared = 0;
  for (let column = 0; column < one.length; column += 1) {
    const a = one[column] ?? 0;
    const b = other[column] ?? 0;
    product += a * b;
    oneSquared += a * a;
    otherSquared += b * b;
  }
  if (oneSquared === 0 || otherSquared === 0) return oneSquared === otherSquared ? 0 : 1;
  return Math.max(0, 1 - product / Math.sqrt(oneSquared * otherSquared));
}
