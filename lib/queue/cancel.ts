import type { Job } from 'bullmq';
import type { QueueName } from '../jobs/define.ts';
import type { QueueBackend } from './backend.ts';
import { CANCEL_TTL_MS, cancelKey } from './keys.ts';
import type { CancelOutcome, JobState, JobView } from './types.ts';
import { loadJob, toState, toView } from './view.ts';

export interface CancelDeps {
  backend: QueueBackend;
  /** Resolves when commands can be sent. */
  ready: () => Promise<void>;
  /** Called before a waiting job is removed: the row is the truth. */
  endRow?: (job: JobView, reason: string) => Promise<void>;
}

/**
 * Cancels from any process: a durable flag first, then the row, then the job. A running job is stopped by its owner,
 * which looks its flags up; a job that starts in between is stopped the same way.
 */
export function createCancel({ backend, ready, endRow }: CancelDeps): (queue: QueueName, jobId: string, reason?: string) => Promise<CancelOutcome> {
  return async (queue, jobId, reason = 'Cancelled') => {
    await ready();
    const stored = await loadJob(backend, queue, jobId);
    if (!stored) return 'not_found';
    const { job, state } = stored;
    if (state === 'completed' || state === 'failed') return 'finished';
    const view = toView(job, state);
    await backend.store.setFlag(cancelKey(queue, jobId), JSON.stringify({ reason, job: view }), CANCEL_TTL_MS);
    if (state === 'active') return 'cancelling';
    await endRow?.(view, reason);
    return remove(job);
  };

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
