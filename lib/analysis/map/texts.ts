import type { GraphicComponentOption } from 'echarts';
import type { Frame } from './frame.ts';
import { TITLE_LINE, TITLE_SIZE } from './frame.ts';
import { type Label, LINE_HEIGHT } from './labels.ts';
import { type Legend, type LegendEntry, NAME_INDENT, SHARE_WIDTH } from './legend.ts';
import { countOf, percentOf } from './numbers.ts';
import { QUIET_TEXT_COLOUR, TEXT_COLOUR, textColour } from './palette.ts';
import { wrapText } from './words.ts';

/** The condensed faces come with the package `dejavu-fonts-ttf`; a browser without them takes a font that is no wider. Single quotes: it stands in an attribute. */
const FONT_FAMILY = "'DejaVu Sans Condensed','DejaVu Sans',Arial,Helvetica,sans-serif";

/** Everything that is not a point: one flat list. */
export type Drawn = NonNullable<Extract<GraphicComponentOption, { elements?: unknown }>['elements']>[number];

interface TextOptions {
  x: number;
  /** Of the line's middle. */
  y: number;
  size: number;
  bold?: boolean;
  colour?: string;
  align?: 'left' | 'center' | 'right';
  /** A white edge, so that it can be read on points. */
  halo?: boolean;
}

function text(content: string, { x, y, size, bold = false, colour = TEXT_COLOUR, align = 'left', halo = false }: TextOptions): Drawn {
  const edge = halo ? { stroke: '#ffffff', lineWidth: Math.max(3, size / 4) } : {};
  const font = `${bold ? 'bold ' : ''}${size}px ${FONT_FAMILY}`;
  return { type: 'text', x, y, z: 10, style: { text: content, fill: colour, font, align, verticalAlign: 'middle', ...edge } };
}

export function titleTexts({ head, titleLines }: Frame, figures: string): Drawn[] {
  const lines = titleLines.map((line, index) => text(line, { x: head.left, y: head.top + (index + 0.5) * TITLE_LINE, size: TITLE_SIZE, bold: true }));
  return [...lines, text(figures, { x: head.left, y: head.top + titleLines.length * TITLE_LINE + 12, size: 14, colour: QUIET_TEXT_COLOUR })];
}

export function footTexts({ foot }: Frame, note: string): Drawn[] {
  const size = 11;
  const lines = wrapText(note, { width: foot.right - foot.left, fontSize: size, lines: 2 });
  return lines.map((line, index) =>
    text(line, { x: foot.left, y: foot.bottom - 9 - (lines.length - 1 - index) * 15, size, colour: QUIET_TEXT_COLOUR }),
  );
}

/** Leaders below the words of all labels. */
export function labelTexts(labels: readonly Label[]): Drawn[] {
  return [...labels.flatMap(leaderWithDot), ...labels.flatMap(labelLines)];
}

function leaderWithDot({ leader, theme }: Label): Drawn[] {
  if (!leader) return [];
  const dot = { cx: leader.x2, cy: leader.y2, r: 2.5 };
  const colour = textColour(theme);
  return [
    { type: 'line', z: 10, shape: leader, style: { stroke: '#ffffff', lineWidth: 3.5 } },
    { type: 'line', z: 10, shape: leader, style: { stroke: colour, lineWidth: 1.2 } },
    { type: 'circle', z: 10, shape: dot, style: { fill: colour, stroke: '#ffffff', lineWidth: 1 } },
  ];
}

function labelLines({ lines, box, fontSize, theme }: Label): Drawn[] {
  const x = (box.left + box.right) / 2;
  const middle = (box.top + box.bottom) / 2;
  const height = fontSize * LINE_HEIGHT;
  return lines.map((line, index) =>
    text(line, {
      x,
      y: middle + (index - (lines.length - 1) / 2) * height,
      size: fontSize,
      bold: true,
      colour: textColour(theme),
      align: 'center',
      halo: true,
    }),
  );
}

export function legendTexts(legend: Legend, top: number): Drawn[] {
  const { columns, columnWidth, hidden, bottom, fontSize } = legend;
  const quiet = { size: 12, colour: QUIET_TEXT_COLOUR };
  const headings = columns.flatMap((x) => {
    const right = { ...quiet, y: top + 8, align: 'right' as const };
    return [
      text('Theme', { ...quiet, x, y: top + 8 }),
      text('Answers', { ...right, x: x + columnWidth - SHARE_WIDTH }),
      text('Share', { ...right, x: x + columnWidth }),
    ];
  });
  const more = hidden > 0 ? [text(`and ${hidden} more`, { ...quiet, size: fontSize, x: (columns.at(-1) ?? 0) + NAME_INDENT, y: bottom + 10 })] : [];
  return [...headings, ...legend.entries.flatMap((entry) => entryTexts(entry, legend)), ...more];
}

function entryTexts({ row, lines, x, y }: LegendEntry, { fontSize: size, lineHeight, columnWidth }: Legend): Drawn[] {
  const right = x + columnWidth;
  return [
    { type: 'circle', shape: { cx: x + 6, cy: y, r: 5.5 }, style: { fill: row.colour } },
    ...lines.map((line, index) => text(line, { x: x + NAME_INDENT, y: y + index * lineHeight, size })),
    text(countOf(row.size), { x: right - SHARE_WIDTH, y, size, align: 'right' }),
    text(percentOf(row.share), { x: right, y, size, align: 'right' }),
  ];
}
