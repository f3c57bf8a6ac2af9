import type { ClusterOptions, Computed, Vectors } from './contract.ts';
import type { Compute } from './pool.ts';

/** As in umap-learn and umap-js. */
const NEIGHBOURS = 15;
/** Below, neighbourhoods overlap so much that UMAP says nothing; umap-js does not even end below 4 times its neighbours. */
const FEWEST_FOR_UMAP = 4 * NEIGHBOURS;
/** Clusters are told apart in a few dimensions, packed close; the map for the eye spreads them. Sources: BERTopic's defaults, umap-learn's guide to clustering. */
const SPACE = { dimensions: 8, minDist: 0 };
const MAP = { dimensions: 2, minDist: 0.1 };

export interface ComputeSteps {
  compute: Compute;
  signal: AbortSignal;
  /** `part` of 1, of the step named. */
  onProgress: (step: 'reducing' | 'clustering', part: number) => void;
}

/** Where each row stands and what it belongs to: one search for neighbours and two layouts, side by side. The same seed gives the same bytes. */
export async function computeThemes(vectors: Vectors, options: ClusterOptions, { compute, signal, onProgress }: ComputeSteps): Promise<Computed> {
  if (vectors.count < FEWEST_FOR_UMAP) return compute.run('few', { vectors, options }, { signal });
  const reducing = (from: number, to: number) => (done: number, total: number) =>
    onProgress('reducing', from + (to - from) * (total > 0 ? done / total : 1));
  const graph = await compute.run('graph', { vectors, k: NEIGHBOURS }, { signal, onProgress: reducing(0, 0.4) });
  const layOut = (layout: typeof SPACE, onLayout: (done: number, total: number) => void) =>
    compute.run('layout', { of: graph, options: { ...layout, seed: options.seed } }, { signal, onProgress: onLayout });
  // The map is done long before the clusters are: its progress says nothing more.
  const map = layOut(MAP, () => undefined);
  const clustering = layOut(SPACE, reducing(0.4, 1)).then((values) =>
    compute.run(
      'cluster',
      { points: { values, count: vectors.count, dimensions: SPACE.dimensions }, options, vectors },
      { signal, onProgress: (done, total) => onProgress('clustering', total > 0 ? done / total : 1) },
    ),
  );
  const [placed, clusters] = await Promise.all([map, clustering]);
  return { map: placed, clustering: clusters };
}
