import { systemClock } from '../lib/clock.ts';
import { openEmbeddedQueue } from '../lib/queue/backend/embedded.ts';
import { createPostgresBackend } from '../lib/queue/backend/postgres.ts';
import { createRedisBackend } from '../lib/queue/backend/redis.ts';
import type { QueueBackend } from '../lib/queue/backend.ts';
import { createEnqueue, type Enqueue } from '../lib/queue/enqueue.ts';
import type { JobContext } from '../lib/queue/processor.ts';
import { findProbe, QUEUE, quickSettings, startWorker } from '../test/support/queue-world.ts';
import { startRedis } from '../test/support/redis.ts';
import { type Bench, type Figure, figure, inPairs } from './report.ts';

const USERS = 20;
const CONCURRENCY = 20;
const PAIRS = 7;
const OFF = 'FAIRNESS=off';

/** The noisy neighbour: jobs that take their time, as many at a time as most queues run. */
const NEIGHBOUR = { backlog: 10_000, jobs: 10, jobMs: 20, concurrency: 5, rounds: 7 };

interface Side {
  backend: QueueBackend;
  jobs: number;
  on: Enqueue;
  off: Enqueue;
}

async function onRedis(run: (side: Side) => Promise<Figure[]>): Promise<Figure[]> {
  const redis = await startRedis();
  const backend = createRedisBackend({ connection: { url: redis.url }, role: 'worker' });
  return withBackend(backend, 4_000, run).finally(() => redis.stop());
}

async function onPglite(run: (side: Side) => Promise<Figure[]>): Promise<Figure[]> {
  const { pool, close } = await openEmbeddedQueue({ dataDir: ':memory:' });
  return withBackend(createPostgresBackend({ pool, role: 'worker' }), 500, run).finally(close);
}

async function withBackend(backend: QueueBackend, jobs: number, run: (side: Side) => Promise<Figure[]>): Promise<Figure[]> {
  const enqueue = (fairness: boolean) =>
    createEnqueue({ backend, settings: () => ({ ...quickSettings(), fairness }), clock: systemClock, find: findProbe, timeoutMs: 10_000 });
  await backend.ready(5_000);
  try {
    return await run({ backend, jobs, on: enqueue(true), off: enqueue(false) });
  } finally {
    await backend.close();
  }
}

const request = (userId: string, number: number) => ({ queue: QUEUE, name: 'row', payload: { key: `${userId}-${number}` }, options: { userId } });
const requests = (count: number) => Array.from({ length: count }, (_, number) => request(`user-${number % USERS}`, number));

async function inBatches(enqueue: Enqueue, all: readonly ReturnType<typeof request>[]): Promise<void> {
  for (let from = 0; from < all.length; from += 500) await enqueue.many(all.slice(from, from + 500));
}

async function perSecond(count: number, work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (count * 1000) / (performance.now() - start);
}

/** jobs/s from the first job's start to the last one's end. */
async function processAll({ backend, jobs }: Side, enqueue: Enqueue): Promise<number> {
  await inBatches(enqueue, requests(jobs));
  const { promise: rate, resolve } = Promise.withResolvers<number>();
  let first = 0;
  let done = 0;
  const started = async () => {
    first ||= performance.now();
  };
  const onAttempt = () => {
    done += 1;
    if (done === jobs) resolve((jobs * 1000) / (performance.now() - first));
  };
  const worker = await startWorker(backend, started, { concurrency: CONCURRENCY, onAttempt });
  const measured = await rate;
  await worker.stop();
  return measured;
}

const measures = {
  process: processAll,
  enqueue: ({ jobs }: Side, enqueue: Enqueue) =>
    perSecond(jobs / 2, async () => {
      for (const one of requests(jobs / 2)) await enqueue.one(one);
    }),
  enqueue_bulk: ({ jobs }: Side, enqueue: Enqueue) => perSecond(jobs, () => inBatches(enqueue, requests(jobs))),
};

async function onAgainstOff(side: Side, name: string): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [measure, run] of Object.entries(measures)) {
    const emptied = async (enqueue: Enqueue) => {
      const measured = await run(side, enqueue);
      await side.backend.queue(QUEUE).obliterate({ force: true });
      return measured;
    };
    const measured = await inPairs(
      PAIRS,
      () => emptied(side.on),
      () => emptied(side.off),
    );
    figures.push(figure(`${name}.${measure}`, 'jobs/s', OFF, 'higher', measured));
  }
  return figures;
}

/** Milliseconds from the call that adds the jobs of B to the start of the last of them. */
async function lastStart({ backend, on }: Side, backlog: number): Promise<number> {
  const { promise: last, resolve } = Promise.withResolvers<number>();
  const { promise: busy, resolve: isBusy } = Promise.withResolvers<void>();
  const started = { a: 0, b: 0 };
  const processor = async (_: unknown, { meta }: JobContext) => {
    const user = meta.userId === 'b' ? 'b' : 'a';
    started[user] += 1;
    if (started.a > 5 * NEIGHBOUR.concurrency) isBusy();
    if (started.b === NEIGHBOUR.jobs) resolve(performance.now());
    await new Promise((done) => setTimeout(done, NEIGHBOUR.jobMs));
  };
  await inBatches(
    on,
    Array.from({ length: backlog }, (_, number) => request('a', number)),
  );
  const worker = await startWorker(backend, processor, { concurrency: NEIGHBOUR.concurrency });
  if (backlog > 0) await busy;
  const asked = performance.now();
  await on.many(Array.from({ length: NEIGHBOUR.jobs }, (_, number) => request('b', number)));
  const waited = (await last) - asked;
  await worker.stop();
  await backend.queue(QUEUE).obliterate({ force: true });
  return waited;
}

async function neighbour(side: Side): Promise<Figure[]> {
  const measured = await inPairs(
    NEIGHBOUR.rounds,
    () => lastStart(side, NEIGHBOUR.backlog),
    () => lastStart(side, 0),
  );
  return [figure('queue.fairness.neighbour', 'ms', 'B alone', 'lower', measured)];
}

export const fairnessBenches: Bench[] = [
  {
    name: 'queue.fairness.neighbour',
    about: `A has ${NEIGHBOUR.backlog} jobs of ${NEIGHBOUR.jobMs} ms waiting, ${NEIGHBOUR.concurrency} run at a time; B adds ${NEIGHBOUR.jobs}: wait of B's last, against B alone (0.50 = twice as long)`,
    run: () => onRedis(neighbour),
  },
  {
    name: 'queue.fairness.redis',
    about: `no-op jobs of ${USERS} users, ${CONCURRENCY} at a time, and adding them, against ${OFF}`,
    run: () => onRedis((side) => onAgainstOff(side, 'queue.fairness.redis')),
  },
  {
    name: 'queue.fairness.pglite',
    about: `the same on the embedded Postgres backend`,
    run: () => onPglite((side) => onAgainstOff(side, 'queue.fairness.pglite')),
  },
];
