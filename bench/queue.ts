import { Queue, type QueueOptions, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { createRedisBackend } from '../lib/queue/backend/redis.ts';
import type { QueueBackend } from '../lib/queue/backend.ts';
import { createService, QUEUE, startWorker } from '../test/support/queue-world.ts';
import { startRedis } from '../test/support/redis.ts';
import { type Bench, type Figure, figure, inPairs, quantile } from './report.ts';

/** Jobs a measurement is made of, and how many a worker runs at a time: the same on both sides. */
const JOBS = 4_000;
const CONCURRENCY = 20;
const PAIRS = 7;
const BARE = 'bare BullMQ';

interface Sides {
  backend: QueueBackend;
  service: ReturnType<typeof createService>;
  bare: Queue;
  bareWorker(process: () => Promise<unknown>): Worker;
}

async function withSides(run: (sides: Sides) => Promise<Figure[]>): Promise<Figure[]> {
  const redis = await startRedis();
  const backend = createRedisBackend({ connection: { url: redis.url }, role: 'worker' });
  const options: QueueOptions = { connection: new Redis(redis.url, { maxRetriesPerRequest: null }), prefix: '{bare}' };
  const bare = new Queue('bare', options);
  await bare.waitUntilReady();
  await backend.ready(5_000);
  try {
    return await run({
      backend,
      service: createService(backend),
      bare,
      bareWorker: (process) => new Worker('bare', process, { ...options, concurrency: CONCURRENCY, autorun: false }),
    });
  } finally {
    await bare.close();
    await backend.close();
    options.connection instanceof Redis && options.connection.disconnect();
    await redis.stop();
  }
}

const requests = (count: number) => Array.from({ length: count }, (_, index) => ({ queue: QUEUE, name: 'probe', payload: { key: `job-${index}` } }));
/** What a bare user would send: the same payload, the same options. */
const bareOptions = { attempts: 3, removeOnComplete: 100, removeOnFail: 100, backoff: { type: 'exponential', delay: 5 } };
const bareJobs = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ name: 'probe', data: { key: `job-${index}` }, opts: bareOptions }));

async function perSecond(count: number, work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (count * 1000) / (performance.now() - start);
}

async function processOurs({ backend, service }: Sides): Promise<number> {
  await service.enqueueMany(requests(JOBS));
  let done = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const start = performance.now();
  const worker = await startWorker(backend, async () => undefined, { concurrency: CONCURRENCY, onAttempt: () => ++done === JOBS && resolve() });
  await promise;
  const seconds = (performance.now() - start) / 1000;
  await worker.stop();
  return JOBS / seconds;
}

async function processBare({ bare, bareWorker }: Sides): Promise<number> {
  await bare.addBulk(bareJobs(JOBS));
  let done = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const start = performance.now();
  const worker = bareWorker(async () => void (++done === JOBS && resolve()));
  await worker.waitUntilReady();
  void worker.run();
  await promise;
  const seconds = (performance.now() - start) / 1000;
  await worker.close();
  return JOBS / seconds;
}

const inTurn = async <T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> => {
  for (const item of items) await work(item);
};

async function emptied(sides: Sides, measure: () => Promise<number>): Promise<number> {
  const measured = await measure();
  await Promise.all([sides.bare.obliterate({ force: true }), sides.backend.queue(QUEUE).obliterate({ force: true })]);
  return measured;
}

/** Milliseconds from the call that adds a job to the first line of its processor, one job at a time on an idle worker. */
async function latencies(count: number, add: (index: number) => Promise<unknown>, started: { next: (() => void) | undefined }): Promise<number[]> {
  const measured: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const { promise, resolve } = Promise.withResolvers<void>();
    started.next = resolve;
    const start = performance.now();
    await add(index);
    await promise;
    measured.push(performance.now() - start);
  }
  return measured;
}

async function latency(sides: Sides): Promise<Figure[]> {
  const started: { next: (() => void) | undefined } = { next: undefined };
  const begin = async () => started.next?.();
  const worker = await startWorker(sides.backend, begin, { concurrency: CONCURRENCY });
  const bareWorker = sides.bareWorker(begin);
  void bareWorker.run();
  const rounds: { ours: number[]; baseline: number[] }[] = [];
  for (let round = 0; round <= PAIRS; round += 1) {
    const ours = await latencies(
      300,
      (index) => sides.service.enqueue({ queue: QUEUE, name: 'probe', payload: { key: `latency-${round}-${index}` } }),
      started,
    );
    const baseline = await latencies(300, (index) => sides.bare.add('probe', { key: `latency-${round}-${index}` }, bareOptions), started);
    if (round > 0) rounds.push({ ours, baseline });
  }
  await worker.stop();
  await bareWorker.close();
  return [0.5, 0.99].map((q) =>
    figure(`queue.latency.p${q * 100}`, 'ms', BARE, 'lower', {
      ours: rounds.map((round) => quantile(round.ours, q)),
      baseline: rounds.map((round) => quantile(round.baseline, q)),
    }),
  );
}

export const queueBenches: Bench[] = [
  {
    name: 'queue.process',
    about: `no-op jobs/s through our runner, ${JOBS} jobs, ${CONCURRENCY} at a time, against ${BARE} on the same Redis`,
    run: () =>
      withSides(async (sides) => [
        figure(
          'queue.process',
          'jobs/s',
          BARE,
          'higher',
          await inPairs(
            PAIRS,
            () => emptied(sides, () => processOurs(sides)),
            () => emptied(sides, () => processBare(sides)),
          ),
        ),
      ]),
  },
  {
    name: 'queue.enqueue',
    about: `jobs/s added one after the other, against ${BARE}`,
    run: () =>
      withSides(async (sides) => [
        figure(
          'queue.enqueue',
          'jobs/s',
          BARE,
          'higher',
          await inPairs(
            PAIRS,
            () => emptied(sides, () => perSecond(2_000, () => inTurn(requests(2_000), (request) => sides.service.enqueue(request)))),
            () => emptied(sides, () => perSecond(2_000, () => inTurn(bareJobs(2_000), ({ name, data, opts }) => sides.bare.add(name, data, opts)))),
          ),
        ),
      ]),
  },
  {
    name: 'queue.enqueue_bulk',
    about: `jobs/s added 500 at a time, against ${BARE}'s addBulk`,
    run: () =>
      withSides(async (sides) => {
        const batches = <T>(items: readonly T[]): T[][] =>
          Array.from({ length: items.length / 500 }, (_, index) => items.slice(index * 500, (index + 1) * 500));
        return [
          figure(
            'queue.enqueue_bulk',
            'jobs/s',
            BARE,
            'higher',
            await inPairs(
              PAIRS,
              () => emptied(sides, () => perSecond(JOBS, () => inTurn(batches(requests(JOBS)), (batch) => sides.service.enqueueMany(batch)))),
              () => emptied(sides, () => perSecond(JOBS, () => inTurn(batches(bareJobs(JOBS)), (batch) => sides.bare.addBulk(batch)))),
            ),
          ),
        ];
      }),
  },
  {
    name: 'queue.latency',
    about: `from the call that adds a job to its processor's first line, idle worker, against ${BARE}`,
    run: () => withSides(latency),
  },
];
