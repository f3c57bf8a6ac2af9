import type { Vectors } from '../contract.ts';

/** What a row's nearness to the middle counts; the rest is how little it repeats those already taken. */
const RELEVANCE = 0.7;
/** Rows as near to each other as this say the same; a second one is taken when nothing else is left. */
const SAME = 0.95;
/** Rows that are looked at for each one wanted, the nearest to the middle. */
const POOL = 8;

/**
 * Of each of `k` clusters, up to `perCluster` rows that speak for it: the nearest to its middle first, then by maximal marginal relevance
 * (Carbonell and Goldstein, 1998), so that they do not all say the same. Rows labelled -1 speak for none.
 */
export function representativesOf(vectors: Vectors, labels: Int32Array, k: number, perCluster: number): number[][] {
  const members = Array.from({ length: k }, (): number[] => []);
  for (let row = 0; row < vectors.count; row += 1) members[labels[row] ?? -1]?.push(row);
  return members.map((rows) => spread(vectors, nearestToMiddle(vectors, rows).slice(0, perCluster * POOL), perCluster));
}

interface Member {
  row: number;
  /** Cosine similarity to the middle, -1 to 1. */
  relevance: number;
}

function nearestToMiddle(vectors: Vectors, rows: readonly number[]): Member[] {
  const middle = middleOf(vectors, rows);
  return rows
    .map((row) => ({ row, relevance: similarity(vectors, row, middle) }))
    .toSorted((one, other) => other.relevance - one.relevance || one.row - other.row);
}

/** Of unit length, as the rows are. */
function middleOf({ values, dimensions }: Vectors, rows: readonly number[]): Float64Array {
  const sum = new Float64Array(dimensions);
  for (const row of rows) {
    for (let d = 0; d < dimensions; d += 1) sum[d] = (sum[d] ?? 0) + (values[row * dimensions + d] ?? 0);
  }
  const length = Math.sqrt(sum.reduce((total, value) => total + value * value, 0));
  return length > 0 ? sum.map((value) => value / length) : sum;
}

function similarity({ values, dimensions }: Vectors, row: number, other: ArrayLike<number>): number {
  let product = 0;
  for (let d = 0; d < dimensions; d += 1) product += (values[row * dimensions + d] ?? 0) * (other[d] ?? 0);
  return product;
}

function worth({ relevance, repeats }: Member & { repeats: number }): number {
  return RELEVANCE * relevance - (1 - RELEVANCE) * repeats - (repeats > SAME ? 2 : 0);
}

/** `pool` is in order of relevance; the first of it is always taken. */
function spread(vectors: Vectors, pool: readonly Member[], wanted: number): number[] {
  const left = pool.map((member) => ({ ...member, repeats: -1 }));
  const taken: number[] = [];
  while (taken.length < wanted && left.length > 0) {
    const best = left.reduce((one, other) => (worth(other) > worth(one) ? other : one));
    left.splice(left.indexOf(best), 1);
    taken.push(best.row);
    const said = vectors.values.subarray(best.row * vectors.dimensions, (best.row + 1) * vectors.dimensions);
    for (const member of left) member.repeats = Math.max(member.repeats, similarity(vectors, member.row, said));
  }
  return taken;
}
