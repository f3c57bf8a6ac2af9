import type { Box, Projection } from './frame.ts';
import type { MapPicture } from './picture.ts';

/** Points in pixels. */
export interface Dots {
  x: Float32Array;
  y: Float32Array;
  theme: Int32Array;
  /** Points that could have been drawn. */
  of: number;
  /** Outliers that lie outside of the plot, and so stand at its edge. */
  atEdge: number;
}

/** Above it the picture only gets heavier: the points cover each other. */
const MOST_DOTS = 10_000;

/** At most `MOST_DOTS`; of each theme, and of the outliers, the same part, spread evenly over their order. */
export function dotsOf({ points, themes }: MapPicture, project: Projection, plot: Box): Dots {
  const groups = grouped(points, themes.length);
  const of = groups.reduce((sum, group) => sum + group.length, 0);
  const part = Math.min(1, MOST_DOTS / Math.max(1, of));
  const kept = groups.flatMap((group) => every(group, part));
  const x = Float32Array.from(kept, (index) => project.x(points.x[index] ?? 0));
  const y = Float32Array.from(kept, (index) => project.y(points.y[index] ?? 0));
  return {
    x: x.map((at) => Math.min(plot.right, Math.max(plot.left, at))),
    y: y.map((at) => Math.min(plot.bottom, Math.max(plot.top, at))),
    theme: Int32Array.from(kept, (index) => themeOf(points, index, themes.length)),
    of,
    atEdge: kept.filter((_, dot) => isOutside(x[dot] ?? 0, y[dot] ?? 0, plot)).length,
  };
}

function isOutside(x: number, y: number, { left, right, top, bottom }: Box): boolean {
  return x < left || x > right || y < top || y > bottom;
}

/** The indices of the outliers, then of each theme's points. */
function grouped(points: MapPicture['points'], themes: number): number[][] {
  const groups = Array.from({ length: themes + 1 }, (): number[] => []);
  for (const [index, x] of points.x.entries()) {
    if (Number.isFinite(x + (points.y[index] ?? Number.NaN))) groups[themeOf(points, index, themes) + 1]?.push(index);
  }
  return groups;
}

/** A theme that is not there makes an outlier. */
function themeOf({ theme }: MapPicture['points'], index: number, themes: number): number {
  const found = theme[index] ?? -1;
  return found >= 0 && found < themes ? found : -1;
}

/** A small theme keeps one point at least. */
function every(group: readonly number[], part: number): number[] {
  const count = part === 1 ? group.length : Math.min(group.length, Math.max(1, Math.floor(group.length * part)));
  return Array.from({ length: count }, (_, index) => group[Math.floor((index * group.length) / count)] ?? 0);
}
