/** The baseline of `bench/analysis.ts`, in a file of its own: our side's memory is measured without it. */
import { kmeans } from 'ml-kmeans';
import { distancesOf, mean, silhouettes } from '../lib/analysis/cluster/silhouette.ts';
import type { Vectors } from '../lib/analysis/contract.ts';
import { plainUmap } from '../lib/analysis/umap/plain.ts';

const NEIGHBOURS = 15;
/** Rows by whose silhouette k is judged. */
const JUDGED = 1_000;
/** umap-js's own choice: 500 epochs to 10,000 rows, 200 above. */
const epochsOf = (count: number): number => (count <= 10_000 ? 500 : 200);

/** umap-js twice and ml-kmeans for the same numbers of clusters, judged by a silhouette. */
export function plain(vectors: Vectors, tried: readonly number[], seed: number): { k: number; tried: number[] } {
  const epochs = epochsOf(vectors.count);
  plainUmap(vectors, NEIGHBOURS, { dimensions: 2, minDist: 0.1, seed, epochs });
  const space = plainUmap(vectors, NEIGHBOURS, { dimensions: 8, minDist: 0, seed, epochs });
  return { k: sweep(space, vectors.count, tried, seed), tried: [...tried] };
}

function sweep(space: Float32Array, count: number, tried: readonly number[], seed: number): number {
  const rows = Array.from({ length: count }, (_, row) => Array.from(space.subarray(8 * row, 8 * row + 8)));
  const step = Math.max(1, Math.ceil(count / JUDGED));
  const judged = rows.flatMap((_, row) => (row % step === 0 ? [row] : []));
  const distances = distancesOf({ values: Float64Array.from(judged.flatMap((row) => rows[row] ?? [])), count: judged.length, dimensions: 8 });
  let best = { k: 0, silhouette: -1 };
  for (const k of tried) {
    const { clusters } = kmeans(rows, k, { initialization: 'kmeans++', seed });
    const silhouette = mean(
      silhouettes(
        distances,
        Int32Array.from(judged, (row) => clusters[row] ?? 0),
        k,
      ),
    );
    if (silhouette > best.silhouette) best = { k, silhouette };
  }
  return best.k;
}
