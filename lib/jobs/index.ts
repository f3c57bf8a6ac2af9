import type { z } from 'zod';
import { analyze, conversationAnalysis } from './conversation-analysis.ts';
import { dailyBrief, generate } from './daily-brief.ts';
import type { JobDefinition, JobRowTable, QueueDefinition, QueueName } from './define.ts';
import { classify, documentProcessing, extractRisks, ingest, summarize } from './document-processing.ts';
import { analyzeSentiment, detectBlocker, emailProcessing } from './email-processing.ts';
import { fetchMessages, gmailFetch } from './gmail-fetch.ts';
import { aiGeneration, promptAnalysis, reviewAi, reviewProcessing, sentimentAnalysis } from './review-ai.ts';
import { sourceSync, sync } from './source-sync.ts';
import { enhance, storyEnhancement } from './story-enhancement.ts';

/** Every queue, with the numbers of the contract's table. */
export const queues = {
  'conversation-analysis': conversationAnalysis,
  'gmail-fetch': gmailFetch,
  'story-enhancement': storyEnhancement,
  'review-ai': reviewAi,
  'daily-brief': dailyBrief,
  'document-processing': documentProcessing,
  'email-processing': emailProcessing,
  'source-sync': sourceSync,
} as const satisfies { [Q in QueueName]: QueueDefinition<Q> };

/** The catalogue: producer, checks on both sides, Bull Board's form, metric labels, API routes and docs derive from it. */
export const jobs = [
  analyze,
  fetchMessages,
  enhance,
  aiGeneration,
  reviewProcessing,
  promptAnalysis,
  sentimentAnalysis,
  generate,
  ingest,
  summarize,
  extractRisks,
  classify,
  analyzeSentiment,
  detectBlocker,
  sync,
] as const;

export type AnyJob = (typeof jobs)[number];
export type JobOf<Q extends QueueName> = Extract<AnyJob, { queue: Q }>;
type Kind<Q extends QueueName, N extends string> = Extract<AnyJob, { queue: Q; name: N }>;
export type PayloadOf<Q extends QueueName, N extends string> = z.infer<Kind<Q, N>['payload']>;
export type ResultOf<Q extends QueueName, N extends string> = z.infer<Kind<Q, N>['result']>;
/** Names of the kinds that must have a processor. */
export type ReadyNameOf<Q extends QueueName> = Extract<JobOf<Q>, { status: 'ready' }>['name'];
export type ReadyQueueName = Extract<AnyJob, { status: 'ready' }>['queue'];

const byKey = new Map<string, JobDefinition>();
for (const job of jobs) {
  const key = `${job.queue}/${job.name}`;
  if (byKey.has(key)) throw new Error(`The job kind ${key} is declared twice in lib/jobs/index.ts`);
  // A definition is generic over its payload, which a lookup by name cannot know; callers parse before use.
  byKey.set(key, job as unknown as JobDefinition);
}

/** The definition of a kind, or undefined where the catalogue has none. */
export function findJob(queue: string, name: string): JobDefinition | undefined {
  return byKey.get(`${queue}/${name}`);
}

export const queueNames = Object.keys(queues) as QueueName[];

export function isQueueName(name: string): name is QueueName {
  return Object.hasOwn(queues, name);
}

/** Queues with at least one kind that has a processor. */
export const readyQueueNames: readonly QueueName[] = queueNames.filter((queue) => jobs.some((job) => job.queue === queue && job.status === 'ready'));

/** The table whose rows are the jobs of a queue; undefined for queues whose jobs have none. */
export function rowTableOf(queue: string): JobRowTable | undefined {
  const job = jobs.find((one) => one.queue === queue && one.once.kind === 'forEver');
  return job?.once.kind === 'forEver' ? job.once.table : undefined;
}

/** Kinds that have a processor: what a relay may move. */
export const readyKinds: readonly { queue: QueueName; name: string }[] = jobs
  .filter((job) => job.status === 'ready')
  .map(({ queue, name }) => ({ queue, name }));
