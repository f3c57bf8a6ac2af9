import { UnrecoverableError } from 'bullmq';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import type { JobDefinition, QueueName } from '../../lib/jobs/define.ts';
import { queueNames } from '../../lib/jobs/index.ts';
import { silentLogger } from '../../lib/log.ts';
import { createRedisBackend } from '../../lib/queue/backend/redis.ts';
import type { QueueBackend } from '../../lib/queue/backend.ts';
import { createFailureRecorder } from '../../lib/queue/dead-letters.ts';
import { createEnqueue } from '../../lib/queue/enqueue.ts';
import { createCaps } from '../../lib/queue/fair/caps.ts';
import { createReconciler } from '../../lib/queue/reconciler.ts';
import { createQueueService } from '../../lib/queue/service.ts';
import { findProbe, memorySink, QUEUE, quickSettings } from '../support/queue-world.ts';
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts';
import { jobSuite } from './job-suite.ts';
import { readySuite } from './ready/suite.ts';
import { storeSuite } from './store/suite.ts';

/** One cluster for the whole file: making it takes two seconds, in which its nodes get to know each other. */
let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterAll(async () => {
  await cluster?.stop();
});

const connect = async (): Promise<QueueBackend> => createRedisBackend({ connection: { cluster: cluster.nodes }, role: 'worker' });

jobSuite('a Redis Cluster', async () => ({ connect, close: async () => undefined }));
readySuite('a Redis Cluster', async () => ({ connect, close: async () => undefined }));

describe('the store on a Redis Cluster', () => {
  let backend: QueueBackend;
  beforeAll(async () => {
    backend = await connect();
    await backend.ready(5_000);
  });
  afterAll(() => backend?.close());

  storeSuite(() => backend.store);

  it('takes whatever is asked at once of a process that has just started, though it knows no node yet', async () => {
    const fresh = createRedisBackend({ connection: { cluster: cluster.nodes }, role: 'producer' });
    await fresh.ready(5_000);
    const asked = Array.from({ length: 60 }, (_, index) => fresh.store.limitedUntil(`provider:${index}`));
    const counted = queueNames.map((queue) => fresh.queue(queue).getJobCounts());
    expect(await Promise.all(asked)).toEqual(asked.map(() => 0));
    expect(await Promise.all(counted)).toHaveLength(queueNames.length);
    await fresh.close();
  });
});

/** As the product has it: all that a queue is made of lies in the slot of its tag. */
const PREFIX = 'hivepulse';
const JOBS = 90;

describe('the eight queues on a Redis Cluster', () => {
  let backend: QueueBackend;
  const sink = memorySink();
  const failures = createFailureRecorder({ sink, processor: () => async () => undefined, deps: {}, log: silentLogger });
  const deps = { settings: quickSettings, clock: systemClock, find: (queue: string) => kindOn(queue) };

  beforeAll(async () => {
    // Narrow levels are re-based after a few dozen jobs: the longest of the scripts, on all its keys.
    backend = createRedisBackend({ connection: { cluster: cluster.nodes }, role: 'worker', prefix: PREFIX, sharing: { width: 64, catchUp: 5 } });
    await backend.ready(5_000);
    await Promise.all(queueNames.map((queue) => fillAndFailOne(queue)));
  });
  afterAll(() => backend?.close());

  async function fillAndFailOne(queue: QueueName): Promise<void> {
    const { many } = createEnqueue({ ...deps, backend, timeoutMs: 10_000 });
    const request = (index: number) => ({ queue, name: 'row', payload: { key: `${index}` }, options: { userId: `user-${index % 3}` } });
    await many(Array.from({ length: JOBS }, (_, index) => request(index)));
    const worker = backend.worker(queue, async () => fail(), {});
    const failed = new Promise((resolve) => worker.once('failed', resolve));
    worker.run().catch(() => undefined);
    await failed;
    await worker.close();
    await many([request(0)]);
  }

  it('are spread over the primaries, each with all its keys in one slot of its own', async () => {
    const keys = await Promise.all(cluster.primaries.map(({ client }) => client.keys(`{${PREFIX}:*`)));
    const tagsOf = (found: readonly string[]) =>
      new Set(found.map((key) => key.slice(0, key.indexOf('}') + 1)).filter((tag) => !tag.includes(':store:')));
    const tags = keys.map(tagsOf);
    expect(tags.flatMap((each) => [...each]).sort()).toEqual(queueNames.map((queue) => `{${PREFIX}:${queue}}`).sort());
    expect(Math.min(...tags.map(({ size }) => size))).toBeGreaterThan(1);
    const [first] = cluster.primaries;
    const slots = await Promise.all(
      keys.flat().map(async (key) => [key.slice(0, key.indexOf('}') + 1), await first?.client.call('CLUSTER', 'KEYSLOT', key)]),
    );
    expect(new Set(slots.map((pair) => pair.join())).size).toBe(new Set(slots.map(([tag]) => tag)).size);
    expect(keys.flat().filter((key) => key.includes(':fair:')).length).toBeGreaterThanOrEqual(2 * queueNames.length);
  });

  it('let users take turns, and hold a user to a cap', async () => {
    for (const queue of queueNames) {
      const waiting = await backend.queue(queue).getPrioritized(0, 5);
      expect(new Set(waiting.slice(0, 3).map(({ data }) => data.meta.userId)).size, queue).toBe(3);
      const [one, two] = waiting;
      if (!one || !two) throw new Error('no jobs');
      const caps = createCaps({ backend, maxPerKey: () => 1, leaseMs: 30_000, clock: systemClock, log: silentLogger });
      const place = await caps.enter(one, 'user-1');
      expect(await caps.enter(two, 'user-1')).toMatchObject({ kind: 'put off' });
      if (place.kind === 'place') await place.leave();
      expect(place.kind).toBe('place');
    }
  });

  it('tell their failures, their counts and what metrics ask for', async () => {
    const reconciler = createReconciler({ backend, queues: queueNames, sink, failures, intervalMs: 60_000, log: silentLogger });
    await vi.waitFor(async () => {
      await reconciler.runOnce();
      expect(new Set(sink.failures.map(({ queue }) => queue))).toEqual(new Set(queueNames));
    });
    const service = createQueueService({ ...deps, backend });
    const facts = await service.facts();
    for (const queue of queueNames)
      expect(facts[queue], queue).toMatchObject({ active: 0, failed: expect.any(Number), oldestReadyMs: expect.any(Number) });
    const settled = Object.values(facts).map(({ waiting, failed }) => waiting + failed);
    expect(settled).toEqual(queueNames.map(() => JOBS + 1));
    expect((await backend.size()).bytes).toBeGreaterThan(1_000_000);
    expect((await backend.check()).filter(({ level }) => level === 'error')).toEqual([]);
  });
});

describe('a Redis Cluster after all that', () => {
  it('was never asked for keys of two slots at once, nor by a script for keys of other nodes', async () => {
    for (const { client } of cluster.primaries) {
      const errors = await client.info('errorstats');
      expect(errors).not.toContain('CROSSSLOT');
      const unknownScripts = Number(/errorstat_NOSCRIPT:count=(\d+)/.exec(errors)?.[1]);
      expect(failedCalls(await client.info('commandstats'))).toEqual({ evalsha: unknownScripts });
    }
  });
});

const fail = (): never => {
  throw new UnrecoverableError('cannot be');
};

/** The kind of the job suite, on any queue. */
function kindOn(queue: string): JobDefinition | undefined {
  const kind = findProbe(QUEUE, 'row');
  // Its queue is one of the catalogue: the tests name no other.
  return kind && { ...kind, queue: queue as QueueName };
}

/** How often each command was answered by an error. */
function failedCalls(commandStats: string): Record<string, number> {
  const lines = commandStats.matchAll(/^cmdstat_(\S+?):.*rejected_calls=(\d+),failed_calls=(\d+)/gm);
  const counts = [...lines].map(([, name = '', rejected, failed]) => [name, Number(rejected) + Number(failed)] as const);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}
