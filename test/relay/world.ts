import { randomUUID } from 'node:crypto';
import postgres, { type Sql } from 'postgres';
import type { Ai } from '../../lib/ai/contract.ts';
import { systemClock } from '../../lib/clock.ts';
import { openLite } from '../../lib/db/lite.ts';
import type { Db } from '../../lib/db/types.ts';
import { exponential } from '../../lib/jobs/define.ts';
import { readyKinds } from '../../lib/jobs/index.ts';
import { deadlineIn } from '../../lib/lifecycle.ts';
import { silentLogger } from '../../lib/log.ts';
import { migrateQueueSchema } from '../../lib/queue/backend/migrate.ts';
import { createPostgresBackend } from '../../lib/queue/backend/postgres.ts';
import { createRedisBackend } from '../../lib/queue/backend/redis.ts';
import type { QueueBackend } from '../../lib/queue/backend.ts';
import { createMarkCancelled } from '../../lib/queue/cancel-flag.ts';
import { createCancelWatch } from '../../lib/queue/cancel-watch.ts';
import { createFailureRecorder } from '../../lib/queue/dead-letters.ts';
import { createEnqueue, type QueueSettings } from '../../lib/queue/enqueue.ts';
import type { JobContext } from '../../lib/queue/processor.ts';
import { createRunner } from '../../lib/queue/runner.ts';
import { createActiveRuns } from '../../lib/queue/runs.ts';
import { createQueueService, type OwnQueueService } from '../../lib/queue/service.ts';
import { createQueueWorkers } from '../../lib/queue/worker.ts';
import { createRefuse } from '../../lib/relay/refuse.ts';
import { createRelay, type Relay } from '../../lib/relay/relay.ts';
import { type RowDeps, rowJob } from '../../lib/relay/row-job.ts';
import { createRowBackedJobs } from '../../lib/relay/rows.ts';
import { createSweep, type Sweep } from '../../lib/relay/sweep.ts';
import { startPostgres } from '../support/postgres.ts';
import { startRedis } from '../support/redis.ts';

export const QUEUE = 'review-ai';
export type Work = (payload: unknown, context: JobContext<RowDeps>) => Promise<unknown>;

/** Rows, outbox and queues of one installation; relays and sweeps are called by hand. */
export interface RelayWorld {
  db: Db;
  sql: Sql;
  backend: QueueBackend;
  service: OwnQueueService;
  relay: Relay;
  sweep: Sweep;
  keep: { completed: number; failed: number };
  /** A worker for the review queue; what it does is `work`. */
  startWorker(work: Work, options?: { concurrency?: number }): Promise<{ stop(): Promise<void> }>;
  /** A user with so many credits. */
  user(credits?: number): Promise<string>;
  /** As an app of old did: a plain INSERT. Resolves to the row's id. */
  insert(user: string, type?: string, payload?: unknown): Promise<string>;
  row(id: string): Promise<Record<string, unknown>>;
  credits(user: string): Promise<{ balance: number; ledger: string[] }>;
  outbox(jobId: string): Promise<Record<string, unknown>[]>;
  clear(): Promise<void>;
  stop(): Promise<void>;
}

export async function startRelayWorld(kind: 'redis' | 'postgres'): Promise<RelayWorld> {
  const server = await startPostgres({ migrated: true });
  const redis = kind === 'redis' ? await startRedis() : undefined;
  if (!redis) await migrateQueueSchema(server.url);
  const { db } = await openLite({ databaseUrl: server.url });
  const sql = postgres(server.url, { max: 4, onnotice: () => {} });
  const backend = redis
    ? createRedisBackend({ connection: { url: redis.url }, role: 'worker' })
    : createPostgresBackend({ databaseUrl: server.url, role: 'worker' });
  const keep = { completed: 100, failed: 100 };
  const settings = (): QueueSettings => ({ attempts: 3, backoff: exponential(5), keep: { ...keep } });
  const { check } = createEnqueue({ backend, settings, clock: systemClock });
  const service = createQueueService({ backend, settings, clock: systemClock, rows: createRowBackedJobs({ db, check, poke: () => undefined }) });
  const relay = createRelay({
    outbox: db.outbox,
    ready: () => backend.ready(2_000),
    send: service.sendEntries,
    refuse: createRefuse(db),
    kinds: readyKinds,
    pollIntervalMs: 60_000,
    log: silentLogger,
  });
  const sweep = createSweep({
    backend,
    db,
    tables: [{ queue: QUEUE, table: 'jobs' }],
    intervalMs: 60_000,
    // The rows of a test are as young as it is: the clock runs ahead instead of waiting.
    graceMs: -60_000,
    poke: () => undefined,
    clock: systemClock,
    log: silentLogger,
  });

  return {
    db,
    sql,
    backend,
    service,
    relay,
    sweep,
    keep,
    startWorker: (work, options) => startWorker({ db, backend }, work, options),
    user: async (credits = 100) => {
      const id = randomUUID();
      if (credits > 0) await sql`select grant_credits(${id}, ${credits})`;
      return id;
    },
    insert: async (user, type = 'sentiment_analysis', payload = { text: 'Good.' }) => {
      const [row] = await sql<
        { id: string }[]
      >`insert into jobs (user_id, type, payload) values (${user}, ${type}, ${sql.json(payload as never)}) returning id`;
      return row?.id ?? '';
    },
    row: async (id) => (await sql`select * from jobs where id = ${id}`)[0] ?? {},
    credits: async (user) => {
      const [credit] = await sql<{ balance: number }[]>`select balance from user_credits where user_id = ${user}`;
      const ledger = await sql<{ entry: string }[]>`select kind || ' ' || amount as entry from credit_ledger where user_id = ${user} order by id`;
      return { balance: credit?.balance ?? 0, ledger: ledger.map(({ entry }) => entry) };
    },
    outbox: (jobId) => sql`select * from job_outbox where job_id = ${jobId} order by id`,
    clear: async () => {
      for (const queue of [QUEUE, 'story-enhancement', 'document-processing'] as const) await backend.queue(queue).obliterate({ force: true });
      await sql`truncate jobs, job_outbox, stories, failed_jobs, conversations, deals, documents, deal_steps cascade`;
    },
    stop: async () => {
      await backend.close();
      await db.close();
      await sql.end({ timeout: 1 });
      await redis?.stop();
      await server.stop();
    },
  };
}

const noAi = {
  forJob(): Ai {
    throw new Error('These jobs call no model');
  },
};

async function startWorker({ db, backend }: { db: Db; backend: QueueBackend }, work: Work, { concurrency = 5 } = {}) {
  const runs = createActiveRuns();
  const processor = rowJob<unknown, unknown, RowDeps>('jobs', work);
  const markCancelled = createMarkCancelled(backend.store);
  const deps = { db };
  const failures = createFailureRecorder<RowDeps>({ sink: db.failedJobs, processor: () => processor, deps, markCancelled, log: silentLogger });
  const runner = createRunner<RowDeps>({
    processor: () => processor,
    deps,
    ai: noAi,
    timeoutMs: () => 30_000,
    failures,
    runs,
    clock: systemClock,
    log: silentLogger,
  });
  const workers = createQueueWorkers({
    backend,
    queues: [{ queue: QUEUE, concurrency }],
    runner,
    runs,
    failures,
    clock: systemClock,
    log: silentLogger,
    workerId: 'test-worker',
  });
  const watch = createCancelWatch({ store: backend.store, runs, log: silentLogger, intervalMs: 20 });
  await workers.start();
  await watch.start();
  return {
    stop: async () => {
      await workers.stop(deadlineIn(10_000));
      await watch.stop(deadlineIn(1_000));
    },
  };
}
