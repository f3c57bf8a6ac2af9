import { setTimeout as delay } from 'node:timers/promises';
import type { Job } from 'bullmq';
import type { Clock } from '../../clock.ts';
import { messageOf, UnavailableError } from '../../errors.ts';
import type { QueueName } from '../../jobs/define.ts';
import type { Logger } from '../../log.ts';
import type { QueueBackend } from '../backend.ts';
import { orderOf } from './slots.ts';

export interface CapsDeps {
  backend: QueueBackend;
  /** Jobs of one key that run at a time, in all processes together; 0 = any number. */
  maxPerKey: (queue: QueueName) => number;
  /** How long a silent process keeps its places: at least the lock duration, so that no job runs without one. */
  leaseMs: number;
  /** After how long a job that nobody calls asks again, at least: its caller may have crashed. Default 5,000 ms. */
  uncalledMs?: number;
  clock: Clock;
  log: Logger;
}

/** Leave to run. */
export interface Place {
  kind: 'place';
  /** Never rejects. The longest-waiting job of the key is called at once. */
  leave(): Promise<void>;
}

/** A cap per key over all processes. A job that finds no place stands in a line of its key and is put off until it is called. */
export interface Caps {
  /** Never rejects. `put off`: to be asked again after `waitMs`; it is called before, when a place is free. */
  enter(job: Job, key: string): Promise<Place | { kind: 'put off'; waitMs: number }>;
}

interface Held {
  queue: QueueName;
  key: string;
  jobId: string;
  limit: number;
  since: number;
}

const UNCALLED_MS = 5_000;
const LONGEST_WAIT_MS = 15 * 60_000;
/** Of a run, as long as none has ended here. */
const FIRST_MEAN_MS = 1_000;
const STORE_AWAY_MS = 1_000;
const CALLS = 10;

export function createCaps({ backend, maxPerKey, leaseMs, uncalledMs = UNCALLED_MS, clock, log }: CapsDeps): Caps {
  const held = new Set<Held>();
  const meanMs = new Map<QueueName, number>();
  let renewal: NodeJS.Timeout | undefined;

  const placeOf = ({ queue, key }: Pick<Held, 'queue' | 'key'>): string => `cap:${queue}:${key}`;
  const acquire = (one: Held): Promise<boolean> => backend.store.acquire(placeOf(one), one.jobId, { limit: one.limit, leaseMs });

  async function enter(job: Job, key: string): ReturnType<Caps['enter']> {
    // A worker only ever serves queues of the catalogue.
    const queue = job.queueName as QueueName;
    const limit = maxPerKey(queue);
    if (limit === 0) return { kind: 'place', leave: async () => undefined };
    try {
      return await take(job, { queue, key, jobId: job.id ?? '', limit, since: clock.monotonic() });
    } catch (error) {
      if (!(error instanceof UnavailableError)) log.error({ error: messageOf(error) }, 'cap not asked');
      return { kind: 'put off', waitMs: STORE_AWAY_MS };
    }
  }

  async function take(job: Job, one: Held): ReturnType<Caps['enter']> {
    const cameBack = job.attemptsStarted > job.attemptsMade + 1;
    if (await acquire(one)) {
      if (cameBack) await backend.fair.unpark(one.queue, one.key, one.jobId);
      return hold(one);
    }
    const before = await backend.fair.park(one.queue, one.key, one.jobId, orderOf(job));
    // Whoever left between the two calls has seen no one in the line.
    if (await acquire(one)) {
      await backend.fair.unpark(one.queue, one.key, one.jobId);
      return hold(one);
    }
    return { kind: 'put off', waitMs: waitFor(one, before) };
  }

  /** Long enough for those before it to run, so that a long line is not asked over and over. */
  function waitFor({ queue, limit }: Held, before: number): number {
    const mean = meanMs.get(queue) ?? FIRST_MEAN_MS;
    return Math.min(LONGEST_WAIT_MS, Math.ceil(uncalledMs + (1.5 * mean * (before + 1)) / limit));
  }

  function hold(one: Held): Place {
    held.add(one);
    renewal ??= setInterval(renew, leaseMs / 3).unref();
    return { kind: 'place', leave: () => leave(one) };
  }

  function renew(): void {
    for (const one of held) acquire(one).catch((error: unknown) => log.debug({ error: messageOf(error) }, 'place not renewed'));
  }

  async function leave(one: Held): Promise<void> {
    if (!held.delete(one)) return;
    if (held.size === 0) {
      clearInterval(renewal);
      renewal = undefined;
    }
    const { queue } = one;
    const ranMs = clock.monotonic() - one.since;
    meanMs.set(queue, 0.8 * (meanMs.get(queue) ?? ranMs) + 0.2 * ranMs);
    const freed = await backend.store.release(placeOf(one), one.jobId).then(
      () => true,
      () => false,
    );
    // The job that leaves does not wait for the one that comes.
    if (freed) callNext(one).catch((error: unknown) => log.debug({ error: messageOf(error) }, 'next in line not called'));
  }

  async function callNext({ queue, key }: Held): Promise<void> {
    for (let call = 0; call < CALLS; call += 1) {
      const jobId = await backend.fair.next(queue, key);
      if (jobId === undefined || (await comesBack(queue, jobId))) return;
    }
  }

  /** Whether the job will ask for its place soon. One that stepped into the line a moment ago may still be on its way to the delayed ones. */
  async function comesBack(queue: QueueName, jobId: string): Promise<boolean> {
    for (let waitedMs = 0; waitedMs < 200; waitedMs += 20) {
      const job = await backend.queue(queue).getJob(jobId);
      const state = await job?.getState();
      if (state === 'waiting' || state === 'prioritized') return true;
      if (!job || (state !== 'delayed' && state !== 'active')) return false;
      const promoted =
        state === 'delayed' &&
        (await job.promote().then(
          () => true,
          () => false,
        ));
      if (promoted) return true;
      await delay(20, undefined, { ref: false });
    }
    return false;
  }

  return { enter };
}
