import { z } from 'zod';
import { MINUTE, SECOND } from '../clock.ts';
import { defineJob, defineQueue, exponential, oneMore } from './define.ts';

export const SOURCE_TYPES = ['gdrive', 'sharepoint', 'gmail', 'outlook'] as const;
export type SourceType = (typeof SOURCE_TYPES)[number];

export const SYNC_TYPES = ['incremental', 'full'] as const;
export type SyncType = (typeof SYNC_TYPES)[number];

export const sourceSync = defineQueue({
  queue: 'source-sync',
  concurrency: 3,
  attempts: 5,
  backoff: exponential(10 * SECOND, 5),
  timeoutMs: 60 * MINUTE,
  keep: { completed: 100, failed: 500 },
});

const payload = z.object({
  dealId: z.uuid(),
  sourceType: z.enum(SOURCE_TYPES),
  syncType: z.enum(SYNC_TYPES),
  /** One source; left out, all of the type that the deal has. */
  sourceId: z.uuid().optional(),
});
export type SyncPayload = z.infer<typeof payload>;

/** What one sync did to one source. */
const synced = z.object({
  sourceId: z.string(),
  syncId: z.string(),
  /** `full` also where `incremental` was asked: the first time, and where the source did not know the cursor any more. */
  mode: z.enum(SYNC_TYPES),
  pages: z.int(),
  /** Items that the source named. */
  listed: z.int(),
  unchanged: z.int(),
  created: z.int(),
  /** With new content. */
  changed: z.int(),
  /** Renamed or moved. */
  renamed: z.int(),
  deleted: z.int(),
  /** Left out by a filter, or by their size. */
  skipped: z.int(),
  /** Could not be read; they are tried again with the next full sync, or when they change. */
  failed: z.int(),
  /** Calls made to the source, by this run and those before it that were cut off. */
  calls: z.int(),
});
export type Synced = z.infer<typeof synced>;

const result = z.object({ dealId: z.uuid(), syncs: z.array(synced) });
export type SyncResult = z.infer<typeof result>;

export const sync = defineJob({
  queue: 'source-sync',
  name: 'sync',
  payload,
  result,
  // A full sync that is asked for while an incremental one waits must not be lost in it.
  once: oneMore<SyncPayload>(({ dealId, sourceType, syncType, sourceId }) => `source-sync-${sourceId ?? `${dealId}-${sourceType}`}-${syncType}`),
  status: 'ready',
});
