/**
 * What counts alone do not tell of a queue: since when its oldest ready job could have started, and which kinds wait. BullMQ keeps its jobs in order
 * of their turns, not of their age, so this is a look at bounded numbers of jobs: as quick with 100,000 waiting as with ten.
 */
import type { Clock } from '../clock.ts';
import type { QueueName } from '../jobs/define.ts';
import { jobs, queueNames } from '../jobs/index.ts';
import type { QueueCounts, QueueStats } from './types.ts';

/**
 * Jobs looked at for the oldest: so many at the head of each level (see docs/fairness.md), and of the jobs without a priority. Keys take turns and
 * each runs oldest first, so the oldest stands within the first turns: it is found as long as fewer keys than this wait at a level; with more, one
 * that is almost as old is.
 */
export const HEADS = 64;
/** Jobs looked at for their kinds, in each state. */
export const KINDS = 200;

export interface LookRequest {
  queue: QueueName;
  /** Jobs whose kinds are read, in each state; 0: none. */
  kinds: number;
}

/** Times in milliseconds since the epoch. */
export interface QueueLook {
  /** Since when the job that has waited longest could have started; undefined where none is ready. Its own pause included where it was tried before. */
  oldestReadyAt: number | undefined;
  /** Delayed jobs that are due. */
  dueDelayed: number;
  /** How many of the jobs looked at are of which kind. */
  waitingKinds: Readonly<Record<string, number>>;
  delayedKinds: Readonly<Record<string, number>>;
}

export interface QueueFacts extends QueueCounts {
  /** Jobs that could start now: waiting and prioritized ones, and delayed ones that are due. */
  ready: number;
  /** For how long the oldest of them could have started, in milliseconds; 0 where there is none. */
  oldestReadyMs: number;
  /** By kind; exact where no more than `KINDS` jobs are in the state, else the kinds of the first of them stand for all. */
  kinds: Readonly<Record<string, { waiting: number; delayed: number }>>;
}
export type AllQueueFacts = Record<QueueName, QueueFacts>;

export interface QueueFactsDeps {
  look(requests: readonly LookRequest[], nowMs: number): Promise<QueueLook[]>;
  stats(): Promise<QueueStats>;
  clock: Pick<Clock, 'now'>;
}

/** Rejects with `UnavailableError` while the queue is away. */
export async function readQueueFacts({ look, stats, clock }: QueueFactsDeps): Promise<AllQueueFacts> {
  const counted = await stats();
  const now = clock.now();
  const looks = await look(
    queueNames.map((queue) => ({ queue, kinds: namesOf(queue).length > 1 ? KINDS : 0 })),
    now,
  );
  const facts = queueNames.map((queue, index) => [queue, factsOf(queue, counted[queue], looks[index] ?? NOTHING, now)] as const);
  // Object.fromEntries forgets that every name is there.
  return Object.fromEntries(facts) as AllQueueFacts;
}

const NOTHING: QueueLook = { oldestReadyAt: undefined, dueDelayed: 0, waitingKinds: {}, delayedKinds: {} };

const namesOf = (queue: QueueName): string[] => jobs.filter((job) => job.queue === queue).map(({ name }) => name);

function factsOf(queue: QueueName, counts: QueueCounts, look: QueueLook, now: number): QueueFacts {
  const names = namesOf(queue);
  const waiting = shareOut(counts.waiting, names, look.waitingKinds);
  const delayed = shareOut(counts.delayed, names, look.delayedKinds);
  return {
    ...counts,
    ready: counts.waiting + look.dueDelayed,
    oldestReadyMs: look.oldestReadyAt === undefined ? 0 : Math.max(0, now - look.oldestReadyAt),
    kinds: Object.fromEntries(names.map((name, index) => [name, { waiting: waiting[index] ?? 0, delayed: delayed[index] ?? 0 }])),
  };
}

/** `count` jobs by kind, as those that were looked at are; exact where all were. */
function shareOut(count: number, names: readonly string[], seen: Readonly<Record<string, number>>): number[] {
  if (names.length === 1) return [count];
  const total = Object.values(seen).reduce((sum, number) => sum + number, 0);
  return names.map((name) => (total === 0 ? 0 : Math.round(((seen[name] ?? 0) / total) * count)));
}
