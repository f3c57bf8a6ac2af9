import { z } from 'zod';
import { CursorLostError } from '../contract.ts';

/** `pageToken`: of a listing that was cut off; else changes are followed from `historyId`. */
const cursor = z.object({ historyId: z.string().regex(/^\d{1,40}$/), pageToken: z.string().max(4_000).optional() });
export type GmailCursor = z.infer<typeof cursor>;

export const writeCursor = (value: GmailCursor): string => JSON.stringify(value);

/** Throws `CursorLostError`: it is none of ours. */
export function readCursor(text: string): GmailCursor {
  try {
    return cursor.parse(JSON.parse(text));
  } catch {
    throw new CursorLostError('unreadable');
  }
}
