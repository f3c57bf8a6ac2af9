import { type Points, squaredDistance } from './points.ts';

/** Euclidean distances of each pair of rows, `count` × `count`: 4 MB for 1,000 rows. */
export function distancesOf({ values, count, dimensions }: Points): Float32Array {
  const distances = new Float32Array(count * count);
  for (let row = 0; row < count; row += 1) {
    for (let other = 0; other < row; other += 1) {
      const distance = Math.sqrt(squaredDistance(values, row * dimensions, values, other * dimensions, dimensions));
      distances[row * count + other] = distance;
      distances[other * count + row] = distance;
    }
  }
  return distances;
}

/** Rousseeuw's silhouette (1987) of each row, -1 to 1; 0 for a row that is alone in its cluster. `distances` of each pair, row-major. */
export function silhouettes(distances: Float32Array, labels: Int32Array, k: number): Float64Array {
  const count = labels.length;
  const sizes = sizesOf(labels, k);
  const order = inLabelOrder(labels, sizes);
  const sums = new Float64Array(k);
  const widths = new Float64Array(count);
  for (let row = 0; row < count; row += 1) {
    sumByLabel(distances, row * count, order, sizes, sums);
    widths[row] = widthOf(sums, sizes, labels[row] ?? 0);
  }
  return widths;
}

/** Rows, those of a cluster side by side: their distances are then added up in a register. */
function inLabelOrder(labels: Int32Array, sizes: Int32Array): Int32Array {
  const next = new Int32Array(sizes.length);
  for (let cluster = 1; cluster < next.length; cluster += 1) next[cluster] = (next[cluster - 1] ?? 0) + (sizes[cluster - 1] ?? 0);
  const order = new Int32Array(labels.length);
  for (let row = 0; row < labels.length; row += 1) {
    const label = labels[row] ?? 0;
    const place = next[label] ?? 0;
    order[place] = row;
    next[label] = place + 1;
  }
  return order;
}

function sumByLabel(distances: Float32Array, from: number, order: Int32Array, sizes: Int32Array, sums: Float64Array): void {
  let place = 0;
  for (let cluster = 0; cluster < sizes.length; cluster += 1) {
    const end = place + (sizes[cluster] ?? 0);
    let sum = 0;
    for (; place < end; place += 1) sum += distances[from + (order[place] ?? 0)] ?? 0;
    sums[cluster] = sum;
  }
}

function widthOf(sums: Float64Array, sizes: Int32Array, own: number): number {
  const companions = (sizes[own] ?? 0) - 1;
  if (companions < 1) return 0;
  const within = (sums[own] ?? 0) / companions;
  let beside = Number.POSITIVE_INFINITY;
  for (let cluster = 0; cluster < sums.length; cluster += 1) {
    const size = sizes[cluster] ?? 0;
    if (cluster !== own && size > 0) beside = Math.min(beside, (sums[cluster] ?? 0) / size);
  }
  const widest = Math.max(within, beside);
  return widest === 0 || beside === Number.POSITIVE_INFINITY ? 0 : (beside - within) / widest;
}

/** Rows of each cluster; negative labels are not counted. */
export function sizesOf(labels: Int32Array, k: number): Int32Array {
  const sizes = new Int32Array(k);
  for (const label of labels) if (label >= 0) sizes[label] = (sizes[label] ?? 0) + 1;
  return sizes;
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < values.length; at += 1) sum += values[at] ?? 0;
  return values.length === 0 ? 0 : sum / values.length;
}
