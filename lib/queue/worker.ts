import { type Job, type Queue, UnrecoverableError, type Worker } from 'bullmq';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { QueueName } from '../jobs/define.ts';
import { type Deadline, deadlineIn, type Service, within } from '../lifecycle.ts';
import type { Logger } from '../log.ts';
import type { QueueBackend } from './backend.ts';
import { backoffStrategy } from './backoff.ts';
import type { FailureRecorder } from './dead-letters.ts';
import { cancelKey, LAST_POLL_KEY } from './keys.ts';
import type { Pulse } from './pulse.ts';
import type { Runner } from './runner.ts';
import type { ActiveRuns } from './runs.ts';

export interface QueueWorkersDeps {
  backend: QueueBackend;
  queues: readonly {
    queue: QueueName;
    concurrency: number;
    /** Jobs of the queue that run at a time in all processes together; 0 or absent = any number. The last worker to start decides. */
    maxActive?: number;
  }[];
  runner: Runner;
  runs: ActiveRuns;
  /** Told of every job that is fetched; while it doubts that any is, there is no heartbeat. */
  pulse?: Pick<Pulse, 'begin' | 'polls'>;
  failures: FailureRecorder;
  clock: Clock;
  log: Logger;
  /** A job was taken back from a worker that went silent. */
  onStalled?: (queue: QueueName) => void;
  /** Shown on each job it runs. */
  workerId: string;
  /** How long a silent worker keeps its jobs. Too low: a busy event loop loses them; too high: a crash is noticed late. Default 30,000 ms. */
  lockDurationMs?: number;
  /** How often lost jobs are looked for. Default 30,000 ms. */
  stalledIntervalMs?: number;
}

/** Of a shutdown, kept for handing back what did not finish. */
const HAND_BACK_MS = 2_000;
/** A worker that finds no queue by then says so and ends; its supervisor starts it again. */
const START_WITHIN_MS = 10_000;
const HEARTBEAT_MS = 5_000;
const HEARTBEAT_TTL_MS = 24 * 60 * 60_000;

/** One BullMQ worker per queue, all running their jobs through the one runner. */
export function createQueueWorkers(deps: QueueWorkersDeps): Service & { isRunning(): boolean } {
  const workers: Worker[] = [];
  let heartbeat: NodeJS.Timeout | undefined;
  let stopped: Promise<void> | undefined;

  async function start(): Promise<void> {
    await deps.backend.ready(START_WITHIN_MS);
    for (const { queue, concurrency } of deps.queues) workers.push(createWorker(queue, concurrency));
    await Promise.all(workers.map((worker) => worker.waitUntilReady()));
    await Promise.all(deps.queues.map(({ queue, maxActive = 0 }) => limitActive(deps.backend.queue(queue), maxActive)));
    for (const worker of workers) worker.run().catch((error: unknown) => deps.log.error({ error: messageOf(error) }, 'worker loop ended'));
    beat();
    heartbeat = setInterval(beat, HEARTBEAT_MS);
  }

  function createWorker(queue: QueueName, concurrency: number): Worker {
    // Two parameters, not three: BullMQ then makes no abort controller of its own for every job.
    const worker = deps.backend.worker(queue, (job, token) => run(queue, job, token), {
      name: deps.workerId,
      concurrency,
      lockDuration: deps.lockDurationMs ?? 30_000,
      stalledInterval: deps.stalledIntervalMs ?? 30_000,
      maxStalledCount: 1,
      settings: { backoffStrategy },
    });
    worker.on('error', (error) => deps.log.warn({ queue, error: messageOf(error) }, 'worker error'));
    worker.on('stalled', (jobId) => {
      deps.onStalled?.(queue);
      deps.log.warn({ queue, jobId }, 'job stalled: its worker went silent');
    });
    worker.on('failed', (job, error) => void onFailed(job, error));
    worker.on('lockRenewalFailed', (jobIds) => {
      for (const jobId of jobIds) deps.runs.abort(queue, jobId, 'lock_lost', 'The lock was lost: another worker may have taken the job over');
    });
    return worker;
  }

  async function run(queue: QueueName, job: Job, token: string | undefined): Promise<unknown> {
    const end = deps.pulse?.begin(queue);
    try {
      return await deps.runner.run(job, token);
    } finally {
      end?.();
    }
  }

  /** A job that stalled too often fails without entering a runner; this is where it is noticed. */
  async function onFailed(job: Job | undefined, error: Error): Promise<void> {
    if (!job || deps.failures.knows(job) || !isFinal(job, error)) return;
    const [cancelled] = await deps.backend.store.flags([cancelKey(job.queueName, job.id ?? '')]).catch(() => [undefined]);
    if (cancelled !== undefined || (await deps.failures.failed(job, error, {}))) return;
    // The row tells how it really ended.
    await job.remove().catch((problem: unknown) => deps.log.debug({ error: messageOf(problem) }, 'job of a row that has ended not removed'));
  }

  function beat(): void {
    if (!isRunning() || deps.pulse?.polls() === false) return;
    deps.backend.store
      .setFlag(LAST_POLL_KEY, String(deps.clock.now()), HEARTBEAT_TTL_MS)
      .catch((error: unknown) => deps.log.debug({ error: messageOf(error) }, 'heartbeat not written'));
  }

  function isRunning(): boolean {
    return workers.length > 0 && workers.every((worker) => worker.isRunning() && !worker.isPaused());
  }

  /** Stop taking jobs, let the running ones finish, hand back what does not, close. */
  function stop(deadline: Deadline): Promise<void> {
    stopped ??= stopOnce(deadline);
    return stopped;
  }

  async function stopOnce(deadline: Deadline): Promise<void> {
    clearInterval(heartbeat);
    await Promise.all(workers.map((worker) => worker.pause(true)));
    const finishBy = deadlineIn(Math.max(0, deadline.remainingMs() - HAND_BACK_MS));
    await within(deps.runs.idle(), finishBy, undefined);
    if (deps.runs.size > 0) {
      deps.log.warn({ jobs: deps.runs.size }, 'handing back jobs that did not finish in time');
      deps.runs.abortAll('shutdown', 'The worker shuts down');
    }
    const closed = await within(
      Promise.all(workers.map((worker) => worker.close())).then(() => true),
      deadline,
      false,
    );
    if (!closed) await Promise.all(workers.map((worker) => within(worker.close(true), deadlineIn(HAND_BACK_MS), undefined)));
  }

  return { name: 'queue-workers', start, stop, isRunning };
}

/** BullMQ keeps the number with the queue: what an earlier setting left there goes too. */
async function limitActive(queue: Queue, maxActive: number): Promise<void> {
  if (maxActive > 0) await queue.setGlobalConcurrency(maxActive);
  else if ((await queue.getGlobalConcurrency()) !== null) await queue.removeGlobalConcurrency();
}

function isFinal(job: Job, error: Error): boolean {
  return error instanceof UnrecoverableError || job.attemptsMade >= (job.opts.attempts ?? 1) || job.finishedOn !== undefined;
}
