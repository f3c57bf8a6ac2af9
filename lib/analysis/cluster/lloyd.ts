import { type Points, squaredDistance } from './points.ts';

export interface Fit {
  k: number;
  /** k rows of as many numbers as the points have dimensions. */
  centres: Float64Array;
  labels: Int32Array;
  /** Squared distance of each row to its centre. */
  squared: Float64Array;
  /** Their sum. */
  inertia: number;
}

/** What Hamerly's bounds ("Making k-means even faster", 2010) know of each row: it keeps its centre while `upper` is below `lower`. */
interface State {
  points: Points;
  k: number;
  centres: Float64Array;
  labels: Int32Array;
  /** No less than the distance to the own centre. */
  upper: Float64Array;
  /** No more than the distance to the second nearest centre. */
  lower: Float64Array;
}

/** Lloyd's algorithm from the centres given: assign, take means, until no row changes its cluster. No cluster stays empty. */
export function lloyd(points: Points, start: Float64Array, mostIterations = 100): Fit {
  const state = assignAll(points, start.slice());
  for (let iteration = 1; iteration < mostIterations; iteration += 1) {
    takeMeans(state);
    if (!reassign(state)) break;
  }
  return fitOf(state);
}

/** Each row goes to its nearest centre, the first of equals. */
export function assign(points: Points, centres: Float64Array): Fit {
  return fitOf(assignAll(points, centres));
}

function assignAll(points: Points, centres: Float64Array): State {
  const { count, dimensions } = points;
  const state: State = {
    points,
    k: centres.length / dimensions,
    centres,
    labels: new Int32Array(count),
    upper: new Float64Array(count),
    lower: new Float64Array(count),
  };
  for (let row = 0; row < count; row += 1) assignRow(state, row);
  return state;
}

/** Says whether the row changed its cluster. */
function assignRow({ points: { values, dimensions }, k, centres, labels, upper, lower }: State, row: number): boolean {
  let nearest = Number.POSITIVE_INFINITY;
  let second = Number.POSITIVE_INFINITY;
  let label = 0;
  for (let cluster = 0; cluster < k; cluster += 1) {
    const distance = squaredDistance(values, row * dimensions, centres, cluster * dimensions, dimensions);
    if (distance < nearest) {
      second = nearest;
      nearest = distance;
      label = cluster;
    } else if (distance < second) second = distance;
  }
  upper[row] = Math.sqrt(nearest);
  lower[row] = Math.sqrt(second);
  const changed = labels[row] !== label;
  labels[row] = label;
  return changed;
}

/** Moves each centre to the mean of its rows, and the bounds by as much as the centres moved. */
function takeMeans(state: State): void {
  const { points, k, centres, labels, upper, lower } = state;
  const { count, dimensions } = points;
  const before = centres.slice();
  placeCentres(state);
  const moves = new Float64Array(k);
  for (let cluster = 0; cluster < k; cluster += 1) {
    moves[cluster] = Math.sqrt(squaredDistance(before, cluster * dimensions, centres, cluster * dimensions, dimensions));
  }
  const longest = moves.reduce((most, move) => Math.max(most, move), 0);
  for (let row = 0; row < count; row += 1) {
    upper[row] = (upper[row] ?? 0) + (moves[labels[row] ?? 0] ?? 0);
    lower[row] = (lower[row] ?? 0) - longest;
  }
}

function placeCentres({ points: { values, count, dimensions }, k, centres, labels, upper }: State): void {
  const sizes = new Int32Array(k);
  centres.fill(0);
  for (let row = 0; row < count; row += 1) {
    const cluster = labels[row] ?? 0;
    sizes[cluster] = (sizes[cluster] ?? 0) + 1;
    for (let d = 0; d < dimensions; d += 1) {
      const at = cluster * dimensions + d;
      centres[at] = (centres[at] ?? 0) + (values[row * dimensions + d] ?? 0);
    }
  }
  const taken = new Set<number>();
  for (let cluster = 0; cluster < k; cluster += 1) {
    const size = sizes[cluster] ?? 0;
    const own = centres.subarray(cluster * dimensions, (cluster + 1) * dimensions);
    if (size > 0) for (let d = 0; d < dimensions; d += 1) own[d] = (own[d] ?? 0) / size;
    else own.set(rowOf({ values, count, dimensions }, farthest(upper, taken)));
  }
}

function rowOf({ values, dimensions }: Points, row: number): Float64Array {
  return values.subarray(row * dimensions, (row + 1) * dimensions);
}

/** An empty cluster begins anew on the row that is worst off, each on another. */
function farthest(upper: Float64Array, taken: Set<number>): number {
  let best = 0;
  for (let row = 0; row < upper.length; row += 1) if (!taken.has(row) && (taken.has(best) || (upper[row] ?? 0) > (upper[best] ?? 0))) best = row;
  taken.add(best);
  return best;
}

/** Says whether any row changed its cluster. */
function reassign(state: State): boolean {
  const { points, centres, labels, upper, lower } = state;
  const { values, count, dimensions } = points;
  const halves = halfDistances(state);
  let changed = false;
  for (let row = 0; row < count; row += 1) {
    const label = labels[row] ?? 0;
    const bound = Math.max(halves[label] ?? 0, lower[row] ?? 0);
    if ((upper[row] ?? 0) <= bound) continue;
    upper[row] = Math.sqrt(squaredDistance(values, row * dimensions, centres, label * dimensions, dimensions));
    if ((upper[row] ?? 0) > bound && assignRow(state, row)) changed = true;
  }
  return changed;
}

/** Of each centre, half the distance to the next one: a row within that has no nearer centre. */
function halfDistances({ points: { dimensions }, k, centres }: State): Float64Array {
  const nearest = new Float64Array(k).fill(Number.POSITIVE_INFINITY);
  for (let one = 1; one < k; one += 1) {
    for (let other = 0; other < one; other += 1) {
      const distance = squaredDistance(centres, one * dimensions, centres, other * dimensions, dimensions);
      if (distance < (nearest[one] ?? 0)) nearest[one] = distance;
      if (distance < (nearest[other] ?? 0)) nearest[other] = distance;
    }
  }
  return nearest.map((squared) => Math.sqrt(squared) / 2);
}

function fitOf({ points: { values, count, dimensions }, k, centres, labels }: State): Fit {
  const squared = new Float64Array(count);
  let inertia = 0;
  for (let row = 0; row < count; row += 1) {
    const distance = squaredDistance(values, row * dimensions, centres, (labels[row] ?? 0) * dimensions, dimensions);
    squared[row] = distance;
    inertia += distance;
  }
  return { k, centres, labels, squared, inertia };
}
