import type { Ai } from '../../lib/ai/contract.ts';
import { systemClock } from '../../lib/clock.ts';
import type { Db } from '../../lib/db/types.ts';
import type { QueueName } from '../../lib/jobs/define.ts';
import { deadlineIn } from '../../lib/lifecycle.ts';
import { silentLogger } from '../../lib/log.ts';
import { createRedisBackend } from '../../lib/queue/backend/redis.ts';
import { createMarkCancelled } from '../../lib/queue/cancel-flag.ts';
import { createCancelWatch } from '../../lib/queue/cancel-watch.ts';
import { createFailureRecorder } from '../../lib/queue/dead-letters.ts';
import { type AnyProcessor, createRunner } from '../../lib/queue/runner.ts';
import { createActiveRuns } from '../../lib/queue/runs.ts';
import { createQueueWorkers } from '../../lib/queue/worker.ts';
import type { RowDeps } from '../../lib/relay/row-job.ts';
import type { RedisServer } from '../support/redis.ts';

const noAi = {
  forJob(): Ai {
    throw new Error('these processors call no model');
  },
};

/** A worker with connections of its own, running `processor` for every job of `queue`. Resolves to the function that stops it. */
export async function startWorker(redis: RedisServer, db: Db, queue: QueueName, processor: AnyProcessor<RowDeps>): Promise<() => Promise<void>> {
  const backend = createRedisBackend({ connection: { url: redis.url }, role: 'worker' });
  const runs = createActiveRuns();
  const shared = { deps: { db }, log: silentLogger, clock: systemClock, runs };
  const markCancelled = createMarkCancelled(backend.store);
  const failures = createFailureRecorder({ ...shared, sink: db.failedJobs, processor: () => processor, markCancelled });
  const runner = createRunner({ ...shared, processor: () => processor, ai: noAi, timeoutMs: () => 30_000, failures });
  const workers = createQueueWorkers({ ...shared, backend, queues: [{ queue, concurrency: 2 }], runner, failures, workerId: 'test-worker' });
  const cancelWatch = createCancelWatch({ store: backend.store, runs, log: silentLogger, intervalMs: 20 });
  await cancelWatch.start();
  await workers.start();
  return async () => {
    await workers.stop(deadlineIn(5_000));
    await cancelWatch.stop(deadlineIn(1_000));
    await backend.close();
  };
}
