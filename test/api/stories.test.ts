import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobContext } from '../../lib/queue/processor.ts';
import { gate } from '../support/queue-world.ts';
import { type Api, createStory, eventually, KEY, QUEUE, refined, seedStory, startApi, storyResultOf } from './world.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const jobOf = async (jobId: string) => (await api.call('GET', `/api/stories/scoring/job/${jobId}`)).body;

describe('POST /api/stories', () => {
  it('answers as in seed 002, with local scores and the job to ask about', async () => {
    const { status, headers, body } = await api.call('POST', '/api/stories', { json: seedStory });
    expect(status).toBe(201);
    const { story } = body.data;
    expect(body).toEqual({
      success: true,
      data: {
        story: {
          id: expect.stringMatching(UUID),
          hypeScore: expect.any(Number),
          ethicsScore: expect.any(Number),
          jobId: `story-enhancement-${story.id}`,
          runJobId: expect.stringContaining(`story-enhancement-${story.id}-`),
          scoringStatus: 'queued',
        },
      },
    });
    expect(story.hypeScore).toBeGreaterThanOrEqual(0);
    expect(story.hypeScore).toBeLessThanOrEqual(10);
    expect(headers.get('location')).toBe(`/api/stories/${story.id}`);
  });

  it('queues the enhancement, with the correlation id of the request', async () => {
    const { id, runJobId } = await createStory(api, { headers: { 'x-correlation-id': 'from-the-app' } });
    expect(await api.queue.getJob(QUEUE, runJobId)).toMatchObject({ name: 'enhance', payload: { storyId: id }, correlationId: 'from-the-app' });
    expect(await api.db.stories.get(id)).toMatchObject({ jobId: runJobId, scoringStatus: 'queued' });
  });

  it('keeps the correlation id over a body that arrives in pieces', async () => {
    const json = JSON.stringify({ ...seedStory, content: 'word '.repeat(30_000) });
    const half = Math.floor(json.length / 2);
    const pieces = [json.slice(0, half), json.slice(half)].map((piece) => new TextEncoder().encode(piece));
    const body = new ReadableStream({
      pull: (controller) => {
        const piece = pieces.shift();
        if (piece) controller.enqueue(piece);
        else controller.close();
      },
    });
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', 'x-correlation-id': 'in-pieces' };
    const init: RequestInit & { duplex: 'half' } = { method: 'POST', headers, body, duplex: 'half' };
    const reply = await fetch(`${api.url}/api/stories`, init);
    const runJobId = String(Object(await reply.json()).data.story.runJobId);
    expect(await api.queue.getJob(QUEUE, runJobId)).toMatchObject({ correlationId: 'in-pieces' });
  });

  it('makes the story that of the user, or of the one a service acts for', async () => {
    const user = await api.db.signUp();
    const own = await createStory(api, { jwt: user.jwt });
    const onBehalf = await createStory(api, { headers: { 'x-user-id': user.id } });
    const nobodys = await createStory(api);
    const owners = await Promise.all(
      [own, onBehalf, nobodys].map(async ({ id, runJobId }) => [
        (await api.db.stories.get(id))?.userId,
        (await api.queue.getJob(QUEUE, runJobId))?.userId,
      ]),
    );
    expect(owners).toEqual([
      [user.id, user.id],
      [user.id, user.id],
      [null, undefined],
    ]);
  });

  it('takes a story without tags, and ignores keys it does not know', async () => {
    const { status, body } = await api.call('POST', '/api/stories', { json: { title: 'Short', content: 'A few words.', source: 'elsewhere' } });
    expect(status).toBe(201);
    expect(await api.db.stories.get(body.data.story.id)).toMatchObject({ sectorTag: null, impactTags: [] });
  });
});

describe('GET /api/stories', () => {
  it('lists the newest first, page by page', async () => {
    const headers = { 'x-user-id': randomUUID() };
    const made = [];
    for (let count = 0; count < 3; count += 1) made.unshift((await createStory(api, { headers })).id);
    const first = (await api.call('GET', '/api/stories?limit=2', { headers })).body.data;
    const second = (await api.call('GET', `/api/stories?limit=2&cursor=${first.nextCursor}`, { headers })).body.data;
    expect([...first.stories, ...second.stories].map(({ id }) => id)).toEqual(made);
    expect(second.nextCursor).toBeNull();
    expect(first.stories[0]).not.toHaveProperty('content');
  });

  it('shows one story whole: text, local scores and what moved them', async () => {
    const { id, runJobId } = await createStory(api);
    const { status, body } = await api.call('GET', `/api/stories/${id}`);
    expect(status).toBe(200);
    expect(body.data.story).toMatchObject({
      ...seedStory,
      id,
      scoringStatus: 'queued',
      jobId: `story-enhancement-${id}`,
      runJobId,
      refinedScores: null,
      claims: [],
      localScores: {
        reasons: expect.arrayContaining([expect.objectContaining({ score: 'hype', rule: expect.any(String), effect: expect.any(Number) })]),
      },
    });
  });

  it('answers 404 for one that does not exist, naming it', async () => {
    const id = randomUUID();
    expect(await api.call('GET', `/api/stories/${id}`)).toMatchObject({
      status: 404,
      body: { success: false, error: { code: 'not_found', details: { what: 'Story', id } } },
    });
  });
});

describe('POST /api/stories/:id/enhance', () => {
  it('returns the unfinished run, whoever asks how often', async () => {
    const { id, jobId, runJobId } = await createStory(api);
    const replies = await Promise.all([1, 2, 3].map(() => api.call('POST', `/api/stories/${id}/enhance`)));
    for (const { status, body } of replies)
      expect({ status, body }).toEqual({ status: 202, body: { success: true, data: { jobId, runJobId, deduplicated: true } } });
  });

  it('hands `force` on', async () => {
    const { id, runJobId } = await createStory(api);
    expect((await api.call('DELETE', `/api/queue/${QUEUE}/jobs/${runJobId}`)).status).toBe(200);
    const { body } = await api.call('POST', `/api/stories/${id}/enhance`, { json: { force: true } });
    expect(body.data).toMatchObject({ deduplicated: false });
    const stored = await api.backend.queue(QUEUE).getJob(body.data.runJobId);
    expect(stored?.data.meta).toMatchObject({ force: true });
  });
});

describe('GET /api/stories/scoring/job/:jobId', () => {
  it('shows a job that waits, by both of its names', async () => {
    const { id, jobId, runJobId } = await createStory(api);
    const expected = { storyId: id, status: 'waiting', result: null, runJobId, source: 'queue', error: null };
    expect((await jobOf(jobId)).data.job).toMatchObject({ ...expected, id: jobId });
    expect((await jobOf(runJobId)).data.job).toMatchObject({ ...expected, id: runJobId });
  });

  it('is 404 for what is no job, for a story that does not exist, and for one that nobody asked to enhance', async () => {
    const local = await api.db.stories.create({
      ...seedStory,
      userId: null,
      localScores: { hypeScore: 1, ethicsScore: 1, reasons: [], version: '1' },
    });
    const ids = ['nonsense', `story-enhancement-${randomUUID()}`, `story-enhancement-${local.id}`];
    expect(await Promise.all(ids.map(async (id) => (await api.call('GET', `/api/stories/scoring/job/${id}`)).status))).toEqual([404, 404, 404]);
  });

  it('finds a run that a helper queued and no worker has begun', async () => {
    const { id, jobId } = await createStory(api);
    await api.db.stories.queued(id, 'story-enhancement-of-old');
    expect((await jobOf(jobId)).data.job).toMatchObject({ status: 'waiting', source: 'queue', runJobId: expect.stringContaining(id) });
  });

  it('is answered from the story once the queue has forgotten the job', async () => {
    const { id, jobId, runJobId } = await createStory(api);
    await api.backend.queue(QUEUE).remove(runJobId);
    const stored = { provider: 'local', model: 'local-1', promptVersion: '1' };
    await api.db.stories.begin(id, { runId: 'run', jobId: runJobId });
    expect((await jobOf(jobId)).data.job).toMatchObject({ status: 'active', source: 'story', result: null });
    await api.db.stories.record(id, 'run', { ...refined, ...stored }, 'hash');
    const expected = {
      storyId: id,
      status: 'completed',
      result: { success: true, storyId: id, enhancedScores: refined, processingTime: null, ...stored },
      createdAt: expect.stringMatching(ISO),
      updatedAt: expect.stringMatching(ISO),
      runJobId,
      error: null,
      source: 'story',
    };
    expect((await jobOf(jobId)).data.job).toEqual({ id: jobId, ...expected });
    expect((await jobOf(runJobId)).data.job).toEqual({ id: runJobId, ...expected });
  });
});

describe('an enhancement from end to end', () => {
  it('shows progress and then the result, as in seed 002', async () => {
    const other = await startApi();
    const opened = gate();
    await other.work(async ({ storyId }: { storyId: string }, context: JobContext) => {
      context.progress({ progress: 1, total: 2, current_step: 'asking' });
      await opened.opened;
      return storyResultOf(storyId);
    });
    const { id, jobId, runJobId } = await createStory(other);
    const job = async () => (await other.call('GET', `/api/stories/scoring/job/${jobId}`)).body;
    await eventually(async () =>
      expect((await job()).data.job).toMatchObject({ status: 'active', progress: { progress: 1, total: 2, current_step: 'asking' } }),
    );
    opened.open();
    const { contentHash: _, ...result } = storyResultOf(id);
    await eventually(async () =>
      expect(await job()).toEqual({
        success: true,
        data: {
          job: {
            id: jobId,
            storyId: id,
            status: 'completed',
            result,
            createdAt: expect.stringMatching(ISO),
            updatedAt: expect.stringMatching(ISO),
            runJobId,
            attemptsMade: 1,
            attempts: 3,
            progress: { progress: 1, total: 2, current_step: 'asking' },
            error: null,
            source: 'queue',
          },
        },
      }),
    );
    expect((await other.call('GET', '/api/worker/health')).body).toEqual({ healthy: true, lastPoll: expect.any(Number) });
    expect((await other.call('GET', '/api/stories/scoring/stats')).body).toEqual({
      success: true,
      data: { stats: { totalJobs: 1, pendingJobs: 0, completedJobs: 1, failedJobs: 0, openAIConfigured: false, queueSize: 0, activeJobs: 0 } },
    });
    await other.stop();
  });
});

describe('the other scoring routes', () => {
  it('stats count what waits, runs and ended', async () => {
    const other = await startApi({
      deps: { ai: { openAiConfigured: true, testOpenAi: async () => ({ configured: true, ok: true, message: 'fine' }) } },
    });
    await Promise.all([createStory(other), createStory(other)]);
    expect((await other.call('GET', '/api/stories/scoring/stats')).body).toEqual({
      success: true,
      data: { stats: { totalJobs: 2, pendingJobs: 2, completedJobs: 0, failedJobs: 0, openAIConfigured: true, queueSize: 2, activeJobs: 0 } },
    });
    expect((await other.call('GET', '/api/stories/scoring/openai/test')).body).toEqual({
      success: true,
      data: { configured: true, ok: true, message: 'fine' },
    });
    await other.stop();
  });

  it('the OpenAI test says so when no key is configured', async () => {
    expect(await api.call('GET', '/api/stories/scoring/openai/test')).toMatchObject({
      status: 200,
      body: { success: true, data: { configured: false, ok: false, message: 'OPENAI_API_KEY is not set' } },
    });
  });
});
