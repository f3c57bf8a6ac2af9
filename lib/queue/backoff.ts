import type { Job } from 'bullmq';
import { z } from 'zod';
import type { Backoff } from '../jobs/define.ts';

/** The one strategy of all queues; it must be set on every worker, else BullMQ lets the job die as stalled. */
const BACKOFF_TYPE = 'hivepulse';

const JITTER = 0.1;

const stored = z.object({ delay: z.number(), factor: z.number(), cap: z.number() });

/** How a backoff travels with its job (attempts and backoff are settled where a job is added). */
export function toJobBackoff(backoff: Backoff): { type: string; delay: number } {
  const carried = { type: BACKOFF_TYPE, delay: backoff.delayMs, factor: backoff.factor, cap: backoff.capMs };
  return carried;
}

/** Milliseconds to wait after the `attemptsMade`-th attempt failed; `random` is in [0, 1). */
export function backoffDelay(backoff: Backoff, attemptsMade: number, random: number): number {
  const wait = Math.min(backoff.delayMs * backoff.factor ** Math.max(0, attemptsMade - 1), backoff.capMs);
  return Math.round(wait * (1 + JITTER * (2 * random - 1)));
}

/** For a job that was put into the queue by other hands, without our options. */
const FALLBACK: Backoff = { delayMs: 5_000, factor: 2, capMs: 15 * 60_000 };

export function backoffStrategy(attemptsMade: number, _type?: string, _error?: Error, job?: Pick<Job, 'opts'>): number {
  const options = stored.safeParse(job?.opts.backoff);
  const backoff = options.success ? { delayMs: options.data.delay, factor: options.data.factor, capMs: options.data.cap } : FALLBACK;
  return backoffDelay(backoff, attemptsMade, Math.random());
}
