/** How far each folder has been followed. Graph's links are long and much alike: they are packed. */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { z } from 'zod';
import { CursorLostError } from '../contract.ts';

const folder = z.object({
  id: z.string().min(1),
  /** Where Graph's answer goes on; absent: from the beginning. */
  link: z.string().optional(),
  /** The listing has come to its end: `link` is one for changes. */
  listed: z.boolean().optional(),
  /** Mails that a filtered listing has named so far. */
  named: z.int().optional(),
  /** Listed without the filter, which hides mails beyond some thousands. */
  unfiltered: z.boolean().optional(),
});
export type FolderState = z.infer<typeof folder>;

const cursor = z.object({
  folders: z.array(folder),
  /** Ids of well-known folders by their names, as far as they were asked for; null: the mailbox has none. */
  wellKnown: z.record(z.string(), z.string().nullable()),
});
export type OutlookCursor = z.infer<typeof cursor>;

/** What an inflated cursor may have at most: 200 folders with long links. */
const MOST_BYTES = 4 * 1024 * 1024;

export const writeCursor = (value: OutlookCursor): string => deflateRawSync(JSON.stringify(value)).toString('base64url');

/** Throws `CursorLostError`: it is none of ours. */
export function readCursor(text: string): OutlookCursor {
  try {
    const inflated = inflateRawSync(Buffer.from(text, 'base64url'), { maxOutputLength: MOST_BYTES });
    return cursor.parse(JSON.parse(inflated.toString()));
  } catch {
    throw new CursorLostError('unreadable');
  }
}
