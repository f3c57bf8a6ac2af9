import { randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { systemClock } from '../lib/clock.ts';
import { createRedisBackend } from '../lib/queue/backend/redis.ts';
import type { QueueBackend } from '../lib/queue/backend.ts';
import { createEnqueue, type Enqueue } from '../lib/queue/enqueue.ts';
import { createService, findProbe, QUEUE, quickSettings } from '../test/support/queue-world.ts';
import { type RedisServer, startRedis } from '../test/support/redis.ts';
import { meterRedis } from './cost.ts';
import { type Bench, type Figure, quantile } from './report.ts';

const SMALL = 100;
const LARGE = Number(process.env.BACKLOG_JOBS ?? 100_000);
/** Users who have jobs waiting, and of whom the measured jobs are too. */
const USERS = 1_000;
const CALLS = Number(process.env.BACKLOG_CALLS ?? 2_000);
/** Calls in a row on one side before it is the other's turn. */
const RUN = 20;
const KIND = 'row';

interface Side {
  redis: RedisServer;
  backend: QueueBackend;
  service: ReturnType<typeof createService>;
  enqueue: Enqueue;
}

async function openSide(fairness = true): Promise<Side> {
  const redis = await startRedis();
  const backend = createRedisBackend({ connection: { url: redis.url }, role: 'worker' });
  await backend.ready(5_000);
  const settings = () => ({ ...quickSettings(), fairness });
  return {
    redis,
    backend,
    service: createService(backend),
    enqueue: createEnqueue({ backend, settings, clock: systemClock, find: findProbe, timeoutMs: 10_000 }),
  };
}

async function closeSide({ backend, redis }: Side): Promise<void> {
  await backend.close();
  await redis.stop();
}

const request = (number: number) => ({
  queue: QUEUE,
  name: KIND,
  payload: { key: `job-${number}` },
  options: { userId: `user-${number % USERS}` },
});

async function fill({ enqueue }: Side, jobs: number): Promise<void> {
  for (let from = 0; from < jobs; from += 500) {
    await enqueue.many(Array.from({ length: Math.min(500, jobs - from) }, (_, index) => request(from + index)));
  }
}

async function timed(call: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await call();
  return performance.now() - start;
}

type Call = (side: Side, number: number) => Promise<unknown>;

/** `RUN` calls on one side, then as many on the other, in turns; what each adds is taken away again outside of the time. */
async function inTurns(sides: readonly [Side, Side], call: Call, cleanUp: (side: Side) => Promise<unknown>): Promise<[number[], number[]]> {
  const measured: [number[], number[]] = [[], []];
  for (let done = -RUN; done < CALLS; done += RUN) {
    for (const side of done % (2 * RUN) === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      for (let index = 0; index < RUN; index += 1) {
        const ms = await timed(() => call(sides[side], done + index));
        // The first run warms up.
        if (done >= 0) measured[side].push(ms);
      }
      await cleanUp(sides[side]);
    }
  }
  return measured;
}

function figuresOf(name: string, [few, many]: readonly [readonly number[], readonly number[]]): Figure[] {
  return ([0.5, 0.99] as const).map((q) => ({
    bench: `${name}.p${q * 100}`,
    value: quantile(many, q),
    unit: 'ms',
    baseline: `${SMALL} jobs waiting`,
    baselineValue: quantile(few, q),
    ratio: quantile(few, q) / quantile(many, q),
    n: many.length,
  }));
}

async function withBacklogs(run: (sides: readonly [Side, Side]) => Promise<Figure[]>): Promise<Figure[]> {
  const sides = [await openSide(), await openSide()] as const;
  try {
    await fill(sides[0], SMALL);
    await fill(sides[1], LARGE);
    return await run(sides);
  } finally {
    for (const side of sides) await closeSide(side);
  }
}

async function enqueueLatency(sides: readonly [Side, Side]): Promise<Figure[]> {
  const added = new Map<Side, string[]>(sides.map((side) => [side, []]));
  const measured = await inTurns(
    sides,
    async (side, number) => {
      const { jobId } = await side.enqueue.one(request(Math.abs(number) * 7));
      added.get(side)?.push(jobId);
    },
    async (side) => {
      for (const jobId of added.get(side)?.splice(0) ?? []) await side.backend.queue(QUEUE).remove(jobId);
    },
  );
  return figuresOf('backlog.enqueue', measured);
}

/** The counts of all queues, as `getQueueStats()`, and what `/metrics/scale` needs besides: the age of the oldest ready job. */
async function statsLatency(sides: readonly [Side, Side]): Promise<Figure[]> {
  const nothing = async () => undefined;
  return [
    ...figuresOf('backlog.stats', await inTurns(sides, ({ service }) => service.stats(), nothing)),
    ...figuresOf('backlog.facts', await inTurns(sides, ({ service }) => service.facts(), nothing)),
  ];
}

/** What `used_memory` grows by for each of `LARGE` jobs. */
async function bytesPerJob(redis: RedisServer, add: () => Promise<unknown>): Promise<number> {
  const meter = meterRedis(redis.url);
  try {
    const before = await meter.usedMemory();
    await add();
    return ((await meter.usedMemory()) - before) / LARGE;
  } finally {
    meter.close();
  }
}

async function oursBytes(fairness: boolean): Promise<number> {
  const side = await openSide(fairness);
  try {
    return await bytesPerJob(side.redis, () => fill(side, LARGE));
  } finally {
    await closeSide(side);
  }
}

/** `same` sends the data and options that we send. */
async function bareBytes(same: boolean): Promise<number> {
  const redis = await startRedis();
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  const queue = new Queue(QUEUE, { connection, prefix: '{bull:story-enhancement}' });
  try {
    await queue.waitUntilReady();
    return await bytesPerJob(redis, async () => {
      for (let from = 0; from < LARGE; from += 500) await queue.addBulk(Array.from({ length: 500 }, (_, index) => bareJob(from + index, same)));
    });
  } finally {
    await queue.close();
    connection.disconnect();
    await redis.stop();
  }
}

function bareJob(number: number, same: boolean) {
  const { payload, options } = request(number);
  if (!same) return { name: KIND, data: payload };
  const meta = { correlationId: randomUUID(), enqueuedAt: new Date().toISOString(), ...options };
  const backoff = { type: 'hivepulse', delay: 5, factor: 2, cap: 900_000 };
  const opts = { jobId: `${KIND}-${randomUUID()}`, attempts: 3, removeOnComplete: 100, removeOnFail: 100, backoff, priority: 1 + (number % USERS) };
  return { name: KIND, data: { v: 1, payload, meta }, opts };
}

async function memory(): Promise<Figure[]> {
  const [bare, same] = [await bareBytes(false), await bareBytes(true)];
  const [fair, off] = [await oursBytes(true), await oursBytes(false)];
  const one = (bench: string, value: number, baseline: string, baselineValue: number): Figure => ({
    bench,
    value,
    unit: 'bytes a job',
    baseline,
    baselineValue,
    ratio: baselineValue / value,
    n: LARGE,
  });
  const told = 'bare BullMQ with the payload alone';
  return [
    one('backlog.memory', fair, told, bare),
    one('backlog.memory.same_data', fair, 'bare BullMQ sending the same data, ids, options and priorities', same),
    one('backlog.memory.fairness_off', off, told, bare),
  ];
}

const said = `${LARGE.toLocaleString('en')} jobs of ${USERS} users waiting, against ${SMALL}, in turns`;

export const backlogBenches: Bench[] = [
  { name: 'backlog.enqueue', about: `adding one job, with its fair share, while ${said}`, run: () => withBacklogs(enqueueLatency) },
  {
    name: 'backlog.stats',
    about: `the counts of all queues, and the facts that metrics and autoscaling read, while ${said}`,
    run: () => withBacklogs(statsLatency),
  },
  {
    name: 'backlog.memory',
    about: `Redis memory of a waiting job (used_memory, ${LARGE.toLocaleString('en')} jobs), against bare BullMQ`,
    run: memory,
  },
];
