import type { Vectors } from '../contract.ts';
import type { Kernels } from './kernels.ts';

/** Some rows of f32 in the memory of the kernels. */
export interface RowBlock {
  address: number;
  first: number;
  count: number;
}

/** Room for a block of rows: 20,000 vectors are 123 MB, which need not be in memory twice. */
export interface Staging {
  /** Rows of a block. */
  size: number;
  /** Loads one block after the other into the same place. */
  blocks(vectors: Vectors): Iterable<RowBlock>;
}

const BLOCK_BYTES = 12 * 1024 * 1024;

export function createStaging({ reserve }: Kernels, count: number, dimensions: number): Staging {
  const size = Math.max(1, Math.min(count, Math.floor(BLOCK_BYTES / (4 * dimensions))));
  const room = reserve(Float32Array, size * dimensions);

  function* blocks({ values, count: total }: Vectors): Iterable<RowBlock> {
    for (let first = 0; first < total; first += size) {
      const taken = Math.min(size, total - first);
      room.view().set(values.subarray(first * dimensions, (first + taken) * dimensions));
      yield { address: room.address, first, count: taken };
    }
  }

  return { size, blocks };
}
