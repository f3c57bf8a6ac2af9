import type { z } from 'zod';
import type { JobMeta } from './envelope.ts';

/** The eight queues of the product; the names are fixed by its contract. */
export const QUEUE_NAMES = {
  CONVERSATION_ANALYSIS: 'conversation-analysis',
  GMAIL_FETCH: 'gmail-fetch',
  STORY_ENHANCEMENT: 'story-enhancement',
  REVIEW_AI: 'review-ai',
  DAILY_BRIEF: 'daily-brief',
  DOCUMENT_PROCESSING: 'document-processing',
  EMAIL_PROCESSING: 'email-processing',
  SOURCE_SYNC: 'source-sync',
} as const;
export type QueueName = (typeof QUEUE_NAMES)[keyof typeof QUEUE_NAMES];

/** Waits between attempts: `delayMs`, `delayMs * factor`, … up to `capMs`, each ±10 % at random. */
export interface Backoff {
  delayMs: number;
  factor: number;
  capMs: number;
}

/** What "once" means for a kind: see "Asking twice" in docs/internals.md. */
export type Once<P> =
  /** Asking again while such a job is unfinished returns that job; afterwards it runs again. */
  | { kind: 'whileUnfinished'; id: (payload: P) => string }
  /** Asking while one waits returns that one; asking while one runs makes exactly one more. */
  | { kind: 'oneMore'; id: (payload: P) => string }
  /** The row's id, unique in the database, is the job's id. */
  | { kind: 'forEver'; table: JobRowTable };

/** The tables whose rows are jobs. */
export type JobRowTable = 'jobs' | 'analytics_jobs' | 'conversation_analysis_jobs';

export interface JobDefinition<Q extends QueueName = QueueName, N extends string = string, P = unknown, R = unknown> {
  queue: Q;
  name: N;
  payload: z.ZodType<P>;
  result: z.ZodType<R>;
  once: Once<P>;
  /** Whose job it is, for turns and caps. Default: the user who asked, else the payload's `dealId`. Undefined: one key for all such jobs. */
  fairness?: { key?: (payload: P, meta: JobMeta) => string | undefined };
  /** `planned` kinds can be declared, not yet run: type check and boot check leave them out. */
  status: 'ready' | 'planned';
}

/** Settings of a whole queue; each number has a variable (`<QUEUE>_CONCURRENCY`, …). */
export interface QueueDefinition<Q extends QueueName = QueueName> {
  queue: Q;
  /** Jobs that one worker process runs at a time. */
  concurrency: number;
  /** Including the first run. */
  attempts: number;
  backoff: Backoff;
  /** Longest run of one attempt, in milliseconds. */
  timeoutMs: number;
  /** How many finished jobs BullMQ keeps. */
  keep: { completed: number; failed: number };
}

export function defineQueue<const Q extends QueueName>(definition: QueueDefinition<Q>): QueueDefinition<Q> {
  return definition;
}

export function defineJob<const Q extends QueueName, const N extends string, P, R, const S extends 'ready' | 'planned'>(
  definition: Omit<JobDefinition<Q, N, P, R>, 'status' | 'once' | 'fairness'> &
    Pick<JobDefinition<Q, N, NoInfer<P>, R>, 'once' | 'fairness'> & { status: S },
): JobDefinition<Q, N, P, R> & { status: S } {
  return definition;
}

export function whileUnfinished<P>(id: (payload: P) => string): Once<P> {
  return { kind: 'whileUnfinished', id };
}

export function oneMore<P>(id: (payload: P) => string): Once<P> {
  return { kind: 'oneMore', id };
}

export function forEver<P>(table: JobRowTable): Once<P> {
  return { kind: 'forEver', table };
}

/** 15 minutes at most, as the contract says for every queue. */
const BACKOFF_CAP_MS = 15 * 60_000;

export function exponential(delayMs: number, factor = 2): Backoff {
  return { delayMs, factor, capMs: BACKOFF_CAP_MS };
}
