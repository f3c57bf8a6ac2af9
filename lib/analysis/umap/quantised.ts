import type { Vectors } from '../contract.ts';
import type { Kernels } from './kernels.ts';
import type { Basis } from './projection.ts';
import type { Staging } from './staging.ts';

/** Rows of unit length in whole numbers of 16 bits, padded as the kernels read them: in fours, and 64 bytes at a time. */
export interface Quantised {
  address: number;
  count: number;
  /** Bytes of a row. */
  stride: number;
}

export const FOUR = 4;
const STEP = 64;

/** All rows, or what of them lies along the directions of `basis`. */
export function quantised(kernels: Kernels, staging: Staging, vectors: Vectors, basis: Basis | undefined): Quantised {
  const { functions, reserve } = kernels;
  const { count, dimensions } = vectors;
  const width = basis ? basis.count : dimensions;
  const stride = paddedTo(STEP, 2 * width);
  const { address } = reserve(Uint8Array, paddedTo(FOUR, count) * stride);
  const projected = basis && reserve(Float32Array, staging.size * width);
  for (const block of staging.blocks(vectors)) {
    functions.normalise(block.address, block.count, dimensions);
    if (basis && projected) functions.multiply(block.address, block.count, basis.address, basis.count, dimensions, projected.address);
    functions.quantise(projected?.address ?? block.address, block.count, width, address + block.first * stride, stride);
  }
  return { address, count, stride };
}

export function paddedTo(step: number, length: number): number {
  return Math.ceil(length / step) * step;
}
