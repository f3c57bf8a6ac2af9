import type { Neighbours } from '../contract.ts';
import type { MatrixEntry } from './internals.ts';
import { hasSimd, openKernels } from './kernels.ts';
import { plainGraph } from './plain.ts';
import { shared } from './shared.ts';

/**
 * UMAP's fuzzy graph (McInnes, Healy and Melville 2018, section 3.1): the edges of a row are `columns` and `weights` from `starts[row]` to
 * `starts[row + 1]`, columns rising; each edge stands in both directions. The arrays are shared: two layouts in two threads read one graph.
 */
export interface FuzzyGraph extends Edges {
  count: number;
  /** Neighbours per row that the graph was made from, the row itself included. */
  k: number;
}

/** Compressed rows: those of `starts.length - 1` points. */
interface Edges {
  starts: Int32Array;
  columns: Int32Array;
  weights: Float64Array;
}

/**
 * The graph that umap-js 1.4.0 makes in `fuzzySimplicialSet`, weights equal up to rounding. Replaced because umap-js keeps it in maps keyed by
 * `"row:column"` strings, one map per operation: a third of its time and most of its memory.
 */
export function graphOf(neighbours: Neighbours, { simd = hasSimd() } = {}): FuzzyGraph {
  const count = neighbours.indices.length / neighbours.k;
  if (!simd) return { count, k: neighbours.k, ...compressed(count, plainGraph(neighbours)) };
  const starts = Int32Array.from({ length: count + 1 }, (_, row) => row * neighbours.k);
  const opposite = transpose({ starts, columns: neighbours.indices, weights: membershipsOf(neighbours) });
  return { count, k: neighbours.k, ...union(transpose(opposite), opposite) };
}

/** Of each neighbour, as they stand in `indices`; 0 for the row itself. */
function membershipsOf({ indices, distances, k }: Neighbours): Float64Array {
  const kernels = openKernels();
  const indexBlock = kernels.reserve(Int32Array, indices.length);
  const distanceBlock = kernels.reserve(Float32Array, indices.length);
  const weightBlock = kernels.reserve(Float64Array, indices.length);
  indexBlock.view().set(indices);
  distanceBlock.view().set(distances);
  kernels.functions.memberships(indexBlock.address, distanceBlock.address, indices.length / k, k, weightBlock.address);
  return weightBlock.view();
}

/** Walks the rows in order, so the columns of the result rise; edges of weight 0 fall away. */
function transpose({ starts, columns, weights }: Edges): Edges {
  const next = startsByColumn(starts.length - 1, columns, weights);
  const total = next.at(-1) ?? 0;
  const result = { starts: next.slice(), columns: new Int32Array(total), weights: new Float64Array(total) };
  for (let row = 0; row < starts.length - 1; row += 1) {
    const end = starts[row + 1] ?? 0;
    for (let edge = starts[row] ?? 0; edge < end; edge += 1) {
      const weight = weights[edge] ?? 0;
      if (weight === 0) continue;
      const column = columns[edge] ?? 0;
      const place = next[column] ?? 0;
      next[column] = place + 1;
      result.columns[place] = row;
      result.weights[place] = weight;
    }
  }
  return result;
}

function startsByColumn(count: number, columns: Int32Array, weights: Float64Array): Int32Array {
  const starts = new Int32Array(count + 1);
  for (let edge = 0; edge < columns.length; edge += 1) {
    const after = (columns[edge] ?? 0) + 1;
    if (weights[edge] !== 0) starts[after] = (starts[after] ?? 0) + 1;
  }
  for (let row = 0; row < count; row += 1) starts[row + 1] = (starts[row + 1] ?? 0) + (starts[row] ?? 0);
  return starts;
}

/** The fuzzy union of edges and their opposites, a + b - ab; both lists of a row rise, so they are merged. */
function union(edges: Edges, opposite: Edges): Edges {
  const count = edges.starts.length - 1;
  const starts = new Int32Array(new SharedArrayBuffer(4 * (count + 1)));
  const columns = new Int32Array(edges.columns.length * 2);
  const weights = new Float64Array(edges.columns.length * 2);
  let end = 0;
  for (let row = 0; row < count; row += 1) {
    const one = { edge: edges.starts[row] ?? 0, end: edges.starts[row + 1] ?? 0 };
    const other = { edge: opposite.starts[row] ?? 0, end: opposite.starts[row + 1] ?? 0 };
    while (one.edge < one.end || other.edge < other.end) {
      const oneColumn = one.edge < one.end ? (edges.columns[one.edge] ?? 0) : count;
      const otherColumn = other.edge < other.end ? (opposite.columns[other.edge] ?? 0) : count;
      const a = oneColumn <= otherColumn ? (edges.weights[one.edge++] ?? 0) : 0;
      const b = otherColumn <= oneColumn ? (opposite.weights[other.edge++] ?? 0) : 0;
      columns[end] = Math.min(oneColumn, otherColumn);
      weights[end] = a + b - a * b;
      end += 1;
    }
    starts[row + 1] = end;
  }
  return { starts, columns: shared(columns.subarray(0, end)), weights: shared(weights.subarray(0, end)) };
}

/** `entries` stand by row and column. */
function compressed(count: number, entries: readonly MatrixEntry[]): Edges {
  const starts = new Int32Array(new SharedArrayBuffer(4 * (count + 1)));
  const columns = new Int32Array(new SharedArrayBuffer(4 * entries.length));
  const weights = new Float64Array(new SharedArrayBuffer(8 * entries.length));
  entries.forEach(({ row, col, value }, edge) => {
    columns[edge] = col;
    weights[edge] = value;
    starts[row + 1] = edge + 1;
  });
  // Rows without an edge begin where the row before them ends.
  for (let row = 1; row <= count; row += 1) starts[row] = Math.max(starts[row] ?? 0, starts[row - 1] ?? 0);
  return { starts, columns, weights };
}
