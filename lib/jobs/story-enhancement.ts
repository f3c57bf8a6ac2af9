import { z } from 'zod';
import { MINUTE, SECOND } from '../clock.ts';
import { defineJob, defineQueue, exponential, whileUnfinished } from './define.ts';

/** Hype and ethics run from 0 (none / worst) to 10, one decimal. */
export const storyResult = z.object({
  success: z.literal(true),
  storyId: z.uuid(),
  enhancedScores: z.object({
    hypeScore: z.number(),
    ethicsScore: z.number(),
    realityCheck: z.string(),
    eli5Summary: z.string(),
    /** Flesch-Kincaid grade of the summary. */
    eli5Grade: z.number(),
    claims: z.array(z.object({ claim: z.string(), verdict: z.string(), quote: z.string() })),
  }),
  /** Which provider and model judged; `local` when no key is configured. */
  provider: z.string(),
  model: z.string(),
  promptVersion: z.string(),
  /** What was judged: the story's text and tags, the prompts, the provider and model. */
  contentHash: z.string(),
  /** The story had not changed since it was last refined: nothing was paid for. */
  unchanged: z.boolean(),
  /** Milliseconds. */
  processingTime: z.number(),
});
export type StoryResult = z.infer<typeof storyResult>;

export const storyEnhancement = defineQueue({
  queue: 'story-enhancement',
  concurrency: 5,
  attempts: 3,
  backoff: exponential(2 * SECOND),
  timeoutMs: 2 * MINUTE,
  keep: { completed: 100, failed: 50 },
});

const payload = z.object({ storyId: z.uuid() });

export const enhance = defineJob({
  queue: 'story-enhancement',
  name: 'enhance',
  payload,
  result: storyResult,
  once: whileUnfinished<z.infer<typeof payload>>(({ storyId }) => `story-enhancement-${storyId}`),
  status: 'ready',
});
