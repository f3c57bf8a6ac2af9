/** What is kept between pages and between runs. */
import { z } from 'zod';
import { CursorLostError } from '../contract.ts';

const folders = z.array(z.tuple([z.string(), z.string(), z.int()]));

/** Of a listing of a whole drive. */
const whole = z.strictObject({ kind: z.literal('whole'), start: z.string(), page: z.string() });

/** Of a listing of a folder and what is below it. Numbers are places in `folders`. */
const tree = z.strictObject({
  kind: z.literal('tree'),
  /** Where changes begin. */
  start: z.string(),
  folders,
  /** The first that is to be listed; those before it have been, but for `alone` and `group`. */
  next: z.int(),
  /** To be asked for one by one. */
  alone: z.array(z.int()),
  /** Being listed, at a page in the middle. */
  group: z.strictObject({ places: z.array(z.int()), seen: z.array(z.int()), page: z.string() }).optional(),
});

const changes = z.strictObject({
  kind: z.literal('changes'),
  token: z.string(),
  driveId: z.string().optional(),
  /** The source is all of a drive. */
  whole: z.boolean(),
  /** Absent: too many to be kept. */
  folders: folders.optional(),
});

export type WholeCursor = z.infer<typeof whole>;
export type TreeCursor = z.infer<typeof tree>;
export type ChangesCursor = z.infer<typeof changes>;

export const writeCursor = (cursor: WholeCursor | TreeCursor | ChangesCursor): string => JSON.stringify(cursor);

/** Throws `CursorLostError` for what is none: of another version, or of other settings. */
export const readWhole = (cursor: string): WholeCursor => read(whole, cursor);
export const readTree = (cursor: string): TreeCursor => read(tree, cursor);
export const readChangesCursor = (cursor: string): ChangesCursor => read(changes, cursor);

function read<T>(schema: z.ZodType<T>, cursor: string): T {
  const parsed = schema.safeParse(parse(cursor));
  if (!parsed.success) throw new CursorLostError('unreadable');
  return parsed.data;
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(cursor);
  } catch {
    return undefined;
  }
}
