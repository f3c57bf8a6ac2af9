import type { Job } from 'bullmq';
import { z } from 'zod';
import type { QueueName } from '../jobs/define.ts';
import { envelope } from '../jobs/envelope.ts';
import type { QueueBackend } from './backend.ts';
import type { Progress } from './processor.ts';
import type { JobState, JobView } from './types.ts';

const progressSchema = z.object({ progress: z.number(), total: z.number(), current_step: z.string() });

export function toProgress(value: unknown): Progress | undefined {
  const parsed = progressSchema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

/** BullMQ's states in the words of the API: prioritized jobs and those of a paused queue wait too. */
export function toState(state: string): JobState | undefined {
  switch (state) {
    case 'waiting':
    case 'prioritized':
    case 'waiting-children':
    case 'paused':
      return 'waiting';
    case 'delayed':
    case 'active':
    case 'completed':
    case 'failed':
      return state;
    default:
      return undefined;
  }
}

/** A job and its state; undefined when BullMQ has forgotten it. */
export async function loadJob(backend: QueueBackend, queue: QueueName, jobId: string): Promise<{ job: Job; state: JobState } | undefined> {
  // The state first: a job that ends in between is then shown with the older state, never as ended without its result.
  const state = toState(await backend.queue(queue).getJobState(jobId));
  const job: Job | undefined = state && (await backend.queue(queue).getJob(jobId));
  return state && job ? { job, state } : undefined;
}

/** A job as shown outside. A job that is no Hivepulse envelope is shown with its raw data. */
export function toView(job: Job, state: JobState): JobView {
  const data = envelope.safeParse(job.data);
  const meta = data.success ? data.data.meta : undefined;
  const progress = toProgress(job.progress);
  return {
    id: job.id ?? '',
    // Views are made only for queues of the catalogue.
    queue: job.queueName as QueueName,
    name: job.name,
    state,
    payload: data.success ? data.data.payload : job.data,
    correlationId: meta?.correlationId ?? '',
    attemptsMade: job.attemptsMade,
    attempts: job.opts.attempts ?? 1,
    createdAt: iso(job.timestamp),
    ...(meta?.userId ? { userId: meta.userId } : {}),
    ...(progress ? { progress } : {}),
    ...(state === 'completed' ? { result: job.returnvalue } : {}),
    ...(state === 'failed' || state === 'cancelled' ? { error: job.failedReason ?? state } : {}),
    ...(job.processedOn ? { startedAt: iso(job.processedOn) } : {}),
    ...(job.finishedOn ? { finishedAt: iso(job.finishedOn) } : {}),
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
