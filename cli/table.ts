import { stripVTControlCharacters } from 'node:util';

const GAP = '  ';

export interface TableOptions {
  /** Columns of numbers, which stand to the right. */
  numeric?: readonly number[];
  /** Of the window: the last column is cut there. Undefined: nothing is cut. */
  width?: number | undefined;
}

/** Rows as aligned columns. Cells are one line each, whatever stands in them. */
export function columns(rows: readonly (readonly string[])[], { numeric = [], width }: TableOptions = {}): string {
  const cells = rows.map((row) => row.map((cell) => (cell.startsWith('  ') ? `  ${oneLine(cell)}` : oneLine(cell))));
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const aligned = cells.map((row) =>
    row
      .map((cell, column) => (numeric.includes(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join(GAP)
      .trimEnd(),
  );
  return aligned.map((line) => cut(line, width)).join('\n');
}

/** With a line of headings. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[], options?: TableOptions): string {
  return columns([headings, ...rows], options);
}

/** `name  value` lines; values that are undefined are left out, further lines of a value are moved in. */
export function record(fields: readonly (readonly [name: string, value: string | undefined])[]): string {
  const shown = fields.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  const width = Math.max(...shown.map(([name]) => name.length));
  const indent = `\n${' '.repeat(width)}${GAP}`;
  return shown.map(([name, value]) => name.padEnd(width) + GAP + printable(value).replaceAll('\n', indent)).join('\n');
}

function cut(line: string, width: number | undefined): string {
  return width === undefined || line.length <= width ? line : `${line.slice(0, width - 1)}…`;
}

export function oneLine(text: string): string {
  return printable(text).replace(/\s+/g, ' ').trim();
}

/** Errors and names come from outside: they must not move the cursor or colour the terminal. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  return stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, ' ');
}

/** JSON over several lines, for people. */
export function pretty(value: unknown): string {
  return JSON.stringify(value, null, 2) ?? 'none';
}
