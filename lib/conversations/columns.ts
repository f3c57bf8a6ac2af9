import { editDistance } from '../config/did-you-mean.ts';
import { InvalidInputError } from '../errors.ts';
import { type Dialect, isKnownHeading } from './dialect.ts';

/** Where the answers of a table stand. */
export interface Columns {
  /** Fields of a whole row. */
  count: number;
  /** From 0. */
  text: number;
  id: number | undefined;
  /** Headings, or `1`, `2`, … where there are none. */
  names: string[];
}

/** `column` and `idColumn` are headings, or numbers from 1. Throws `InvalidInputError` that lists the columns. */
export function findColumns({ header, sample }: Dialect, asked: { column?: string | undefined; idColumn?: string | undefined }): Columns {
  const rows = header ? sample.slice(1) : sample;
  const count = header ? (sample[0]?.length ?? 1) : usualLength(sample);
  const names = Array.from({ length: count }, (_, index) => (header && sample[0]?.[index]?.trim()) || `${index + 1}`);
  const id = asked.idColumn === undefined ? undefined : indexOf('idColumn', asked.idColumn, names, header);
  const text = asked.column === undefined ? guessText(names, rows, id) : indexOf('column', asked.column, names, header);
  if (text === id) throw invalid('idColumn', 'must be another column than that of the answers');
  return { count, text, id, names };
}

function usualLength(sample: readonly string[][]): number {
  const counts = new Map<number, number>();
  for (const { length } of sample) counts.set(length, (counts.get(length) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 1;
}

function indexOf(path: string, asked: string, names: readonly string[], header: boolean): number {
  const wanted = asked.trim().toLowerCase();
  const byName = names.findIndex((name) => name.toLowerCase() === wanted);
  if (byName >= 0) return byName;
  const number = /^\d{1,5}$/.test(wanted) ? Number(wanted) : 0;
  if (number >= 1 && number <= names.length) return number - 1;
  if (!header) throw invalid(path, `is a number from 1 to ${names.length}: the table has no row of names`);
  throw invalid(path, `"${asked.slice(0, 100)}" is not a column of the table. ${suggestion(wanted, names)}The columns are ${list(names)}`);
}

function suggestion(wanted: string, names: readonly string[]): string {
  const allowed = Math.max(2, Math.floor(wanted.length / 3));
  const [closest] = names
    .map((name) => ({ name, distance: editDistance(wanted.slice(0, 100), name.toLowerCase().slice(0, 100)) }))
    .sort((one, other) => one.distance - other.distance);
  const name = closest && closest.distance <= allowed ? closest.name : names.find((candidate) => candidate.toLowerCase().includes(wanted));
  return name ? `Did you mean "${name}"? ` : '';
}

/** The column of the longest and most distinct texts; what it is called counts too. */
function guessText(names: readonly string[], rows: readonly string[][], id: number | undefined): number {
  const ranked = names
    .map((name, index) => ({
      index,
      score: index === id ? -1 : wordiness(rows.map((row) => row[index]?.trim() ?? '').filter(Boolean)) * fitOf(name),
    }))
    .sort((a, b) => b.score - a.score);
  const best = ranked[0];
  if (best && (best.score > 0 || names.length === 1)) return best.index;
  const byName = names.findIndex((name, index) => index !== id && isKnownHeading(name));
  if (byName >= 0) return byName;
  throw invalid('column', `must name the column of the answers: none of them looks like text. The columns are ${list(names)}`);
}

function wordiness(values: readonly string[]): number {
  if (values.length === 0) return 0;
  const words = values.reduce((sum, value) => sum + Math.min(200, value.match(/\p{L}{2,}/gu)?.length ?? 0), 0) / values.length;
  // One word a row is a category or a name, unless nothing else is there; scripts without spaces are long words.
  const letters = values.reduce((sum, value) => sum + Math.min(1_000, value.match(/\p{L}/gu)?.length ?? 0), 0) / values.length;
  const distinct = new Set(values).size / values.length;
  return (Math.max(0, words - 1) * 5 + letters) * (0.2 + distinct);
}

const OTHER_HEADING =
  /(^|[\W_])(ids?|uuid|dates?|time|timestamp|created|updated|e-?mail|name|author|user|url|link|type|status|language|lang|source)([\W_]|$)/i;

function fitOf(name: string): number {
  return (isKnownHeading(name) ? 2 : 1) * (OTHER_HEADING.test(name) ? 0.25 : 1);
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 50).map((name, index) => `${index + 1} "${name.slice(0, 60)}"`);
  return `${shown.join(', ')}${names.length > shown.length ? `, and ${names.length - shown.length} more` : ''}.`;
}

function invalid(path: string, message: string): InvalidInputError {
  return new InvalidInputError(`Invalid input: ${path}: ${message}`, [{ path, message }]);
}
