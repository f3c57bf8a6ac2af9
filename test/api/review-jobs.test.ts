import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PermanentError } from '../../lib/errors.ts';
import { rowJob } from '../../lib/relay/row-job.ts';
import { gate } from '../support/queue-world.ts';
import type { TestUser } from '../support/users.ts';
import { type Api, type CallOptions, eventually, startApi } from './world.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const review = { type: 'ai_generation', payload: { review_text: 'Great service!', tone: 'friendly' } };
const sentiment = { type: 'sentiment_analysis', payload: { text: 'I love it.' } };

async function userWith(credits: number): Promise<TestUser> {
  const user = await api.db.signUp();
  if (credits > 0) await api.db.credits.grant({ userId: user.id, amount: credits });
  return user;
}

const ask = (json: unknown, options: CallOptions = {}) => api.call('POST', '/api/jobs', { json, ...options });

/** What a user has, and every movement that led there. */
async function account({ id }: TestUser): Promise<{ balance: number; kinds: string[] }> {
  const { items } = await api.db.credits.ledger({ userId: id, limit: 50 });
  return { balance: await api.db.credits.balance(id), kinds: items.map(({ kind }) => kind).reverse() };
}

const jobsOf = async ({ id }: TestUser) => (await api.db.reviewJobs.list({ userId: id, limit: 100 })).items;

describe('POST /api/jobs', () => {
  it('takes the price and stores the job', async () => {
    const user = await userWith(10);
    const { status, headers, body } = await ask(review, { jwt: user.jwt, headers: { 'x-correlation-id': 'from-the-app' } });
    const { id } = body.data.job;
    expect({ status, body }).toEqual({
      status: 201,
      body: {
        success: true,
        data: { job: { id, userId: user.id, type: 'ai_generation', status: 'pending', creditsCost: 2 }, deduplicated: false, balance: 8 },
      },
    });
    expect(headers.get('location')).toBe(`/api/jobs/${id}`);
    await api.relay.runOnce();
    expect(await api.queue.getJob('review-ai', id)).toMatchObject({ userId: user.id, correlationId: 'from-the-app', payload: review.payload });
  });

  it('is for the user a service acts for, at another cost if the service says so', async () => {
    const user = await userWith(10);
    const headers = { 'x-user-id': user.id };
    const jobId = randomUUID();
    const { status, body } = await ask({ ...sentiment, cost: 7, options: { jobId, priority: 5, delay: 60_000 } }, { headers });
    expect([status, body.data.job, body.data.balance]).toEqual([201, { ...body.data.job, id: jobId, userId: user.id, creditsCost: 7 }, 3]);
    expect(await ask(sentiment)).toMatchObject({ status: 400, body: { error: { details: { issues: [{ path: 'headers.x-user-id' }] } } } });
  });

  it('402 with the balance when credits are short, and nothing has changed', async () => {
    const user = await userWith(1);
    const before = await account(user);
    expect(await ask(review, { jwt: user.jwt })).toMatchObject({
      status: 402,
      body: { success: false, error: { code: 'insufficient_credits', details: { balance: 1, cost: 2 } } },
    });
    expect([await account(user), await jobsOf(user)]).toEqual([before, []]);
    expect((await ask(sentiment, { jwt: user.jwt })).body.data.balance).toBe(0);
  });

  it('answers the same job for the same idempotency key, and 409 when it comes with another request', async () => {
    const user = await userWith(10);
    const headers = { 'idempotency-key': 'order-1' };
    const replies = await Promise.all([1, 2, 3].map(() => ask(review, { jwt: user.jwt, headers })));
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 200, 201]);
    expect(new Set(replies.map(({ body }) => body.data.job.id)).size).toBe(1);
    const inBody = await ask({ ...review, idempotencyKey: 'order-1' }, { jwt: user.jwt });
    expect([inBody.status, inBody.body.data.deduplicated, inBody.body.data.balance]).toEqual([200, true, 8]);
    expect(await ask(sentiment, { jwt: user.jwt, headers })).toMatchObject({ status: 409, body: { error: { code: 'idempotency_key_reused' } } });
    expect(await account(user)).toEqual({ balance: 8, kinds: ['grant', 'reserve'] });
    const other = await userWith(2);
    expect((await ask(review, { jwt: other.jwt, headers })).status).toBe(201);
  });

  it('400 for what no worker could run, naming the field; nothing is charged', async () => {
    const user = await userWith(10);
    const replies = [];
    for (const json of [
      { type: 'translation', payload: {} },
      { type: 'ai_generation' },
      { type: 'ai_generation', payload: { review_text: ' ' } },
      { type: 'ai_generation', payload: { review_text: 'Great!', max_length: 1 } },
      { ...sentiment, options: { jobId: 'mine' } },
      { ...sentiment, options: { dealy: 1 } },
    ])
      replies.push(await ask(json, { jwt: user.jwt }));
    expect(replies.map(({ status, body }) => [status, body.error.details.issues[0].path])).toEqual([
      [400, 'body.type'],
      [400, 'body.payload'],
      [400, 'body.payload.review_text'],
      [400, 'body.payload.max_length'],
      [400, 'body.options.jobId'],
      [400, 'body.options'],
    ]);
    expect(replies[0]?.body.error.message).toContain('must be one of ai_generation, review_processing, prompt_analysis, sentiment_analysis');
    expect(await account(user)).toEqual({ balance: 10, kinds: ['grant'] });
  });

  it('lets users name neither cost nor priority, nor the id of a job that is somebody else’s', async () => {
    const [alice, bob] = [await userWith(2), await userWith(2)];
    expect((await ask({ ...sentiment, cost: 0 }, { jwt: alice.jwt })).status).toBe(403);
    expect((await ask({ ...sentiment, options: { priority: 0 } }, { jwt: alice.jwt })).status).toBe(403);
    const { id } = (await ask(sentiment, { jwt: alice.jwt })).body.data.job;
    expect((await ask({ ...sentiment, options: { jobId: id } }, { jwt: bob.jwt })).status).toBe(400);
    expect(await account(bob)).toEqual({ balance: 2, kinds: ['grant'] });
  });
});

describe('GET /api/jobs', () => {
  it('lists the newest first, page by page, by type and status', async () => {
    const user = await userWith(10);
    const ids: string[] = [];
    for (const body of [review, sentiment, sentiment]) ids.unshift((await ask(body, { jwt: user.jwt })).body.data.job.id);
    await api.call('DELETE', `/api/jobs/${ids[0]}`, { jwt: user.jwt });
    const list = async (query: string, options: CallOptions = { jwt: user.jwt }) => (await api.call('GET', `/api/jobs${query}`, options)).body.data;
    const first = await list('?limit=2');
    const second = await list(`?limit=2&cursor=${first.nextCursor}`);
    expect([...first.jobs, ...second.jobs].map(({ id }) => id)).toEqual(ids);
    expect(second.nextCursor).toBeNull();
    const idsOf = ({ jobs }: { jobs: { id: string }[] }) => jobs.map(({ id }) => id);
    expect(idsOf(await list('?type=sentiment_analysis'))).toEqual(ids.slice(0, 2));
    expect(idsOf(await list('?type=sentiment_analysis&status=cancelled', { headers: { 'x-user-id': user.id } }))).toEqual(ids.slice(0, 1));
    expect((await api.call('GET', '/api/jobs?status=done')).body.error.details.issues[0].path).toBe('query.status');
  });

  it('shows one whole', async () => {
    const user = await userWith(2);
    const { id } = (await ask(review, { jwt: user.jwt })).body.data.job;
    expect((await api.call('GET', `/api/jobs/${id}`, { jwt: user.jwt })).body).toEqual({
      success: true,
      data: {
        job: {
          id,
          userId: user.id,
          ...review,
          status: 'pending',
          result: null,
          error: null,
          attempts: 0,
          run: 1,
          creditsCost: 2,
          creditsState: 'held',
          createdAt: expect.any(String),
          startedAt: null,
          finishedAt: null,
          updatedAt: expect.any(String),
        },
      },
    });
    expect((await api.call('GET', `/api/jobs/${randomUUID()}`)).status).toBe(404);
    expect((await api.call('GET', '/api/jobs/17')).body.error.details.issues[0].path).toBe('params.id');
  });
});

describe('two users', () => {
  it('cannot see, cancel or retry each other’s jobs, nor pay with each other’s credits', async () => {
    const [alice, bob] = [await userWith(2), await userWith(2)];
    const { id } = (await ask(review, { jwt: alice.jwt })).body.data.job;
    const asBob: CallOptions[] = [{ jwt: bob.jwt }, { headers: { 'x-user-id': bob.id } }];
    const paths = [`/api/jobs/${id}`, `/api/queue/review-ai/jobs/${id}`];
    for (const moved of [false, true]) {
      if (moved) await api.relay.runOnce();
      for (const options of asBob)
        for (const path of paths) {
          const replies = [
            await api.call('GET', path, options),
            await api.call('POST', `${path}/retry`, options),
            await api.call('DELETE', path, options),
          ];
          expect(replies.map(({ status }) => status)).toEqual([404, 404, 404]);
        }
    }
    for (const options of asBob) expect((await api.call('GET', '/api/jobs', options)).body.data.jobs).toEqual([]);
    expect((await ask(review, { jwt: bob.jwt, headers: { 'x-user-id': alice.id } })).status).toBe(403);
    expect((await api.db.reviewJobs.get(id))?.status).toBe('pending');
    expect([await account(alice), await account(bob)]).toMatchObject([{ balance: 0 }, { balance: 2 }]);
    for (const path of paths) expect((await api.call('GET', path, { jwt: alice.jwt })).status).toBe(200);
  });
});

describe('DELETE and retry', () => {
  it('a job that waits is cancelled, its credits come back once, and a retry takes them again', async () => {
    const user = await userWith(2);
    const { id } = (await ask(review, { jwt: user.jwt })).body.data.job;
    const path = `/api/jobs/${id}`;
    const cancelled = { status: 200, body: { success: true, data: { jobId: id, outcome: 'cancelled', balance: 2 } } };
    expect(await api.call('DELETE', `${path}?reason=changed+my+mind`, { jwt: user.jwt })).toMatchObject(cancelled);
    expect(await api.call('DELETE', path, { jwt: user.jwt })).toMatchObject(cancelled);
    expect((await api.call('GET', path, { jwt: user.jwt })).body.data.job).toMatchObject({
      status: 'cancelled',
      error: 'changed my mind',
      creditsState: 'released',
    });
    await api.relay.runOnce();
    expect(await api.backend.queue('review-ai').getJob(id)).toBeUndefined();
    const retried = await api.call('POST', `${path}/retry`, { jwt: user.jwt });
    expect([retried.status, retried.body.data]).toEqual([202, { jobId: id, deduplicated: false, balance: 0 }]);
    expect((await api.call('POST', `${path}/retry`, { jwt: user.jwt })).body.error.code).toBe('not_failed');
    expect(await account(user)).toEqual({ balance: 0, kinds: ['grant', 'reserve', 'release', 'reserve'] });
  });

  it.each(['/api/jobs', '/api/queue/review-ai/jobs'])('a retry under %s is 402 when the credits have gone elsewhere', async (route) => {
    const user = await userWith(2);
    const { id } = (await ask(review, { jwt: user.jwt })).body.data.job;
    await api.call('DELETE', `/api/jobs/${id}`, { jwt: user.jwt });
    await ask(sentiment, { jwt: user.jwt });
    expect(await api.call('POST', `${route}/${id}/retry`, { jwt: user.jwt })).toMatchObject({
      status: 402,
      body: { error: { code: 'insufficient_credits', details: { balance: 1, cost: 2 } } },
    });
    expect((await api.db.reviewJobs.get(id))?.status).toBe('cancelled');
  });

  it('from end to end: a result settles the credits, a failure gives them back, a running job is stopped', async () => {
    const other = await startApi();
    const stopped = gate();
    const work = rowJob<{ text: string }, object, never>('jobs', async ({ text }, { signal }) => {
      if (text === 'fail') throw new PermanentError('the review is beyond help');
      if (text !== 'hang')
        return { label: 'positive', score: 1, sentences: [], language: 'en', provider: 'local', model: 'm', promptVersion: '1', notes: [] };
      const aborted = Promise.withResolvers<never>();
      signal.addEventListener('abort', () => {
        stopped.open();
        aborted.reject(signal.reason);
      });
      return aborted.promise;
    });
    await other.work(work, 'review-ai');
    const user = await userWith(3);
    const create = async (text: string): Promise<string> => {
      const { body } = await other.call('POST', '/api/jobs', { jwt: user.jwt, json: { type: 'sentiment_analysis', payload: { text } } });
      return body.data.job.id;
    };
    const ids = [await create('done'), await create('fail'), await create('hang')] as const;
    await other.relay.runOnce();
    const jobs = () => Promise.all(ids.map(async (id) => (await other.call('GET', `/api/jobs/${id}`, { jwt: user.jwt })).body.data.job));
    await eventually(async () => expect((await jobs()).map(({ status }) => status)).toEqual(['completed', 'failed', 'processing']));
    const [done, failed] = await jobs();
    expect(done).toMatchObject({ result: { label: 'positive' }, creditsState: 'settled', attempts: 1 });
    expect(failed).toMatchObject({ error: 'the review is beyond help', creditsState: 'released' });
    const statuses = [];
    for (const id of ids) statuses.push((await other.call('DELETE', `/api/jobs/${id}`, { jwt: user.jwt })).status);
    expect(statuses).toEqual([409, 409, 202]);
    await stopped.opened;
    expect(await account(user)).toMatchObject({ balance: 2 });
    expect((await jobs()).map(({ status }) => status)).toEqual(['completed', 'failed', 'cancelled']);
    await other.stop();
  });
});
