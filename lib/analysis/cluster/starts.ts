import type { Random } from '../umap/random.ts';
import { type Points, squaredDistance } from './points.ts';

/** Rows that are tried for each further centre; the one that lowers the inertia most is taken. */
const TRIALS = 3;

/** Centres, and of each row the squared distance to the nearest of them. */
interface Placed {
  centres: Float64Array;
  squared: Float64Array;
}

/** `k` centres by k-means++ (Arthur and Vassilvitskii, 2007) in its greedy form. */
export function startCentres(points: Points, k: number, random: Random): Float64Array {
  const { values, count, dimensions } = points;
  const first = random.below(count) * dimensions;
  let placed: Placed = {
    centres: values.slice(first, first + dimensions),
    squared: nearestWith(points, new Float64Array(count).fill(Number.POSITIVE_INFINITY), first).squared,
  };
  for (let cluster = 1; cluster < k; cluster += 1) placed = withOneMore(points, placed, random);
  return placed.centres;
}

/** One centre more, on a row drawn by its squared distance to those that are there. Where every row lies on one already, on any row. */
export function withOneMore(points: Points, { centres, squared }: Placed, random: Random): Placed {
  const { values, dimensions } = points;
  const trials = Array.from({ length: TRIALS }, () => {
    const row = draw(squared, random);
    return { row, ...nearestWith(points, squared, row * dimensions) };
  });
  const best = trials.reduce((one, other) => (other.inertia < one.inertia ? other : one));
  const more = new Float64Array(centres.length + dimensions);
  more.set(centres);
  more.set(values.subarray(best.row * dimensions, (best.row + 1) * dimensions), centres.length);
  return { centres: more, squared: best.squared };
}

/** Squared distances to the nearest centre, once one more stands on the row at `place`. */
function nearestWith({ values, count, dimensions }: Points, before: Float64Array, place: number): { squared: Float64Array; inertia: number } {
  const squared = new Float64Array(count);
  let inertia = 0;
  for (let row = 0; row < count; row += 1) {
    const distance = Math.min(before[row] ?? 0, squaredDistance(values, row * dimensions, values, place, dimensions));
    squared[row] = distance;
    inertia += distance;
  }
  return { squared, inertia };
}

/** A row, as likely as its weight is large. */
function draw(weights: Float64Array, random: Random): number {
  let total = 0;
  for (let row = 0; row < weights.length; row += 1) total += weights[row] ?? 0;
  let left = random.fraction() * total;
  for (let row = 0; row < weights.length; row += 1) {
    left -= weights[row] ?? 0;
    if (left < 0) return row;
  }
  return random.below(weights.length);
}
