import { z } from 'zod';
import { MINUTE, SECOND } from '../clock.ts';
import { defineJob, defineQueue, exponential, forEver } from './define.ts';

export const gmailFetch = defineQueue({
  queue: 'gmail-fetch',
  concurrency: 5,
  attempts: 3,
  backoff: exponential(5 * SECOND),
  timeoutMs: 30 * MINUTE,
  keep: { completed: 100, failed: 500 },
});

/** What may be asked for besides the user; the row's `params`. */
export const fetchParams = z.object({
  /** As in Gmail's search box. Without query and labels, the mailbox is followed: after the first fetch only what has changed is asked for. */
  query: z.string().max(2_000).optional(),
  /** Messages that have all of these. */
  labelIds: z.array(z.string().min(1).max(200)).max(50).optional(),
  /** Most messages of this fetch, the newest first. Default `MAX_RESULTS`. */
  maxResults: z.int().min(1).max(1_000_000).optional(),
  /** One of the user's accounts; needed where there are several. */
  connectionId: z.uuid().optional(),
  /** List the whole mailbox anew, also where its changes could be followed. */
  full: z.boolean().optional(),
  /** Who asked, where it was no user: a notice of new mail, or the timetable. */
  trigger: z.enum(['push', 'poll']).optional(),
});
export type FetchParams = z.infer<typeof fetchParams>;

const count = z.int().min(0);

export const fetchResult = z.object({
  connectionId: z.uuid(),
  /** `incremental`: only changes were asked for, by history id. */
  mode: z.enum(['full', 'incremental']),
  /** Messages that the listing named, or that are new in the mailbox. */
  found: count,
  /** Of these, stored before: not read again. */
  cached: count,
  /** Read now. */
  fetched: count,
  /** Refused for good by Gmail, each by itself. */
  failed: count,
  /** Deleted between being listed and being read. */
  gone: count,
  /** What can be used of `found`: cached and fetched. */
  messages: count,
  /** Rows removed since they are in the mailbox no more. */
  deleted: count,
  /** Rows whose labels changed. */
  relabelled: count,
  /** cached / found, 0 to 1; null where nothing was found. */
  cacheHitRate: z.number().nullable(),
  /** Messages of this account in the cache now. */
  stored: count,
  /** There is more in the mailbox than `maxResults` let through. */
  more: z.boolean(),
  /** Followed to here. */
  historyId: z.string().nullable(),
  /** Gmail's quota units. */
  apiUnits: count,
  apiCalls: count,
  milliseconds: count,
});
export type FetchResult = z.infer<typeof fetchResult>;

export const fetchMessages = defineJob({
  queue: 'gmail-fetch',
  name: 'fetch_messages',
  payload: fetchParams.extend({ userId: z.uuid() }),
  result: fetchResult,
  once: forEver('analytics_jobs'),
  status: 'ready',
});
