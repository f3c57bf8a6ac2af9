import type { Box } from './frame.ts';

export interface Line {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
}

export function overlaps(one: Box, other: Box, gap = 0): boolean {
  return one.left < other.right + gap && other.left < one.right + gap && one.top < other.bottom + gap && other.top < one.bottom + gap;
}

export function contains(outer: Box, inner: Box): boolean {
  return inner.left >= outer.left && inner.right <= outer.right && inner.top >= outer.top && inner.bottom <= outer.bottom;
}

/** Whether any part of the line lies in the box (Liang and Barsky, 1984). */
export function crosses({ x1, y1, x2, y2 }: Line, box: Box): boolean {
  let [from, to] = [0, 1];
  const sides: [number, number][] = [
    [x1 - x2, x1 - box.left],
    [x2 - x1, box.right - x1],
    [y1 - y2, y1 - box.top],
    [y2 - y1, box.bottom - y1],
  ];
  for (const [direction, distance] of sides) {
    if (direction === 0 && distance < 0) return false;
    if (direction < 0) from = Math.max(from, distance / direction);
    if (direction > 0) to = Math.min(to, distance / direction);
  }
  return from < to;
}

export function linesCross(one: Line, other: Line): boolean {
  return side(one, other.x1, other.y1) * side(one, other.x2, other.y2) < 0 && side(other, one.x1, one.y1) * side(other, one.x2, one.y2) < 0;
}

function side({ x1, y1, x2, y2 }: Line, x: number, y: number): number {
  return (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1);
}

/** The point of the box that is nearest to a point. */
export function nearestIn(box: Box, x: number, y: number): { x: number; y: number } {
  return { x: Math.min(box.right, Math.max(box.left, x)), y: Math.min(box.bottom, Math.max(box.top, y)) };
}
