import type { Box } from './frame.ts';

/** Pixels of a cell's side. */
const CELL = 6;

/** Answers "what part of the points lies in this box?" in constant time: a summed-area table (Crow, 1984) over a grid. */
export interface Crowd {
  /** 0 to 1. */
  in(box: Box): number;
}

export function createCrowd({ x, y }: { x: Float32Array; y: Float32Array }, area: Box): Crowd {
  const columns = Math.ceil((area.right - area.left) / CELL) + 1;
  const rows = Math.ceil((area.bottom - area.top) / CELL) + 1;
  const sums = new Float64Array(columns * rows);
  const column = (at: number): number => Math.min(columns - 1, Math.max(0, Math.ceil((at - area.left) / CELL)));
  const row = (at: number): number => Math.min(rows - 1, Math.max(0, Math.ceil((at - area.top) / CELL)));
  const at = (r: number, c: number): number => sums[r * columns + c] ?? 0;

  for (const [index, pointX] of x.entries()) {
    const cell = row(y[index] ?? 0) * columns + column(pointX);
    sums[cell] = (sums[cell] ?? 0) + 1;
  }
  for (let r = 0; r < rows; r += 1) {
    for (let c = 0; c < columns; c += 1) {
      sums[r * columns + c] = at(r, c) + (r > 0 ? at(r - 1, c) : 0) + (c > 0 ? at(r, c - 1) : 0) - (r > 0 && c > 0 ? at(r - 1, c - 1) : 0);
    }
  }
  return {
    in({ left, top, right, bottom }) {
      const [c1, r1, c2, r2] = [column(left), row(top), column(right), row(bottom)];
      return (at(r2, c2) - at(r1, c2) - at(r2, c1) + at(r1, c1)) / Math.max(1, x.length);
    },
  };
}
