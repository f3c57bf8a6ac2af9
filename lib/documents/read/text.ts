/** Text as it is kept: lines end with \n, nothing invisible stands between letters, nothing that Postgres cannot hold. */
import { storable } from '../../mail/message/storable.ts';

/** Controls, soft hyphens, marks of byte order: they would keep a search from finding a word. */
const INVISIBLE = /(?!\s)[\p{Cc}\u00ad]|\ufeff/gu;

export function tidy(text: string): string {
  return storable(text)
    .replace(/\r\n?|[\v\u0085\u2028\u2029]/g, '\n')
    .replace(/\f/g, '\n\n')
    .replace(INVISIBLE, '')
    .replace(/[^\S\n]+$/gm, '')
    .replace(/[\u00a0\u2007\u202f]/g, ' ')
    .replace(/\n{3,}/g, '\n\n')
    .replace(/^\n+|\s+$/g, '');
}

/** Characters that stand for others: controls, marks of what could not be decoded, private use. */
const UNKNOWN = /(?!\s)[\p{Cc}\p{Co}\ufffd]/gu;

export const unknownIn = (text: string): number => text.match(UNKNOWN)?.length ?? 0;

/** A cell, a heading: one line. */
export const oneLine = (text: string): string => tidy(text).replace(/\s+/g, ' ').trim();

/** A row of a table; empty cells at its end say nothing. */
export function rowOf(cells: readonly string[]): string {
  const lines = cells.map(oneLine);
  return lines.slice(0, lines.findLastIndex((cell) => cell !== '') + 1).join(' | ');
}

/** What stands between blank lines. */
export const paragraphsOf = (text: string): string[] =>
  tidy(text)
    .split(/\n{2,}/)
    .filter((paragraph) => paragraph.trim() !== '');
