import type { AnalyseContext } from './analyse.ts';
import { computeThemes } from './compute.ts';
import type { Candidate, ClusterOptions, Computed, Vectors } from './contract.ts';
import type { Embedding } from './embedding.ts';

/** Where every distinct answer stands. */
export interface Placed {
  outcome: 'empty' | 'too_few' | 'themes';
  k: number;
  /** 0 = the largest theme; -1 = outlier. */
  labels: Int32Array;
  /** 2 per answer. */
  map: Float32Array;
  /** Distinct answers that speak best for each theme, the nearest to its middle first. */
  representatives: number[][];
  /** Of each theme, 0 to 1; null where there is one theme or none. */
  themeStability: (number | null)[];
  silhouette: number | null;
  stability: number | null;
  candidates: Candidate[];
}

/** Fewer distinct answers than this cannot be told apart into themes: they are one. */
export const FEWEST_FOR_THEMES = 5;
/** Given to the model, and stored, for each theme. */
const REPRESENTATIVES = 8;
/** Answers beyond the sample that are held in memory at a time. */
const CHUNK = 4_000;
/** Of the sample, by which an answer beyond it is placed. */
const NEAREST = 15;

interface ToPlace {
  sample: readonly number[];
  rest: readonly number[];
  options: ClusterOptions;
}

export async function placeAnswers({ sample, rest, options }: ToPlace, embedding: Embedding, context: AnalyseContext): Promise<Placed> {
  if (sample.length === 0) return NOWHERE;
  const { deps, signal, steps } = context;
  steps.begin('embedding');
  const vectors = await embedding.embed(sample);
  steps.begin('reducing');
  const onProgress = (step: 'reducing' | 'clustering', part: number): void => steps.report(step, part);
  const computed = await computeThemes(vectors, options, { compute: deps.compute, signal, onProgress });
  const { k } = computed.clustering;
  const best = await deps.compute.run('representatives', { vectors, labels: computed.clustering.labels, k, perCluster: REPRESENTATIVES }, { signal });
  const all = await placeRest({ sample, rest, computed, vectors }, embedding, context);
  const { silhouette, stability, candidates, clusterStability } = computed.clustering;
  const bySize = largestFirst({
    k,
    ...all,
    representatives: best.map((rows) => rows.map((row) => sample[row] ?? 0)),
    themeStability: Array.from({ length: k }, (_, cluster) => (k > 1 ? (clusterStability[cluster] ?? null) : null)),
  });
  const outcome = sample.length < FEWEST_FOR_THEMES ? 'too_few' : 'themes';
  return { outcome, k, ...bySize, silhouette, stability, candidates };
}

const NOWHERE: Placed = {
  outcome: 'empty',
  k: 0,
  labels: new Int32Array(0),
  map: new Float32Array(0),
  representatives: [],
  themeStability: [],
  silhouette: null,
  stability: null,
  candidates: [],
};

interface Sampled {
  sample: readonly number[];
  rest: readonly number[];
  computed: Computed;
  vectors: Vectors;
}

/** The sample's own places, and each other answer beside those of the sample that are nearest to it. */
async function placeRest({ sample, rest, computed, vectors }: Sampled, embedding: Embedding, { deps, signal, steps }: AnalyseContext) {
  const count = sample.length + rest.length;
  const all = { labels: new Int32Array(count).fill(-1), map: new Float32Array(2 * count) };
  const put = (indices: readonly number[], labels: Int32Array, map: Float32Array): void =>
    indices.forEach((index, row) => {
      all.labels[index] = labels[row] ?? -1;
      all.map.set(map.subarray(2 * row, 2 * row + 2), 2 * index);
    });
  const { map } = computed;
  const { labels } = computed.clustering;
  put(sample, labels, map);
  for (let from = 0; from < rest.length; from += CHUNK) {
    const chunk = rest.slice(from, from + CHUNK);
    const queries = await embedding.embed(chunk);
    const placed = await deps.compute.run('rest', { sample: vectors, queries, k: NEAREST, labels, map }, { signal });
    put(chunk, placed.labels, placed.map);
    steps.report('clustering', (from + chunk.length) / rest.length, `placing ${from + chunk.length}/${rest.length}`);
  }
  return all;
}

type Clusters = Pick<Placed, 'k' | 'labels' | 'map' | 'representatives' | 'themeStability'>;

/** Themes are numbered by their size, with the answers beyond the sample counted. */
function largestFirst({ k, labels, map, representatives, themeStability }: Clusters): Omit<Clusters, 'k'> {
  const sizes = new Int32Array(k);
  for (const label of labels) if (label >= 0) sizes[label] = (sizes[label] ?? 0) + 1;
  const order = Array.from(sizes.keys()).sort((one, other) => (sizes[other] ?? 0) - (sizes[one] ?? 0) || one - other);
  const place = new Int32Array(k);
  order.forEach((cluster, position) => {
    place[cluster] = position;
  });
  return {
    labels: labels.map((label) => (label < 0 ? label : (place[label] ?? -1))),
    map,
    representatives: order.map((cluster) => representatives[cluster] ?? []),
    themeStability: order.map((cluster) => themeStability[cluster] ?? null),
  };
}
