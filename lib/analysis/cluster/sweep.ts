import type { Random } from '../umap/random.ts';
import type { Verdict } from './judge.ts';
import { type Fit, lloyd } from './lloyd.ts';
import { type Points, squaredDistance } from './points.ts';
import { sizesOf } from './silhouette.ts';
import { startCentres, withOneMore } from './starts.ts';

export interface Bounds {
  minK: number;
  maxK: number;
}

/** A fit, and what was thought of it. */
export interface Tried extends Verdict {
  fit: Fit;
}

/** Fresh starts for the k that was chosen. */
const RESTARTS = 6;

/**
 * K-Means for each k between the bounds, from warm starts. On the way up a centre is added to the last fit, on the way down the two
 * centres whose union costs least become one; of the two fits for a k the better one stays. The first returned is that of `minK`.
 */
export function sweep(
  points: Points,
  { minK, maxK }: Bounds,
  random: Random,
  judge: (fit: Fit) => Tried,
  onStep: (done: number, total: number) => void,
): Tried[] {
  const total = 2 * (maxK - minK) + 1;
  let last = judge(lloyd(points, startCentres(points, minK, random)));
  const tried = [last];
  for (let k = minK + 1; k <= maxK; k += 1) {
    last = judge(lloyd(points, withOneMore(points, last.fit, random).centres));
    tried.push(last);
    onStep(tried.length, total);
  }
  for (let k = maxK - 1; k >= minK; k -= 1) {
    last = better(tried[k - minK], judge(lloyd(points, mergeNearest(last.fit, points.dimensions))));
    tried[k - minK] = last;
    onStep(total - (k - minK), total);
  }
  return tried;
}

/** The best of a fit and of fresh starts for the same k. */
export function restart(points: Points, first: Tried, random: Random, judge: (fit: Fit) => Tried): Tried {
  let best = first;
  for (let start = 0; start < RESTARTS; start += 1) best = better(best, judge(lloyd(points, startCentres(points, first.fit.k, random))));
  return best;
}

/** What fits for one k are compared by. */
export const scoreOf = ({ modularity, silhouette }: Verdict): number => modularity + silhouette;

function better(before: Tried | undefined, now: Tried): Tried {
  return before && scoreOf(before) >= scoreOf(now) ? before : now;
}

/** Ward's criterion (1963): the inertia that is added when two clusters become one. */
function mergeNearest({ k, centres, labels }: Fit, dimensions: number): Float64Array {
  const sizes = sizesOf(labels, k);
  let best = { cost: Number.POSITIVE_INFINITY, one: 0, other: 1 };
  for (let other = 1; other < k; other += 1) {
    for (let one = 0; one < other; one += 1) {
      const [first, second] = [sizes[one] ?? 0, sizes[other] ?? 0];
      const cost =
        (first * second * squaredDistance(centres, one * dimensions, centres, other * dimensions, dimensions)) / Math.max(1, first + second);
      if (cost < best.cost) best = { cost, one, other };
    }
  }
  const [first, second] = [sizes[best.one] ?? 0, sizes[best.other] ?? 0];
  const merged = new Float64Array((k - 1) * dimensions);
  for (let cluster = 0, to = 0; cluster < k; cluster += 1) {
    if (cluster === best.other) continue;
    for (let d = 0; d < dimensions; d += 1) {
      const own = centres[cluster * dimensions + d] ?? 0;
      const joined = centres[best.other * dimensions + d] ?? 0;
      merged[to * dimensions + d] = cluster === best.one && first + second > 0 ? (first * own + second * joined) / (first + second) : own;
    }
    to += 1;
  }
  return merged;
}
