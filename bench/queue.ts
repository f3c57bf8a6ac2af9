import { randomUUID } from 'node:crypto';
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
  // Under the same queue name: the length of keys is part of what every command costs.
  const settings: QueueOptions = { connection: new Redis(redis.url, { maxRetriesPerRequest: null }), prefix: 'bare' };
  const bare = new Queue(QUEUE, settings);
  await bare.waitUntilReady();
  await backend.ready(5_000);
  try {
    return await run({
      backend,
      service: createService(backend),
      bare,
      bareWorker: (process) => new Worker(QUEUE, process, { ...settings, concurrency: CONCURRENCY, autorun: false }),
    });
  } finally {
    await bare.close();
    await backend.close();
    if (settings.connection instanceof Redis) settings.connection.disconnect();
    await redis.stop();
  }
}

/** `row` kinds have their id from a row; `probe` is a "while unfinished" kind, for which BullMQ keeps a deduplication key. */
type Kind = 'row' | 'probe';
const request = (kind: Kind, key: string) => ({ queue: QUEUE, name: kind, payload: { key } });
const requests = (kind: Kind, count: number) => Array.from({ length: count }, (_, index) => request(kind, `job-${index}`));
/** What a bare user would send at least: the payload, attempts, backoff and retention. */
const options = { attempts: 3, removeOnComplete: 100, removeOnFail: 100, backoff: { type: 'exponential', delay: 5 } };

/** For `probe`, what we send: the envelope with its correlation id, an id of its own, and the deduplication key that "while unfinished" needs. */
function bareJob(kind: Kind, key: string) {
  if (kind === 'row') return { name: kind, data: { key }, opts: options };
  const meta = { correlationId: randomUUID(), enqueuedAt: new Date().toISOString() };
  const opts = { ...options, jobId: `probe-${key}-${randomUUID()}`, deduplication: { id: `probe-${key}` } };
  return { name: kind, data: { v: 1, payload: { key }, meta }, opts };
}
const bareJobs = (kind: Kind, count: number) => Array.from({ length: count }, (_, index) => bareJob(kind, `job-${index}`));

async function perSecond(count: number, work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (count * 1000) / (performance.now() - start);
}

/** jobs/s from the first job's start to the last one's end: how fast a process starts is measured elsewhere. */
function timer() {
  const { promise: rate, resolve } = Promise.withResolvers<number>();
  let first = 0;
  let done = 0;
  return {
    rate,
    started: () => {
      first ||= performance.now();
    },
    ended: () => {
      done += 1;
      if (done === JOBS) resolve((JOBS * 1000) / (performance.now() - first));
    },
  };
}

async function processOurs({ backend, service }: Sides, kind: Kind): Promise<number> {
  await service.enqueueMany(requests(kind, JOBS));
  const timed = timer();
  const worker = await startWorker(backend, async () => timed.started(), { concurrency: CONCURRENCY, onAttempt: timed.ended });
  const rate = await timed.rate;
  await worker.stop();
  return rate;
}

async function processBare({ bare, bareWorker }: Sides, kind: Kind): Promise<number> {
  await bare.addBulk(bareJobs(kind, JOBS));
  const timed = timer();
  const worker = bareWorker(async () => {
    timed.started();
    timed.ended();
  });
  await worker.waitUntilReady();
  void worker.run();
  const rate = await timed.rate;
  await worker.close();
  return rate;
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
    const ours = await latencies(300, (index) => sides.service.enqueue(request('row', `latency-${round}-${index}`)), started);
    const job = (index: number) => bareJob('row', `latency-${round}-${index}`);
    const baseline = await latencies(300, (index) => sides.bare.add('row', job(index).data, job(index).opts), started);
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

const batches = <T>(items: readonly T[]): T[][] =>
  Array.from({ length: items.length / 500 }, (_, index) => items.slice(index * 500, (index + 1) * 500));

/** Three ways to move jobs, each on both sides. */
const measures = {
  'queue.process': {
    ours: processOurs,
    bare: processBare,
  },
  'queue.enqueue': {
    ours: ({ service }: Sides, kind: Kind) => perSecond(2_000, () => inTurn(requests(kind, 2_000), (one) => service.enqueue(one))),
    bare: ({ bare }: Sides, kind: Kind) =>
      perSecond(2_000, () => inTurn(bareJobs(kind, 2_000), ({ name, data, opts }) => bare.add(name, data, opts))),
  },
  'queue.enqueue_bulk': {
    ours: ({ service }: Sides, kind: Kind) => perSecond(JOBS, () => inTurn(batches(requests(kind, JOBS)), (batch) => service.enqueueMany(batch))),
    bare: ({ bare }: Sides, kind: Kind) => perSecond(JOBS, () => inTurn(batches(bareJobs(kind, JOBS)), (batch) => bare.addBulk(batch))),
  },
};

function compare(name: keyof typeof measures): Bench['run'] {
  const { ours, bare } = measures[name];
  const against = async (sides: Sides, kind: Kind, label: string, baseline: string) =>
    figure(
      label,
      'jobs/s',
      baseline,
      'higher',
      await inPairs(
        PAIRS,
        () => emptied(sides, () => ours(sides, kind)),
        () => emptied(sides, () => bare(sides, kind)),
      ),
    );
  return () =>
    withSides(async (sides) => [
      await against(sides, 'row', name, BARE),
      await against(sides, 'probe', `${name}.same_data`, `${BARE} sending the same data, ids and deduplication`),
    ]);
}

export const queueBenches: Bench[] = [
  {
    name: 'queue.process',
    about: `no-op jobs/s through our runner, ${JOBS} jobs, ${CONCURRENCY} at a time, against ${BARE} on the same Redis`,
    run: compare('queue.process'),
  },
  { name: 'queue.enqueue', about: `jobs/s added one after the other, against ${BARE}`, run: compare('queue.enqueue') },
  { name: 'queue.enqueue_bulk', about: `jobs/s added 500 at a time, against ${BARE}'s addBulk`, run: compare('queue.enqueue_bulk') },
  {
    name: 'queue.latency',
    about: `from the call that adds a job to its processor's first line, idle worker, against ${BARE}`,
    run: () => withSides(latency),
  },
];
