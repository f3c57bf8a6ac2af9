import { z } from 'zod';
import { MINUTE, SECOND } from '../clock.ts';
import { defineJob, defineQueue, exponential, forEver } from './define.ts';

export const reviewAi = defineQueue({
  queue: 'review-ai',
  concurrency: 5,
  attempts: 3,
  backoff: exponential(2 * SECOND),
  timeoutMs: 2 * MINUTE,
  keep: { completed: 100, failed: 500 },
});

const result = z.record(z.string(), z.unknown());
const common = { queue: 'review-ai', result, once: forEver('jobs'), status: 'planned' } as const;

export const aiGeneration = defineJob({
  ...common,
  name: 'ai_generation',
  payload: z.object({
    review_text: z.string().min(1),
    tone: z.string().optional(),
    brand_voice: z.string().optional(),
    language: z.string().optional(),
    max_length: z.int().positive().optional(),
  }),
});

export const reviewProcessing = defineJob({
  ...common,
  name: 'review_processing',
  payload: z.object({ review_text: z.string().min(1) }),
});

export const promptAnalysis = defineJob({
  ...common,
  name: 'prompt_analysis',
  payload: z.object({ prompt: z.string().min(1), goal: z.string().optional() }),
});

export const sentimentAnalysis = defineJob({
  ...common,
  name: 'sentiment_analysis',
  payload: z.union([z.object({ text: z.string().min(1) }), z.object({ review_text: z.string().min(1) })]),
});
