import { z } from 'zod';
import { jobs, queueNames } from '../lib/jobs/index.ts';

const errorBody = z
  .object({
    success: z.literal(false),
    error: z.object({ code: z.string(), message: z.string(), details: z.unknown().optional() }),
  })
  .describe('What went wrong, in the one shape of every failure');

/** Spread into a route's `response`. */
export const failures = { '4xx': errorBody, '5xx': errorBody } as const;

/** `{ success: true, data }` */
export function success<S extends z.ZodType>(data: S) {
  return z.object({ success: z.literal(true), data });
}

export function answer<T>(data: T): { success: true; data: T } {
  return { success: true, data };
}

/** Text that is not blank; at most `max` UTF-16 units. */
export function text({ max }: { max: number }) {
  return z.string().max(max).regex(/\S/, 'must not be blank');
}

export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().min(1).max(500).optional().describe('`nextCursor` of the page before'),
});

export const idempotencyKey = z.string().min(1).max(200);
export const idempotencyHeader = z.object({ 'idempotency-key': idempotencyKey.optional() });

export const queueName = z
  .string()
  .max(100)
  .describe(`One of ${queueNames.join(', ')}`);
export const jobId = z.string().min(1).max(300);

const progress = z.object({ progress: z.number(), total: z.number(), current_step: z.string() });

export const jobView = z.object({
  id: z.string(),
  queue: z.string(),
  name: z.string(),
  state: z.enum(['waiting', 'delayed', 'active', 'completed', 'failed', 'cancelled']),
  payload: z.unknown(),
  userId: z.string().optional(),
  correlationId: z.string(),
  attemptsMade: z.number(),
  attempts: z.number(),
  progress: progress.optional(),
  result: z.unknown().optional(),
  error: z.string().optional(),
  createdAt: z.string(),
  startedAt: z.string().optional(),
  finishedAt: z.string().optional(),
});

export const enqueued = z.object({ queue: z.string(), jobId: z.string(), deduplicated: z.boolean() });

export const queueCounts = z.object({
  waiting: z.number(),
  active: z.number(),
  completed: z.number(),
  failed: z.number(),
  delayed: z.number(),
  waitingChildren: z.number(),
  paused: z.boolean(),
});

const claim = z.object({ claim: z.string(), verdict: z.string(), quote: z.string() });
const reason = z.object({ score: z.enum(['hype', 'ethics']), rule: z.string(), evidence: z.string(), effect: z.number() });

export const scoringStatus = z.enum(['local', 'queued', 'processing', 'refined', 'failed', 'cancelled']);

const reviewTypes = jobs.filter((job) => job.queue === 'review-ai').map((job) => job.name);
export const reviewType = z.enum(reviewTypes, `must be one of ${reviewTypes.join(', ')}`);
export const reviewStatus = z.enum(['pending', 'processing', 'completed', 'failed', 'cancelled']);

export const storySummary = z.object({
  id: z.string(),
  userId: z.string().nullable(),
  title: z.string(),
  sectorTag: z.string().nullable(),
  impactTags: z.array(z.string()),
  hypeScore: z.number(),
  ethicsScore: z.number(),
  realityCheck: z.string().nullable(),
  eli5Summary: z.string().nullable(),
  scoringStatus,
  scoringError: z.string().nullable(),
  model: z.string().nullable(),
  promptVersion: z.string().nullable(),
  jobId: z.string().describe('Ask GET /api/stories/scoring/job/:jobId with it'),
  runJobId: z.string().nullable().describe('The queue’s own id of the latest run'),
  createdAt: z.string(),
  updatedAt: z.string(),
});

export const storyDetail = storySummary.extend({
  content: z.string(),
  claims: z.array(claim),
  localScores: z.object({ hypeScore: z.number(), ethicsScore: z.number(), reasons: z.array(reason), version: z.string() }),
  refinedScores: z
    .object({
      hypeScore: z.number(),
      ethicsScore: z.number(),
      realityCheck: z.string(),
      claims: z.array(claim),
      eli5Summary: z.string(),
      eli5Grade: z.number(),
      provider: z.string(),
      model: z.string(),
      promptVersion: z.string(),
    })
    .nullable(),
});
