/** One number for failures with one cause: 2,000 dead letters are often three errors. */
import { createHash } from 'node:crypto';

const MAX_LENGTH = 500;

/** What differs between two failures of the same kind, most specific first. */
const VARYING: readonly [RegExp, string][] = [
  [/\bhttps?:\/\/[^\s"'`)]+/g, '<url>'],
  [/\b[\w.+-]+@[\w-]+\.[\w.-]+\b/g, '<email>'],
  [/"[^"]*"|`[^`]*`|(?<!\w)'[^']*'(?!\w)/g, '<value>'],
  [/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d[\d:.]*(Z|[+-]\d\d:?\d\d)?/g, '<time>'],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '<id>'],
  // Hashes and tokens: long, and a digit among the letters.
  [/\b(?=\w*\d)\w{16,}\b/g, '<id>'],
  [/[-+]?\d+(?:[.,]\d+)*/g, '<number>'],
];

/** 16 hex digits: a hash of queue, name and the first line of the error without quoted values, ids and numbers. */
export function fingerprintOf({ queue, name, error }: { queue: string; name: string; error: string }): string {
  return createHash('sha256')
    .update(`${queue}\n${name}\n${withoutValues(error)}`)
    .digest('hex')
    .slice(0, 16);
}

/** The first line of an error, without what differs between two failures: quoted values, ids, addresses and numbers. */
export function withoutValues(error: string): string {
  const [firstLine = ''] = error.trim().split('\n');
  const text = VARYING.reduce((rest, [pattern, word]) => rest.replace(pattern, word), firstLine.slice(0, MAX_LENGTH * 4));
  return text.replace(/\s+/g, ' ').trim().slice(0, MAX_LENGTH);
}
