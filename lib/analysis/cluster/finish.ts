import type { Candidate, Clustering } from '../contract.ts';
import type { Random } from '../umap/random.ts';
import { assign, type Fit } from './lloyd.ts';
import { cutOutliers } from './outliers.ts';
import { type Points, pick } from './points.ts';
import { sizesOf } from './silhouette.ts';
import { stabilityOf } from './stability.ts';

export interface Found {
  /** The rows that stability is measured on. */
  sampled: Int32Array;
  random: Random;
  silhouette: number;
  candidates: Candidate[];
}

/** Measures stability, cuts the outliers off, numbers the clusters from the largest on. */
export function finish(points: Points, fit: Fit, { sampled, random, silhouette, candidates }: Found): Clustering {
  const { overall, perCluster } = stabilityOf(
    pick(points, sampled),
    sampled.map((row) => fit.labels[row] ?? 0),
    fit.k,
    random,
  );
  const labels = cutOutliers(fit);
  const order = bySize(labels, fit.k);
  return {
    k: fit.k,
    labels: labels.map((label) => (label < 0 ? -1 : order.indexOf(label))),
    distances: Float32Array.from(fit.squared, Math.sqrt),
    silhouette,
    candidates,
    stability: overall,
    clusterStability: Float64Array.from(order, (cluster) => perCluster[cluster] ?? 0),
  };
}

function bySize(labels: Int32Array, k: number): number[] {
  const sizes = sizesOf(labels, k);
  return [...sizes.keys()].sort((one, other) => (sizes[other] ?? 0) - (sizes[one] ?? 0) || one - other);
}

/** All rows belong together: nothing was searched, and nothing can be said about it. */
export function oneCluster(points: Points): Clustering {
  const { labels, squared } = assign(points, middleOf(points));
  return {
    k: points.count === 0 ? 0 : 1,
    labels,
    distances: Float32Array.from(squared, Math.sqrt),
    silhouette: null,
    candidates: [],
    stability: null,
    clusterStability: new Float64Array(points.count === 0 ? 0 : 1).fill(1),
  };
}

function middleOf({ values, count, dimensions }: Points): Float64Array {
  return Float64Array.from({ length: dimensions }, (_, d) => {
    let sum = 0;
    for (let row = 0; row < count; row += 1) sum += values[row * dimensions + d] ?? 0;
    return sum / Math.max(1, count);
  });
}
