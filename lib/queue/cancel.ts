import type { Job } from 'bullmq';
import type { QueueName } from '../jobs/define.ts';
import { rowTableOf } from '../jobs/index.ts';
import type { QueueBackend } from './backend.ts';
import { raiseCancelFlag } from './cancel-flag.ts';
import type { CancelOutcome, JobState, JobView, RowBackedJobs } from './types.ts';
import { loadJob, toState, toView } from './view.ts';

export interface CancelDeps {
  backend: QueueBackend;
  /** Resolves when commands can be sent. */
  ready: () => Promise<void>;
  /** Called before a waiting job is removed: the row is the truth. */
  endRow?: (job: JobView, reason: string) => Promise<void>;
  /** For jobs whose row is committed first, whatever the queue knows of them. */
  rows?: Pick<RowBackedJobs, 'cancel'>;
}

/**
 * Cancels from any process: a durable flag first, then the row, then the job. A running job is stopped by its owner,
 * which looks its flags up; a job that starts in between is stopped the same way.
 */
export function createCancel({
  backend,
  ready,
  endRow,
  rows,
}: CancelDeps): (queue: QueueName, jobId: string, reason?: string) => Promise<CancelOutcome> {
  return async (queue, jobId, reason = 'Cancelled') => {
    if (rows && rowTableOf(queue)) return cancelRow(rows, queue, jobId, reason);
    await ready();
    return cancelJob(queue, jobId, reason, endRow);
  };

  /** Once the row is committed the job is as good as cancelled: should the queue be away, it finds that out when it starts. */
  async function cancelRow(row: Pick<RowBackedJobs, 'cancel'>, queue: QueueName, jobId: string, reason: string): Promise<CancelOutcome> {
    const outcome = await row.cancel(queue, jobId, reason);
    if (outcome !== 'cancelled') return outcome;
    const told = await ready()
      .then(() => cancelJob(queue, jobId, reason))
      .catch(() => undefined);
    return told === 'cancelling' ? told : 'cancelled';
  }

  async function cancelJob(queue: QueueName, jobId: string, reason: string, end?: CancelDeps['endRow']): Promise<CancelOutcome> {
    const stored = await loadJob(backend, queue, jobId);
    if (!stored) return 'not_found';
    const { job, state } = stored;
    if (state === 'completed' || state === 'failed') return 'finished';
    const view = toView(job, state);
    await raiseCancelFlag(backend.store, view, reason);
    if (state === 'active') return 'cancelling';
    await end?.(view, reason);
    return remove(job);
  }

  async function remove(job: Job): Promise<CancelOutcome> {
    try {
      await job.remove();
      return 'cancelled';
    } catch (error) {
      const state: JobState | undefined = toState(await job.getState());
      if (state === 'active') return 'cancelling';
      if (state === 'completed' || state === 'failed') return 'finished';
      if (state === undefined) return 'cancelled';
      throw error;
    }
  }
}
