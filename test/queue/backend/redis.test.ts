import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { UnavailableError } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/log.ts';
import { createRedisBackend } from '../../../lib/queue/backend/redis.ts';
import type { QueueBackend } from '../../../lib/queue/backend.ts';
import { type RedisServer, startRedis } from '../../support/redis.ts';
import { startProxy } from '../../support/tcp-proxy.ts';
import { backendSuite, listeningLog, roundTrip } from './suite.ts';

let server: RedisServer;
let backend: QueueBackend;

beforeAll(async () => {
  server = await startRedis({ appendOnly: true });
  backend = createRedisBackend({ connection: { url: server.url }, role: 'worker' });
  await backend.ready(5_000);
});
afterAll(async () => {
  await backend.close();
  await server.stop();
});

/** A backend of a test's own, closed after it. */
function open(url: string, role: 'producer' | 'worker', log?: Logger): QueueBackend {
  const opened = createRedisBackend({ connection: { url }, role, ...(log ? { log } : {}) });
  onTestFinished(() => opened.close());
  return opened;
}

async function ownServer(): Promise<RedisServer> {
  const own = await startRedis({ appendOnly: true });
  onTestFinished(() => own.stop());
  return own;
}

async function ownProxy(target: RedisServer) {
  const proxy = await startProxy(target.port);
  onTestFinished(() => proxy.stop());
  return proxy;
}

describe('queues on Redis', () => {
  backendSuite(() => backend);

  it('keeps all keys of a queue below one hash tag, and each queue below its own', async () => {
    await roundTrip(backend, 'story-enhancement');
    await roundTrip(backend, 'source-sync');
    const redis = new Redis(server.url);
    const keys = (await redis.keys('*')).filter((key) => /story-enhancement|source-sync/.test(key));
    await redis.quit();
    const tags = new Set(keys.map((key) => /^\{([^}]+)\}/.exec(key)?.[1]));
    expect(keys.length).toBeGreaterThan(6);
    expect(tags).toEqual(new Set(['bull:story-enhancement', 'bull:source-sync']));
  });

  it('shares one connection for commands among all queues', async () => {
    const own = await ownServer();
    const producer = open(own.url, 'producer');
    await producer.ready(5_000);
    for (const name of ['gmail-fetch', 'review-ai', 'daily-brief', 'source-sync'] as const) await producer.queue(name).add('x', {});
    const redis = new Redis(own.url);
    const others =
      String(await redis.client('LIST'))
        .trim()
        .split('\n').length - 1;
    await redis.quit();
    expect(others).toBe(1);
  });
});

describe('a producer on Redis', () => {
  it('rejects while Redis is down, and what it rejected never appears', async () => {
    const own = await ownServer();
    const producer = open(own.url, 'producer');
    const queue = producer.queue('story-enhancement');
    await producer.ready(5_000);
    await own.kill();
    await expect(queue.add('enhance', {}, { jobId: 'lost-1' })).rejects.toThrow();
    await expect(producer.ready(100)).rejects.toBeInstanceOf(UnavailableError);
    await expect(queue.add('enhance', {}, { jobId: 'lost-2' })).rejects.toThrow();
    await own.restart();
    await producer.ready(10_000);
    await queue.add('enhance', {}, { jobId: 'after' });
    expect((await queue.getJobs(['waiting'])).map(({ id }) => id)).toEqual(['after']);
  });

  it('keeps nothing back for a connection that is still being made', async () => {
    const own = await ownServer();
    const proxy = await ownProxy(own);
    proxy.pause();
    const producer = open(proxy.url(), 'producer');
    const queue = producer.queue('story-enhancement');
    await expect(queue.add('enhance', {}, { jobId: 'too-early' })).rejects.toThrow();
    proxy.resume();
    await producer.ready(10_000);
    await queue.add('enhance', {}, { jobId: 'in-time' });
    expect((await queue.getJobs(['waiting'])).map(({ id }) => id)).toEqual(['in-time']);
  });

  it('recovers when Redis was not there at its first call', async () => {
    const own = await ownServer();
    await own.kill();
    const producer = open(own.url, 'producer');
    await expect(producer.queue('story-enhancement').add('enhance', {}, { jobId: 'too-early' })).rejects.toThrow();
    await expect(producer.ready(100)).rejects.toBeInstanceOf(UnavailableError);
    await own.restart();
    await producer.ready(10_000);
    await producer.queue('story-enhancement').add('enhance', {}, { jobId: 'in-time' });
    expect((await producer.queue('story-enhancement').getJobs(['waiting'])).map(({ id }) => id)).toEqual(['in-time']);
  });

  it('rejects a call cut after it was sent as lost, and does not send it again', async () => {
    const own = await ownServer();
    const proxy = await ownProxy(own);
    const producer = open(proxy.url(), 'producer');
    const queue = producer.queue('story-enhancement');
    await producer.ready(5_000);
    await queue.add('enhance', {}, { jobId: 'first' });
    const observer = open(own.url, 'worker');
    await observer.ready(5_000);
    proxy.pause('replies');
    const sent = proxy.seen('no-answer');
    const call = queue.add('enhance', { marker: 'no-answer' });
    const rejection = expect(call).rejects.toSatisfy((error) => producer.isConnectionError(error));
    await sent;
    await vi.waitFor(async () => expect(await observer.queue('story-enhancement').getWaitingCount()).toBe(2));
    proxy.cut();
    await rejection;
    proxy.resume();
    await producer.ready(10_000);
    await queue.add('enhance', {}, { jobId: 'last' });
    expect(await queue.getWaitingCount()).toBe(3);
  });

  it('gives up a call without an answer, and the silent connection with it', async () => {
    const own = await ownServer();
    const proxy = await ownProxy(own);
    const producer = open(proxy.url(), 'producer');
    await producer.ready(5_000);
    proxy.pause();
    await expect(producer.queue('story-enhancement').add('enhance', {})).rejects.toSatisfy((error) => producer.isConnectionError(error));
    await vi.waitFor(() => expect(producer.ready(1)).rejects.toBeInstanceOf(UnavailableError), { timeout: 5_000 });
    proxy.resume();
    await producer.ready(10_000);
    await producer.queue('story-enhancement').add('enhance', {});
  });

  it("does not take an answer of Redis, or an error of one's own, for a lost connection", async () => {
    const redis = new Redis(server.url);
    await redis.set('{bull:email-processing}:email-processing:wait', 'not a list');
    const refused: unknown = await backend
      .queue('email-processing')
      .add('x', {})
      .catch((error: unknown) => error);
    await redis.del('{bull:email-processing}:email-processing:wait');
    await redis.quit();
    expect(refused).toBeInstanceOf(Error);
    expect(backend.isConnectionError(refused)).toBe(false);
    expect(backend.isConnectionError(new Error('Connection is closed.'))).toBe(false);
    expect(backend.isConnectionError(Object.assign(new Error('x'), { code: 'ECONNRESET' }))).toBe(true);
  });
});

describe('a worker on Redis', () => {
  it('goes on after an outage', async () => {
    const own = await ownServer();
    const both = open(own.url, 'worker');
    const worker = both.worker('story-enhancement', async (job, _token, _signal) => job.id, { concurrency: 1 });
    const finished: (string | undefined)[] = [];
    worker.on('completed', ({ id }) => finished.push(id));
    void worker.run();
    await both.ready(5_000);
    await both.queue('story-enhancement').add('enhance', {}, { jobId: 'before' });
    await vi.waitFor(() => expect(finished).toEqual(['before']));
    await own.kill();
    await own.restart();
    await both.ready(10_000);
    await both.queue('story-enhancement').add('enhance', {}, { jobId: 'after' });
    await vi.waitFor(() => expect(finished).toEqual(['before', 'after']), { timeout: 20_000 });
  });

  it('starts when Redis comes later than itself', async () => {
    const own = await ownServer();
    await own.kill();
    const both = open(own.url, 'worker');
    const worker = both.worker('story-enhancement', async (job, _token, _signal) => job.id, { concurrency: 1 });
    const done = new Promise((resolve) => worker.on('completed', ({ id }) => resolve(id)));
    void worker.run();
    await expect(both.ready(100)).rejects.toBeInstanceOf(UnavailableError);
    await own.restart();
    await both.ready(10_000);
    await both.queue('story-enhancement').add('enhance', {}, { jobId: 'late' });
    expect(await done).toBe('late');
  });

  it('writes one line when Redis goes and one when it is back', async () => {
    const own = await ownServer();
    const { lines, log } = listeningLog();
    const both = open(own.url, 'worker', log);
    const worker = both.worker('story-enhancement', async (_job, _token, _signal) => null, { concurrency: 1 });
    both.events('story-enhancement');
    void worker.run();
    await both.ready(5_000);
    await worker.waitUntilReady();
    await own.kill();
    await vi.waitFor(() => expect(lines).toEqual(['Redis is not reachable, reconnecting']));
    await expect(both.ready(300)).rejects.toThrow();
    await own.restart();
    await both.ready(10_000);
    await vi.waitFor(() => expect(lines).toEqual(['Redis is not reachable, reconnecting', 'Redis is reachable again']));
  });

  it('closes while Redis is away', async () => {
    const own = await ownServer();
    const both = open(own.url, 'worker');
    const worker = both.worker('story-enhancement', async (_job, _token, _signal) => null, { concurrency: 1 });
    both.events('story-enhancement');
    void worker.run();
    await both.ready(5_000);
    await own.kill();
    await vi.waitFor(() => expect(both.ready(1)).rejects.toThrow());
    await both.close();
    await expect(both.ready(1_000)).rejects.toBeInstanceOf(UnavailableError);
  });
});

describe('the check of a Redis', () => {
  it('finds nothing wrong with one that loses no job', async () => {
    expect(await backend.check()).toEqual([]);
  });

  it('names an eviction policy that throws jobs away, a missing append-only file, and their cures', async () => {
    const careless = await startRedis({ args: ['--maxmemory-policy', 'allkeys-lru'] });
    onTestFinished(() => careless.stop());
    const opened = open(careless.url, 'producer');
    await opened.ready(5_000);
    expect(await opened.check()).toEqual([
      { level: 'error', message: expect.stringContaining('maxmemory-policy noeviction') },
      { level: 'warning', message: expect.stringContaining('appendonly yes') },
    ]);
  });
});
