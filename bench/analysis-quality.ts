import { kmeans } from 'ml-kmeans';
import { adjustedRandIndex, normalisedMutualInformation } from '../lib/analysis/cluster/agreement.ts';
import { cluster } from '../lib/analysis/cluster/choose-k.ts';
import { widen } from '../lib/analysis/cluster/points.ts';
import { distancesOf, mean, silhouettes } from '../lib/analysis/cluster/silhouette.ts';
import type { Vectors } from '../lib/analysis/contract.ts';
import { layOut } from '../lib/analysis/umap/layout.ts';
import { findNeighbours } from '../lib/analysis/umap/neighbours.ts';
import { plainUmap } from '../lib/analysis/umap/plain.ts';
import { createEmbedder } from './analysis-embeddings.ts';
import { type LabelledSet, labelledSets } from './analysis-sets.ts';
import type { Bench, Figure } from './report.ts';

const SEEDS = [1, 2, 3, 4, 5];
const NEIGHBOURS = 15;
/** umap-js's own number for sets of this size. */
const PLAIN_EPOCHS = 500;
const SPACE = { dimensions: 8, minDist: 0 };
/** A chosen k this near to the true one counts as found. */
const NEAR_ENOUGH = 0.3;

interface Outcome {
  k: number;
  ari: number;
  nmi: number;
}

/** One seed of one set, every way. */
interface Trial {
  ours: Outcome;
  plain: Outcome;
  /** The layout of `plain`, and our k. */
  plainTold: Outcome;
  /** The vectors as they are, and the true k: what no one knows. */
  alone: Outcome;
}

function tryOut(set: LabelledSet, vectors: Vectors, seed: number): Trial {
  const names = [...new Set(set.labels.filter((label) => label !== null))];
  const truth = set.labels.map((label) => (label === null ? -1 : names.indexOf(label)));
  const outcome = (labels: ArrayLike<number>, k: number): Outcome => ({
    k,
    ari: adjustedRandIndex(labels, truth),
    nmi: normalisedMutualInformation(labels, truth),
  });
  const points = { values: layOut(findNeighbours(vectors, NEIGHBOURS), { ...SPACE, seed }), count: vectors.count, dimensions: SPACE.dimensions };
  const ours = cluster(points, { seed }, undefined, vectors);
  const space = { ...points, values: plainUmap(vectors, NEIGHBOURS, { ...SPACE, seed, epochs: PLAIN_EPOCHS }) };
  const tried = new Map(ours.candidates.map(({ k }) => [k, plainKMeans(space, k, seed)]));
  const k = bestSilhouette(space, tried);
  return {
    ours: outcome(ours.labels, ours.k),
    plain: outcome(tried.get(k) ?? [], k),
    plainTold: outcome(tried.get(ours.k) ?? [], ours.k),
    alone: outcome(plainKMeans(vectors, set.k, seed), set.k),
  };
}

function plainKMeans({ values, count, dimensions }: Vectors, k: number, seed: number): number[] {
  const rows = Array.from({ length: count }, (_, row) => Array.from(values.subarray(row * dimensions, (row + 1) * dimensions)));
  return kmeans(rows, k, { initialization: 'kmeans++', seed }).clusters;
}

function bestSilhouette(space: Vectors, tried: Map<number, number[]>): number {
  const distances = distancesOf(widen(space));
  const widths = [...tried].map(([k, labels]) => ({ k, width: mean(silhouettes(distances, Int32Array.from(labels), k)) }));
  return widths.reduce((one, other) => (other.width > one.width ? other : one)).k;
}

const BASELINES = [
  { key: 'plain', name: 'umap-js and ml-kmeans, best silhouette' },
  { key: 'plainTold', name: 'umap-js and ml-kmeans, told our k' },
  { key: 'alone', name: 'ml-kmeans alone, told the true k' },
] as const;

function figuresOf({ name, k }: LabelledSet, trials: readonly Trial[]): Figure[] {
  const over = (side: keyof Trial, what: keyof Outcome) => mean(trials.map((trial) => trial[side][what]));
  const figure = (what: 'ari' | 'nmi', key: keyof Trial, baseline: string): Figure => {
    const [value, baselineValue] = [over('ours', what), over(key, what)];
    return {
      bench: `analysis.quality.${name}.${what}`,
      value,
      unit: 'of 1',
      baseline,
      baselineValue,
      ratio: value / baselineValue,
      n: trials.length,
    };
  };
  const chosen = { bench: `analysis.quality.${name}.k`, value: over('ours', 'k'), unit: 'themes', n: trials.length };
  return [
    ...BASELINES.flatMap(({ key, name: baseline }) => [figure('ari', key, baseline), figure('nmi', key, baseline)]),
    { ...chosen, baseline: 'true k', baselineValue: k, ratio: chosen.value / k },
    {
      ...chosen,
      baseline: 'k of umap-js and ml-kmeans, best silhouette',
      baselineValue: over('plain', 'k'),
      ratio: chosen.value / over('plain', 'k'),
    },
  ];
}

interface Measured {
  set: LabelledSet;
  trials: Trial[];
}

function summary(measured: readonly Measured[]): Figure[] {
  const baseline = BASELINES[0].name;
  const share = (name: string, ofSet: (each: Measured, side: 'ours' | 'plain') => number): Figure => {
    const [value, baselineValue] = [mean(measured.map((each) => ofSet(each, 'ours'))), mean(measured.map((each) => ofSet(each, 'plain')))];
    return { bench: `analysis.quality.${name}`, value, unit: 'of 1', baseline, baselineValue, ratio: value / baselineValue, n: measured.length };
  };
  const isNear = (k: number, set: LabelledSet) => (Math.abs(k - set.k) <= NEAR_ENOUGH * set.k ? 1 : 0);
  const ari = ({ trials }: Measured, side: keyof Trial) => mean(trials.map((trial) => trial[side].ari));
  return [
    share('ari', ari),
    share('nmi', ({ trials }, side) => mean(trials.map((trial) => trial[side].nmi))),
    share('k_found.by_mean', ({ set, trials }, side) => isNear(mean(trials.map((trial) => trial[side].k)), set)),
    share('k_found.by_seed', ({ set, trials }, side) => mean(trials.map((trial) => isNear(trial[side].k, set)))),
    // Of the sets, on how many each side is not below the other.
    share('ari_not_below', (each, side) => (ari(each, side) >= ari(each, side === 'ours' ? 'plain' : 'ours') ? 1 : 0)),
  ];
}

async function compare(sets: readonly LabelledSet[]): Promise<Figure[]> {
  const embedder = createEmbedder();
  const measured: Measured[] = [];
  for (const set of sets) {
    const vectors = await embedder.embed(set.texts);
    measured.push({ set, trials: SEEDS.map((seed) => tryOut(set, vectors, seed)) });
  }
  await embedder.close();
  return [...measured.flatMap(({ set, trials }) => figuresOf(set, trials)), ...summary(measured)];
}

export const qualityBenches: Bench[] = [
  {
    name: 'analysis.quality',
    about:
      'themes found in labelled texts (subsets of Banking77 and CLINC150) against umap-js and ml-kmeans over the same numbers of themes, in the same run; mean of 5 seeds. Half of the labels was used to choose the rule for k, and only the other half is reported. Outliers and out-of-scope texts count as alone',
    run: async () => {
      const sets = labelledSets()?.filter(({ half }) => half === (process.env.QUALITY_HALF ?? 'report'));
      if (sets) return compare(sets);
      console.error(
        'analysis.quality: skipped, the labelled texts are not here (INTENT_DATA names the folder with banking77_train.jsonl and clinc150_val.jsonl)',
      );
      return [];
    },
  },
];
