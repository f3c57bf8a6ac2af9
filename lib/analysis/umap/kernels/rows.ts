// Rows of f32, without padding: lengths, roundings and products. Sums are taken in a fixed order, so they are the same everywhere.

/** The dot product of two rows. That of a row with itself is its squared length to the last bit, wherever it is computed. */
export function dot(one: usize, other: usize, dimensions: u32): f32 {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  let at: u32 = 0;
  for (; at + 16 <= dimensions; at += 16) {
    const a = one + (at << 2);
    const b = other + (at << 2);
    s0 = f32x4.add(s0, f32x4.mul(v128.load(a), v128.load(b)));
    s1 = f32x4.add(s1, f32x4.mul(v128.load(a, 16), v128.load(b, 16)));
    s2 = f32x4.add(s2, f32x4.mul(v128.load(a, 32), v128.load(b, 32)));
    s3 = f32x4.add(s3, f32x4.mul(v128.load(a, 48), v128.load(b, 48)));
  }
  const sums = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
  let rest: f32 = 0;
  for (; at < dimensions; at++) rest += load<f32>(one + (at << 2)) * load<f32>(other + (at << 2));
  return (
    f32x4.extract_lane(sums, 0) + f32x4.extract_lane(sums, 1) + (f32x4.extract_lane(sums, 2) + f32x4.extract_lane(sums, 3)) + rest
  );
}

export function squaredLengths(rows: usize, count: u32, dimensions: u32, lengths: usize): void {
  for (let row: u32 = 0; row < count; row++) {
    const at = rows + ((<usize>row * dimensions) << 2);
    store<f32>(lengths + (row << 2), dot(at, at, dimensions));
  }
}

/** Makes rows of unit length; rows of zeros stay. */
export function normalise(rows: usize, count: u32, dimensions: u32): void {
  for (let row: u32 = 0; row < count; row++) {
    const at = rows + ((<usize>row * dimensions) << 2);
    const length = sqrt<f32>(dot(at, at, dimensions));
    scale(at, dimensions, length > 0 ? <f32>1 / length : 0);
  }
}

function scale(row: usize, dimensions: u32, factor: f32): void {
  for (let at: u32 = 0; at < dimensions; at++) store<f32>(row + (at << 2), load<f32>(row + (at << 2)) * factor);
}

/** Rows of at most unit length to whole numbers of 16 bits, `stride` bytes a row. */
export function quantise(rows: usize, count: u32, dimensions: u32, target: usize, stride: usize): void {
  const most = f32x4.splat(32767);
  for (let row: u32 = 0; row < count; row++) {
    const from = rows + ((<usize>row * dimensions) << 2);
    const to = target + <usize>row * stride;
    let at: u32 = 0;
    for (; at + 8 <= dimensions; at += 8) {
      const low = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(from + (at << 2)), most)));
      const high = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(from + (at << 2), 16), most)));
      v128.store(to + (at << 1), i16x8.narrow_i32x4_s(low, high));
    }
    for (; at < dimensions; at++) store<i16>(to + (at << 1), <i16>nearest<f32>(load<f32>(from + (at << 2)) * 32767));
  }
}

/** `products[row][column]` = row of `left` times row of `right`, both `length` long. */
export function multiply(left: usize, leftCount: u32, right: usize, rightCount: u32, length: u32, products: usize): void {
  const stride = <usize>length << 2;
  for (let column: u32 = 0; column < rightCount; column += 4) {
    const columns = right + <usize>column * stride;
    for (let row: u32 = 0; row < leftCount; row += 2) {
      const target = products + ((<usize>row * rightCount + column) << 2);
      if (row + 2 <= leftCount && column + 4 <= rightCount) multiplyTile(left + <usize>row * stride, columns, length, target, <usize>rightCount << 2);
      else multiplyEdge(left + <usize>row * stride, min<u32>(2, leftCount - row), columns, min<u32>(4, rightCount - column), length, target, rightCount);
    }
  }
}

function multiplyEdge(left: usize, leftCount: u32, right: usize, rightCount: u32, length: u32, products: usize, width: u32): void {
  for (let row: u32 = 0; row < leftCount; row++) {
    for (let column: u32 = 0; column < rightCount; column++) {
      const product = dot(left + ((<usize>row * length) << 2), right + ((<usize>column * length) << 2), length);
      store<f32>(products + ((<usize>row * width + column) << 2), product);
    }
  }
}

/** Two rows times four. */
function multiplyTile(row0: usize, column0: usize, length: u32, products: usize, width: usize): void {
  const stride = <usize>length << 2;
  const row1 = row0 + stride;
  const column1 = column0 + stride;
  const column2 = column1 + stride;
  const column3 = column2 + stride;
  let s00 = f32x4.splat(0), s01 = s00, s02 = s00, s03 = s00;
  let s10 = s00, s11 = s00, s12 = s00, s13 = s00;
  const whole = <usize>(length & ~3) << 2;
  for (let at: usize = 0; at < whole; at += 16) {
    const a0 = v128.load(row0 + at);
    const a1 = v128.load(row1 + at);
    let b = v128.load(column0 + at);
    s00 = f32x4.add(s00, f32x4.mul(a0, b));
    s10 = f32x4.add(s10, f32x4.mul(a1, b));
    b = v128.load(column1 + at);
    s01 = f32x4.add(s01, f32x4.mul(a0, b));
    s11 = f32x4.add(s11, f32x4.mul(a1, b));
    b = v128.load(column2 + at);
    s02 = f32x4.add(s02, f32x4.mul(a0, b));
    s12 = f32x4.add(s12, f32x4.mul(a1, b));
    b = v128.load(column3 + at);
    s03 = f32x4.add(s03, f32x4.mul(a0, b));
    s13 = f32x4.add(s13, f32x4.mul(a1, b));
  }
  v128.store(products, f32x4.add(gather(s00, s01, s02, s03), rests(row0 + whole, column0 + whole, stride, length & 3)));
  v128.store(products + width, f32x4.add(gather(s10, s11, s12, s13), rests(row1 + whole, column0 + whole, stride, length & 3)));
}

/** Four vectors of partial sums to one of four sums. */
// @ts-ignore: decorator
@inline
function gather(first: v128, second: v128, third: v128, fourth: v128): v128 {
  const one = f32x4.add(v128.shuffle<f32>(first, second, 0, 4, 1, 5), v128.shuffle<f32>(first, second, 2, 6, 3, 7));
  const other = f32x4.add(v128.shuffle<f32>(third, fourth, 0, 4, 1, 5), v128.shuffle<f32>(third, fourth, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(one, other, 0, 1, 4, 5), v128.shuffle<f32>(one, other, 2, 3, 6, 7));
}

/** What is left of a row times four others, where the length is not a multiple of 4. */
function rests(row: usize, column: usize, stride: usize, length: u32): v128 {
  let sums = f32x4.splat(0);
  for (let at: usize = 0; at < <usize>length << 2; at += 4) {
    const four = f32x4.replace_lane(
      f32x4.replace_lane(f32x4.replace_lane(f32x4.splat(load<f32>(column + at)), 1, load<f32>(column + stride + at)), 2, load<f32>(column + 2 * stride + at)),
      3,
      load<f32>(column + 3 * stride + at),
    );
    sums = f32x4.add(sums, f32x4.mul(f32x4.splat(load<f32>(row + at)), four));
  }
  return sums;
}

export function transpose(rows: usize, count: u32, dimensions: u32, target: usize): void {
  for (let row: u32 = 0; row < count; row++) {
    for (let column: u32 = 0; column < dimensions; column++) {
      store<f32>(target + ((<usize>column * count + row) << 2), load<f32>(rows + ((<usize>row * dimensions + column) << 2)));
    }
  }
}

/** Modified Gram-Schmidt, twice over for f32; rows that depend on those before them become zeros. */
export function orthonormalise(rows: usize, count: u32, dimensions: u32): void {
  for (let row: u32 = 0; row < count; row++) {
    const own = rows + ((<usize>row * dimensions) << 2);
    const before = dot(own, own, dimensions);
    for (let round = 0; round < 2; round++) {
      for (let other: u32 = 0; other < row; other++) {
        const at = rows + ((<usize>other * dimensions) << 2);
        subtract(own, at, dot(own, at, dimensions), dimensions);
      }
    }
    const left = dot(own, own, dimensions);
    scale(own, dimensions, left > <f32>1e-10 * before ? <f32>1 / sqrt<f32>(left) : 0);
  }
}

function subtract(row: usize, other: usize, factor: f32, dimensions: u32): void {
  const factors = f32x4.splat(factor);
  let at: u32 = 0;
  for (; at + 4 <= dimensions; at += 4) {
    v128.store(row + (at << 2), f32x4.sub(v128.load(row + (at << 2)), f32x4.mul(factors, v128.load(other + (at << 2)))));
  }
  for (; at < dimensions; at++) store<f32>(row + (at << 2), load<f32>(row + (at << 2)) - factor * load<f32>(other + (at << 2)));
}
