import type { LocalTasks } from '../lib/ai/contract.ts';
import { type AiService, createAi } from '../lib/ai/index.ts';
import { systemClock } from '../lib/clock.ts';
import type { Config } from '../lib/config.ts';
import { readyQueueNames } from '../lib/jobs/index.ts';
import type { Service } from '../lib/lifecycle.ts';
import type { Logger } from '../lib/log.ts';
import { createMetrics, type Metrics } from '../lib/metrics.ts';
import { createCancelWatch } from '../lib/queue/cancel-watch.ts';
import { createFailureRecorder } from '../lib/queue/dead-letters.ts';
import { createReconciler } from '../lib/queue/reconciler.ts';
import { createRunner } from '../lib/queue/runner.ts';
import { createActiveRuns } from '../lib/queue/runs.ts';
import { createQueueService } from '../lib/queue/service.ts';
import { createQueueWorkers } from '../lib/queue/worker.ts';
import { type FindProcessor, loadProcessors } from '../workers/index.ts';
import type { Connections } from './connections.ts';
import { createStatusReport } from './status.ts';
import { createWorkerHttp } from './worker-http.ts';

/** What the local provider does, by prompt; loaded with the first call. */
const localTasks: LocalTasks = {
  'story-enhancement': async () => (await import('../lib/scoring/local-task.ts')).default,
};

/** Shared by the worker and the API of one process. */
export interface Core {
  config: Config;
  connections: Connections;
  log: Logger;
  queue: ReturnType<typeof createQueueService>;
  ai: AiService;
  metrics: Metrics;
  /** The processors of this version, loaded when first needed. */
  processors(): Promise<FindProcessor>;
}

export function createCore(config: Config, connections: Connections, log: Logger): Core {
  const { backend, db } = connections;
  let loaded: Promise<FindProcessor> | undefined;
  const processors = (): Promise<FindProcessor> => {
    loaded ??= loadProcessors(readyQueueNames);
    return loaded;
  };
  const queue = createQueueService({
    backend,
    settings: (name) => config.queues[name],
    clock: systemClock,
    endRow: async (job, reason) => {
      const processor = (await processors())(job.queue, job.name);
      if (processor && typeof processor !== 'function')
        await processor.end(job.payload, { outcome: 'cancelled', error: reason }, { db, clock: systemClock });
    },
  });
  const metrics = createMetrics({ stats: queue.stats });
  const ai = createAi({ options: config.ai, limits: backend.store, ledger: db.ai, localTasks, clock: systemClock, log, onCall: metrics.aiCall });
  return { config, connections, log, queue, ai, metrics, processors };
}

/** The services of a worker, in the order they start; they stop in reverse. */
export async function createWorkerServices(core: Core): Promise<Service[]> {
  const { config, connections, log, queue, ai, metrics } = core;
  const { backend, db } = connections;
  const queues = config.worker.queues.filter((name) => readyQueueNames.includes(name));
  const processor = await loadProcessors(queues);
  const deps = { db, clock: systemClock };
  const runs = createActiveRuns();
  const failures = createFailureRecorder({ sink: db.failedJobs, processor, deps, log });
  const runner = createRunner({
    processor,
    deps,
    ai,
    timeoutMs: (name) => config.queues[name].timeoutMs,
    failures,
    runs,
    clock: systemClock,
    log,
    onAttempt: metrics.attempt,
  });
  const workers = createQueueWorkers({
    backend,
    queues: queues.map((name) => ({ queue: name, concurrency: config.queues[name].concurrency })),
    runner,
    runs,
    failures,
    clock: systemClock,
    log,
    workerId: config.worker.id,
    lockDurationMs: config.worker.lockDurationMs,
    stalledIntervalMs: config.worker.stalledIntervalMs,
  });
  return [
    // Before the workers, so that it stops after them: jobs can be cancelled while a shutdown waits for them.
    createCancelWatch({ store: backend.store, runs, log }),
    workers,
    createReconciler({ backend, queues, sink: db.failedJobs, failures, intervalMs: config.worker.sweepIntervalMs, log }),
    createStatusReport({ queues, stats: queue.stats, isRunning: workers.isRunning, log }),
    ...(config.worker.port > 0 ? [createWorkerHttp(core, { port: config.worker.port, isRunning: workers.isRunning })] : []),
  ];
}
