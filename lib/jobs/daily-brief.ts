import { z } from 'zod';
import { MINUTE, SECOND } from '../clock.ts';
import { defineJob, defineQueue, exponential, whileUnfinished } from './define.ts';

export const dailyBrief = defineQueue({
  queue: 'daily-brief',
  concurrency: 2,
  attempts: 4,
  backoff: exponential(5 * SECOND, 5),
  timeoutMs: 5 * MINUTE,
  keep: { completed: 100, failed: 500 },
});

const payload = z.object({ dealId: z.uuid(), date: z.iso.date().optional() });

export const generate = defineJob({
  queue: 'daily-brief',
  name: 'generate',
  payload,
  result: z.object({ dealId: z.uuid(), date: z.string() }),
  once: whileUnfinished<z.infer<typeof payload>>(({ dealId, date }) => `daily-brief-${dealId}-${date ?? 'today'}`),
  status: 'planned',
});
