// The best `size` columns of each row by dot product: every row against every column, in whole numbers of 16 bits. One instruction
// multiplies eight of them (four f32), and sums of whole numbers do not depend on their order. What the rounding may confuse is told apart
// by `rerank.ts`, which is why more are kept than are wanted.
//
// Rows are of unit length times 32767, so no sum leaves 32 bits; they are padded with zeros to a multiple of 64 bytes, and stand in fours.

const FOUR: u32 = 4;

/** `thresholds` repeats the lowest score of each heap, where a vector can read four of them. Columns beyond `columns` are padding. */
// @ts-ignore: decorator
@inline
function offer(row: u32, column: u32, score: i32, columns: u32, size: u32, thresholds: usize, scores: usize, indices: usize): void {
  if (score > load<i32>(thresholds + (<usize>row << 2)) && column < columns) replaceLowest(row, column, score, size, thresholds, scores, indices);
}

/** The heap of a row has its lowest score on top. */
function replaceLowest(row: u32, column: u32, score: i32, size: u32, thresholds: usize, scores: usize, indices: usize): void {
  const heap = scores + ((<usize>row * size) << 2);
  const ids = indices + ((<usize>row * size) << 2);
  let place: u32 = 0;
  while (true) {
    let child: u32 = 2 * place + 1;
    if (child >= size) break;
    if (child + 1 < size && load<i32>(heap + ((child + 1) << 2)) < load<i32>(heap + (child << 2))) child++;
    const below = load<i32>(heap + (child << 2));
    if (below >= score) break;
    store<i32>(heap + (place << 2), below);
    store<u32>(ids + (place << 2), load<u32>(ids + (child << 2)));
    place = child;
  }
  store<i32>(heap + (place << 2), score);
  store<u32>(ids + (place << 2), column);
  store<i32>(thresholds + (<usize>row << 2), load<i32>(heap));
}

/** Empties the heaps. Rows from `count` to `padded` are padding and take nothing. */
export function clearShortlist(count: u32, padded: u32, size: u32, thresholds: usize, scores: usize, indices: usize): void {
  for (let row: u32 = 0; row < padded; row++) store<i32>(thresholds + (<usize>row << 2), row < count ? i32.MIN_VALUE : i32.MAX_VALUE);
  for (let place: usize = 0; place < <usize>count * size; place++) {
    store<i32>(scores + (place << 2), i32.MIN_VALUE);
    store<i32>(indices + (place << 2), -1);
  }
}

/** Four vectors of partial sums to one of four sums. */
// @ts-ignore: decorator
@inline
function gather(first: v128, second: v128, third: v128, fourth: v128): v128 {
  const one = i32x4.add(v128.shuffle<i32>(first, second, 0, 4, 1, 5), v128.shuffle<i32>(first, second, 2, 6, 3, 7));
  const other = i32x4.add(v128.shuffle<i32>(third, fourth, 0, 4, 1, 5), v128.shuffle<i32>(third, fourth, 2, 6, 3, 7));
  return i32x4.add(v128.shuffle<i32>(one, other, 0, 1, 4, 5), v128.shuffle<i32>(one, other, 2, 3, 6, 7));
}

/** Two rows against four columns. `mutual`: the columns are rows of the same matrix and are offered the rows in turn. */
// @ts-ignore: decorator
@inline
function tile(
  rows: usize, row: u32, columns: usize, column: u32, stride: usize, columnCount: u32, mutual: bool,
  size: u32, thresholds: usize, scores: usize, indices: usize,
): void {
  const row0 = rows + <usize>row * stride;
  const row1 = row0 + stride;
  const column0 = columns + <usize>column * stride;
  const column1 = column0 + stride;
  const column2 = column1 + stride;
  const column3 = column2 + stride;
  let s00 = i32x4.splat(0), s01 = s00, s02 = s00, s03 = s00;
  let s10 = s00, s11 = s00, s12 = s00, s13 = s00;
  for (let at: usize = 0; at < stride; at += 32) {
    let a0 = v128.load(row0 + at);
    let a1 = v128.load(row1 + at);
    let b = v128.load(column0 + at);
    s00 = i32x4.add(s00, i32x4.dot_i16x8_s(a0, b));
    s10 = i32x4.add(s10, i32x4.dot_i16x8_s(a1, b));
    b = v128.load(column1 + at);
    s01 = i32x4.add(s01, i32x4.dot_i16x8_s(a0, b));
    s11 = i32x4.add(s11, i32x4.dot_i16x8_s(a1, b));
    b = v128.load(column2 + at);
    s02 = i32x4.add(s02, i32x4.dot_i16x8_s(a0, b));
    s12 = i32x4.add(s12, i32x4.dot_i16x8_s(a1, b));
    b = v128.load(column3 + at);
    s03 = i32x4.add(s03, i32x4.dot_i16x8_s(a0, b));
    s13 = i32x4.add(s13, i32x4.dot_i16x8_s(a1, b));
    a0 = v128.load(row0 + at, 16);
    a1 = v128.load(row1 + at, 16);
    b = v128.load(column0 + at, 16);
    s00 = i32x4.add(s00, i32x4.dot_i16x8_s(a0, b));
    s10 = i32x4.add(s10, i32x4.dot_i16x8_s(a1, b));
    b = v128.load(column1 + at, 16);
    s01 = i32x4.add(s01, i32x4.dot_i16x8_s(a0, b));
    s11 = i32x4.add(s11, i32x4.dot_i16x8_s(a1, b));
    b = v128.load(column2 + at, 16);
    s02 = i32x4.add(s02, i32x4.dot_i16x8_s(a0, b));
    s12 = i32x4.add(s12, i32x4.dot_i16x8_s(a1, b));
    b = v128.load(column3 + at, 16);
    s03 = i32x4.add(s03, i32x4.dot_i16x8_s(a0, b));
    s13 = i32x4.add(s13, i32x4.dot_i16x8_s(a1, b));
  }
  const first = gather(s00, s01, s02, s03);
  const second = gather(s10, s11, s12, s13);
  const limit0 = i32x4.splat(load<i32>(thresholds + (<usize>row << 2)));
  const limit1 = i32x4.splat(load<i32>(thresholds + (<usize>row << 2), 4));
  if (v128.any_true(i32x4.gt_s(first, limit0))) offerFour(row, column, first, columnCount, size, thresholds, scores, indices);
  if (v128.any_true(i32x4.gt_s(second, limit1))) offerFour(row + 1, column, second, columnCount, size, thresholds, scores, indices);
  if (mutual) {
    const limits = v128.load(thresholds + (<usize>column << 2));
    if (v128.any_true(i32x4.gt_s(i32x4.max_s(first, second), limits))) {
      offerToFour(row, column, first, columnCount, size, thresholds, scores, indices);
      offerToFour(row + 1, column, second, columnCount, size, thresholds, scores, indices);
    }
  }
}

/** Four columns to a row. */
function offerFour(row: u32, column: u32, four: v128, columns: u32, size: u32, thresholds: usize, scores: usize, indices: usize): void {
  offer(row, column, i32x4.extract_lane(four, 0), columns, size, thresholds, scores, indices);
  offer(row, column + 1, i32x4.extract_lane(four, 1), columns, size, thresholds, scores, indices);
  offer(row, column + 2, i32x4.extract_lane(four, 2), columns, size, thresholds, scores, indices);
  offer(row, column + 3, i32x4.extract_lane(four, 3), columns, size, thresholds, scores, indices);
}

/** A row to four columns. */
function offerToFour(row: u32, column: u32, four: v128, columns: u32, size: u32, thresholds: usize, scores: usize, indices: usize): void {
  offer(column, row, i32x4.extract_lane(four, 0), columns, size, thresholds, scores, indices);
  offer(column + 1, row, i32x4.extract_lane(four, 1), columns, size, thresholds, scores, indices);
  offer(column + 2, row, i32x4.extract_lane(four, 2), columns, size, thresholds, scores, indices);
  offer(column + 3, row, i32x4.extract_lane(four, 3), columns, size, thresholds, scores, indices);
}

/**
 * Rows of one matrix among each other, each pair once: columns `from` to `to` (multiples of 4) against all rows before them. A row finds
 * itself too.
 */
export function shortlistAmong(
  rows: usize, count: u32, stride: usize, from: u32, to: u32, size: u32, thresholds: usize, scores: usize, indices: usize,
): void {
  for (let row: u32 = 0; row < to; row += FOUR) {
    for (let column = max(from, row); column < to; column += FOUR) {
      // Of the four on the diagonal each finds the others by itself.
      const mutual = column != row;
      tile(rows, row, rows, column, stride, count, mutual, size, thresholds, scores, indices);
      tile(rows, row + 2, rows, column, stride, count, mutual, size, thresholds, scores, indices);
    }
  }
}

/** Columns `from` to `to` (multiples of 4) of another matrix of `columnCount` against `count` rows (padded to a multiple of 2). */
export function shortlistFrom(
  rows: usize, count: u32, columns: usize, columnCount: u32, stride: usize, from: u32, to: u32,
  size: u32, thresholds: usize, scores: usize, indices: usize,
): void {
  for (let row: u32 = 0; row < count; row += 2) {
    for (let column = from; column < to; column += FOUR) {
      tile(rows, row, columns, column, stride, columnCount, false, size, thresholds, scores, indices);
    }
  }
}
