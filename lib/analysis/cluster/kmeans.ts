import { kmeans } from 'ml-kmeans';
import type { Random } from '../umap/random.ts';
import { assign, type Fit, lloyd } from './lloyd.ts';
import type { Points } from './points.ts';
import { startCentres } from './starts.ts';

/** Fresh starts beside the warm one. */
const RESTARTS = 6;
/** More than any real input takes; a bound, so that no input can take for ever. */
const MOST_ITERATIONS = 200;

/** The best of several starts on `sample`, in inertia; `warm`: centres that are good already. */
export function bestOf(sample: Points, k: number, random: Random, warm?: Fit): Fit {
  let best = warm ?? lloyd(sample, startCentres(sample, k, random));
  for (let start = 0; start < RESTARTS; start += 1) {
    const fit = lloyd(sample, startCentres(sample, k, random));
    if (fit.inertia < best.inertia) best = fit;
  }
  return best;
}

/** The clustering of all rows from good centres: iterated here until it stands still, and fitted for good by ml-kmeans. */
export function fitAll(points: Points, centres: Float64Array): Fit {
  const near = lloyd(points, centres, MOST_ITERATIONS);
  const { centroids } = kmeans(rowsOf(points.values, points.count, points.dimensions), near.k, {
    initialization: rowsOf(near.centres, near.k, points.dimensions),
    maxIterations: MOST_ITERATIONS,
  });
  return assign(points, Float64Array.from(centroids.flat()));
}

function rowsOf(values: Float64Array, count: number, dimensions: number): number[][] {
  return Array.from({ length: count }, (_, row) => Array.from(values.subarray(row * dimensions, (row + 1) * dimensions)));
}
