import type { FailedJobsTable } from '../db/types.ts';
import { NotFoundError, PermanentError } from '../errors.ts';
import { isQueueName } from '../jobs/index.ts';
import type { Rerun } from '../queue/retry.ts';
import type { Enqueued } from '../queue/types.ts';

export interface ReplayDeps {
  failedJobs: Pick<FailedJobsTable, 'get' | 'replayed'>;
  runAgain(rerun: Rerun): Promise<Enqueued>;
}

/**
 * Puts a dead letter back on its queue, under its old id and with one run more. Works whether or not BullMQ still keeps the job.
 * Throws `NotFoundError`, and `InvalidInputError` when the payload would fail again at once.
 */
export function createReplay({ failedJobs, runAgain }: ReplayDeps): (deadLetterId: string) => Promise<{ jobId: string; deduplicated: boolean }> {
  return async (deadLetterId) => {
    const failure = await failedJobs.get(deadLetterId);
    if (!failure) throw new NotFoundError('Dead letter', deadLetterId);
    const { queue, name, jobId, payload, run, userId, correlationId } = failure;
    if (!isQueueName(queue))
      throw new PermanentError(`The dead letter is for queue "${queue}", which this version does not have`, { code: 'unknown_queue' });
    const meta = { ...(userId ? { userId } : {}), ...(correlationId ? { correlationId } : {}) };
    const again = await runAgain({ queue, name, jobId, payload, run: run + 1, meta });
    await failedJobs.replayed(deadLetterId, again.jobId);
    return { jobId: again.jobId, deduplicated: again.deduplicated };
  };
}
