/** The cells of a sheet, row by row, as people see them. */
import type { NumberKind, Styles } from './xlsx-styles.ts';
import { createXmlScanner } from './xml.ts';

export interface CellReader {
  scanner(): RowScanner;
}

export interface RowScanner {
  /** The rows that end in this piece of the sheet's XML. */
  rowsOf(piece: string): string[][];
}

interface Context {
  strings: readonly string[];
  styles: Styles;
  /** Days are counted from 1904, not 1900: books from old Macs. */
  has1904Dates: boolean;
}

/** Empty cells between others are kept, so that columns stay below each other; not more in a row. */
const MOST_EMPTY = 30;

export const createCellReader = (context: Context): CellReader => ({ scanner: () => createRowScanner(context) });

function createRowScanner(context: Context): RowScanner {
  let rows: string[][] = [];
  let cells: string[] = [];
  /** The first that the sheet has anything in: those before it are empty in all rows. */
  let first = 0;
  let column = 0;
  let cell: { type: string; style: number; value: string } | undefined;
  let isValue = false;

  function put({ type, style, value }: { type: string; style: number; value: string }, at: number): void {
    const shown = shownValue(value, type, style, context);
    if (shown === '') return;
    for (let empty = Math.min(at - column, MOST_EMPTY); empty > 0; empty -= 1) cells.push('');
    cells.push(shown);
    column = at + 1;
  }

  let at = 0;
  let next = 0;
  const scanner = createXmlScanner({
    open: (name, attribute) => {
      if (name === 'dimension') first = columnOf(attribute('ref')) ?? 0;
      if (name === 'row') {
        cells = [];
        column = first;
        next = 0;
      }
      if (name === 'c') {
        at = columnOf(attribute('r')) ?? next;
        next = at + 1;
        cell = { type: attribute('t') ?? 'n', style: Number(attribute('s') ?? 0), value: '' };
      }
      isValue = name === 'v' || name === 't';
    },
    close: (name) => {
      isValue = false;
      if (name === 'c' && cell) put(cell, at);
      if (name === 'row') rows.push(cells);
    },
    text: (text) => {
      if (isValue && cell) cell.value += text;
    },
  });

  return {
    rowsOf(piece) {
      scanner.write(piece);
      const done = rows;
      rows = [];
      return done;
    },
  };
}

/** From 0: `C7` is 2. */
function columnOf(reference: string | undefined): number | undefined {
  const letters = /^[A-Z]{1,3}/.exec(reference ?? '')?.[0];
  if (!letters) return undefined;
  return [...letters].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0) - 1;
}

function shownValue(value: string, type: string, style: number, { strings, styles, has1904Dates }: Context): string {
  if (type === 's') return strings[Number(value)] ?? '';
  if (type === 'b') return value === '1' ? 'TRUE' : 'FALSE';
  if (type !== 'n' || value.trim() === '') return type === 'd' ? value.replace('T', ' ').replace(/ 00:00:00(?:\.0+)?$/, '') : value;
  const number = Number(value);
  return Number.isFinite(number) ? shownNumber(number, styles[style] ?? 'number', has1904Dates) : value;
}

/** 15 digits, as Excel has them: 0.1 + 0.2 is .3. */
const plain = (number: number): string => String(Number(number.toPrecision(15)));

function shownNumber(number: number, kind: NumberKind, has1904Dates: boolean): string {
  if (kind === 'number') return plain(number);
  if (kind === 'percent') return `${plain(Number((number * 100).toPrecision(12)))}%`;
  return shownTime(number, kind, has1904Dates) ?? plain(number);
}

/** Day 60 is 29 February 1900, which there never was: days before it are one off. */
const START_1900 = Date.UTC(1899, 11, 30);
const START_1904 = Date.UTC(1904, 0, 1);
/** 31 December 9999. */
const LAST_DAY = 2_958_465;

function shownTime(days: number, kind: NumberKind, has1904Dates: boolean): string | undefined {
  if (days < 0 || days > LAST_DAY + 1) return undefined;
  const shift = !has1904Dates && days > 0 && days < 60 ? 1 : 0;
  const time = new Date((has1904Dates ? START_1904 : START_1900) + Math.round((days + shift) * 86_400) * 1_000);
  const [date = '', clock = ''] = time.toISOString().split(/[T.]/);
  if (kind === 'time' && days < 1) return clock;
  if (kind === 'date') return date;
  return `${date} ${clock}`;
}
