import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestUser } from '../support/users.ts';
import { analyse, createConversation, storedTexts } from './conversation-world.ts';
import { type Api, startApi } from './world.ts';

let api: Api;
let alice: TestUser;
let bob: TestUser;
beforeAll(async () => {
  api = await startApi();
  [alice, bob] = [await api.db.signUp(), await api.db.signUp()];
});
afterAll(() => api.stop());

describe('POST /api/conversations', () => {
  it('stores a user’s conversation with its first answers', async () => {
    const responses = ['More trees', { text: 'Buses at night', externalId: '17' }, '', 'More trees'];
    const { status, headers, body } = await api.call('POST', '/api/conversations', { jwt: alice.jwt, json: { title: 'Our town', responses } });
    const { conversation } = body.data;
    expect([status, body.data]).toEqual([
      201,
      {
        conversation: {
          id: conversation.id,
          userId: alice.id,
          title: 'Our town',
          analysisStatus: 'idle',
          analysisError: null,
          analysisJobId: null,
          analysedAt: null,
          createdAt: expect.any(String),
          updatedAt: expect.any(String),
        },
        added: 4,
        skipped: 0,
      },
    ]);
    expect(headers.get('location')).toBe(`/api/conversations/${conversation.id}`);
    expect(await storedTexts(api, conversation.id)).toEqual(['More trees', 'Buses at night', '', 'More trees']);
  });

  it('answers the one that is there for the same id, and refuses an id of somebody else', async () => {
    const id = randomUUID();
    const json = { id, title: 'Mine', responses: [{ text: 'once', externalId: 'a' }] };
    const [first, second] = [
      await api.call('POST', '/api/conversations', { jwt: alice.jwt, json }),
      await api.call('POST', '/api/conversations', { jwt: alice.jwt, json }),
    ];
    expect([first.status, second.status, second.body.data.added, second.body.data.skipped]).toEqual([201, 200, 0, 1]);
    expect((await api.call('POST', '/api/conversations', { jwt: bob.jwt, json })).status).toBe(400);
    expect(await storedTexts(api, id)).toEqual(['once']);
  });

  it('is for the user that a service acts for, or for nobody', async () => {
    const acting = await api.call('POST', '/api/conversations', { json: { title: 'For Alice' }, headers: { 'x-user-id': alice.id } });
    const own = await api.call('POST', '/api/conversations', { json: { title: 'Of the service' } });
    expect([acting.body.data.conversation.userId, own.body.data.conversation.userId]).toEqual([alice.id, null]);
  });

  it('400 names the field', async () => {
    const replies = [];
    for (const json of [{}, { title: ' ' }, { title: 'x', id: 'mine' }, { title: 'x', responses: ['a', 7] }, { title: 'x', answers: [] }])
      replies.push(await api.call('POST', '/api/conversations', { json }));
    expect(replies.map(({ status, body }) => [status, body.error.details.issues[0].path])).toEqual([
      [400, 'body.title'],
      [400, 'body.title'],
      [400, 'body.id'],
      [400, 'body.responses.1'],
      [400, 'body'],
    ]);
  });
});

describe('GET /api/conversations', () => {
  it('lists a user’s own, newest first, page by page', async () => {
    const user = await api.db.signUp();
    const ids = [];
    for (const title of ['one', 'two', 'three']) ids.push(await createConversation(api, { jwt: user.jwt, title }));
    const first = await api.call('GET', '/api/conversations?limit=2', { jwt: user.jwt });
    const second = await api.call('GET', `/api/conversations?limit=2&cursor=${first.body.data.nextCursor}`, { headers: { 'x-user-id': user.id } });
    const titles = [first, second].map(({ body }) => body.data.conversations.map(({ title }: { title: string }) => title));
    expect([titles, second.body.data.nextCursor]).toEqual([[['three', 'two'], ['one']], null]);
  });
});

describe('GET /api/conversations/:id', () => {
  it('shows state, counts, the latest analysis, and the latest job with its progress', async () => {
    const id = await createConversation(api, { jwt: alice.jwt, responses: ['trees', 'trees', 'buses', 'odd', ''] });
    const before = await api.call('GET', `/api/conversations/${id}`, { jwt: alice.jwt });
    expect([before.body.data.job, before.body.data.conversation.analysis, before.body.data.counts.total]).toEqual([null, null, 5]);
    const { jobId } = await analyse(api, id, ['Trees', 'Buses'], (text) => ({ trees: 0, buses: 1, odd: -1 })[text]);
    const again = await api.call('POST', `/api/conversations/${id}/analysis`, { jwt: alice.jwt, json: {} });
    const { data } = (await api.call('GET', `/api/conversations/${id}`, { jwt: alice.jwt })).body;
    expect(data.conversation).toMatchObject({ analysisStatus: 'queued', analysisJobId: jobId, analysis: { outcome: 'themes' } });
    expect(data.counts).toEqual({ total: 5, counted: 3, duplicates: 1, notAnalysed: 1, outliers: 1, themes: 2 });
    expect(data.job).toMatchObject({ id: again.body.data.job.id, status: 'queued', attempts: 0, error: null });
    await api.db.jobRows.begin({ table: 'conversation_analysis_jobs', id: data.job.id, run: 1, runId: 'r', attempt: 1 });
    await api.db.jobRows.progress({
      table: 'conversation_analysis_jobs',
      id: data.job.id,
      runId: 'r',
      progress: 2,
      total: 5,
      currentStep: 'reducing',
    });
    const running = (await api.call('GET', `/api/conversations/${id}`, { jwt: alice.jwt })).body.data.job;
    expect(running).toMatchObject({ status: 'processing', progress: { progress: 2, total: 5, current_step: 'reducing' } });
  });
});

describe('POST /api/conversations/:id/analysis', () => {
  it('stores what was asked for, and the job reaches the queue', async () => {
    const id = await createConversation(api, { jwt: alice.jwt, responses: ['a'] });
    const json = { k: 8, seed: 7, renameThemes: true };
    const { status, headers, body } = await api.call('POST', `/api/conversations/${id}/analysis`, {
      jwt: alice.jwt,
      json,
      headers: { 'x-correlation-id': 'from-the-app' },
    });
    const { job } = body.data;
    expect([status, body.data]).toEqual([201, { job: { id: job.id, status: 'queued' }, deduplicated: false }]);
    expect(headers.get('location')).toBe(`/api/queue/conversation-analysis/jobs/${job.id}`);
    await api.relay.runOnce();
    const sent = await api.backend.queue('conversation-analysis').getJob(job.id);
    expect(sent?.data).toMatchObject({ payload: { conversationId: id, ...json }, meta: { userId: alice.id, correlationId: 'from-the-app' } });
    expect((await api.call('GET', `/api/queue/conversation-analysis/jobs/${job.id}`, { jwt: alice.jwt })).status).toBe(200);
  });

  it('while one is under way that one is the answer, also for many at once', async () => {
    const id = await createConversation(api, { jwt: alice.jwt, responses: ['a'] });
    const replies = await Promise.all([1, 2, 3].map(() => api.call('POST', `/api/conversations/${id}/analysis`, { jwt: alice.jwt })));
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 200, 201]);
    expect(new Set(replies.map(({ body }) => body.data.job.id)).size).toBe(1);
  });

  it('the same idempotency key answers the same job, also after it has ended', async () => {
    const id = await createConversation(api, { jwt: alice.jwt, responses: ['a'] });
    const headers = { 'idempotency-key': 'first' };
    const first = await api.call('POST', `/api/conversations/${id}/analysis`, { jwt: alice.jwt, headers });
    await api.db.jobRows.cancel('conversation_analysis_jobs', first.body.data.job.id, 'enough');
    const again = await api.call('POST', `/api/conversations/${id}/analysis`, { jwt: alice.jwt, headers });
    const other = await api.call('POST', `/api/conversations/${id}/analysis`, { jwt: alice.jwt });
    expect([again.status, again.body.data]).toEqual([200, { job: { id: first.body.data.job.id, status: 'cancelled' }, deduplicated: true }]);
    expect(other.status).toBe(201);
  });

  it('400 for wishes that no analysis could meet, naming the field', async () => {
    const id = await createConversation(api, { jwt: alice.jwt });
    const replies = [];
    for (const json of [{ k: 0 }, { minK: 9, maxK: 3 }, { seed: -1 }, { K: 3 }])
      replies.push(await api.call('POST', `/api/conversations/${id}/analysis`, { jwt: alice.jwt, json }));
    expect(replies.map(({ status, body }) => [status, body.error.details.issues[0].path])).toEqual([
      [400, 'body.k'],
      [400, 'body.minK'],
      [400, 'body.seed'],
      [400, 'body'],
    ]);
  });

  it('POST /api/queue/conversation-analysis/jobs does the same, for users and for services', async () => {
    const [own, nobodys] = [await createConversation(api, { jwt: alice.jwt }), await createConversation(api)];
    const ask = (conversationId: string, options = {}) =>
      api.call('POST', '/api/queue/conversation-analysis/jobs', { json: { name: 'analyze', payload: { conversationId, k: 3 } }, ...options });
    const replies = [await ask(own, { jwt: bob.jwt }), await ask(own, { jwt: alice.jwt }), await ask(own, { jwt: alice.jwt }), await ask(nobodys)];
    expect(replies.map(({ status }) => status)).toEqual([404, 201, 200, 201]);
    const row = await api.db.jobRows.get('conversation_analysis_jobs', replies[1]?.body.data.jobId);
    expect(row).toMatchObject({ payload: { conversationId: own, k: 3 }, userId: alice.id });
  });
});

describe('what belongs to somebody else', () => {
  it('answers like what does not exist, on every route', async () => {
    const id = await createConversation(api, { jwt: alice.jwt, responses: ['trees', 'buses'] });
    const { themes } = await analyse(api, id, ['Trees', 'Buses'], (_, index) => index);
    const csv = { text: 'id,text\n1,mine now\n', headers: { 'content-type': 'text/csv' } };
    const routes: [string, string, object?][] = [
      ['GET', ''],
      ['POST', '/responses', { json: { responses: ['mine now'] } }],
      ['POST', '/responses', csv],
      ['POST', '/analysis', { json: {} }],
      ['GET', '/themes'],
      ['PATCH', `/themes/${themes[0]?.id}`, { json: { name: 'Mine' } }],
      ['POST', '/themes/merge', { json: { themeIds: themes.map((theme) => theme.id) } }],
      ['GET', '/map'],
      ['GET', '/map?format=svg'],
      ['GET', '/export?format=csv'],
    ];
    const before = await api.call('GET', `/api/conversations/${id}/export`, { jwt: alice.jwt });
    for (const [method, path, more] of routes) {
      const [user, acting, nowhere] = [
        await api.call(method, `/api/conversations/${id}${path}`, { jwt: bob.jwt, ...more }),
        await api.call(method, `/api/conversations/${id}${path}`, {
          headers: { 'x-user-id': bob.id, ...(more === csv ? csv.headers : {}) },
          ...withoutHeaders(more),
        }),
        await api.call(method, `/api/conversations/${randomUUID()}${path}`, { jwt: bob.jwt, ...more }),
      ];
      expect([method, path, user.status, acting.status, nowhere.status, user.body.error.code]).toEqual([method, path, 404, 404, 404, 'not_found']);
    }
    expect((await api.call('GET', `/api/conversations/${id}/export`, { jwt: alice.jwt })).body).toEqual(before.body);
    expect((await api.call('GET', '/api/conversations/not-a-uuid', { jwt: bob.jwt })).status).toBe(400);
  });
});

function withoutHeaders(more: object = {}): object {
  return Object.fromEntries(Object.entries(more).filter(([name]) => name !== 'headers'));
}
