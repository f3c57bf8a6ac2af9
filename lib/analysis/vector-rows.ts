import type { Vectors } from './contract.ts';

/** Rows that are filled one by one, in memory that is taken once, as soon as the first vector tells their length. */
export interface Rows {
  /** 0 before the first vector. */
  dimensions(): number;
  has(row: number): boolean;
  filled(): number;
  /** The same vector to each of the rows. False, and nothing done, when it has another length than those before. */
  put(rows: readonly number[], vector: Float32Array): boolean;
  /** Forgets all vectors; the next may have any length. */
  restart(): void;
  vectors(): Vectors;
}

export function createRows(count: number): Rows {
  let values = new Float32Array(new SharedArrayBuffer(0));
  let dimensions = 0;
  let filled = 0;
  const has = new Uint8Array(count);

  return {
    dimensions: () => dimensions,
    has: (row) => has[row] === 1,
    filled: () => filled,
    put(rows, vector) {
      if (dimensions === 0) {
        dimensions = vector.length;
        values = new Float32Array(new SharedArrayBuffer(count * dimensions * Float32Array.BYTES_PER_ELEMENT));
      }
      if (vector.length !== dimensions || dimensions === 0) return false;
      for (const row of rows) {
        values.set(vector, row * dimensions);
        filled += has[row] === 1 ? 0 : 1;
        has[row] = 1;
      }
      return true;
    },
    restart() {
      dimensions = 0;
      filled = 0;
      has.fill(0);
    },
    vectors: () => ({ values, count, dimensions }),
  };
}
