import type { MapPicture } from './picture.ts';
import { wrapText } from './words.ts';

/** Pixels; `right` and `bottom` lie outside. */
export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** Where the parts of the picture are. */
export interface Frame {
  width: number;
  height: number;
  /** Title and figures. */
  head: Box;
  titleLines: string[];
  /** Points and labels. */
  plot: Box;
  /** Null where the picture is too narrow, or there is nothing to explain. */
  legend: Box | null;
  legendColumns: number;
  foot: Box;
}

const LEAST_WIDTH = 480;
const LEAST_HEIGHT = 320;
/** More cost memory and nothing is easier to read. */
const MOST_PIXELS = 8_000;

const MARGIN = 32;
export const TITLE_SIZE = 24;
export const TITLE_LINE = 30;
const FIGURES_HEIGHT = 38;
const FOOT_HEIGHT = 34;
const LEGEND_COLUMN = 330;
const LEGEND_ROW = 23;
/** Themes that the legend's first column holds in a picture of the default height. */
const THEMES_PER_COLUMN = 22;
/** Below it the map needs all of the width; labels name the themes. */
const LEAST_WIDTH_WITH_LEGEND = 900;

export function frameOf({ title, themes, width: askedWidth, height: askedHeight }: MapPicture): Frame {
  const columns = themes.length > THEMES_PER_COLUMN ? 2 : 1;
  const rows = Math.ceil(themes.length / columns);
  const width = bounded(askedWidth ?? 1280 + (columns - 1) * LEGEND_COLUMN, LEAST_WIDTH);
  const height = bounded(askedHeight ?? Math.max(800, 200 + rows * LEGEND_ROW), LEAST_HEIGHT);
  const inner = { left: MARGIN, right: width - MARGIN };
  const titleLines = wrapText(title, { width: width - 2 * MARGIN, fontSize: TITLE_SIZE, bold: true, lines: 2 }).filter((line) => line !== '');
  const top = MARGIN + titleLines.length * TITLE_LINE + FIGURES_HEIGHT;
  const bottom = height - MARGIN / 2 - FOOT_HEIGHT;
  const hasLegend = themes.length > 0 && width >= LEAST_WIDTH_WITH_LEGEND;
  const shownColumns = hasLegend && width >= LEAST_WIDTH_WITH_LEGEND + LEGEND_COLUMN ? columns : 1;
  const plotRight = hasLegend ? inner.right - shownColumns * LEGEND_COLUMN - MARGIN : inner.right;
  return {
    width,
    height,
    head: { ...inner, top: MARGIN, bottom: top },
    titleLines,
    plot: { left: MARGIN, right: plotRight, top, bottom },
    legend: hasLegend ? { left: plotRight + MARGIN, right: inner.right, top, bottom } : null,
    legendColumns: shownColumns,
    foot: { ...inner, top: bottom, bottom: height - MARGIN / 2 },
  };
}

function bounded(asked: number, least: number): number {
  return Math.round(Math.min(MOST_PIXELS, Math.max(least, asked)));
}

/** From the points' coordinates to pixels. */
export interface Projection {
  x(value: number): number;
  y(value: number): number;
}

/** Room between the outermost points and the edge of the plot: labels stand there too. */
const PADDING = 0.06;
/** The map may be stretched a little to fill its place: its axes have no unit. */
const MOST_STRETCH = 1.4;

/** Puts the themes' points into the middle of the plot; when all are in one place, there. Outliers may lie outside. The y axis points up. */
export function projectionOf(points: MapPicture['points'], plot: Box): Projection {
  const shown = shownBy(points);
  const across = rangeOf(points.x, shown);
  const up = rangeOf(points.y, shown);
  const fitX = pixelsPerUnit(plot.right - plot.left, across.span);
  const fitY = pixelsPerUnit(plot.bottom - plot.top, up.span);
  const most = Math.min(fitX, fitY) * MOST_STRETCH;
  const scaleX = Number.isFinite(fitX) ? Math.min(fitX, most) : 0;
  const scaleY = Number.isFinite(fitY) ? Math.min(fitY, most) : 0;
  const [middleX, middleY] = [(plot.left + plot.right) / 2, (plot.top + plot.bottom) / 2];
  return {
    x: (value) => middleX + (value - across.middle) * scaleX,
    y: (value) => middleY - (value - up.middle) * scaleY,
  };
}

/** Infinity where all is in one place. */
function pixelsPerUnit(pixels: number, span: number): number {
  return span > 0 ? (pixels * (1 - 2 * PADDING)) / span : Infinity;
}

/** What the plot has to show: where there are themes, their points; one outlier far away would leave them no room. */
function shownBy({ x, y, theme }: MapPicture['points']): number[] {
  const drawable = [...x.keys()].filter((index) => Number.isFinite((x[index] ?? Number.NaN) + (y[index] ?? Number.NaN)));
  const inThemes = drawable.filter((index) => (theme[index] ?? -1) >= 0);
  return inThemes.length > 0 ? inThemes : drawable;
}

function rangeOf(values: Float32Array, shown: readonly number[]): { span: number; middle: number } {
  let least = Infinity;
  let most = -Infinity;
  for (const index of shown) {
    const value = values[index] ?? 0;
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return most < least ? { span: 0, middle: 0 } : { span: most - least, middle: (least + most) / 2 };
}
