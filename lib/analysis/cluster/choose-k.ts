import type { Clustering, ClusterOptions, Vectors } from '../contract.ts';
import { createRandom } from '../umap/random.ts';
import { finish, oneCluster } from './finish.ts';
import { createJudge } from './judge.ts';
import { fitAll } from './kmeans.ts';
import type { Fit } from './lloyd.ts';
import { countDistinct, pick, sampleRows, widen } from './points.ts';
import { distancesOf, mean, silhouettes } from './silhouette.ts';
import { sketch } from './sketch.ts';
import { type Bounds, restart, scoreOf, sweep, type Tried } from './sweep.ts';

/** Rows that the search runs on, and that judge it; more make it slower and choose the same, half as many choose worse. */
const SWEEP_ROWS = 1_000;
/** Of those, the rows whose silhouettes are taken. */
const SILHOUETTE_ROWS = 500;
/** Fewer distinct rows are one cluster. */
const FEWEST_DISTINCT = 5;
/** More themes than this nobody reads; ask for them by `maxK`. */
const MOST_BY_DEFAULT = 40;

type OnStep = (done: number, total: number) => void;

/**
 * Clusters `rows` by K-Means. Where `options` leave k open, each k between the bounds is tried, and what `judge.ts` says
 * decides. `origin` are the vectors that the rows were reduced from, in the same order, of unit length; without them the rows judge themselves,
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
  const places = sampleRows(sample.count, SILHOUETTE_ROWS, random);
  const before = (rows: Int32Array): Vectors => sketch(origin, rows, options.seed);
  const judge = createJudge({ rows: before(sampled), some: before(at(sampled, places)), places });
  const look = (fit: Fit): Tried => ({ fit, ...judge(fit.labels, fit.k) });
  const tried = sweep(sample, bounds, random, look, onStep);
  const best = restart(sample, chosen(tried), random, look);
  const fit = fitAll(points, best.fit.centres);
  const distances = distancesOf(pick(sample, places));
  const silhouetteOf = (labels: Int32Array, k: number): number => mean(silhouettes(distances, at(labels, places), k));
  return finish(points, fit, {
    sampled,
    random,
    silhouette: silhouetteOf(at(fit.labels, sampled), fit.k),
    candidates: tried.map(({ fit: { k, labels } }) => ({ k, silhouette: silhouetteOf(labels, k) })),
  });
}

/**
 * The k at which modularity and silhouette together are highest, or modularity alone, whichever is the smaller: where the two are not of one
 * mind, fewer themes are easier to read, and asking for more is easy. Chosen on 48 sets of texts, drawn from the tuning half of the labels of
 * `bench/analysis-sets.ts`: together they find the best groups, the smaller the number nearest to the true one.
 */
function chosen(tried: readonly Tried[]): Tried {
  const [both, linked] = [peak(tried, scoreOf), peak(tried, ({ modularity }) => modularity)];
  return both.fit.k <= linked.fit.k ? both : linked;
}

/** Once each is averaged with those beside it: a single lucky fit is no reason for its k. */
function peak(tried: readonly Tried[], of: (each: Tried) => number): Tried {
  const values = tried.map(of);
  const smoothed = values.map((value, place) => (values[place - 1] ?? value) + 2 * value + (values[place + 1] ?? value));
  return tried.reduce((one, other, place) => ((smoothed[place] ?? 0) > (smoothed[tried.indexOf(one)] ?? 0) ? other : one));
}

const at = (values: Int32Array, places: Int32Array): Int32Array => places.map((place) => values[place] ?? 0);

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
