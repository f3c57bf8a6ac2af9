/** What every table shares: how values of the database become ours, and back. */
import { z } from 'zod';
import { InvalidInputError } from '../errors.ts';
import type { Page } from './types.ts';

/** `numeric` comes as a number from PostgREST, as a string from @supabase/lite. */
export const numeric = z.union([z.number(), z.string().min(1).transform(Number)]).pipe(z.number());

/** `bigint` comes as a number from PostgREST, as a string from @supabase/lite. */
export const integer = numeric.pipe(z.int());

/** ISO 8601 in UTC, milliseconds; servers spell `timestamptz` differently. */
export const timestamp = z.string().transform((text, context) => {
  const time = new Date(text);
  if (!Number.isNaN(time.getTime())) return time.toISOString();
  context.addIssue({ code: 'custom', message: `not a time: ${text}` });
  return z.NEVER;
});

export const isUuid = (text: string): boolean => z.guid().safeParse(text).success;

/** Postgres stores neither NUL nor half a surrogate pair, in text or in jsonb; both turn up in what people paste. Returns a copy that it takes. */
export function storable(value: unknown): unknown {
  if (typeof value === 'string') return storableText(value);
  if (Array.isArray(value)) return value.map(storable);
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [storableText(key), storable(part)]));
}

/** For SQL functions that take JSON as text. */
export const jsonText = (value: unknown): string => JSON.stringify(storable(value));

export function storableText(text: string): string {
  return text.replaceAll('\u0000', '').toWellFormed();
}

const time = z.string().regex(/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?([+-]\d\d(:?\d\d)?|Z)$/);
const uuidCursor = z.tuple([time, z.guid()]);
const numberCursor = z.tuple([time, z.string().regex(/^\d{1,18}$/)]);
/** A message's id and its user's. */
const messageCursor = z.tuple([time, z.string().regex(/^.{1,1000}\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/s)]);
const CURSORS = { uuid: uuidCursor, number: numberCursor, message: messageCursor };

/** The last row of a page, opaque to callers. The time is kept as the server spelt it: a `Date` would lose its microseconds. */
function encodeCursor(time: string, id: string): string {
  return Buffer.from(JSON.stringify([time, id])).toString('base64url');
}

/** Throws `InvalidInputError` (field `cursor`) for anything that `encodeCursor` did not make, or made of another kind of id. */
export function decodeCursor(cursor: string, ids: keyof typeof CURSORS = 'uuid'): { time: string; id: string } {
  try {
    const [time, id] = CURSORS[ids].parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
    return { time, id };
  } catch {
    throw new InvalidInputError('The cursor is not one that a page answered', [{ path: 'cursor', message: 'not a cursor of this list' }]);
  }
}

/** PostgREST's filter for the rows after `cursor`, newest first. */
export function afterCursor(timeColumn: string, cursor: string, ids: keyof typeof CURSORS = 'uuid'): string {
  const { time, id } = decodeCursor(cursor, ids);
  return `${timeColumn}.lt."${time}",and(${timeColumn}.eq."${time}",id.lt.${id})`;
}

/** `rows` are one more than `limit` when there is another page. */
export function toPage<T>(rows: unknown, limit: number, timeColumn: string, parse: (row: unknown) => T): Page<T> {
  const all = z.array(z.unknown()).parse(rows);
  const page = all.slice(0, limit);
  const last = page.at(-1);
  return { items: page.map(parse), nextCursor: all.length > limit && last !== undefined ? cursorOf(last, timeColumn) : null };
}

const idOfRow = z.union([z.string(), z.int()]).transform(String);

function cursorOf(row: unknown, timeColumn: string): string {
  const { id, [timeColumn]: time } = z.record(z.string(), z.unknown()).parse(row);
  return encodeCursor(z.string().parse(time), idOfRow.parse(id));
}
