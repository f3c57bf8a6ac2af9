// The optimiser of umap-js (`optimizeLayoutStep`): the same edges in the same order, the same random numbers, the same gradients.
// Replaced because two calls of Math.pow per sample are most of its time, and because Math.pow differs between versions of Node.
//
// Points are f32, padded with zeros to 2 dimensions (half a vector) or 8 (two vectors). The two gradients depend on the squared distance
// alone, so they are read from tables: 64 straight pieces per power of two, wrong by less than 1 part in 10,000. Each negative sample
// moves the point that the next one is compared with, so time goes by the length of that chain, not by the number of operations.

import { below } from './random';

/** Squared distances from 2⁻⁴⁰ to 2²⁴; beyond, the nearer end holds: there the gradient is clipped, or moves nothing. */
const LOWEST: u32 = (127 - 40) << 23;
const HIGHEST: u32 = ((127 + 24) << 23) - 1;
const PIECES_LOG2: u32 = 6;
const SHIFT: u32 = 23 - PIECES_LOG2;
/** Each piece of a table is a value at distance 0 and a slope, both f32. */
const PIECES: u32 = ((HIGHEST - LOWEST) >> SHIFT) + 1;
const PIECE_LOG2: u32 = 3;
export const tableBytes: u32 = PIECES << PIECE_LOG2;

const CLIP: f32 = 4;

/** A table as a file of constants would be 60 KB; it takes half a millisecond to compute. `pow` is AssemblyScript's own: the same everywhere. */
export function fillTables(a: f64, b: f64, attraction: usize, repulsion: usize): void {
  for (let piece: u32 = 0; piece < PIECES; piece++) {
    const from = <f64>reinterpret<f32>(LOWEST + (piece << SHIFT));
    const to = <f64>reinterpret<f32>(LOWEST + ((piece + 1) << SHIFT));
    storePiece(attraction + piece * 8, from, to, attractionAt(from, a, b), attractionAt(to, a, b));
    storePiece(repulsion + piece * 8, from, to, repulsionAt(from, a, b), repulsionAt(to, a, b));
  }
}

function attractionAt(squared: f64, a: f64, b: f64): f64 {
  return (-2.0 * a * b * NativeMath.pow(squared, b - 1.0)) / (a * NativeMath.pow(squared, b) + 1.0);
}

function repulsionAt(squared: f64, a: f64, b: f64): f64 {
  return (2.0 * b) / ((0.001 + squared) * (a * NativeMath.pow(squared, b) + 1.0));
}

function storePiece(at: usize, from: f64, to: f64, first: f64, last: f64): void {
  const slope = (last - first) / (to - from);
  store<f32>(at, <f32>(first - slope * from));
  store<f32>(at, <f32>slope, 4);
}

/** The sum of all lanes, in each lane; of the first two lanes, in those, when there are no others. */
// @ts-ignore: decorator
@inline
function sumOfLanes(wide: bool, value: v128): v128 {
  const pairs = f32x4.add(value, v128.shuffle<f32>(value, value, 1, 0, 3, 2));
  return wide ? f32x4.add(pairs, v128.shuffle<f32>(pairs, pairs, 2, 3, 0, 1)) : pairs;
}

// @ts-ignore: decorator
@inline
function lookUp(table: usize, squared: v128): v128 {
  const bits = min<u32>(max<u32>(i32x4.extract_lane(squared, 0), LOWEST), HIGHEST);
  const piece = table - ((LOWEST >> SHIFT) << PIECE_LOG2) + ((bits >> SHIFT) << PIECE_LOG2);
  return f32x4.add(v128.load32_splat(piece), f32x4.mul(v128.load32_splat(piece, 4), squared));
}

// @ts-ignore: decorator
@inline
function loadPoint(wide: bool, at: usize): v128 {
  return wide ? v128.load(at) : v128.load64_zero(at);
}

// @ts-ignore: decorator
@inline
function storePoint(wide: bool, at: usize, point: v128): void {
  if (wide) v128.store(at, point);
  else v128.store64_lane(at, point, 0);
}

/** One epoch over points of up to 2 dimensions, 8 bytes each. */
export function stepPairs(
  epoch: f64, alpha: f32, edges: u32, heads: usize, tails: usize, epochsPerSample: usize, nextSample: usize, nextNegative: usize,
  negativeRate: f64, points: usize, count: u32, dimensions: u32, attraction: usize, repulsion: usize,
): void {
  step(false, epoch, alpha, edges, heads, tails, epochsPerSample, nextSample, nextNegative, negativeRate, points, count, dimensions, attraction, repulsion);
}

/** One epoch over points of up to 8 dimensions, 32 bytes each. */
export function stepWide(
  epoch: f64, alpha: f32, edges: u32, heads: usize, tails: usize, epochsPerSample: usize, nextSample: usize, nextNegative: usize,
  negativeRate: f64, points: usize, count: u32, dimensions: u32, attraction: usize, repulsion: usize,
): void {
  step(true, epoch, alpha, edges, heads, tails, epochsPerSample, nextSample, nextNegative, negativeRate, points, count, dimensions, attraction, repulsion);
}

/** `value` in the lanes that are dimensions, 0 in the padding. */
function inDimensions(value: f32, dimensions: i32): v128 {
  return v128.and(f32x4.splat(value), i32x4.gt_s(i32x4.splat(dimensions), i32x4(0, 1, 2, 3)));
}

// @ts-ignore: decorator
@inline
function step(
  wide: bool, epoch: f64, alpha: f32, edges: u32, heads: usize, tails: usize, epochsPerSample: usize, nextSample: usize, nextNegative: usize,
  negativeRate: f64, points: usize, count: u32, dimensions: u32, attraction: usize, repulsion: usize,
): void {
  const shift: u32 = wide ? 5 : 3;
  const rate = f32x4.splat(alpha);
  // A gradient is clipped before it is multiplied by alpha; the other way round gives the same, and a shorter chain.
  const most = f32x4.splat(CLIP * alpha);
  const least = f32x4.neg(most);
  const push = inDimensions(CLIP * alpha, dimensions);
  const pushHigh = inDimensions(CLIP * alpha, <i32>dimensions - 4);
  for (let edge: u32 = 0; edge < edges; edge++) {
    const sampleAt = nextSample + (edge << 3);
    const next = load<f64>(sampleAt);
    if (next > epoch) continue;
    const perSample = load<f64>(epochsPerSample + (edge << 3));
    store<f64>(sampleAt, next + perSample);

    const head = load<u32>(heads + (edge << 2));
    const current = points + (<usize>head << shift);
    const tail = points + (<usize>load<u32>(tails + (edge << 2)) << shift);
    let low = loadPoint(wide, current);
    let high = wide ? v128.load(current, 16) : low;
    const tailLow = loadPoint(wide, tail);
    const tailHigh = wide ? v128.load(tail, 16) : low;
    let apart = f32x4.sub(low, tailLow);
    let apartHigh = f32x4.sub(high, tailHigh);
    let squares = f32x4.mul(apart, apart);
    if (wide) squares = f32x4.add(squares, f32x4.mul(apartHigh, apartHigh));
    const pull = lookUp(attraction, sumOfLanes(wide, squares));
    const move = f32x4.pmax(f32x4.pmin(f32x4.mul(pull, f32x4.mul(apart, rate)), most), least);
    low = f32x4.add(low, move);
    storePoint(wide, tail, f32x4.sub(tailLow, move));
    if (wide) {
      const moveHigh = f32x4.pmax(f32x4.pmin(f32x4.mul(pull, f32x4.mul(apartHigh, rate)), most), least);
      high = f32x4.add(high, moveHigh);
      v128.store(tail, f32x4.sub(tailHigh, moveHigh), 16);
    }

    const negativeAt = nextNegative + (edge << 3);
    const perNegative = perSample / negativeRate;
    const negatives = <i32>floor((epoch - load<f64>(negativeAt)) / perNegative);
    for (let negative = 0; negative < negatives; negative++) {
      const vertex = below(count);
      if (vertex == head) continue;
      const other = points + (<usize>vertex << shift);
      apart = f32x4.sub(low, loadPoint(wide, other));
      squares = f32x4.mul(apart, apart);
      if (wide) {
        apartHigh = f32x4.sub(high, v128.load(other, 16));
        squares = f32x4.add(squares, f32x4.mul(apartHigh, apartHigh));
      }
      const squared = sumOfLanes(wide, squares);
      if (i32x4.extract_lane(squared, 0) == 0) {
        // Another point in the same place pushes as hard as it may.
        low = f32x4.add(low, push);
        if (wide) high = f32x4.add(high, pushHigh);
        continue;
      }
      const force = lookUp(repulsion, squared);
      low = f32x4.add(low, f32x4.pmax(f32x4.pmin(f32x4.mul(force, f32x4.mul(apart, rate)), most), least));
      if (wide) high = f32x4.add(high, f32x4.pmax(f32x4.pmin(f32x4.mul(force, f32x4.mul(apartHigh, rate)), most), least));
    }
    storePoint(wide, current, low);
    if (wide) v128.store(current, high, 16);
    store<f64>(negativeAt, load<f64>(negativeAt) + <f64>negatives * perNegative);
  }
}
