import type { Clustering, ClusterOptions, Vectors } from '../contract.ts';
import { createRandom } from '../umap/random.ts';
import { finish, oneCluster } from './finish.ts';
import { createJudge } from './judge.ts';
import { fitAll } from './kmeans.ts';
import type { Fit } from './lloyd.ts';
import { countDistinct, pick, sampleRows, widen } from './points.ts';
import { sketch } from './sketch.ts';
import { type Bounds, restart, sweep, type Tried } from './sweep.ts';

/** Rows that the search runs on; more make it slower and choose the same. */
const SWEEP_ROWS = 1_000;
/** Of those, the rows that judge it. The rule was tuned with as many: other numbers of rows shift what it prefers. */
const JUDGE_ROWS = 500;
/** Fewer distinct rows are one cluster. */
const FEWEST_DISTINCT = 5;
/** More themes than this nobody reads; ask for them by `maxK`. */
const MOST_BY_DEFAULT = 40;

type OnStep = (done: number, total: number) => void;

/**
 * Clusters `rows` by K-Means. Where `options` leave k open, each k between the bounds is tried and the one that `judge.ts` likes best
 * wins. `origin` are the vectors that the rows were reduced from, in the same order, of unit length; without them the rows judge themselves,
 * which chooses worse. The same input gives the same bytes.
 * Throws a `RangeError` where `origin` has another number of rows.
 */
export function cluster(rows: Vectors, options: ClusterOptions, onStep: OnStep = () => undefined, origin: Vectors = rows): Clustering {
  if (origin.count !== rows.count) throw new RangeError(`${rows.count} rows cannot come from ${origin.count} vectors`);
  const points = widen(rows);
  const distinct = countDistinct(points, Math.max(options.k ?? 0, options.maxK ?? 0, mostFor(points.count)));
  const bounds = boundsOf(points.count, distinct, options);
  if (bounds.maxK < 2) return oneCluster(points);
  const random = createRandom(options.seed);
  const sampled = sampleRows(points.count, SWEEP_ROWS, random);
  const sample = pick(points, sampled);
  const places = sampleRows(sample.count, JUDGE_ROWS, random);
  const judged = places.map((place) => sampled[place] ?? 0);
  const judge = createJudge({ reduced: pick(points, judged), origin: sketch(origin, judged, options.seed) });
  const look = (fit: Fit): Tried => ({ fit, ...judge(labelsAt(fit, places), fit.k) });
  const tried = sweep(sample, bounds, random, look, onStep);
  const best = restart(sample, bestSmoothed(tried), random, look);
  const fit = fitAll(points, best.fit.centres);
  const { silhouette } = judge(labelsAt(fit, judged), fit.k);
  return finish(points, fit, { sampled, random, silhouette, candidates: tried.map((each) => ({ k: each.fit.k, silhouette: each.silhouette })) });
}

/** The best score, once each is averaged with those beside it: a single lucky fit is no reason for its k. */
function bestSmoothed(tried: readonly Tried[]): Tried {
  const smoothed = (at: number): number => {
    const score = tried[at]?.score ?? 0;
    return (tried[at - 1]?.score ?? score) + 2 * score + (tried[at + 1]?.score ?? score);
  };
  return tried.reduce((one, other) => (smoothed(tried.indexOf(other)) > smoothed(tried.indexOf(one)) ? other : one));
}

function labelsAt({ labels }: Fit, rows: Int32Array): Int32Array {
  return rows.map((row) => labels[row] ?? 0);
}

/** Within the number of distinct rows; a lower bound above the upper one gives way. */
export function boundsOf(count: number, distinct: number, { k, minK, maxK }: ClusterOptions): Bounds {
  if (k !== undefined) return { minK: Math.min(k, distinct), maxK: Math.min(k, distinct) };
  if (distinct < FEWEST_DISTINCT) return { minK: 1, maxK: 1 };
  const most = Math.max(1, Math.min(maxK ?? Math.max(mostFor(count), minK ?? 0), distinct, count - 1));
  return { minK: Math.min(Math.max(minK ?? 2, 2), most), maxK: most };
}

/** 15 at 60 rows, 18 at 100, 40 from 661 on. */
function mostFor(count: number): number {
  return Math.min(MOST_BY_DEFAULT, Math.round(1.4 * Math.sqrt(count)) + 4);
}
