import type { Clustering, ClusterOptions, Computed, Vectors } from '../contract.ts';
import { createRandom } from '../umap/random.ts';
import { boundsOf } from './choose-k.ts';
import { principalComponents } from './components.ts';
import { finish, oneCluster } from './finish.ts';
import { bestOf, fitAll } from './kmeans.ts';
import { countDistinct, type Points, widen } from './points.ts';
import { distancesOf, mean, silhouettes } from './silhouette.ts';

/** Below this mean silhouette the rows are one cluster. */
const LEAST_SILHOUETTE = 0.1;
/** Rows that a cluster of a search has in the mean, at the least. */
const FEWEST_PER_CLUSTER = 3;

/**
 * Clusters and map of so few rows that UMAP says nothing of them: two principal components for the map, K-Means on the vectors themselves.
 * Without `k`, they are told apart only where the silhouette says so, and never fewer than five distinct rows.
 */
export function placeFew(vectors: Vectors, options: ClusterOptions): Computed {
  // As many components as rows keep all distances, in far fewer dimensions.
  const points = principalComponents(vectors, Math.max(2, vectors.count));
  return { map: firstTwo(points), clustering: clusterFew(points, countDistinct(widen(vectors), vectors.count), options) };
}

function firstTwo({ values, count, dimensions }: Points): Float32Array {
  return Float32Array.from({ length: 2 * count }, (_, at) => values[(at >> 1) * dimensions + (at % 2)] ?? 0);
}

function clusterFew(points: Points, distinct: number, options: ClusterOptions): Clustering {
  const most = Math.floor(distinct / FEWEST_PER_CLUSTER);
  const { minK, maxK } = boundsOf(points.count, distinct, { ...options, maxK: Math.min(options.maxK ?? most, distinct) });
  if (maxK < 2) return oneCluster(points);
  const random = createRandom(options.seed);
  const distances = distancesOf(points);
  const tried = Array.from({ length: maxK - minK + 1 }, (_, index) => {
    const fit = bestOf(points, minK + index, random);
    return { fit, k: fit.k, silhouette: mean(silhouettes(distances, fit.labels, fit.k)) };
  });
  const candidates = tried.map(({ k, silhouette }) => ({ k, silhouette }));
  const best = tried.reduce((one, other) => (other.silhouette > one.silhouette ? other : one));
  const asked = options.k !== undefined || options.minK !== undefined;
  if (!asked && best.silhouette < LEAST_SILHOUETTE) return { ...oneCluster(points), candidates };
  return finish(points, fitAll(points, best.fit.centres), {
    sampled: Int32Array.from(best.fit.labels.keys()),
    random,
    silhouette: best.silhouette,
    candidates,
  });
}
