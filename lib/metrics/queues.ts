import type { QueueBackend } from '../queue/backend.ts';
import type { AllQueueFacts, QueueFacts } from '../queue/ready.ts';
import type { Kit, Label, Samples } from './kit.ts';
import type { Source } from './source.ts';

const STATES = ['waiting', 'active', 'delayed', 'completed', 'failed'] as const;

/** Every process shows the same queues: take the `max` of the processes, never the sum. */
export function readQueues(kit: Kit, facts: Source<AllQueueFacts>): void {
  kit.reading(
    facts,
    'hivepulse_queue_jobs',
    'Jobs by queue and state; completed and failed ones as far as they are kept.',
    ['queue', 'state'],
    (all) => perQueue(all).flatMap(([queue, one]) => STATES.map((state) => [{ queue, state }, one[state]] as const)),
  );
  kit.reading(
    facts,
    'hivepulse_queue_oldest_ready_seconds',
    'For how long the oldest job that could start has: of those at the head of each priority level, at most 64 each. 0: none could.',
    ['queue'],
    (all) => perQueue(all).map(([queue, { oldestReadyMs }]) => [{ queue }, oldestReadyMs / 1_000]),
  );
  kit.reading(facts, 'hivepulse_queue_ready', 'Jobs that could start: waiting ones, and delayed ones that are due.', ['queue'], (all) =>
    perQueue(all).map(([queue, { ready }]) => [{ queue }, ready]),
  );
  kit.reading(facts, 'hivepulse_queue_paused', '1 while the queue is paused.', ['queue'], (all) =>
    perQueue(all).map(([queue, { paused }]) => [{ queue }, paused ? 1 : 0]),
  );
  const bound = 'exact up to 200 in a queue, beyond that the first 200 stand for all';
  kit.reading(facts, 'hivepulse_jobs_waiting', `Waiting jobs by kind: ${bound}.`, ['queue', 'name'], (all) => perKind(all, 'waiting'));
  kit.reading(facts, 'hivepulse_jobs_delayed', `Delayed jobs by kind: ${bound}.`, ['queue', 'name'], (all) => perKind(all, 'delayed'));
}

const perQueue = (all: AllQueueFacts): [queue: string, facts: QueueFacts][] => Object.entries(all);

function perKind(all: AllQueueFacts, state: 'waiting' | 'delayed'): Samples<Extract<Label, 'queue' | 'name'>> {
  return perQueue(all).flatMap(([queue, { kinds }]) => Object.entries(kinds).map(([name, counts]) => [{ queue, name }, counts[state]] as const));
}

export type QueueSize = Awaited<ReturnType<QueueBackend['size']>>;

/** Where the queues live: which of the two is there tells which backend it is. */
export function readQueueSize(kit: Kit, kind: QueueBackend['kind'], size: Source<QueueSize>): void {
  if (kind === 'postgres') {
    kit.reading(size, 'hivepulse_queue_tables_bytes', "Size of the queues' tables and indexes in Postgres.", [], ({ bytes }) => [[{}, bytes]]);
    return;
  }
  kit.reading(size, 'hivepulse_redis_memory_bytes', 'Memory that Redis uses; of a cluster, its fullest primary.', [], ({ bytes }) => [[{}, bytes]]);
  kit.reading(size, 'hivepulse_redis_memory_limit_bytes', 'maxmemory of that Redis; absent where it has none.', [], ({ limitBytes }) =>
    limitBytes === undefined ? [] : [[{}, limitBytes]],
  );
}
