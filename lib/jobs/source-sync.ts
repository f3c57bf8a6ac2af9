import { z } from 'zod';
import { MINUTE, SECOND } from '../clock.ts';
import { defineJob, defineQueue, exponential, oneMore } from './define.ts';

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
  sourceType: z.enum(['gdrive', 'sharepoint', 'gmail', 'outlook']),
  syncType: z.enum(['incremental', 'full']),
});

export const sync = defineJob({
  queue: 'source-sync',
  name: 'sync',
  payload,
  result: z.object({ dealId: z.uuid() }),
  once: oneMore<z.infer<typeof payload>>(({ dealId, sourceType }) => `source-sync-${dealId}-${sourceType}`),
  status: 'planned',
});
