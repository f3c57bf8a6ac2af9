import type { Block, Kernels } from './kernels.ts';
import type { Report } from './options.ts';
import { FOUR, paddedTo, type Quantised } from './quantised.ts';

/** Of each of `count` rows, `size` indices that its nearest are expected to be among, in no order; -1 where there are fewer. */
export interface Shortlist {
  indices: Block<Int32Array>;
  count: number;
  size: number;
}

/** Bytes of columns that stay in a near cache while all rows pass by. */
const CACHED = 96 * 1024;

/** All rows against each other: half the products, since each counts for both of its rows. A row is in its own list. */
export function shortlistAmong(kernels: Kernels, rows: Quantised, size: number, report?: Report): Shortlist {
  const { shortlist, addresses } = reserveLists(kernels, rows.count, size);
  eachBlock(rows, (from, to, end) => {
    kernels.functions.shortlistAmong(rows.address, rows.count, rows.stride, from, to, size, ...addresses);
    report?.(to * to, end * end);
  });
  return shortlist;
}

/** Rows against the columns of another matrix. */
export function shortlistFrom(kernels: Kernels, rows: Quantised, columns: Quantised, size: number, report?: Report): Shortlist {
  const { shortlist, addresses } = reserveLists(kernels, rows.count, size);
  eachBlock(columns, (from, to, end) => {
    kernels.functions.shortlistFrom(rows.address, rows.count, columns.address, columns.count, rows.stride, from, to, size, ...addresses);
    report?.(to, end);
  });
  return shortlist;
}

function eachBlock({ count, stride }: Quantised, take: (from: number, to: number, end: number) => void): void {
  const end = paddedTo(FOUR, count);
  const step = Math.max(FOUR, Math.floor(CACHED / stride / FOUR) * FOUR);
  for (let from = 0; from < end; from += step) take(from, Math.min(end, from + step), end);
}

function reserveLists({ functions, reserve }: Kernels, count: number, size: number) {
  const padded = paddedTo(FOUR, count);
  const thresholds = reserve(Int32Array, padded).address;
  const scores = reserve(Int32Array, count * size).address;
  const indices = reserve(Int32Array, count * size);
  functions.clearShortlist(count, padded, size, thresholds, scores, indices.address);
  const shortlist: Shortlist = { indices, count, size };
  return { shortlist, addresses: [thresholds, scores, indices.address] as const };
}
