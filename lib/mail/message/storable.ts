import { CUT } from './limits.ts';

/** What Postgres cannot hold is taken out: NUL, and halves of surrogate pairs become U+FFFD. */
export function storable(text: string): string {
  const whole = text.isWellFormed() ? text : text.toWellFormed();
  return whole.includes('\0') ? whole.replaceAll('\0', '') : whole;
}

/** The first `most` characters at the most, and a mark where something is missing. Never half a pair. */
export function cut(text: string, most: number): string {
  return text.length <= most ? text : text.slice(0, Math.max(0, most - CUT.length)).replace(/[\ud800-\udbff]$/, '') + CUT;
}

/** Controls and direction marks: they would let a name show as another one. */
const HIDDEN = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;

/** One line without control characters. */
export function oneLine(text: string): string {
  return storable(text.replace(/\s+/gu, ' ').replace(HIDDEN, '')).trim();
}
