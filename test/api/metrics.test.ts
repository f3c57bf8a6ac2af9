import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Api, eventually, QUEUE, startApi } from './world.ts';

let api: Api;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api?.stop());

const OTHER = 'document-processing';
const data = { v: 1, payload: {}, meta: { correlationId: 'c', enqueuedAt: new Date().toISOString() } };
const minutesAgo = (minutes: number): number => Date.now() - minutes * 60_000;
const scale = async () => (await api.call('GET', '/metrics/scale')).body;

describe('what an autoscaler is told', () => {
  afterEach(async () => {
    for (const queue of [QUEUE, OTHER] as const) await api.backend.queue(queue).obliterate({ force: true });
    await api.relay.runOnce();
    await api.backend.queue(QUEUE).obliterate({ force: true });
  });

  it('counts waiting, prioritized and due delayed jobs, and those that no relay has moved yet, by queue', async () => {
    expect(await scale()).toMatchObject({ queues: { [QUEUE]: { ready: 0, oldestSeconds: 0 } }, ready: 0, oldestSeconds: 0 });
    const bull = api.backend.queue(QUEUE);
    await bull.add('enhance', data);
    await bull.add('enhance', data, { priority: 7, timestamp: minutesAgo(10) });
    await bull.add('enhance', data, { delay: 60_000, timestamp: minutesAgo(5) });
    await bull.add('enhance', data, { delay: 3_600_000 });
    await api.backend.queue(OTHER).add('ingest', data, { timestamp: minutesAgo(1) });
    for (const key of ['a', 'b']) await api.db.outbox.enqueue({ queue: QUEUE, name: 'enhance', payload: { storyId: key } });
    await eventually(async () => expect(await scale()).toMatchObject({ ready: 6, queues: { [QUEUE]: { ready: 5 }, [OTHER]: { ready: 1 } } }));
    const { queues, oldestSeconds } = await scale();
    expect(oldestSeconds).toBe(queues[QUEUE].oldestSeconds);
    expect(oldestSeconds).toBeGreaterThanOrEqual(600);
    expect(queues[OTHER].oldestSeconds).toBeGreaterThanOrEqual(60);
  });

  it('asks for no workers for a queue that is paused', async () => {
    await api.backend.queue(OTHER).add('ingest', data);
    await eventually(async () => expect(await scale()).toMatchObject({ ready: 1 }));
    await api.backend.queue(OTHER).pause();
    await eventually(async () => expect(await scale()).toMatchObject({ ready: 0 }));
    await api.backend.queue(OTHER).resume();
  });

  it('is an error, not a smaller number, while the database is away', async () => {
    api.db.breakWith(new Error('no route to postgres.internal'));
    await eventually(async () => expect((await api.call('GET', '/metrics/scale')).status).toBeGreaterThanOrEqual(500));
    api.db.breakWith(undefined);
    await eventually(async () => expect(await scale()).toMatchObject({ ready: 0 }));
  });
});

describe('metrics', () => {
  it('go on without what is away, and tell of it', async () => {
    const lines = async (): Promise<string[]> => (await api.call('GET', '/metrics')).body.split('\n');
    const of = (all: readonly string[], name: string) => all.filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    const before = await lines();
    expect(of(before, 'hivepulse_outbox_jobs')).not.toEqual([]);
    expect(of(before, 'hivepulse_redis_memory_bytes')).toHaveLength(1);

    api.db.breakWith(new Error('no route to postgres.internal'));
    await eventually(async () => expect(of(await lines(), 'hivepulse_outbox_jobs')).toEqual([]));
    api.db.breakWith(undefined);
    await eventually(async () => expect(of(await lines(), 'hivepulse_outbox_jobs')).not.toEqual([]));

    await api.redis.stop();
    await eventually(async () => {
      const now = await lines();
      for (const name of [
        'hivepulse_queue_jobs',
        'hivepulse_queue_oldest_ready_seconds',
        'hivepulse_redis_memory_bytes',
        'hivepulse_workers_last_seen_seconds',
      ])
        expect(of(now, name)).toEqual([]);
      expect(of(now, 'hivepulse_outbox_jobs')).not.toEqual([]);
      expect(of(now, 'hivepulse_scrape_errors_total').filter((line) => line.includes('"queue"'))).not.toEqual([
        'hivepulse_scrape_errors_total{name="queue"} 0',
      ]);
    });
    expect(await api.call('GET', '/metrics/scale')).toMatchObject({ status: 503, body: { success: false } });
  });
});
