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

export const fetchMessages = defineJob({
  queue: 'gmail-fetch',
  name: 'fetch_messages',
  payload: z.object({
    userId: z.uuid(),
    query: z.string().optional(),
    labelIds: z.array(z.string()).optional(),
    maxResults: z.int().positive().optional(),
  }),
  result: z.object({ messages: z.int() }),
  once: forEver('analytics_jobs'),
  status: 'planned',
});
