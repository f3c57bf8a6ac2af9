import type { Job } from 'bullmq';
import { messageOf } from '../errors.ts';
import type { QueueName } from '../jobs/define.ts';
import { repeating, type Service } from '../lifecycle.ts';
import type { Logger } from '../log.ts';
import type { QueueBackend } from './backend.ts';
import { type FailureRecorder, type FailureSink, runOf } from './dead-letters.ts';
import { cancelKey } from './keys.ts';

export interface ReconcilerDeps {
  backend: QueueBackend;
  queues: readonly QueueName[];
  sink: FailureSink;
  failures: FailureRecorder;
  intervalMs: number;
  log: Logger;
}

/** Writes down failures that nobody noticed: the process died, or the database was away. */
export interface Reconciler extends Service {
  /** Resolves to the number of dead letters written. */
  runOnce(): Promise<number>;
}

const PAGE = 100;
const READY_WITHIN_MS = 5_000;

export function createReconciler(deps: ReconcilerDeps): Reconciler {
  async function runOnce(): Promise<number> {
    await deps.backend.ready(READY_WITHIN_MS);
    let written = 0;
    for (const queue of deps.queues) written += await reconcile(queue);
    return written;
  }

  async function reconcile(queue: QueueName): Promise<number> {
    const bull = deps.backend.queue(queue);
    let written = 0;
    for (let start = 0; ; start += PAGE) {
      const jobs = await bull.getFailed(start, start + PAGE - 1);
      written += await recordMissing(queue, jobs);
      if (jobs.length < PAGE) return written;
    }
  }

  async function recordMissing(queue: QueueName, jobs: readonly Job[]): Promise<number> {
    if (jobs.length === 0) return 0;
    const keys = jobs.map((job) => ({ queue, jobId: job.id ?? '', run: runOf(job) }));
    const [recorded, cancelled] = await Promise.all([
      deps.sink.recorded(keys),
      deps.backend.store.flags(keys.map(({ jobId }) => cancelKey(queue, jobId))),
    ]);
    const missing = jobs.filter((job, index) => cancelled[index] === undefined && !recorded.has(`${queue}/${job.id}/${runOf(job)}`));
    let written = 0;
    for (const job of missing) {
      if (await deps.failures.failed(job, job.failedReason ?? 'failed', {})) written += 1;
      // The row tells how it really ended.
      else await job.remove().catch((error: unknown) => deps.log.debug({ error: messageOf(error) }, 'job of a row that has ended not removed'));
    }
    return written;
  }

  const round = () => runOnce().catch((error: unknown) => deps.log.warn({ error: messageOf(error) }, 'reconciler could not finish its round'));

  return { ...repeating('reconciler', round, deps.intervalMs), runOnce };
}
