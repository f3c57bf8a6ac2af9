import type { OptimisationState } from './internals.ts';
import { openKernels } from './kernels.ts';
import type { Random } from './random.ts';

/** Numbers of a point, padding included. */
const PAIR = 2;
const WIDE = 8;
/** umap-js's default: how many other points push at each sample of an edge. */
const NEGATIVES = 5;

export interface Optimiser {
  /** One epoch, as `optimizeLayoutStep` of umap-js. */
  step(epoch: number, alpha: number): void;
  /** `dim` numbers per point. */
  points(): Float32Array;
}

/**
 * The optimiser of `kernels/layout.ts`, from where umap-js stands before its first epoch: the random start, the edges and their schedule.
 * Random numbers go on from where `random` is.
 */
export function createOptimiser(state: OptimisationState, random: Random): Optimiser {
  const { functions, tableBytes, reserve } = openKernels();
  const { dim, head, headEmbedding: start } = state;
  const padded = dim <= PAIR ? PAIR : WIDE;
  const edges = head.length;
  const blocks = {
    heads: reserve(Int32Array, edges),
    tails: reserve(Int32Array, edges),
    epochsPerSample: reserve(Float64Array, edges),
    nextSample: reserve(Float64Array, edges),
    nextNegative: reserve(Float64Array, edges),
    points: reserve(Float32Array, start.length * padded),
    attraction: reserve(Uint8Array, tableBytes),
    repulsion: reserve(Uint8Array, tableBytes),
  };
  blocks.heads.view().set(head);
  blocks.tails.view().set(state.tail);
  blocks.epochsPerSample.view().set(state.epochsPerSample);
  blocks.nextSample.view().set(state.epochOfNextSample);
  blocks.nextNegative.view().set(state.epochOfNextNegativeSample);
  const points = blocks.points.view();
  start.forEach((point, row) => {
    points.set(point, row * padded);
  });
  functions.fillTables(state.a, state.b, blocks.attraction.address, blocks.repulsion.address);
  const [a = 0, b = 0, c = 0, d = 0] = random.state();
  functions.setRandom(a, b, c, d);
  const stepEdges = padded === PAIR ? functions.stepPairs : functions.stepWide;

  return {
    step: (epoch, alpha) =>
      stepEdges(
        epoch,
        alpha,
        edges,
        blocks.heads.address,
        blocks.tails.address,
        blocks.epochsPerSample.address,
        blocks.nextSample.address,
        blocks.nextNegative.address,
        NEGATIVES,
        blocks.points.address,
        start.length,
        dim,
        blocks.attraction.address,
        blocks.repulsion.address,
      ),
    points: () => unpadded(blocks.points.view(), start.length, padded, dim),
  };
}

function unpadded(points: Float32Array, count: number, padded: number, dimensions: number): Float32Array {
  const result = new Float32Array(count * dimensions);
  for (let row = 0; row < count; row += 1) result.set(points.subarray(row * padded, row * padded + dimensions), row * dimensions);
  return result;
}
