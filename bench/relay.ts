import { randomUUID } from 'node:crypto';
import { type Runner as GraphileRunner, Logger, makeWorkerUtils, run as runGraphile } from 'graphile-worker';
import { PgBoss } from 'pg-boss';
import postgres, { type Sql } from 'postgres';
import type { Ai } from '../lib/ai/contract.ts';
import { systemClock } from '../lib/clock.ts';
import { openLite } from '../lib/db/lite.ts';
import { migrate } from '../lib/db/migrate.ts';
import type { Db } from '../lib/db/types.ts';
import { exponential } from '../lib/jobs/define.ts';
import { readyKinds } from '../lib/jobs/index.ts';
import { deadlineIn } from '../lib/lifecycle.ts';
import { silentLogger } from '../lib/log.ts';
import { createRedisBackend } from '../lib/queue/backend/redis.ts';
import { createFailureRecorder } from '../lib/queue/dead-letters.ts';
import { createRunner } from '../lib/queue/runner.ts';
import { createActiveRuns } from '../lib/queue/runs.ts';
import { createQueueService } from '../lib/queue/service.ts';
import { createQueueWorkers } from '../lib/queue/worker.ts';
import { createHints } from '../lib/relay/hints.ts';
import { createRefuse } from '../lib/relay/refuse.ts';
import { createRelay, type Relay } from '../lib/relay/relay.ts';
import { type RowDeps, rowJob } from '../lib/relay/row-job.ts';
import { startPostgres } from '../test/support/postgres.ts';
import { type RedisServer, startRedis } from '../test/support/redis.ts';
import { type Bench, type Figure, figure, inPairs, quantile } from './report.ts';

/** The same on all sides. */
export const ROWS = 4_000;
const USERS = 200;
const CONCURRENCY = 50;
const PAIRS = 4;
const CALLS = 60;

const COMMON = { lockDurationMs: 30_000, stalledIntervalMs: 30_000, workerId: 'bench' };
type OnRun = (id: string) => void;

interface Side {
  /** Resolves to rows/s from the statement that asks for them to the last one that is done. */
  throughput(): Promise<number>;
  /** Milliseconds from asking to the start, one after the other. */
  latencies(ask: 'poke' | 'sql'): Promise<number[]>;
  stop(): Promise<void>;
}

/** Rows of `jobs`, inserted by SQL, through outbox, relay, Redis and worker to `completed`; credits reserved and settled on the way. */
export async function openOurs(databaseUrl: string): Promise<Side & { redis: RedisServer }> {
  await migrate({ databaseUrl });
  const redis = await startRedis();
  const backend = createRedisBackend({ connection: { url: redis.url }, role: 'worker' });
  const { db } = await openLite({ databaseUrl });
  const sql = postgres(databaseUrl, { max: 2, onnotice: () => {} });
  const settings = () => ({ attempts: 3, backoff: exponential(2_000), keep: { completed: 100, failed: 500 } });
  const service = createQueueService({ backend, settings, clock: systemClock });
  const relay = createRelay({
    outbox: db.outbox,
    ready: () => backend.ready(2_000),
    send: service.sendEntries,
    refuse: createRefuse(db),
    kinds: readyKinds,
    pollIntervalMs: 5_000,
    log: silentLogger,
  });
  const hints = createHints({ databaseUrl, onHint: relay.poke, log: silentLogger });
  let onRun: OnRun = () => undefined;
  const worker = await startWorker(db, backend, (id) => onRun(id));
  await relay.start();
  await hints.start();
  const users = await someUsers(sql);

  return {
    redis,
    async throughput() {
      await sql`truncate jobs, job_outbox`;
      const startedAt = performance.now();
      await sql`
        insert into jobs (user_id, type, payload)
        select (${users}::uuid[])[1 + n % ${USERS}], 'sentiment_analysis', '{"text": "Good."}' from generate_series(1, ${ROWS}) n
      `;
      await until(sql, () => sql<{ left: number }[]>`select count(*)::int as left from jobs where status <> 'completed'`);
      return (ROWS * 1000) / (performance.now() - startedAt);
    },
    async latencies(ask) {
      return eachStart(
        (set) => {
          onRun = set;
        },
        (id) => (ask === 'poke' ? askPoking(db, relay, users[0] ?? '', id) : askBySql(sql, users[0] ?? '', id)),
      );
    },
    async stop() {
      await hints.stop(deadlineIn(1_000));
      await relay.stop(deadlineIn(1_000));
      await worker();
      await backend.close();
      await db.close();
      await sql.end({ timeout: 1 });
      await redis.stop();
    },
  };
}

async function someUsers(sql: Sql): Promise<string[]> {
  const users = Array.from({ length: USERS }, () => randomUUID());
  for (const user of users) await sql`select grant_credits(${user}, 1000000)`;
  return users;
}

async function askPoking(db: Db, relay: Relay, userId: string, jobId: string): Promise<void> {
  await db.reviewJobs.create({ userId, type: 'sentiment_analysis', payload: { text: 'Good.' }, options: { jobId } });
  relay.poke();
}

async function askBySql(sql: Sql, userId: string, jobId: string): Promise<void> {
  await sql`insert into jobs (id, user_id, type, payload) values (${jobId}, ${userId}, 'sentiment_analysis', '{"text": "Good."}')`;
}

const noAi = {
  forJob(): Ai {
    throw new Error('These jobs call no model');
  },
};

async function startWorker(db: Db, backend: ReturnType<typeof createRedisBackend>, onRun: OnRun): Promise<() => Promise<void>> {
  const runs = createActiveRuns();
  const processor = rowJob<unknown, unknown, RowDeps>('jobs', async (_, { job }) => {
    onRun(job.id);
    return { label: 'positive' };
  });
  const shared = { clock: systemClock, log: silentLogger, runs };
  const failures = createFailureRecorder<RowDeps>({ sink: db.failedJobs, processor: () => processor, deps: { db }, log: silentLogger });
  const runner = createRunner<RowDeps>({ processor: () => processor, deps: { db }, ai: noAi, timeoutMs: () => 60_000, failures, ...shared });
  const workers = createQueueWorkers({ backend, queues: [{ queue: 'review-ai', concurrency: CONCURRENCY }], runner, failures, ...shared, ...COMMON });
  await workers.start();
  return () => workers.stop(deadlineIn(10_000));
}

/** `batched`: its fastest settings for short jobs, jobs fetched ahead and completions batched; else as it comes. */
async function openGraphile(databaseUrl: string, batched: boolean): Promise<Side> {
  let onRun: OnRun = () => undefined;
  const noop = async (payload: unknown) => onRun((payload as { id: string }).id);
  const logger = new Logger(() => () => {});
  const fast = { localQueue: { size: 4 * CONCURRENCY }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };
  const preset = { worker: { concurrentJobs: CONCURRENCY, maxPoolSize: 20, ...(batched ? fast : {}) } };
  const utils = await makeWorkerUtils({ connectionString: databaseUrl, logger });
  await utils.migrate();
  const runner: GraphileRunner = await runGraphile({ connectionString: databaseUrl, taskList: { noop }, logger, noHandleSignals: true, preset });
  const sql = postgres(databaseUrl, { max: 2, onnotice: () => {} });
  return {
    async throughput() {
      const startedAt = performance.now();
      await sql`
        select count(*) from graphile_worker.add_jobs(array(
          select row('noop', json_build_object('id', n), null, now(), 25, null, null, null)::graphile_worker.job_spec from generate_series(1, ${ROWS}) n
        ))
      `;
      await until(sql, () => sql<{ left: number }[]>`select count(*)::int as left from graphile_worker.jobs`);
      return (ROWS * 1000) / (performance.now() - startedAt);
    },
    latencies: () =>
      eachStart(
        (set) => {
          onRun = set;
        },
        async (id) => void (await utils.addJob('noop', { id })),
      ),
    async stop() {
      await runner.stop();
      await utils.release();
      await sql.end({ timeout: 1 });
    },
  };
}

async function openBoss(databaseUrl: string): Promise<Side> {
  const boss = new PgBoss({ connectionString: databaseUrl, supervise: false, schedule: false });
  boss.on('error', () => undefined);
  await boss.start();
  await boss.createQueue('noop');
  const sql = postgres(databaseUrl, { max: 2, onnotice: () => {} });
  await boss.work('noop', { batchSize: 10 * CONCURRENCY, pollingIntervalSeconds: 0.5 }, async () => undefined);
  return {
    async throughput() {
      const startedAt = performance.now();
      await boss.insert(
        'noop',
        Array.from({ length: ROWS }, (_, n) => ({ data: { id: n } })),
      );
      await until(sql, () => sql<{ left: number }[]>`select count(*)::int as left from pgboss.job where name = 'noop' and state < 'completed'`);
      return (ROWS * 1000) / (performance.now() - startedAt);
    },
    latencies: async () => [],
    async stop() {
      await boss.stop({ graceful: false });
      await sql.end({ timeout: 1 });
    },
  };
}

/** Asks often enough to time seconds by, seldom enough not to be what is measured. */
async function until(sql: Sql, count: () => PromiseLike<{ left: number }[]>): Promise<void> {
  for (;;) {
    const [{ left } = { left: 1 }] = await count();
    if (left === 0) return;
    await sql`select pg_sleep(0.02)`;
  }
}

async function eachStart(listen: (onRun: OnRun) => void, ask: (id: string) => Promise<void>): Promise<number[]> {
  const waits: number[] = [];
  for (let call = 0; call < CALLS + 10; call += 1) {
    const id = randomUUID();
    const { promise, resolve } = Promise.withResolvers<number>();
    listen((started) => started === id && resolve(performance.now()));
    const askedAt = performance.now();
    await ask(id);
    waits.push((await promise) - askedAt);
  }
  // The first ones warm up.
  return waits.slice(10);
}

async function withSides(run: (ours: Side, server: { url: string }) => Promise<Figure[]>): Promise<Figure[]> {
  const server = await startPostgres();
  const ours = await openOurs(server.url);
  try {
    return await run(ours, server);
  } finally {
    await ours.stop();
    await server.stop();
  }
}

/** One at a time: the workers of the others would take their share of the machine. */
async function against<T>(opening: Promise<Side>, run: (side: Side) => Promise<T>): Promise<T> {
  const side = await opening;
  try {
    return await run(side);
  } finally {
    await side.stop();
  }
}

const rows: Bench = {
  name: 'relay.rows',
  about: `${ROWS} rows inserted by one SQL statement until all are done and mirrored back, credits moved; job libraries on the same Postgres, from adding to done; ${CONCURRENCY} at a time`,
  run: () =>
    withSides(async (ours, { url }) => {
      const sides: readonly (readonly [string, () => Promise<Side>])[] = [
        ['graphile-worker, one statement to take and one to end a job', () => openGraphile(url, false)],
        ['graphile-worker, local queue and batched completion', () => openGraphile(url, true)],
        ['pg-boss, batches of 500', () => openBoss(url)],
      ];
      const figures: Figure[] = [];
      for (const [name, open] of sides) {
        const measured = await against(open(), (side) => inPairs(PAIRS, ours.throughput, side.throughput));
        figures.push(figure('relay.rows', 'rows/s', name, 'higher', measured));
      }
      return figures;
    }),
};

const latency: Bench = {
  name: 'relay.latency',
  about:
    'from asking for a row to the start of its job, one at a time: inserted through the SQL function and the relay poked; inserted by plain SQL, with the hint of the database',
  run: () =>
    withSides(async (ours, { url }) => {
      const baseline = await against(openGraphile(url, false), (side) => side.latencies('poke'));
      const figures: Figure[] = [];
      for (const ask of ['poke', 'sql'] as const) {
        const waits = await ours.latencies(ask);
        for (const [name, q] of [
          ['p50', 0.5],
          ['p99', 0.99],
        ] as const)
          figures.push({
            bench: `relay.latency.${ask}.${name}`,
            value: quantile(waits, q),
            unit: 'ms',
            baseline: 'graphile-worker, addJob to start',
            baselineValue: quantile(baseline, q),
            ratio: quantile(baseline, q) / quantile(waits, q),
            n: waits.length,
          });
      }
      return figures;
    }),
};

export const relayBenches: readonly Bench[] = [rows, latency];
