import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { closeQueues, EnqueueError, getQueueStats, queueStoryEnhancement } from '../../lib/index.ts';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { eventually, QUEUE, startWorld, type World } from '../support/world.ts';

/** What an app's own process sees of `lib/index.ts` while the place of its queues goes away. */
export function describeProducers(queue: 'redis' | 'postgres'): void {
  let world: World;
  let proxy: TcpProxy;

  beforeAll(async () => {
    world = await startWorld({ queue, appendOnly: true });
    await world.startWorker();
    const server = world.queueServer;
    proxy = await startProxy(server.port);
    const through = new URL(server.url);
    through.port = `${proxy.port}`;
    vi.stubEnv(queue === 'redis' ? 'REDIS_URL' : 'DATABASE_URL', through.href);
    vi.stubEnv('QUEUE_BACKEND', queue);
  });
  afterEach(async () => {
    vi.stubEnv('FAIRNESS', undefined);
    await closeQueues();
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await proxy?.stop();
    await world?.stop();
  });

  const rejection = async (call: Promise<unknown>): Promise<{ error: EnqueueError; ms: number }> => {
    const startedAt = performance.now();
    const error = await call.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof EnqueueError)) throw new Error('The call was not rejected as an enqueue', { cause: error });
    return { error, ms: performance.now() - startedAt };
  };

  const jobsOf = async (storyId: string): Promise<(string | undefined)[]> => {
    await world.backend.ready(10_000);
    const jobs = await world.backend.queue(QUEUE).getJobs(['waiting', 'active', 'delayed', 'completed', 'failed', 'prioritized']);
    return jobs.filter((job) => job.data.payload.storyId === storyId).map((job) => job.id);
  };

  describe(`a producer, with ${queue} away`, () => {
    it.each([
      ['that was connected before', getQueueStats],
      ['that never was', async () => undefined],
    ])('%s rejects within 2 s as not sent, and the job never appears', async (_, before) => {
      await before();
      const server = world.queueServer;
      await server.kill();
      proxy.cut();
      // A call on a connection whose end has not arrived yet can only be told "unknown"; the server was gone before, so that none of them lands.
      const tried: string[] = [];
      const { ms } = await eventually(async () => {
        const storyId = randomUUID();
        tried.push(storyId);
        const rejected = await rejection(queueStoryEnhancement(storyId));
        return rejected.error.outcome === 'not_sent' && rejected;
      });
      // The promise is 2 s; the rest is for a busy machine.
      expect(ms).toBeLessThan(2_500);

      await server.restart();
      const marker = await world.createStory();
      await vi.waitFor(() => queueStoryEnhancement(marker.id), { timeout: 20_000, interval: 50 });
      const [markerJob] = await jobsOf(marker.id);
      expect(await world.ended(markerJob ?? '')).toMatchObject({ state: 'completed' });
      for (const storyId of tried) expect(await jobsOf(storyId)).toEqual([]);
    });

    it('rejects as not sent when cut while it asks for its turn, and the job never appears', async () => {
      const story = await world.createStory();
      await getQueueStats();
      proxy.pause('replies');
      const rejected = rejection(queueStoryEnhancement(story.id, { userId: 'somebody' }));
      await proxy.seen('somebody');
      proxy.cut();
      expect((await rejected).error.outcome).toBe('not_sent');
      proxy.resume();
      expect(await jobsOf(story.id)).toEqual([]);
    });

    it('rejects as unknown when cut after sending, and repeating with the key makes exactly one job', async () => {
      // Without turns the job itself is the first thing sent.
      vi.stubEnv('FAIRNESS', 'off');
      const story = await world.createStory();
      await getQueueStats();
      proxy.pause('replies');
      const sent = proxy.seen(story.id);
      const rejected = rejection(queueStoryEnhancement(story.id));
      await sent;
      proxy.cut();
      const { error } = await rejected;
      expect(error.outcome).toBe('unknown');
      proxy.resume();

      const { idempotencyKey } = error;
      const repeated = await vi.waitFor(() => queueStoryEnhancement(story.id, { idempotencyKey }), { timeout: 20_000, interval: 50 });
      expect(await world.ended(repeated.jobId)).toMatchObject({ state: 'completed' });
      const later = await queueStoryEnhancement(story.id, { idempotencyKey });
      expect(later).toMatchObject({ jobId: repeated.jobId, deduplicated: true });
      expect(await jobsOf(story.id)).toEqual([repeated.jobId]);
    });
  });
}
