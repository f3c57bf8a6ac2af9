import type { QueueName } from '../jobs/define.ts';
import { envelope, type JobMeta } from '../jobs/envelope.ts';
import { rowTableOf } from '../jobs/index.ts';
import type { QueueBackend } from './backend.ts';
import { readCancelFlag } from './cancel-flag.ts';
import { runOf } from './dead-letters.ts';
import { createEnqueue, type EnqueueDeps } from './enqueue.ts';
import { cancelKey } from './keys.ts';
import type { Enqueued, RetryOutcome, RowBackedJobs } from './types.ts';
import { loadJob } from './view.ts';

export interface RetryDeps {
  backend: QueueBackend;
  /** Resolves when commands can be sent. */
  ready: () => Promise<void>;
  enqueue: EnqueueDeps;
  rows?: Pick<RowBackedJobs, 'retry'>;
}

/** Runs a failed or cancelled job again under its own id, from its first attempt; while an equal one is unfinished, that one is the answer. */
export function createRetry({ backend, ready, enqueue, rows }: RetryDeps): (queue: QueueName, jobId: string) => Promise<RetryOutcome> {
  return async (queue, jobId) => {
    if (rows && rowTableOf(queue)) return rows.retry(queue, jobId);
    await ready();
    const found = await findEnded(backend, queue, jobId);
    if ('outcome' in found) return found;
    const { jobId: id, deduplicated } = await runAgain(backend, enqueue, found);
    return { outcome: 'retried', jobId: id, deduplicated };
  };
}

async function findEnded(backend: QueueBackend, queue: QueueName, jobId: string): Promise<Rerun | { outcome: 'not_found' | 'not_failed' }> {
  const stored = await loadJob(backend, queue, jobId);
  if (!stored) return cancelledRerun(backend, queue, jobId);
  const { job, state } = stored;
  if (state !== 'failed') return { outcome: 'not_failed' };
  const data = envelope.safeParse(job.data);
  const meta: Partial<JobMeta> = data.success ? data.data.meta : {};
  return { queue, name: job.name, jobId, payload: data.success ? data.data.payload : job.data, run: runOf(job) + 1, meta };
}

/** A job that was cancelled while it waited is gone; its flag remembers what it was. */
async function cancelledRerun(backend: QueueBackend, queue: QueueName, jobId: string): Promise<Rerun | { outcome: 'not_found' }> {
  const [flag] = await backend.store.flags([cancelKey(queue, jobId)]);
  const job = flag === undefined ? undefined : readCancelFlag(flag).job;
  return job ? { queue, name: job.name, jobId, payload: job.payload, run: 2, meta: job } : { outcome: 'not_found' };
}

interface Rerun {
  queue: QueueName;
  name: string;
  jobId: string;
  payload: unknown;
  /** The number of the new run. */
  run: number;
  meta: { userId?: string | undefined; correlationId?: string | undefined; force?: boolean | undefined };
}

/**
 * Adds the job anew, after the old one and its cancel flag are gone: works while BullMQ keeps the old job and after it has forgotten it.
 * A crash in between loses nothing that the dead letter does not hold.
 */
async function runAgain(backend: QueueBackend, deps: EnqueueDeps, rerun: Rerun): Promise<Enqueued> {
  const enqueue = createEnqueue({ ...deps, run: rerun.run });
  const request = {
    queue: rerun.queue,
    name: rerun.name,
    payload: rerun.payload,
    options: {
      jobId: rerun.jobId,
      ...(rerun.meta.userId ? { userId: rerun.meta.userId } : {}),
      ...(rerun.meta.correlationId ? { correlationId: rerun.meta.correlationId } : {}),
      ...(rerun.meta.force ? { force: true } : {}),
    },
  };
  // Checked before anything is removed: a payload that cannot enter a queue must not cost the job that holds it.
  enqueue.check(request);
  await backend.store.clearFlag(cancelKey(rerun.queue, rerun.jobId));
  const old = await backend.queue(rerun.queue).getJob(rerun.jobId);
  if (old && (await old.getState()) === 'failed') await old.remove();
  return enqueue.one(request);
}
