import type { Random } from '../umap/random.ts';
import { adjustedRandIndex } from './agreement.ts';
import { assign, lloyd } from './lloyd.ts';
import { type Points, pick, sampleRows } from './points.ts';
import { mean, sizesOf } from './silhouette.ts';
import { startCentres } from './starts.ts';

/** Other clusterings that are compared with. */
const RUNS = 8;
/** Of the rows, seen by each of them. */
const SHARE = 0.8;

export interface Stability {
  /** Mean adjusted Rand index. */
  overall: number;
  /** Of each cluster: the mean of its best Jaccard index in each other clustering (Hennig, 2007). */
  perCluster: Float64Array;
}

/** How much of a clustering comes back from other starts on other parts of the rows; every row is then assigned to the nearest centre. */
export function stabilityOf(points: Points, labels: Int32Array, k: number, random: Random): Stability {
  const indices: number[] = [];
  const perCluster = new Float64Array(k);
  for (let run = 0; run < RUNS; run += 1) {
    const part = pick(points, sampleRows(points.count, Math.max(k, Math.round(points.count * SHARE)), random));
    const { centres } = lloyd(part, startCentres(part, k, random));
    const other = assign(points, centres).labels;
    indices.push(adjustedRandIndex(labels, other));
    for (const [cluster, best] of bestJaccard(labels, other, k).entries()) perCluster[cluster] = (perCluster[cluster] ?? 0) + best / RUNS;
  }
  return { overall: mean(indices), perCluster };
}

/** Of each cluster of `one`: the rows it shares with a cluster of `other`, as a part of the rows of both; the best counts. */
function bestJaccard(one: Int32Array, other: Int32Array, k: number): Float64Array {
  const shared = new Int32Array(k * k);
  one.forEach((label, row) => {
    const at = label * k + (other[row] ?? 0);
    shared[at] = (shared[at] ?? 0) + 1;
  });
  const [sizes, otherSizes] = [sizesOf(one, k), sizesOf(other, k)];
  return Float64Array.from({ length: k }, (_, cluster) => {
    const indices = Array.from({ length: k }, (_, match) => {
      const both = shared[cluster * k + match] ?? 0;
      return both === 0 ? 0 : both / ((sizes[cluster] ?? 0) + (otherSizes[match] ?? 0) - both);
    });
    return Math.max(...indices);
  });
}
