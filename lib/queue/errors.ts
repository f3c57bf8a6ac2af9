import { HivepulseError } from '../errors.ts';

/** A producer call that did not get its answer. */
export class EnqueueError extends HivepulseError {
  override readonly name: string = 'EnqueueError';
  /** `not_sent`: the job will never appear. `unknown`: it may or may not be there; repeating with `idempotencyKey` makes it at most once. */
  readonly outcome: 'not_sent' | 'unknown';
  readonly idempotencyKey: string;
  constructor(outcome: 'not_sent' | 'unknown', idempotencyKey: string, message: string, cause: unknown) {
    super(message, { code: outcome, retryable: true, details: { idempotencyKey }, cause });
    this.outcome = outcome;
    this.idempotencyKey = idempotencyKey;
  }
}

/** What `waitForJob` rejects with when the job failed for good or was cancelled. */
export class JobFailedError extends HivepulseError {
  override readonly name: string = 'JobFailedError';
  readonly queue: string;
  readonly jobId: string;
  constructor(queue: string, jobId: string, reason: string) {
    super(`Job ${jobId} on ${queue} failed: ${reason}`, { code: 'job_failed', details: { queue, jobId, reason } });
    this.queue = queue;
    this.jobId = jobId;
  }
}
