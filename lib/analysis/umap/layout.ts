import type { Neighbours } from '../contract.ts';
import { curveOf } from './curve.ts';
import { type FuzzyGraph, graphOf } from './graph.ts';
import { type GraphMatrix, openUmap, type UmapInternals } from './internals.ts';
import { hasSimd } from './kernels.ts';
import { createOptimiser } from './optimiser.ts';
import type { LayoutOptions, Report } from './options.ts';
import { flatten } from './plain.ts';
import { createRandom, type Random } from './random.ts';

export type { LayoutOptions } from './options.ts';

/** Epochs between two reports. */
const REPORT_EVERY = 10;
const MOST_DIMENSIONS = 8;

/**
 * Places the rows so that neighbours lie together (UMAP: McInnes, Healy and Melville 2018): `dimensions` numbers per row. umap-js 1.4.0 draws
 * the random start, says how often each edge is sampled, and runs the epochs; its graph, its inner loop and its fit of the curve are replaced
 * (`graph.ts`, `kernels/layout.ts` and `curve.ts` say why), unless `simd` is false: then only the graph given is not its own.
 * The same input and seed give the same bytes on every machine that has SIMD. Throws a RangeError for more than 8 dimensions.
 */
export function layOut(of: Neighbours | FuzzyGraph, options: LayoutOptions, report?: Report, { simd = hasSimd() } = {}): Float32Array {
  if (options.dimensions > MOST_DIMENSIONS) throw new RangeError(`A layout has at most ${MOST_DIMENSIONS} dimensions, not ${options.dimensions}`);
  const graph = 'starts' in of ? of : graphOf(of, { simd });
  if (graph.count === 0) return new Float32Array(0);
  const random = createRandom(options.seed);
  const umap = openUmap(Math.min(graph.k, graph.count - 1), options, random);
  umap.setPrecomputedKNN([], []);
  umap.fuzzySimplicialSet = () => matrixOf(graph, graph.weights);
  // Only `transform`, which is not used, would need it.
  umap.makeSearchGraph = () => undefined;
  const points = simd ? speedUp(umap, options, random) : () => flatten(umap.embedding, options.dimensions);
  umap.initializeFit(new Array<number[]>(graph.count));
  umap.optimizeLayout((epoch) => {
    if (epoch % REPORT_EVERY === 0) report?.(epoch, umap.optimizationState.nEpochs);
    return undefined;
  });
  return points();
}

/** Puts the optimiser of WebAssembly in the place of umap-js's; returns what reads its points. */
function speedUp(umap: UmapInternals, { minDist }: LayoutOptions, random: Random): () => Float32Array {
  const state = umap.optimizationState;
  umap.initializeOptimization = () => {
    Object.assign(state, { ...curveOf(minDist), headEmbedding: umap.embedding, tailEmbedding: umap.embedding, nEpochs: umap.getNEpochs() });
  };
  let optimiser: ReturnType<typeof createOptimiser> | undefined;
  umap.optimizeLayoutStep = (epoch) => {
    optimiser ??= createOptimiser(state, random);
    optimiser.step(epoch, state.alpha);
    state.alpha = state.initialAlpha * (1 - epoch / state.nEpochs);
    state.currentEpoch += 1;
    return state.headEmbedding;
  };
  return () => optimiser?.points() ?? flatten(umap.embedding, state.dim);
}

/** The graph as umap-js reads it. Edges too weak to be sampled once are left out, as umap-js does after setting them to 0. */
function matrixOf(graph: FuzzyGraph, weights: Float64Array): GraphMatrix {
  return {
    nRows: graph.count,
    nCols: graph.count,
    getValues: () => weights,
    // umap-js changes values without a look at rows and columns.
    map: (change) =>
      matrixOf(
        graph,
        weights.map((weight) => change(weight, 0, 0)),
      ),
    getAll: () => entriesOf(graph, weights),
  };
}

function entriesOf({ count, starts, columns }: FuzzyGraph, weights: Float64Array) {
  const entries = [];
  for (let row = 0; row < count; row += 1) {
    for (let edge = starts[row] ?? 0; edge < (starts[row + 1] ?? 0); edge += 1) {
      const value = weights[edge] ?? 0;
      if (value > 0) entries.push({ row, col: columns[edge] ?? 0, value });
    }
  }
  return entries;
}
