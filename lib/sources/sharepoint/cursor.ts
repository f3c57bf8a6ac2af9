import { z } from 'zod';
import { CursorLostError } from '../contract.ts';

const cursor = z.object({
  v: z.literal(1),
  /** `full`: in the midst of a listing. */
  of: z.enum(['full', 'changes']),
  drive: z.string(),
  folder: z.string().nullable(),
  /** The next page. */
  link: z.string(),
  /** Of a listing: what is to be followed when it is done. */
  since: z.string().optional(),
  folders: z.string(),
  /** New folders, and how many of their children have not been told yet. */
  awaited: z.record(z.string(), z.int()).optional(),
});
export type Cursor = z.infer<typeof cursor>;

export function writeCursor(fields: Omit<Cursor, 'v'>): string {
  return JSON.stringify({ v: 1, ...fields });
}

/** Throws `CursorLostError` for one that an earlier version of this program wrote. */
export function readCursor(text: string, of: Cursor['of']): Cursor {
  try {
    const read = cursor.parse(JSON.parse(text));
    if (read.of === of) return read;
  } catch {
    // As one that is of no use any more.
  }
  throw new CursorLostError('cursor_unreadable');
}
