import type { QueueName } from '../jobs/define.ts';
import type { Progress } from './processor.ts';

/** Options of every producer call. */
export interface EnqueueOptions {
  /** 0 (before all others, the default) to 2,097,152; lower first. */
  priority?: number;
  /** Milliseconds before the job may start. */
  delay?: number;
  /** A name of your own for the job; for row-backed kinds a uuid, which becomes the row's id. Never contains `:`. */
  jobId?: string;
  /** Pass the one carried by an `unknown` error when repeating the call: the job is then made at most once. Default: `jobId`, else made here. */
  idempotencyKey?: string;
  /** Run and pay again although nothing changed since the last result. */
  force?: boolean;
  /** Goes through to every log line of the job. Default: the surrounding one, else made here. */
  correlationId?: string;
  /** Who asked; jobs are listed, limited and shared out by it. */
  userId?: string;
}

export interface Enqueued {
  queue: QueueName;
  jobId: string;
  /** True when a job that was already there is the answer. */
  deduplicated: boolean;
}

export interface EnqueueRequest {
  queue: QueueName;
  name: string;
  payload: unknown;
  options?: EnqueueOptions;
}

/** The same on both backends. `waiting` includes prioritized jobs and those of a paused queue. */
export interface QueueCounts {
  waiting: number;
  active: number;
  completed: number;
  failed: number;
  delayed: number;
  waitingChildren: number;
  paused: boolean;
}
export type QueueStats = Record<QueueName, QueueCounts>;

export type JobState = 'waiting' | 'delayed' | 'active' | 'completed' | 'failed' | 'cancelled';

/** A job as shown outside: no stack, no internals. Times are ISO 8601. */
export interface JobView {
  id: string;
  queue: QueueName;
  name: string;
  state: JobState;
  payload: unknown;
  userId?: string;
  correlationId: string;
  attemptsMade: number;
  attempts: number;
  progress?: Progress;
  result?: unknown;
  error?: string;
  createdAt: string;
  startedAt?: string;
  finishedAt?: string;
}

/** What happens to jobs, as seen by `onJobEvent` and server-sent events. */
export type JobEvent =
  | { type: 'waiting' | 'active' | 'delayed' | 'stalled' | 'removed'; queue: QueueName; jobId: string }
  | { type: 'progress'; queue: QueueName; jobId: string; progress: Progress }
  | { type: 'completed'; queue: QueueName; jobId: string; result: unknown }
  | { type: 'failed'; queue: QueueName; jobId: string; error: string };

export type CancelOutcome =
  /** It had not started: it is gone and will not run. */
  | 'cancelled'
  /** It runs: its owner was told and stops it within about a second. */
  | 'cancelling'
  /** It had ended before. */
  | 'finished'
  | 'not_found';

export type RetryOutcome = { outcome: 'retried'; jobId: string; deduplicated: boolean } | { outcome: 'not_failed' | 'not_found' };

/**
 * Jobs with a row of their own are asked for, cancelled and run again in the database; their row's id is their id.
 * Implemented by `lib/relay/rows.ts`; absent where no database is at hand (an app's own process).
 */
export interface RowBackedJobs {
  /** Throws as `QueueService.enqueue` does, and `InsufficientCreditsError`. */
  create(request: EnqueueRequest): Promise<Enqueued>;
  /** Commits the row; says nothing about the queue. */
  cancel(queue: QueueName, jobId: string, reason: string): Promise<'cancelled' | 'finished' | 'not_found'>;
  /** Throws `InsufficientCreditsError`. */
  retry(queue: QueueName, jobId: string): Promise<RetryOutcome>;
  /** The job as its row tells it, for jobs that no queue knows: not sent yet, or forgotten. */
  view(queue: QueueName, jobId: string): Promise<JobView | undefined>;
}

/** Everything the API, the CLI and the demo do with queues, the same on both backends. Built by `createQueueService` in `lib/queue/service.ts`. */
export interface QueueService {
  /** Throws `InvalidInputError` (payload or option, naming the field), `EnqueueError` ('not sent' or 'unknown'), `PermanentError` (unknown or planned kind). */
  enqueue(request: EnqueueRequest): Promise<Enqueued>;
  stats(): Promise<QueueStats>;
  getJob(queue: QueueName, jobId: string): Promise<JobView | undefined>;
  /** The unfinished job that holds the kind's "while unfinished" key, if any: its id. */
  findUnfinished(queue: QueueName, onceId: string): Promise<string | undefined>;
  /** Newest first. */
  getFailedJobs(queue: QueueName, options?: { limit?: number; offset?: number }): Promise<JobView[]>;
  cancelJob(queue: QueueName, jobId: string, reason?: string): Promise<CancelOutcome>;
  /** A failed or cancelled job runs again under the same id, from its first attempt. */
  retryJob(queue: QueueName, jobId: string): Promise<RetryOutcome>;
  /** Resolves to the result; rejects with `JobFailedError`, or `UnavailableError` (code `wait_timeout`). */
  waitForJob(queue: QueueName, jobId: string, options: { timeoutMs: number; signal?: AbortSignal }): Promise<unknown>;
  /** Returns the function that ends the subscription. Events of one queue share one connection. */
  onJobEvent(queue: QueueName, listener: (event: JobEvent) => void): () => void;
  /** Throws when the backend does not answer within `timeoutMs`. */
  ping(timeoutMs?: number): Promise<void>;
}
