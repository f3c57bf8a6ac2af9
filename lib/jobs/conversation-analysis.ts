import { z } from 'zod';
import { MINUTE, SECOND } from '../clock.ts';
import { defineJob, defineQueue, exponential, forEver } from './define.ts';

export const conversationAnalysis = defineQueue({
  queue: 'conversation-analysis',
  concurrency: 2,
  attempts: 3,
  backoff: exponential(5 * SECOND),
  timeoutMs: 15 * MINUTE,
  keep: { completed: 100, failed: 500 },
});

export const analyze = defineJob({
  queue: 'conversation-analysis',
  name: 'analyze',
  payload: z.object({ conversationId: z.uuid() }),
  result: z.object({ conversationId: z.uuid() }),
  once: forEver('conversation_analysis_jobs'),
  status: 'planned',
});
