// The cosine distances of shortlisted rows, from the rows themselves. Both sides come in blocks, so that the memory need not hold them all.

import { dot } from './rows';

/** Sorts the shortlist of each row by index, so that it can be walked block by block; places without an index (-1) come last. */
export function sortShortlist(indices: usize, count: u32, size: u32): void {
  for (let row: u32 = 0; row < count; row++) {
    const own = indices + ((<usize>row * size) << 2);
    for (let place: u32 = 1; place < size; place++) {
      const index = load<u32>(own + (place << 2));
      let to = place;
      for (; to > 0 && load<u32>(own + ((to - 1) << 2)) > index; to--) store<u32>(own + (to << 2), load<u32>(own + ((to - 1) << 2)));
      store<u32>(own + (to << 2), index);
    }
  }
}

/**
 * The distances of `rowCount` rows, from the one numbered `firstRow`, to those of their shortlists that are among the `columnCount` rows from
 * `firstColumn`. Blocks of columns are taken in rising order: `next` keeps how far each shortlist is done, from 0.
 */
export function rerank(
  rows: usize, firstRow: u32, rowCount: u32, rowLengths: usize, columns: usize, firstColumn: u32, columnCount: u32, columnLengths: usize,
  dimensions: u32, indices: usize, distances: usize, size: u32, next: usize,
): void {
  const end = firstColumn + columnCount;
  for (let row: u32 = 0; row < rowCount; row++) {
    const list = (<usize>(firstRow + row) * size) << 2;
    const own = rows + ((<usize>row * dimensions) << 2);
    let place = load<u32>(next + ((firstRow + row) << 2));
    for (; place < size; place++) {
      const index = load<u32>(indices + list + (place << 2));
      if (index >= end) break;
      const other = columns + ((<usize>(index - firstColumn) * dimensions) << 2);
      const lengths = <f64>load<f32>(rowLengths + (row << 2)) * <f64>load<f32>(columnLengths + ((index - firstColumn) << 2));
      store<f32>(distances + list + (place << 2), distance(dot(own, other, dimensions), lengths));
    }
    store<u32>(next + ((firstRow + row) << 2), place);
  }
}

/** A row of zeros has no direction: it is at right angles to all. */
function distance(product: f32, squaredLengths: f64): f32 {
  if (squaredLengths == 0) return 1;
  return <f32>max<f64>(0, 1 - <f64>product / sqrt<f64>(squaredLengths));
}

/** The nearest `k` of each shortlist, nearest first, the lower index first among equals; with `itself`, the row comes before all others. */
export function selectNearest(
  indices: usize, distances: usize, count: u32, size: u32, k: u32, itself: bool, nearest: usize, nearestDistances: usize,
): void {
  for (let row: u32 = 0; row < count; row++) {
    const list = (<usize>row * size) << 2;
    const target = (<usize>row * k) << 2;
    let found: u32 = 0;
    if (itself) {
      store<u32>(nearest + target, row);
      store<f32>(nearestDistances + target, 0);
      found = 1;
    }
    const first = found;
    for (let place: u32 = 0; place < size; place++) {
      const index = load<u32>(indices + list + (place << 2));
      if (index == u32.MAX_VALUE) break;
      if (itself && index == row) continue;
      const apart = load<f32>(distances + list + (place << 2));
      if (found == k && apart >= load<f32>(nearestDistances + target + ((k - 1) << 2))) continue;
      let to = found < k ? found++ : k - 1;
      for (; to > first && load<f32>(nearestDistances + target + ((to - 1) << 2)) > apart; to--) {
        store<f32>(nearestDistances + target + (to << 2), load<f32>(nearestDistances + target + ((to - 1) << 2)));
        store<u32>(nearest + target + (to << 2), load<u32>(nearest + target + ((to - 1) << 2)));
      }
      store<f32>(nearestDistances + target + (to << 2), apart);
      store<u32>(nearest + target + (to << 2), index);
    }
  }
}
