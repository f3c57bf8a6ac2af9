import type { Box } from './frame.ts';
import { OUTLIER_COLOUR, themeColour } from './palette.ts';
import type { PictureTheme } from './picture.ts';
import { wrapText } from './words.ts';

export interface LegendRow {
  name: string;
  /** Answers. */
  size: number;
  /** 0 to 1. */
  share: number;
  colour: string;
}

export interface LegendEntry {
  row: LegendRow;
  lines: string[];
  /** The left edge of the colour's dot, and the middle of the first line. */
  x: number;
  y: number;
}

export interface Legend {
  entries: LegendEntry[];
  /** Rows that found no room. */
  hidden: number;
  /** Left edges. */
  columns: number[];
  /** Where `entries` end and what is hidden can be told. */
  bottom: number;
  fontSize: number;
  lineHeight: number;
  /** Of a column: the shares end there. */
  columnWidth: number;
}

/** From an entry's left edge to its name. */
export const NAME_INDENT = 20;
/** From the end of the sizes to the end of the shares. */
export const SHARE_WIDTH = 54;
/** Room for the heading of the sizes, and a gap. */
const SIZE_WIDTH = 58;
const COLUMN_GAP = 28;
const HEADING = 30;

/** The themes in their order, then what is in none. `numbered`: names start with the numbers that stand on the map. */
export function legendRows(themes: readonly PictureTheme[], outliers: { size: number; share: number }, numbered: boolean): LegendRow[] {
  const rows = themes.map(({ name, size, share }, index) => ({
    name: numbered ? `${index + 1}. ${name}` : name,
    size,
    share,
    colour: themeColour(index),
  }));
  return outliers.size > 0 ? [...rows, { name: 'In no theme', ...outliers, colour: OUTLIER_COLOUR }] : rows;
}

/** Column by column; names of two lines where there is room for all of them, else of one. */
export function legendOf(rows: readonly LegendRow[], area: Box, columns: number): Legend {
  const twoLines = arranged(rows, area, columns, 2);
  return twoLines.hidden === 0 ? twoLines : arranged(rows, area, columns, 1);
}

function arranged(rows: readonly LegendRow[], area: Box, count: number, lines: number): Legend {
  const fontSize = rows.length <= 14 ? 14 : 12;
  const lineHeight = Math.round(fontSize * 1.25);
  const columnWidth = (area.right - area.left - (count - 1) * COLUMN_GAP) / count;
  const columns = Array.from({ length: count }, (_, index) => area.left + index * (columnWidth + COLUMN_GAP));
  const bottom = area.bottom - lineHeight;
  const top = area.top + HEADING;
  const entries: LegendEntry[] = [];
  const inColumn = Math.ceil(rows.length / count);
  let column = 0;
  let y = top;
  for (const [index, row] of rows.entries()) {
    const wrapped = wrapText(row.name, { width: columnWidth - NAME_INDENT - SIZE_WIDTH - SHARE_WIDTH, fontSize, lines });
    if (y + wrapped.length * lineHeight > bottom || (index > 0 && index % inColumn === 0)) {
      column += 1;
      y = top;
    }
    const x = columns[column];
    if (x === undefined) break;
    entries.push({ row, lines: wrapped, x, y: y + lineHeight / 2 });
    y += (wrapped.length + 0.5) * lineHeight;
  }
  return { entries, hidden: rows.length - entries.length, columns, bottom, fontSize, lineHeight, columnWidth };
}
