import { z } from 'zod';
import type { Ai } from '../../lib/ai/contract.ts';
import { systemClock } from '../../lib/clock.ts';
import type { NewFailedJob } from '../../lib/db/types.ts';
import { defineJob, exponential, forEver, type JobDefinition, oneMore, type QueueName, whileUnfinished } from '../../lib/jobs/define.ts';
import { deadlineIn } from '../../lib/lifecycle.ts';
import { silentLogger } from '../../lib/log.ts';
import type { QueueBackend } from '../../lib/queue/backend.ts';
import { createCancelWatch } from '../../lib/queue/cancel-watch.ts';
import { createFailureRecorder, type FailureSink } from '../../lib/queue/dead-letters.ts';
import type { QueueSettings } from '../../lib/queue/enqueue.ts';
import { createCaps } from '../../lib/queue/fair/caps.ts';
import type { Pulse } from '../../lib/queue/pulse.ts';
import { createReconciler } from '../../lib/queue/reconciler.ts';
import { type AnyProcessor, type AttemptReport, createRunner } from '../../lib/queue/runner.ts';
import { createActiveRuns } from '../../lib/queue/runs.ts';
import { createQueueService } from '../../lib/queue/service.ts';
import { createQueueWorkers } from '../../lib/queue/worker.ts';

/** The queue that the probes of the job suite live on. */
export const QUEUE: QueueName = 'story-enhancement';

const payload = z.object({ key: z.string() });
const common = { queue: QUEUE, payload, result: z.unknown(), status: 'ready' } as const;

/** Kinds of the suite's own: `probe` is "while unfinished", `sync` is "one more", `row` has its id from elsewhere. */
const definitions = [
  defineJob({ ...common, queue: 'story-enhancement', name: 'probe', once: whileUnfinished<{ key: string }>(({ key }) => `probe-${key}`) }),
  defineJob({ ...common, queue: 'story-enhancement', name: 'sync', once: oneMore<{ key: string }>(({ key }) => `sync-${key}`) }),
  defineJob({ ...common, queue: 'story-enhancement', name: 'row', once: forEver('jobs') }),
];

export function findProbe(queue: string, name: string): JobDefinition | undefined {
  // As in the catalogue: a lookup by name cannot know the payload's type.
  return definitions.find((definition) => definition.queue === queue && definition.name === name) as unknown as JobDefinition | undefined;
}

export const quickSettings = (): QueueSettings => ({ attempts: 3, backoff: exponential(5), keep: { completed: 100, failed: 100 } });

/** A sink in memory with the uniqueness of the real one, which the tests of `lib/db` hold to it. */
export function memorySink(): FailureSink & { failures: NewFailedJob[] } {
  const failures: NewFailedJob[] = [];
  const key = (failure: { queue: string; jobId: string; run: number }): string => `${failure.queue}/${failure.jobId}/${failure.run}`;
  return {
    failures,
    record: async (failure) => {
      if (failures.some((one) => key(one) === key(failure))) return false;
      failures.push(failure);
      return true;
    },
    recorded: async (keys) => new Set(keys.map(key).filter((one) => failures.some((failure) => key(failure) === one))),
  };
}

const noAi = {
  forJob(): Ai {
    throw new Error('the probes call no model');
  },
};

export interface WorkerOptions {
  concurrency?: number;
  timeoutMs?: number;
  sink?: FailureSink;
  onAttempt?: (report: AttemptReport) => void;
  onStart?: () => () => void;
  onFailed?: (kind: { queue: string; name: string }) => void;
  pulse?: Pick<Pulse, 'begin' | 'polls'>;
  lockDurationMs?: number;
  stalledIntervalMs?: number;
  /** Jobs of one user that run at a time. */
  maxPerKey?: number;
  /** Jobs of the queue that run at a time. */
  maxActive?: number;
  /** After how long a job over the cap asks again, uncalled. */
  uncalledMs?: number;
}

/** What a worker process is made of, around `processor`, on `backend`. */
export async function startWorker(backend: QueueBackend, processor: AnyProcessor<unknown>, options: WorkerOptions = {}) {
  const runs = createActiveRuns();
  const sink = options.sink ?? memorySink();
  const { onFailed } = options;
  const failures = createFailureRecorder({ sink, processor: () => processor, deps: {}, log: silentLogger, ...(onFailed ? { onFailed } : {}) });
  const runner = createRunner({
    processor: () => processor,
    deps: {},
    ai: noAi,
    timeoutMs: () => options.timeoutMs ?? 30_000,
    failures,
    runs,
    clock: systemClock,
    log: silentLogger,
    find: findProbe,
    ...(options.onAttempt ? { onAttempt: options.onAttempt } : {}),
    ...(options.onStart ? { onStart: options.onStart } : {}),
    ...(options.maxPerKey ? { caps: capsOf(backend, options.maxPerKey, options.uncalledMs) } : {}),
  });
  const workers = createQueueWorkers({
    backend,
    queues: [{ queue: QUEUE, concurrency: options.concurrency ?? 5, maxActive: options.maxActive ?? 0 }],
    runner,
    runs,
    failures,
    clock: systemClock,
    log: silentLogger,
    workerId: 'test-worker',
    ...(options.pulse ? { pulse: options.pulse } : {}),
    ...(options.lockDurationMs ? { lockDurationMs: options.lockDurationMs } : {}),
    ...(options.stalledIntervalMs ? { stalledIntervalMs: options.stalledIntervalMs } : {}),
  });
  const cancelWatch = createCancelWatch({ store: backend.store, runs, log: silentLogger, intervalMs: 20 });
  await workers.start();
  await cancelWatch.start();
  return {
    runs,
    reconciler: createReconciler({ backend, queues: [QUEUE], sink, failures, intervalMs: 60_000, log: silentLogger }),
    async stop(withinMs = 10_000) {
      await workers.stop(deadlineIn(withinMs));
      await cancelWatch.stop(deadlineIn(1_000));
    },
  };
}

const capsOf = (backend: QueueBackend, maxPerKey: number, uncalledMs = 5_000) =>
  createCaps({ backend, maxPerKey: () => maxPerKey, leaseMs: 30_000, uncalledMs, clock: systemClock, log: silentLogger });

export function createService(backend: QueueBackend, settings: QueueSettings = quickSettings()) {
  return createQueueService({ backend, settings: () => settings, clock: systemClock, find: findProbe });
}

/** A promise with its ends outside, and a note whether it was entered. */
export function gate<T = void>() {
  const { promise, resolve } = Promise.withResolvers<T>();
  return { opened: promise, open: resolve };
}
