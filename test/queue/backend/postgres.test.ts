import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { PermanentError, UnavailableError } from '../../../lib/errors.ts';
import { queueNames } from '../../../lib/jobs/index.ts';
import type { Logger } from '../../../lib/log.ts';
import { migrateQueueSchema } from '../../../lib/queue/backend/migrate.ts';
import { createPostgresBackend } from '../../../lib/queue/backend/postgres.ts';
import type { QueueBackend } from '../../../lib/queue/backend.ts';
import { type PostgresServer, startPostgres } from '../../support/postgres.ts';
import { startProxy } from '../../support/tcp-proxy.ts';
import { backendSuite, listeningLog } from './suite.ts';

let server: PostgresServer;
let backend: QueueBackend;
let admin: pg.Pool;

beforeAll(async () => {
  server = await startPostgres({ settings: { max_connections: '40' } });
  admin = new pg.Pool({ connectionString: server.url, max: 1 });
  admin.on('error', () => undefined);
  const url = await server.createDatabase();
  await migrateQueueSchema(url);
  backend = createPostgresBackend({ databaseUrl: url, poolSize: 5, role: 'worker' });
  await backend.ready(5_000);
}, 60_000);
afterAll(async () => {
  await backend.close();
  await admin.end();
  await server.stop();
});

async function migrated(): Promise<string> {
  const url = await server.createDatabase();
  await migrateQueueSchema(url);
  return url;
}

/** A backend of a test's own, closed after it. */
function open(databaseUrl: string, options: { poolSize?: number; role?: 'producer' | 'worker'; log?: Logger } = {}): QueueBackend {
  const opened = createPostgresBackend({ databaseUrl, role: 'worker', ...options });
  onTestFinished(() => opened.close());
  return opened;
}

async function sessions(url: string): Promise<{ name: string; count: number }[]> {
  const { rows } = await admin.query<{ name: string; count: number }>(
    'select application_name as name, count(*)::int as count from pg_stat_activity where datname = $1 group by 1 order by 1',
    [new URL(url).pathname.slice(1)],
  );
  return rows;
}

async function cutListener(url: string): Promise<number> {
  const { rows } = await admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name = 'hivepulse-listen'`,
    [new URL(url).pathname.slice(1)],
  );
  return rows.length;
}

describe('queues on Postgres', () => {
  backendSuite(() => backend);

  it('runs 8 workers and 8 event readers on a pool of 10 and one connection that listens', async () => {
    const url = await migrated();
    const own = open(url, { poolSize: 10 });
    await own.ready(5_000);
    const workers = queueNames.map((name) => own.worker(name, async (job, _token, _signal) => job.queueName, { concurrency: 5 }));
    await Promise.all(queueNames.map((name) => own.events(name).waitUntilReady()));
    for (const worker of workers) void worker.run();
    const jobs = await Promise.all(queueNames.flatMap((name) => [1, 2, 3].map(async () => ({ name, job: await own.queue(name).add('echo', {}) }))));
    const results = await Promise.all(jobs.map(({ name, job }) => job.waitUntilFinished(own.events(name), 15_000)));
    expect(results).toEqual(jobs.map(({ name }) => name));
    const open_ = await sessions(url);
    expect(open_.find(({ name }) => name === 'hivepulse-listen')?.count).toBe(1);
    expect(open_.find(({ name }) => name === 'hivepulse-queue')?.count).toBeLessThanOrEqual(10);
    expect(open_.map(({ name }) => name)).toEqual(['hivepulse-listen', 'hivepulse-queue']);
  });

  it('listens again when the listening connection was cut', async () => {
    const url = await migrated();
    const own = open(url);
    await own.ready(5_000);
    const worker = own.worker('story-enhancement', async (job, _token, _signal) => job.id, { concurrency: 1 });
    const events = own.events('story-enhancement');
    await events.waitUntilReady();
    void worker.run();
    // A job can be through before anybody listens: its end is also looked up.
    const listening = async () => expect((await sessions(url)).find(({ name }) => name === 'hivepulse-listen')?.count).toBe(1);
    await roundTripWith(own, 'before');
    await vi.waitFor(listening, { timeout: 10_000 });
    expect(await cutListener(url)).toBe(1);
    await vi.waitFor(listening, { timeout: 10_000 });
    await roundTripWith(own, 'after');
    expect(await cutListener(url)).toBe(1);
  });

  async function roundTripWith(own: QueueBackend, jobId: string): Promise<void> {
    const job = await own.queue('story-enhancement').add('enhance', {}, { jobId });
    expect(await job.waitUntilFinished(own.events('story-enhancement'), 20_000)).toBe(jobId);
  }
});

describe('a producer on Postgres', () => {
  it('rejects while Postgres is down, and what it rejected never appears', async () => {
    const own = await startPostgres();
    onTestFinished(() => own.stop());
    await migrateQueueSchema(own.url);
    const proxy = await startProxy(own.port);
    onTestFinished(() => proxy.stop());
    const producer = open(own.url.replace(`:${own.port}`, `:${proxy.port}`), { role: 'producer' });
    const queue = producer.queue('story-enhancement');
    await producer.ready(5_000);
    await queue.add('enhance', {}, { jobId: 'before' });
    await proxy.refuse();
    proxy.cut();
    await vi.waitFor(() => expect(producer.ready(200)).rejects.toBeInstanceOf(UnavailableError));
    await expect(queue.add('enhance', {}, { jobId: 'lost' })).rejects.toBeInstanceOf(UnavailableError);
    await proxy.accept();
    await producer.ready(5_000);
    await queue.add('enhance', {}, { jobId: 'after' });
    expect((await queue.getJobs(['waiting'])).map(({ id }) => id).toSorted()).toEqual(['after', 'before']);
  }, 60_000);

  it('recovers when Postgres was not there at its first call', async () => {
    const url = await migrated();
    const proxy = await startProxy(server.port);
    onTestFinished(() => proxy.stop());
    await proxy.refuse();
    const producer = open(url.replace(`:${server.port}`, `:${proxy.port}`), { role: 'producer' });
    await expect(producer.queue('story-enhancement').add('enhance', {}, { jobId: 'too-early' })).rejects.toBeInstanceOf(UnavailableError);
    await proxy.accept();
    await producer.ready(5_000);
    await producer.queue('story-enhancement').add('enhance', {}, { jobId: 'in-time' });
    expect((await producer.queue('story-enhancement').getJobs(['waiting'])).map(({ id }) => id)).toEqual(['in-time']);
  });

  it('rejects a call cut after it was sent as lost', async () => {
    const url = await migrated();
    const proxy = await startProxy(server.port);
    onTestFinished(() => proxy.stop());
    const producer = open(url.replace(`:${server.port}`, `:${proxy.port}`), { role: 'producer' });
    const queue = producer.queue('story-enhancement');
    await producer.ready(5_000);
    await queue.add('enhance', {});
    proxy.pause('replies');
    const sent = proxy.seen('no-answer');
    const rejection = expect(queue.add('enhance', { marker: 'no-answer' })).rejects.toSatisfy((error) => producer.isConnectionError(error));
    await sent;
    proxy.cut();
    await rejection;
    proxy.resume();
    await vi.waitFor(() => producer.ping());
    const refused: unknown = await queue
      .add('enhance', {}, { parent: { id: 'nobody', queue: 'story-enhancement' } })
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Error);
    expect(producer.isConnectionError(refused)).toBe(false);
  });

  it('gives up a call without an answer', async () => {
    const url = await migrated();
    const proxy = await startProxy(server.port);
    onTestFinished(() => proxy.stop());
    const producer = open(url.replace(`:${server.port}`, `:${proxy.port}`), { role: 'producer' });
    await producer.ready(5_000);
    proxy.pause();
    await expect(producer.queue('story-enhancement').add('enhance', {})).rejects.toSatisfy((error) => producer.isConnectionError(error));
    proxy.resume();
  });
});

describe('a worker on Postgres', () => {
  it('goes on after an outage, writing one line when it begins and one when it ends', async () => {
    const url = await migrated();
    const proxy = await startProxy(server.port);
    onTestFinished(() => proxy.stop());
    const { lines, log } = listeningLog();
    const own = open(url.replace(`:${server.port}`, `:${proxy.port}`), { log });
    await own.ready(5_000);
    const finished: (string | undefined)[] = [];
    const worker = own.worker('story-enhancement', async (job, _token, _signal) => job.id, { concurrency: 1 });
    worker.on('completed', ({ id }) => finished.push(id));
    void worker.run();
    await own.queue('story-enhancement').add('enhance', {}, { jobId: 'before' });
    await vi.waitFor(() => expect(finished).toEqual(['before']), { timeout: 10_000 });
    await proxy.refuse();
    proxy.cut();
    await vi.waitFor(() => expect(lines).toEqual(['Postgres is not reachable, reconnecting']), { timeout: 10_000 });
    await proxy.accept();
    await vi.waitFor(() => own.queue('story-enhancement').add('enhance', {}, { jobId: 'after' }), { timeout: 10_000 });
    await vi.waitFor(() => expect(finished).toEqual(['before', 'after']), { timeout: 20_000 });
    expect(lines).toEqual(['Postgres is not reachable, reconnecting', 'Postgres is reachable again']);
  });

  it('starts when Postgres comes later than itself', async () => {
    const url = await migrated();
    const proxy = await startProxy(server.port);
    onTestFinished(() => proxy.stop());
    await proxy.refuse();
    const own = open(url.replace(`:${server.port}`, `:${proxy.port}`));
    const worker = own.worker('story-enhancement', async (job, _token, _signal) => job.id, { concurrency: 1, runRetryDelay: 100 });
    const done = new Promise((resolve) => worker.on('completed', ({ id }) => resolve(id)));
    void worker.run();
    await expect(own.ready(100)).rejects.toBeInstanceOf(UnavailableError);
    await proxy.accept();
    await own.ready(5_000);
    await own.queue('story-enhancement').add('enhance', {}, { jobId: 'late' });
    expect(await done).toBe('late');
  });
});

describe('the migration and the check of a Postgres', () => {
  it('migrates once, also when several processes start at the same time', async () => {
    const url = await server.createDatabase();
    await Promise.all([1, 2, 3].map(() => migrateQueueSchema(url)));
    await migrateQueueSchema(url);
    const own = open(url);
    await own.ready(5_000);
    expect(await own.check()).toEqual([]);
  });

  it('says what to run where the tables are missing, and goes on once they are there', async () => {
    const url = await server.createDatabase();
    const own = open(url);
    await expect(own.ready(5_000)).rejects.toBeInstanceOf(PermanentError);
    await expect(own.queue('story-enhancement').add('enhance', {})).rejects.toMatchObject({ code: 'migrations_missing' });
    expect(await own.check()).toEqual([{ level: 'error', message: expect.stringContaining('npm run migrate') }]);
    await migrateQueueSchema(url);
    await own.ready(5_000);
    await own.queue('story-enhancement').add('enhance', {});
  });

  it('names how many connections are left and needed', async () => {
    const own = open(await migrated(), { poolSize: 60 });
    expect(await own.check()).toEqual([{ level: 'error', message: expect.stringMatching(/may need 61 .*max_connections/) }]);
  });
});
