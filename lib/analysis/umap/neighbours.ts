import type { Neighbours, Vectors } from '../contract.ts';
import { hasSimd, openKernels } from './kernels.ts';
import { neighboursFor, type Report } from './options.ts';
import { plainNearestAmong, plainNeighbours } from './plain.ts';
import { principalDirections } from './projection.ts';
import { quantised } from './quantised.ts';
import { rankExactly } from './rank.ts';
import { shortlistAmong, shortlistFrom } from './shortlist.ts';
import { createStaging } from './staging.ts';

interface Plan {
  /** The shortlist is made on so many directions of the rows; on all their dimensions when undefined. */
  directions?: number;
  /** Places of the shortlist beyond the neighbours wanted. */
  spare: number;
}

const DIRECTIONS = 128;
/** On whole rows only what the rounding confuses has to be told apart. */
const WHOLE: Plan = { spare: 8 };
const PROJECTED: Plan = { directions: DIRECTIONS, spare: 32 };
/** Multiplications from which on finding the directions takes less time than it saves: those of some 4,400 rows of 1,536. */
const WORTH_PROJECTING = 15e9;

export interface SearchOptions {
  /** Default: whether this Node has WebAssembly SIMD. Without it umap-js searches. */
  simd?: boolean;
  /** Multiplications of whole rows from which on their directions are used. Too low: the search takes longer; too high: much longer, for many rows. */
  projectFrom?: number;
}

/**
 * The `k` nearest rows of each row by cosine, itself first, then nearest first; fewer for small sets (`neighboursFor`). umap-js finds them by
 * NN-descent over arrays of numbers, most of its time at 1,536 dimensions. Here every pair is compared, in whole numbers of 16 bits, and the best
 * are ranked by their exact distances; of many rows the pairs are compared on 128 principal directions only, which misses one in a thousand.
 * No random numbers: the same rows give the same bytes.
 */
export function findNeighbours(vectors: Vectors, k: number, report?: Report, options: SearchOptions = {}): Neighbours {
  const { simd = hasSimd(), projectFrom = WORTH_PROJECTING } = options;
  const wanted = neighboursFor(vectors.count, k);
  if (vectors.count === 0) return { indices: new Int32Array(0), distances: new Float32Array(0), k: 1 };
  if (!simd) return plainNeighbours(vectors, wanted);
  const kernels = openKernels();
  const plan = planFor(((vectors.count * vectors.count) / 2) * vectors.dimensions, vectors.dimensions, projectFrom);
  const basis = plan.directions ? principalDirections(kernels, vectors, plan.directions) : undefined;
  const size = Math.min(vectors.count, wanted + plan.spare);
  const staging = createStaging(kernels, vectors.count, vectors.dimensions);
  const shortlist = shortlistAmong(kernels, quantised(kernels, staging, vectors, basis), size, report);
  return rankExactly(kernels, staging, { rows: vectors, columns: vectors, shortlist, k: wanted });
}

/** For each of the queries its `k` nearest rows of the sample (all of them where it has fewer), nearest first; found as in `findNeighbours`. */
export function nearestAmong(sample: Vectors, queries: Vectors, k: number, report?: Report, options: SearchOptions = {}): Neighbours {
  const { simd = hasSimd(), projectFrom = WORTH_PROJECTING } = options;
  const wanted = Math.min(k, sample.count);
  if (!simd) return plainNearestAmong(sample, queries, wanted);
  const kernels = openKernels();
  const plan = planFor(sample.count * queries.count * sample.dimensions, sample.dimensions, projectFrom);
  const basis = plan.directions ? principalDirections(kernels, sample, plan.directions) : undefined;
  const size = Math.min(sample.count, wanted + plan.spare);
  const staging = createStaging(kernels, Math.max(sample.count, queries.count), sample.dimensions);
  const columns = quantised(kernels, staging, sample, basis);
  const shortlist = shortlistFrom(kernels, quantised(kernels, staging, queries, basis), columns, size, report);
  return rankExactly(kernels, staging, { rows: queries, columns: sample, shortlist, k: wanted });
}

function planFor(multiplications: number, dimensions: number, projectFrom: number): Plan {
  return multiplications > projectFrom && dimensions > 2 * DIRECTIONS ? PROJECTED : WHOLE;
}
