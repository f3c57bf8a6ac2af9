import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PermanentError } from '../../lib/errors.ts';
import type { JobContext } from '../../lib/queue/processor.ts';
import { gate } from '../support/queue-world.ts';
import { type Api, createStory, eventually, QUEUE, startApi, storyResultOf } from './world.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const enqueue = (payload: unknown, more: { options?: object; name?: string; headers?: Record<string, string>; jwt?: string } = {}) => {
  const { options, name = 'enhance', ...rest } = more;
  return api.call('POST', `/api/queue/${QUEUE}/jobs`, { json: { name, payload, ...(options ? { options } : {}) }, ...rest });
};

describe('POST /api/queue/:queue/jobs', () => {
  it('puts a job on the queue', async () => {
    const storyId = randomUUID();
    const { status, body } = await enqueue({ storyId }, { options: { userId: 'user-1', correlationId: 'mine', delay: 60_000 } });
    expect({ status, body }).toEqual({
      status: 201,
      body: { success: true, data: { queue: QUEUE, jobId: expect.stringContaining(storyId), deduplicated: false } },
    });
    expect(await api.queue.getJob(QUEUE, body.data.jobId)).toMatchObject({
      state: 'delayed',
      userId: 'user-1',
      correlationId: 'mine',
      payload: { storyId },
    });
  });

  it('asked again, answers 200 with the job that is there', async () => {
    const storyId = randomUUID();
    const first = await enqueue({ storyId });
    const second = await enqueue({ storyId });
    expect([first.status, second.status, second.body.data.deduplicated, second.body.data.jobId]).toEqual([201, 200, true, first.body.data.jobId]);
  });

  it.each(['option', 'header'])('repeated with the same idempotency key (%s), makes the job once even after it ended', async (way) => {
    const storyId = randomUUID();
    const more = way === 'option' ? { options: { idempotencyKey: 'once' } } : { headers: { 'idempotency-key': 'once' } };
    const first = await enqueue({ storyId }, more);
    await api.backend.queue(QUEUE).removeDeduplicationKey(`story-enhancement-${storyId}`);
    const second = await enqueue({ storyId }, more);
    expect([first.body.data.deduplicated, second.body.data.deduplicated, second.body.data.jobId]).toEqual([false, true, first.body.data.jobId]);
  });

  it('404 for an unknown queue, listing the queues', async () => {
    const { status, body } = await api.call('POST', '/api/queue/stories/jobs', { json: { name: 'enhance', payload: {} } });
    expect([status, body.error.code]).toEqual([404, 'unknown_queue']);
    expect(body.error.message).toContain('story-enhancement');
    expect(body.error.details.queues).toHaveLength(8);
  });

  it('400 for an unknown name, a payload or an option that does not fit, naming the field', async () => {
    const replies = await Promise.all([
      enqueue({}, { name: 'improve' }),
      enqueue({ storyId: 'x' }),
      enqueue({ storyId: randomUUID() }, { options: { delay: -1 } }),
      enqueue({ storyId: randomUUID() }, { options: { dealy: 1 } }),
      enqueue({ storyId: randomUUID() }, { options: { jobId: 'a:b' } }),
    ]);
    expect(replies.map(({ status, body }) => [status, body.error.details.issues[0].path])).toEqual([
      [400, 'body.name'],
      [400, 'storyId'],
      [400, 'body.options.delay'],
      [400, 'body.options'],
      [400, 'jobId'],
    ]);
    expect(replies[0]?.body.error.message).toContain('must be one of enhance');
  });

  it('takes review jobs: paid by the user, at the price, once per idempotency key', async () => {
    const user = await api.db.signUp();
    await api.db.credits.grant({ userId: user.id, amount: 3 });
    const ask = (json: object, more: object = {}) => api.call('POST', '/api/queue/review-ai/jobs', { json, jwt: user.jwt, ...more });
    const body = { name: 'sentiment_analysis', payload: { text: 'Lovely.' }, options: { idempotencyKey: 'once' } };
    const [first, again] = [await ask(body), await ask(body)];
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.body.data).toEqual({ queue: 'review-ai', jobId: first.body.data.jobId, deduplicated: true });
    expect(await api.db.reviewJobs.get(first.body.data.jobId)).toMatchObject({ userId: user.id, creditsCost: 1, status: 'pending' });
    expect(await ask({ ...body, payload: { text: 'Awful.' } })).toMatchObject({ status: 409, body: { error: { code: 'idempotency_key_reused' } } });
    const byService = { name: 'ai_generation', payload: { review_text: 'Fine.' }, options: { userId: user.id, jobId: randomUUID() } };
    expect(await ask(byService, { jwt: undefined })).toMatchObject({ status: 201, body: { data: { jobId: byService.options.jobId } } });
    const short = { code: 'insufficient_credits', details: { cost: 2, balance: 0 } };
    expect(await ask({ name: 'ai_generation', payload: { review_text: 'Fine.' } })).toMatchObject({ status: 402, body: { error: short } });
    expect(await api.db.credits.balance(user.id)).toBe(0);
  });

  it('refuses review jobs that nobody pays for, ids that are no uuids, and priorities of users', async () => {
    const user = await api.db.signUp();
    const ask = (options: object, more: object = {}) =>
      api.call('POST', '/api/queue/review-ai/jobs', { json: { name: 'sentiment_analysis', payload: { text: 'Lovely.' }, options }, ...more });
    const replies = [await ask({}), await ask({ userId: 'somebody' }), await ask({ userId: user.id, jobId: 'mine' })];
    expect(replies.map(({ status, body }) => [status, body.error.details.issues[0].path])).toEqual([
      [400, 'body.options.userId'],
      [400, 'body.options.userId'],
      [400, 'body.options.jobId'],
    ]);
    expect((await ask({ priority: 1 }, { jwt: user.jwt })).status).toBe(403);
  });

  it('a user may ask for own stories only, and never in another’s name', async () => {
    const [alice, bob] = [await api.db.signUp(), await api.db.signUp()];
    const { id } = await createStory(api, { jwt: alice.jwt });
    expect((await enqueue({ storyId: id }, { jwt: bob.jwt })).status).toBe(404);
    expect((await enqueue({ storyId: id }, { headers: { 'x-user-id': bob.id } })).status).toBe(404);
    await api.call('DELETE', `/api/queue/${QUEUE}/jobs/story-enhancement-${id}`);
    const { status, body } = await enqueue({ storyId: id }, { jwt: alice.jwt, options: { userId: bob.id } });
    expect(status).toBe(201);
    expect((await api.queue.getJob(QUEUE, body.data.jobId))?.userId).toBe(alice.id);
  });
});

describe('GET /api/queue/stats', () => {
  it('has the body of seed 004, for all eight queues', async () => {
    const { status, body } = await api.call('GET', '/api/queue/stats');
    const counts = { waiting: 0, active: 0, completed: 0, failed: 0, delayed: 0, waitingChildren: 0, paused: false };
    expect([status, body.success]).toEqual([200, true]);
    expect(Object.keys(body.stats)).toEqual([
      'conversationAnalysis',
      'gmailFetch',
      'storyEnhancement',
      'reviewAi',
      'dailyBrief',
      'documentProcessing',
      'emailProcessing',
      'sourceSync',
    ]);
    expect(body.stats.dailyBrief).toEqual(counts);
    expect(body.stats.storyEnhancement).toEqual({ ...counts, waiting: expect.any(Number), delayed: expect.any(Number) });
    expect(body.stats.storyEnhancement.waiting).toBeGreaterThan(0);
  });
});

describe('one job', () => {
  it('is shown with what is known of it', async () => {
    const { id, runJobId } = await createStory(api);
    const { status, body } = await api.call('GET', `/api/queue/${QUEUE}/jobs/${runJobId}`);
    expect(status).toBe(200);
    expect(body.data.job).toEqual({
      id: runJobId,
      queue: QUEUE,
      name: 'enhance',
      state: 'waiting',
      payload: { storyId: id },
      correlationId: expect.any(String),
      attemptsMade: 0,
      attempts: 3,
      createdAt: expect.any(String),
    });
  });

  it('is 404 when unknown', async () => {
    expect(await api.call('GET', `/api/queue/${QUEUE}/jobs/nothing`)).toMatchObject({
      status: 404,
      body: { error: { code: 'not_found', details: { id: 'nothing' } } },
    });
    expect(await api.call('GET', '/api/queue/nothing/jobs/nothing')).toMatchObject({ status: 404, body: { error: { code: 'unknown_queue' } } });
  });

  it('that waits is cancelled with 200, stays known as cancelled, and can be retried', async () => {
    const { runJobId } = await createStory(api);
    const path = `/api/queue/${QUEUE}/jobs/${runJobId}`;
    expect(await api.call('DELETE', `${path}?reason=changed+my+mind`)).toMatchObject({
      status: 200,
      body: { success: true, data: { jobId: runJobId, outcome: 'cancelled' } },
    });
    expect((await api.call('GET', path)).body.data.job).toMatchObject({ state: 'cancelled', error: 'changed my mind' });
    const retried = await api.call('POST', `${path}/retry`);
    expect([retried.status, retried.body]).toEqual([202, { success: true, data: { queue: QUEUE, jobId: runJobId, deduplicated: false } }]);
    expect((await api.call('GET', path)).body.data.job.state).toBe('waiting');
    expect(await api.call('POST', `${path}/retry`)).toMatchObject({ status: 409, body: { error: { code: 'not_failed' } } });
  });

  it('is 404 for retry and cancel when it vanishes in between', async () => {
    const { runJobId } = await createStory(api);
    const queue = { ...api.queue, cancelJob: async () => 'not_found' as const, retryJob: async () => ({ outcome: 'not_found' as const }) };
    const other = await startApi({ deps: { queue } });
    expect((await other.call('DELETE', `/api/queue/${QUEUE}/jobs/${runJobId}`)).status).toBe(404);
    expect((await other.call('POST', `/api/queue/${QUEUE}/jobs/${runJobId}/retry`)).status).toBe(404);
    await other.stop();
  });

  it('that runs is cancelled with 202, and with 409 once it has ended; the failed ones are listed', async () => {
    const other = await startApi();
    const opened = gate();
    await other.work(async ({ storyId }: { storyId: string }, { meta }: JobContext) => {
      if (meta.correlationId === 'fail') throw new PermanentError('the story is beyond help');
      await opened.opened;
      return storyResultOf(storyId);
    });
    const [running, failing] = [await createStory(other), await createStory(other, { headers: { 'x-correlation-id': 'fail' } })];
    const pathOf = ({ runJobId }: { runJobId: string }) => `/api/queue/${QUEUE}/jobs/${runJobId}`;
    const stateOf = async (story: { runJobId: string }) => (await other.call('GET', pathOf(story))).body.data.job.state;
    await eventually(async () => expect([await stateOf(running), await stateOf(failing)]).toEqual(['active', 'failed']));
    expect(await other.call('DELETE', pathOf(running))).toMatchObject({ status: 202, body: { success: true, data: { outcome: 'cancelling' } } });
    expect(await other.call('DELETE', pathOf(failing))).toMatchObject({ status: 409, body: { error: { code: 'finished' } } });
    opened.open();

    const failed = (await other.call('GET', `/api/queue/${QUEUE}/jobs?state=failed`)).body.data.jobs;
    expect(failed).toContainEqual(expect.objectContaining({ id: failing.runJobId, state: 'failed', error: 'the story is beyond help' }));
    expect(await other.call('GET', `/api/queue/${QUEUE}/jobs`)).toMatchObject({
      status: 400,
      body: { error: { details: { issues: [{ path: 'query.state' }] } } },
    });

    const deadLetters = (await other.call('GET', '/api/dead-letters')).body.data.deadLetters;
    expect(deadLetters).toMatchObject([
      { queue: QUEUE, jobId: failing.runJobId, run: 1, error: 'the story is beyond help', payload: { storyId: failing.id } },
    ]);
    await other.stop();
  });
});
