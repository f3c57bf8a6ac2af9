import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { QueueName } from '../../lib/jobs/define.ts';
import { silentLogger } from '../../lib/log.ts';
import { migrateQueueSchema } from '../../lib/queue/backend/migrate.ts';
import { createPostgresBackend } from '../../lib/queue/backend/postgres.ts';
import { createRedisBackend } from '../../lib/queue/backend/redis.ts';
import type { QueueBackend } from '../../lib/queue/backend.ts';
import { LAST_POLL_KEY } from '../../lib/queue/keys.ts';
import { createOldestThatWait, createPulse } from '../../lib/queue/pulse.ts';
import type { AnyProcessor } from '../../lib/queue/runner.ts';
import { createFakeClock } from '../support/clock.ts';
import { startPostgres } from '../support/postgres.ts';
import { createService, gate, QUEUE, startWorker, type WorkerOptions } from '../support/queue-world.ts';
import { startRedis } from '../support/redis.ts';
import { startProxy } from '../support/tcp-proxy.ts';

/** A server with queues, and a way to it on which the fetching can be made deaf. */
interface Place {
  connect(way?: 'direct' | 'proxied'): QueueBackend;
  /** What a worker says when it has nothing to do and waits to be told of a job. */
  waits(): Promise<void>;
  /** Commands go on, on the connections that fetch jobs nothing arrives any more. Resolves when no job is fetched from now on. */
  deafen(): Promise<void>;
  server: { kill(): Promise<void>; restart(): Promise<void> };
  stop(): Promise<void>;
}

async function openRedis(): Promise<Place> {
  const server = await startRedis({ appendOnly: true });
  // One says this while it waits; from the other one jobs are taken.
  const proxy = await startProxy(server.port, { marks: ['bzpopmin', ':stalled-check'] });
  return {
    connect: (way = 'direct') => createRedisBackend({ connection: { url: way === 'direct' ? server.url : proxy.url() }, role: 'worker' }),
    waits: () => proxy.seen('bzpopmin'),
    deafen: async () => proxy.swallow(),
    server,
    stop: () => proxy.stop().then(server.stop),
  };
}

async function openPostgres(): Promise<Place> {
  const server = await startPostgres();
  await migrateQueueSchema(server.url);
  const proxy = await startProxy(server.port, { marks: ['hivepulse-listen'] });
  const proxied = server.url.replace(`:${server.port}`, `:${proxy.port}`);
  const connect = (way: 'direct' | 'proxied' = 'direct') => createPostgresBackend({ databaseUrl: way === 'direct' ? server.url : proxied });
  return {
    connect,
    waits: () => proxy.seen('SELECT 1 FROM job WHERE queue'),
    // A worker that listens asks by itself every 5 s, whether it hears anything or not; one that cannot listen again does not ask at all.
    deafen: async () => {
      proxy.swallow();
      const listensAgain = proxy.seen('hivepulse-listen');
      proxy.cut();
      await listensAgain;
    },
    server,
    stop: () => proxy.stop().then(server.stop),
  };
}

const SILENT_AFTER_MS = 10_000;
const LOOK_MS = 2_000;

describe.each([
  ['Redis', openRedis],
  ['Postgres', openPostgres],
])('a worker on %s', (_name, open) => {
  let place: Place;
  let backend: QueueBackend;
  let service: ReturnType<typeof createService>;
  let ends: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    place = await open();
    backend = place.connect();
    service = createService(backend);
  });
  afterEach(async () => {
    for (const end of ends.reverse()) await end();
    ends = [];
    await backend.queue(QUEUE).obliterate({ force: true });
  });
  afterAll(async () => {
    await backend?.close();
    await place?.stop();
  });

  async function work(processor: AnyProcessor<unknown>, options: WorkerOptions, on = backend): Promise<void> {
    const worker = await startWorker(on, processor, options);
    ends.push(() => worker.stop(300));
  }

  /** A worker, and looks at its pulse on a clock of their own. */
  async function watched(processor: AnyProcessor<unknown>, options: WorkerOptions = {}, on = backend) {
    const clock = createFakeClock(Date.now());
    const told: (readonly QueueName[])[] = [];
    const pulse = createPulse({
      queues: [{ queue: QUEUE, concurrency: options.concurrency ?? 1 }],
      oldestThatWait: createOldestThatWait(on, clock),
      silentAfterMs: SILENT_AFTER_MS,
      onSilent: (queues) => told.push(queues),
      clock,
      log: silentLogger,
    });
    await work(processor, { concurrency: 1, ...options, pulse }, on);
    const look = async (times = 10): Promise<void> => {
      for (let time = 0; time < times; time += 1) {
        clock.advance(LOOK_MS);
        await pulse.runOnce();
      }
    };
    return { told, look, pulse };
  }

  const add = async (key: string, options = {}): Promise<string> =>
    (await service.enqueue({ queue: QUEUE, name: 'probe', payload: { key }, options })).jobId;
  const ended = (jobId: string) => service.waitForJob(QUEUE, jobId, { timeoutMs: 20_000 });
  const waiting = (count: number) => vi.waitFor(async () => expect((await service.stats())[QUEUE].waiting).toBe(count), 5_000);

  it('is silent when its fetching hears nothing any more while commands go on', async () => {
    const own = place.connect('proxied');
    ends.push(() => own.close());
    const { told, look, pulse } = await watched(async () => 'done', {}, own);
    const waits = place.waits();
    expect(await ended(await add('before'))).toBe('done');
    await waits;
    await place.deafen();
    const jobId = await add('after');
    await waiting(1);
    // The first one sees what was fetched before.
    await look(1);
    await look(SILENT_AFTER_MS / LOOK_MS);
    expect([told, pulse.polls()]).toEqual([[], true]);
    await look(1);
    expect([told, pulse.polls()]).toEqual([[[QUEUE]], false]);
    await work(async () => 'done by another', {});
    expect(await ended(jobId)).toBe('done by another');
  });

  it('leaves no heartbeat while it is doubtful whether it fetches jobs', async () => {
    await backend.store.clearFlag(LAST_POLL_KEY);
    await work(async () => 'done', { pulse: { begin: () => () => undefined, polls: () => false } });
    await ended(await add('doubtful'));
    expect(await service.lastPoll()).toBeUndefined();
    await work(async () => 'done', { pulse: { begin: () => () => undefined, polls: () => true } });
    await vi.waitFor(async () => expect(await service.lastPoll()).toBeGreaterThan(0));
  });

  it('is not silent while all its places are taken', async () => {
    const held = gate<string>();
    const { told, look } = await watched(() => held.opened);
    const jobIds = [await add('busy-1'), await add('busy-2')];
    await waiting(1);
    await look();
    expect(told).toEqual([]);
    held.open('done');
    expect(await Promise.all(jobIds.map(ended))).toEqual(['done', 'done']);
  });

  it('is not silent where the queue is paused, nor when it goes on', async () => {
    const { told, look } = await watched(async () => 'done');
    await backend.queue(QUEUE).pause();
    const jobId = await add('paused');
    await waiting(1);
    await look();
    await backend.queue(QUEUE).resume();
    await look(1);
    expect(await ended(jobId)).toBe('done');
    await look();
    expect(told).toEqual([]);
  });

  it('is not silent where as many jobs run elsewhere as may', async () => {
    const held = gate<string>();
    await work(() => held.opened, { concurrency: 1, maxActive: 1 });
    const first = await add('capped-1');
    await vi.waitFor(async () => expect((await service.stats())[QUEUE].active).toBe(1));
    const { told, look } = await watched(async () => 'done', { concurrency: 3, maxActive: 1 });
    const second = await add('capped-2');
    await waiting(1);
    await look();
    expect(told).toEqual([]);
    held.open('done');
    expect([await ended(first), await ended(second)]).toEqual(['done', 'done']);
    await backend.queue(QUEUE).removeGlobalConcurrency();
  });

  it('is not silent beside a quicker one that takes most jobs, nor when there is nothing to do', async () => {
    await work(async () => 'done', { concurrency: 10 });
    const { told, look } = await watched(async () => 'done');
    const later = await add('in-an-hour', { delay: 3_600_000 });
    for (let round = 0; round < 10; round += 1) {
      const jobIds = await Promise.all([1, 2, 3].map((n) => add(`round-${round}-${n}`)));
      await look(1);
      await Promise.all(jobIds.map(ended));
      await look(1);
    }
    await service.cancelJob(QUEUE, later);
    expect(told).toEqual([]);
  });

  it('is not silent while the queue is away, and takes jobs again when it is back', async () => {
    const { told, look, pulse } = await watched(async () => 'done');
    await backend.queue(QUEUE).pause();
    const jobId = await add('during-an-outage');
    await place.server.kill();
    await look();
    expect([told, pulse.polls()]).toEqual([[], true]);
    await place.server.restart();
    await vi.waitFor(() => backend.queue(QUEUE).resume(), 10_000);
    expect(await ended(jobId)).toBe('done');
  });
});
