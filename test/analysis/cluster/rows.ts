import { createHash } from 'node:crypto';
import type { Vectors } from '../../../lib/analysis/contract.ts';
import { createRandom } from '../../../lib/analysis/umap/random.ts';

export function rowsOf(rows: readonly (readonly number[])[]): Vectors {
  return { values: Float32Array.from(rows.flat()), count: rows.length, dimensions: rows[0]?.length ?? 0 };
}

export interface Blobs {
  rows: Vectors;
  truth: number[];
}

/** Groups of the sizes given, each around a corner of its own of a cube of side `apart`; within a group rows lie up to 1 from the middle. */
export function blobs(sizes: readonly number[], { dimensions = 8, apart = 6, seed = 1 } = {}): Blobs {
  const random = createRandom(seed);
  const corners = sizes.map((_, group) => Array.from({ length: dimensions }, (_, d) => ((group + 1) & (1 << (d % 8)) ? apart : 0)));
  const truth = sizes.flatMap((size, group) => new Array<number>(size).fill(group));
  const rows = truth.map((group) => (corners[group] ?? []).map((at) => at + random.fraction() + random.fraction() - 1));
  return { rows: rowsOf(rows), truth };
}

export function fingerprint(...arrays: readonly (Int32Array | Float32Array | Float64Array)[]): string {
  const hash = createHash('sha256');
  for (const array of arrays) hash.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  return hash.digest('hex').slice(0, 16);
}
