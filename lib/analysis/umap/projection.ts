import type { Vectors } from '../contract.ts';
import type { Block, Kernels } from './kernels.ts';

/** Directions of `dimensions` each, at right angles to each other. */
export interface Basis {
  address: number;
  count: number;
}

/** Rows that the directions are found from: enough for their number, and independent of the number of rows. */
const SAMPLE = 1_024;
/** Rounds of subspace iteration: a second one is worth a third of the neighbours that the first one misses, a third nothing. */
const ROUNDS = 2;

/**
 * The directions in which the rows differ most, without their mean taken away: dot products of what is projected on them are near those of the
 * rows. Subspace iteration on a sample (Halko, Martinsson and Tropp 2011, section 4.5), from rows of it; no random numbers.
 */
export function principalDirections(kernels: Kernels, vectors: Vectors, count: number): Basis {
  const { functions, reserve } = kernels;
  const { dimensions } = vectors;
  const sampled = Math.min(vectors.count, SAMPLE);
  const sample = reserve(Float32Array, sampled * dimensions);
  const transposed = reserve(Float32Array, sampled * dimensions);
  const products = reserve(Float32Array, count * sampled);
  const basis = reserve(Float32Array, count * dimensions);
  copyEvenly(vectors, sampled, sample);
  functions.normalise(sample.address, sampled, dimensions);
  functions.transpose(sample.address, sampled, dimensions, transposed.address);
  copyEvenly({ values: sample.view(), count: sampled, dimensions }, count, basis);
  for (let round = 0; round < ROUNDS; round += 1) {
    functions.orthonormalise(basis.address, count, dimensions);
    functions.multiply(basis.address, count, sample.address, sampled, dimensions, products.address);
    functions.multiply(products.address, count, transposed.address, dimensions, sampled, basis.address);
  }
  functions.orthonormalise(basis.address, count, dimensions);
  return { address: basis.address, count };
}

/** Every so many rows, from the first to near the last. */
function copyEvenly({ values, count, dimensions }: Vectors, wanted: number, target: Block<Float32Array>): void {
  const view = target.view();
  for (let row = 0; row < wanted; row += 1) {
    const from = Math.floor((row * count) / wanted) * dimensions;
    view.set(values.subarray(from, from + dimensions), row * dimensions);
  }
}
