import { z } from 'zod';
import { MINUTE, SECOND } from '../clock.ts';
import { defineJob, defineQueue, exponential, whileUnfinished } from './define.ts';

export const emailProcessing = defineQueue({
  queue: 'email-processing',
  concurrency: 10,
  attempts: 4,
  backoff: exponential(5 * SECOND, 5),
  timeoutMs: 2 * MINUTE,
  keep: { completed: 100, failed: 500 },
});

const payload = z.object({ emailId: z.uuid(), dealId: z.uuid() });
const result = z.object({ emailId: z.uuid() });

function emailJob<const N extends string>(name: N) {
  return defineJob({
    queue: 'email-processing',
    name,
    payload,
    result,
    once: whileUnfinished<z.infer<typeof payload>>(({ emailId }) => `email-${name}-${emailId}`),
    status: 'planned',
  });
}

export const analyzeSentiment = emailJob('analyze_sentiment');
export const detectBlocker = emailJob('detect_blocker');
