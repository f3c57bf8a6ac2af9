import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createHttpClient } from '../../lib/http-client.ts';
import { createProducers, type Producers } from '../../lib/producers.ts';
import type { JobEvent } from '../../lib/queue/types.ts';
import { freePort } from '../support/port.ts';
import { type BuiltWorld, startBuiltWorld } from './built-world.ts';

const QUEUE = 'story-enhancement';
const HOUR_MS = 3_600_000;

let world: BuiltWorld;
let app: Producers;
const open: Producers[] = [];

function appWith(options: { url?: string; apiKey?: string; fetch?: typeof fetch } = {}): Producers {
  const producers = createProducers(async () => createHttpClient({ url: world.apiUrl, apiKey: world.apiKey, ...options }));
  open.push(producers);
  return producers;
}

beforeAll(async () => {
  world = await startBuiltWorld();
  app = appWith();
}, 360_000);
afterAll(async () => {
  await Promise.all(open.map((producers) => producers.closeQueues()));
  await world?.stop();
});

describe('the helpers over HTTP', () => {
  it('wait for a job and read it', async () => {
    const id = await world.createStory('A battery');
    const { jobId } = await app.queueStoryEnhancement(id, { correlationId: 'the-app' });
    await expect(app.waitForJob(QUEUE, jobId, { timeoutMs: 20_000 })).resolves.toMatchObject({ storyId: id });
    await expect(app.getJob(QUEUE, jobId)).resolves.toMatchObject({ id: jobId, state: 'completed', payload: { storyId: id } });
    await expect(app.getJob(QUEUE, 'never-seen')).resolves.toBeUndefined();
  });

  it('answer a repeated call with the same job', async () => {
    const options = { delay: HOUR_MS, idempotencyKey: randomUUID() };
    const id = randomUUID();
    const first = await app.queueStoryEnhancement(id, options);
    await expect(app.queueStoryEnhancement(id, options)).resolves.toEqual({ ...first, deduplicated: true });
  });

  it('reject with how a job failed, and list it among the failed', async () => {
    const { jobId } = await app.queueStoryEnhancement(randomUUID());
    await expect(app.waitForJob(QUEUE, jobId, { timeoutMs: 20_000 })).rejects.toMatchObject({ name: 'JobFailedError', code: 'job_failed' });
    const failed = await app.getFailedJobs(QUEUE);
    expect(failed.find(({ id }) => id === jobId)).toMatchObject({ state: 'failed', error: expect.stringContaining('does not exist') });
  });

  it('cancel a job, once', async () => {
    const { jobId } = await app.queueStoryEnhancement(randomUUID(), { delay: HOUR_MS });
    await expect(app.cancelJob(QUEUE, jobId)).resolves.toBe('cancelled');
    await expect(app.getJob(QUEUE, jobId)).resolves.toMatchObject({ state: 'cancelled' });
    await expect(app.waitForJob(QUEUE, jobId, { timeoutMs: 5_000 })).rejects.toMatchObject({ code: 'job_failed' });
    await expect(app.cancelJob(QUEUE, 'never-seen')).resolves.toBe('not_found');
  });

  it('say that a job has finished when it is too late to cancel', async () => {
    const { jobId } = await app.queueStoryEnhancement(await world.createStory('A lamp'));
    await app.waitForJob(QUEUE, jobId, { timeoutMs: 20_000 });
    await expect(app.cancelJob(QUEUE, jobId)).resolves.toBe('finished');
  });

  it('count the jobs of every queue', async () => {
    const stats = await app.getQueueStats();
    expect(Object.keys(stats)).toHaveLength(8);
    expect(stats['story-enhancement']).toMatchObject({ waiting: expect.any(Number), paused: false });
  });

  it('hear what happens on a queue, and nothing that is no event of a job', async () => {
    const events: JobEvent[] = [];
    const end = app.onJobEvent(QUEUE, (event) => events.push(event));
    // The feed opens some time after the call: a job is made until one is heard of.
    await vi.waitFor(
      async () => {
        await app.queueStoryEnhancement(await world.createStory('A kettle'));
        expect(events.length).toBeGreaterThan(0);
      },
      { timeout: 20_000, interval: 200 },
    );
    end();
    expect(events.every(({ type, queue, jobId }) => type !== undefined && queue === QUEUE && jobId !== '')).toBe(true);
  });
});

describe('what goes wrong over HTTP', () => {
  it('names the field of a payload that does not parse', async () => {
    await expect(app.queueStoryEnhancement('not-a-uuid')).rejects.toMatchObject({
      name: 'InvalidInputError',
      issues: [expect.objectContaining({ path: expect.stringContaining('storyId') })],
    });
  });

  it('says that a key is wrong, and that trying again is no use', async () => {
    const stranger = appWith({ apiKey: 'wrong' });
    await expect(stranger.queueStoryEnhancement(randomUUID())).rejects.toMatchObject({ code: 'unauthorized', retryable: false });
    await expect(stranger.getJob(QUEUE, 'x')).rejects.toMatchObject({ code: 'unauthorized' });
  });

  it('tells another server from a job that does not exist', async () => {
    await expect(appWith({ fetch: async () => new Response('nothing here', { status: 404 }) }).getJob(QUEUE, 'x')).rejects.toMatchObject({
      code: 'http_404',
      retryable: false,
    });
  });

  it('is an error worth another try when nobody answers', async () => {
    const nobody = appWith({ url: `http://127.0.0.1:${await freePort()}` });
    await expect(nobody.getQueueStats()).rejects.toMatchObject({ name: 'UnavailableError', retryable: true });
    await expect(nobody.queueStoryEnhancement(randomUUID(), { idempotencyKey: 'mine' })).rejects.toMatchObject({
      outcome: 'not_sent',
      idempotencyKey: 'mine',
    });
  });

  it.each([
    ['not_sent', 'the rate limit turns the call away', async () => new Response('{}', { status: 429 })],
    ['unknown', 'a proxy loses the answer', async () => new Response('bad gateway', { status: 502 })],
    ['unknown', 'the connection breaks', () => Promise.reject(new TypeError('fetch failed', { cause: new Error('other side closed') }))],
  ])('is %s when %s', async (outcome, _, fetch) => {
    const asked = appWith({ fetch }).queueStoryEnhancement(randomUUID(), { idempotencyKey: 'mine' });
    await expect(asked).rejects.toMatchObject({ name: 'EnqueueError', outcome, idempotencyKey: 'mine' });
  });

  it('does not end a wait while the API is away for a moment', async () => {
    const { jobId } = await app.queueStoryEnhancement(await world.createStory('A fan'));
    let away = 2;
    const shaky = appWith({
      fetch: async (...request) => {
        away -= 1;
        if (away >= 0) throw new TypeError('fetch failed');
        return fetch(...request);
      },
    });
    await expect(shaky.waitForJob(QUEUE, jobId, { timeoutMs: 20_000 })).resolves.toMatchObject({ success: true });
  });

  it('gives up waiting in time, and the job goes on', async () => {
    const { jobId } = await app.queueStoryEnhancement(randomUUID(), { delay: HOUR_MS });
    await expect(app.waitForJob(QUEUE, jobId, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'wait_timeout', retryable: true });
    await expect(app.getJob(QUEUE, jobId)).resolves.toMatchObject({ state: 'delayed' });
  });
});
