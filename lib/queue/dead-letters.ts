import type { Job } from 'bullmq';
import type { NewFailedJob } from '../db/types.ts';
import { messageOf } from '../errors.ts';
import type { QueueName } from '../jobs/define.ts';
import { envelope, type JobMeta } from '../jobs/envelope.ts';
import { findJob } from '../jobs/index.ts';
import type { Logger } from '../log.ts';
import type { AnyProcessor } from './runner.ts';

/** Where dead letters are kept; `lib/db` implements it. Recording is once per (queue, job id, run), whoever notices the failure. */
export interface FailureSink {
  record(failure: NewFailedJob): Promise<boolean>;
  recorded(keys: readonly FailureKey[]): Promise<Set<string>>;
}

export interface FailureKey {
  queue: string;
  jobId: string;
  run: number;
}

/** What is known of the attempt that failed; empty when no runner was entered. */
export interface AttemptTrace {
  runId?: string;
  // biome-ignore lint/suspicious/noExplicitAny: the recorder calls only `end`, with the payload that was parsed for it.
  processor?: AnyProcessor<any> | undefined;
  payload?: unknown;
}

export interface FailureRecorder {
  /**
   * A job failed for good: the row (if any) and the dead letter are written. Never throws: what could not be written is found by the reconciler.
   * False when the row knows of no failure: its work was done (BullMQ was not told in time, and counts the job as stalled), or another run has it.
   */
  failed(job: Job, error: unknown, trace: AttemptTrace): Promise<boolean>;
  /** A running job was cancelled: the row is told; no dead letter. */
  cancelled(job: Job, reason: string, trace: AttemptTrace): Promise<void>;
  /** Whether this process has written the failure down already. */
  knows(job: Job): boolean;
}

export interface FailureRecorderDeps<Deps> {
  sink: FailureSink;
  /** For jobs that never entered a runner. */
  processor: (queue: QueueName, name: string) => AnyProcessor<Deps> | undefined;
  deps: Deps;
  /** Remembers a cancelled job as such, for those that were cancelled in their row alone. */
  markCancelled?: (job: Job, reason: string) => Promise<void>;
  /** A job failed for good, and nobody had written it down before. */
  onFailed?: (kind: { queue: QueueName; name: string }) => void;
  log: Logger;
}

export function createFailureRecorder<Deps>(recorder: FailureRecorderDeps<Deps>): FailureRecorder {
  const known = new WeakSet<Job>();

  async function failed(job: Job, error: unknown, trace: AttemptTrace): Promise<boolean> {
    try {
      const ended = await endRow(job, { outcome: 'failed', error: messageOf(error) }, trace);
      const first = ended !== false && (await recorder.sink.record(toFailure(job, error)));
      // As in `endRow`.
      if (first) recorder.onFailed?.({ queue: job.queueName as QueueName, name: job.name });
      known.add(job);
      return ended !== false;
    } catch (problem) {
      recorder.log.error({ error: messageOf(problem) }, 'dead letter not written yet; the reconciler will');
      return true;
    }
  }

  async function cancelled(job: Job, reason: string, trace: AttemptTrace): Promise<void> {
    known.add(job);
    await recorder.markCancelled?.(job, reason).catch((problem: unknown) => {
      recorder.log.warn({ error: messageOf(problem) }, 'cancelled job not marked as such');
    });
    await endRow(job, { outcome: 'cancelled', error: reason }, trace).catch((problem: unknown) => {
      recorder.log.error({ error: messageOf(problem) }, 'row of a cancelled job not updated');
    });
  }

  async function endRow(job: Job, ending: { outcome: 'failed' | 'cancelled'; error: string }, trace: AttemptTrace): Promise<boolean | undefined> {
    // A worker only ever serves queues of the catalogue.
    const processor = trace.processor ?? recorder.processor(job.queueName as QueueName, job.name);
    if (!processor || typeof processor === 'function') return undefined;
    const payload = trace.payload ?? parsedPayload(job);
    if (payload === undefined && !processor.byJobId) return undefined;
    return processor.end(payload, { ...ending, runId: trace.runId, job: { id: job.id ?? '', run: runOf(job) } }, recorder.deps);
  }

  return { failed, cancelled, knows: (job) => known.has(job) };
}

/** The payload of a job that never entered a runner; undefined when it does not parse. */
function parsedPayload(job: Job): unknown {
  const data = envelope.safeParse(job.data);
  const definition = findJob(job.queueName, job.name);
  const payload = data.success ? definition?.payload.safeParse(data.data.payload) : undefined;
  return payload?.success ? payload.data : undefined;
}

export function runOf(job: Pick<Job, 'data'>): number {
  const run: unknown = job.data?.meta?.run;
  return typeof run === 'number' ? run : 1;
}

function toFailure(job: Job, error: unknown): NewFailedJob {
  const meta: Partial<JobMeta> = job.data?.meta ?? {};
  return {
    queue: job.queueName,
    name: job.name,
    jobId: job.id ?? '',
    run: runOf(job),
    payload: job.data?.payload ?? job.data ?? null,
    error: messageOf(error),
    stack: (error instanceof Error ? error.stack : undefined) ?? job.stacktrace?.at(-1) ?? null,
    // BullMQ counts the attempt when it is told, which comes after this.
    attempts: job.finishedOn ? job.attemptsMade : job.attemptsMade + 1,
    userId: typeof meta.userId === 'string' ? meta.userId : null,
    correlationId: typeof meta.correlationId === 'string' ? meta.correlationId : null,
  };
}
