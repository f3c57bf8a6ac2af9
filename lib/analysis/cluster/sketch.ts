import type { Vectors } from '../contract.ts';
import { createRandom } from '../umap/random.ts';

/** Dimensions that keep the angles well enough to compare clusterings; more cost time, fewer blur them. */
const SKETCH = 512;

/**
 * The rows named, brought to unit length in at most 512 dimensions: a count sketch (Charikar, Chen and Farach-Colton, 2002). Each dimension
 * is added to, or taken from, one of the sketch's, which keeps inner products in the mean, and costs one addition per number.
 */
export function sketch({ values, dimensions }: Vectors, rows: Int32Array, seed: number): Vectors {
  const narrow = Math.min(SKETCH, dimensions);
  const sketched = new Float32Array(rows.length * narrow);
  const random = createRandom(seed);
  const exact = narrow === dimensions;
  const places = Int32Array.from({ length: dimensions }, (_, d) => (exact ? d : random.below(narrow)));
  const signs = Int32Array.from({ length: dimensions }, () => (exact || random.fraction() < 0.5 ? 1 : -1));
  rows.forEach((row, index) => {
    for (let d = 0; d < dimensions; d += 1) {
      const at = index * narrow + (places[d] ?? 0);
      sketched[at] = (sketched[at] ?? 0) + (signs[d] ?? 0) * (values[row * dimensions + d] ?? 0);
    }
    scaleToUnit(sketched.subarray(index * narrow, (index + 1) * narrow));
  });
  return { values: sketched, count: rows.length, dimensions: narrow };
}

function scaleToUnit(row: Float32Array): void {
  const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
  if (length > 0) row.set(row.map((value) => value / length));
}
