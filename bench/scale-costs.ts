import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import postgres from 'postgres';
import { createRedisBackend } from '../lib/queue/backend/redis.ts';
import { startPostgres } from '../test/support/postgres.ts';
import { createService, QUEUE, startWorker } from '../test/support/queue-world.ts';
import { type RedisServer, startRedis } from '../test/support/redis.ts';
import { meterRedis, ownCpuMs, perJob, postgresTotals, type Totals } from './cost.ts';
import { openOurs, ROWS } from './relay.ts';
import { type Bench, type Figure, median } from './report.ts';

const JOBS = 4_000;
const USERS = 200;
const CONCURRENCY = 20;
const ROUNDS = 3;
/** One by one: as `relay.latency` asks, the ten that warm up included. */
const SINGLE_ROWS = 70;

const UNITS: Readonly<Record<string, string>> = {
  processCpuMs: 'ms CPU',
  redisCommands: 'commands',
  redisBytes: 'bytes',
  redisCpuMs: 'ms CPU',
  postgresStatements: 'statements',
  postgresRowWrites: 'row writes',
  postgresWalBytes: 'bytes',
  postgresCpuMs: 'ms CPU',
};

/** Medians of the rounds; the first one warms up and is dropped. */
async function rounds(measure: () => Promise<Totals>): Promise<Totals> {
  const measured: Totals[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) measured.push(await measure());
  const names = Object.keys(measured[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(measured.slice(1).map((one) => one[name] ?? 0))]));
}

/** A total that the baseline has none of is compared with itself. */
function figures(name: string, costs: Totals, baseline: string, others: Totals, n: number): Figure[] {
  return Object.entries(costs).map(([part, value]) => {
    const other = others[part];
    return {
      bench: `${name}.${part}`,
      value,
      unit: `${UNITS[part]} a job`,
      baseline: other === undefined ? 'none: the baseline has no such cost' : baseline,
      baselineValue: other ?? value,
      ratio: (other ?? value) / value,
      n,
    };
  });
}

const requests = () =>
  Array.from({ length: JOBS }, (_, index) => ({
    queue: QUEUE,
    name: 'row',
    payload: { key: `job-${index}` },
    options: { userId: `user-${index % USERS}` },
  }));

async function inBatches<T>(all: readonly T[], send: (batch: readonly T[]) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < all.length; from += 500) await send(all.slice(from, from + 500));
}

interface Sides {
  redis: RedisServer;
  totals(): Promise<Totals>;
}

/** What it costs to add a job (500 at a time) and to run it, where it does nothing. */
async function ours({ redis, totals }: Sides): Promise<{ add: Totals; run: Totals }> {
  const backend = createRedisBackend({ connection: { url: redis.url }, role: 'worker' });
  await backend.ready(5_000);
  const service = createService(backend);
  const added: Totals[] = [];
  const run = await rounds(async () => {
    added.push(await perJob(JOBS, totals, () => inBatches(requests(), (batch) => service.enqueueMany(batch))));
    const { promise: all, resolve } = Promise.withResolvers<void>();
    let done = 0;
    return perJob(JOBS, totals, async () => {
      const worker = await startWorker(backend, async () => undefined, { concurrency: CONCURRENCY, onAttempt: () => ++done === JOBS && resolve() });
      await all;
      await worker.stop();
    });
  });
  await backend.close();
  return { add: await rounds(async () => added.shift() ?? {}), run };
}

async function bare({ redis, totals }: Sides): Promise<{ add: Totals; run: Totals }> {
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  const queue = new Queue('bare', { connection });
  const jobs = requests().map(({ name, payload }) => ({ name, data: payload, opts: { attempts: 3, removeOnComplete: 100, removeOnFail: 100 } }));
  const added: Totals[] = [];
  const run = await rounds(async () => {
    added.push(await perJob(JOBS, totals, () => inBatches(jobs, (batch) => queue.addBulk([...batch]))));
    const { promise: all, resolve } = Promise.withResolvers<void>();
    let done = 0;
    return perJob(JOBS, totals, async () => {
      const worker = new Worker('bare', async () => undefined, { connection, concurrency: CONCURRENCY });
      worker.on('completed', () => ++done === JOBS && resolve());
      await all;
      await worker.close();
    });
  });
  await queue.close();
  connection.disconnect();
  return { add: await rounds(async () => added.shift() ?? {}), run };
}

async function noop(): Promise<Figure[]> {
  const redis = await startRedis();
  const meter = meterRedis(redis.url);
  const totals = async (): Promise<Totals> => ({ processCpuMs: ownCpuMs(), ...(await meter.totals()) });
  try {
    const [mine, others] = [await ours({ redis, totals }), await bare({ redis, totals })];
    const n = ROUNDS * JOBS;
    return [
      ...figures('scale.costs.noop.add', mine.add, 'bare BullMQ, addBulk of 500', others.add, n),
      ...figures('scale.costs.noop.run', mine.run, 'bare BullMQ', others.run, n),
    ];
  } finally {
    meter.close();
    await redis.stop();
  }
}

/** A row from its INSERT to `completed`: relay and worker in this process, credits reserved and settled. The question whether all are done is part of it. */
async function rows(): Promise<Figure[]> {
  const server = await startPostgres();
  const side = await openOurs(server.url);
  const sql = postgres(server.url, { max: 1, onnotice: () => {} });
  const meter = meterRedis(side.redis.url);
  const totals = async (): Promise<Totals> => {
    // Sessions tell their counts when they fall idle, at most once a second.
    await sql`select pg_sleep(1.1)`;
    return { processCpuMs: ownCpuMs(), ...(await meter.totals()), ...(await postgresTotals(sql, server.pid)) };
  };
  try {
    const busy = await rounds(() => perJob(ROWS, totals, side.throughput));
    const single = await rounds(() => perJob(SINGLE_ROWS, totals, () => side.latencies('sql')));
    return [
      ...figures('scale.costs.row.busy', busy, 'one row at a time', single, ROUNDS * ROWS),
      ...figures('scale.costs.row.single', single, `${ROWS} rows at once`, busy, ROUNDS * SINGLE_ROWS),
    ];
  } finally {
    meter.close();
    await sql.end({ timeout: 1 });
    await side.stop();
    await server.stop();
  }
}

export const costBenches: Bench[] = [
  { name: 'scale.costs.noop', about: `what a job that does nothing costs to add and to run, of ${USERS} users, against bare BullMQ`, run: noop },
  {
    name: 'scale.costs.row',
    about: `what a row of jobs costs from its INSERT to completed: ${ROWS} rows at once, and one after the other; one process is relay and worker`,
    run: rows,
  },
];
