import type { QueueName } from '../jobs/define.ts';
import { jobs, queueNames } from '../jobs/index.ts';
import type { AttemptReport, JobKind } from '../queue/runner.ts';
import type { Kit } from './kit.ts';

/** What this process does with jobs. */
export interface JobMetrics {
  /** A job begins; the answer is called when it has ended. */
  started(kind: JobKind): () => void;
  attempt(report: AttemptReport): void;
  /** A job failed for good: told once, by whoever wrote it down. */
  failed(kind: JobKind): void;
  stalled(queue: QueueName): void;
}

const KIND = ['queue', 'name'] as const;
const ENDS = ['completed', 'failed', 'cancelled'] as const;

export function createJobMetrics(kit: Kit): JobMetrics {
  const attempts = kit.counter('hivepulse_job_attempts_total', 'Attempts that ended, by outcome.', [...KIND, 'outcome']);
  const retries = kit.counter('hivepulse_job_retries_total', 'Attempts that failed and are followed by another.', KIND);
  const ended = kit.counter(
    'hivepulse_jobs_ended_total',
    'Jobs that ended for good in a worker, by state; each is counted once, whichever worker noticed.',
    [...KIND, 'state'],
  );
  const active = kit.gauge('hivepulse_jobs_active', 'Jobs that run in this process.', KIND);
  const duration = kit.histogram('hivepulse_job_duration_seconds', 'Run time of an attempt.', KIND);
  const wait = kit.histogram('hivepulse_job_wait_seconds', 'From enqueueing (or the end of the delay) to the start of the first attempt.', KIND);
  const total = kit.histogram('hivepulse_job_total_seconds', 'From enqueueing to the end of the job, delays and retries included.', KIND);
  const stalls = kit.counter('hivepulse_job_stalls_total', 'Jobs taken back from a worker that went silent.', ['queue']);
  // A series that begins with its first failure looks to Prometheus as if nothing had happened.
  for (const { queue, name } of jobs) {
    for (const state of ENDS) ended.inc({ queue, name, state }, 0);
    retries.inc({ queue, name }, 0);
    active.set({ queue, name }, 0);
  }
  for (const queue of queueNames) stalls.inc({ queue }, 0);

  return {
    started({ queue, name }) {
      active.inc({ queue, name });
      return () => active.dec({ queue, name });
    },
    attempt({ queue, name, outcome, durationMs, waitedMs, firstStart, totalMs }) {
      const kind = { queue, name };
      attempts.inc({ ...kind, outcome });
      duration.observe(kind, durationMs / 1_000);
      if (firstStart) wait.observe(kind, waitedMs / 1_000);
      if (totalMs !== undefined) total.observe(kind, totalMs / 1_000);
      if (outcome === 'retry') retries.inc(kind);
      if (outcome === 'done') ended.inc({ ...kind, state: 'completed' });
      if (outcome === 'cancelled') ended.inc({ ...kind, state: 'cancelled' });
    },
    failed: ({ queue, name }) => ended.inc({ queue, name, state: 'failed' }),
    stalled: (queue) => stalls.inc({ queue }),
  };
}
