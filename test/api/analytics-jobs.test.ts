import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../lib/db/mail-types.ts';
import { UnavailableError } from '../../lib/errors.ts';
import { rowJob } from '../../lib/relay/row-job.ts';
import { gate } from '../support/queue-world.ts';
import type { TestUser } from '../support/users.ts';
import { connect, lose } from './mail-world.ts';
import { type Api, type CallOptions, eventually, startApi } from './world.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

async function userWithMailbox(): Promise<{ user: TestUser; account: Connection }> {
  const user = await api.db.signUp();
  return { user, account: await connect(api.db, user.id) };
}

const ask = (json: unknown, options: CallOptions) => api.call('POST', '/api/analytics/jobs', { ...(json === undefined ? {} : { json }), ...options });
const jobsOf = async ({ id }: TestUser) => (await api.db.analyticsJobs.list({ userId: id, limit: 100 })).items;

describe('POST /api/analytics/jobs', () => {
  it('stores the job for the user’s only account and tells what a page shows while it runs', async () => {
    const { user, account } = await userWithMailbox();
    const asked = { query: 'is:unread', labelIds: ['INBOX'], maxResults: 50 };
    const { status, headers, body } = await ask(
      { type: 'fetch_messages', params: asked },
      { jwt: user.jwt, headers: { 'x-correlation-id': 'from-the-app' } },
    );
    const { id } = body.data.job;
    const job = {
      id,
      user_id: user.id,
      type: 'fetch_messages',
      status: 'pending',
      progress: 0,
      total: 0,
      current_step: null,
      params: { ...asked, connectionId: account.id },
      result: null,
      error: null,
      attempts: 0,
      run: 1,
      created_at: expect.any(String),
      started_at: null,
      finished_at: null,
      updated_at: expect.any(String),
    };
    expect({ status, body }).toEqual({ status: 202, body: { success: true, data: { job, deduplicated: false } } });
    expect(headers.get('location')).toBe(`/api/analytics/jobs/${id}`);
    expect((await api.call('GET', `/api/analytics/jobs/${id}`, { jwt: user.jwt })).body).toEqual({ success: true, data: { job } });
    expect((await api.db.table('job_outbox').select().eq('job_id', id)).data).toMatchObject([
      {
        queue: 'gmail-fetch',
        payload: { ...asked, connectionId: account.id, userId: user.id },
        options: { correlationId: 'from-the-app', userId: user.id },
      },
    ]);
  });

  it('takes no body at all, fields beside one another, and a service that names its user', async () => {
    const { user, account } = await userWithMailbox();
    const replies = [
      await ask(undefined, { jwt: user.jwt }),
      await ask({}, { jwt: user.jwt }),
      await ask({ maxResults: 7, params: { maxResults: 8, full: true } }, { headers: { 'x-user-id': user.id } }),
    ];
    const { id: connectionId } = account;
    expect(replies.map(({ status, body }) => [status, body.data.job.params])).toEqual([
      [202, { connectionId }],
      [202, { connectionId }],
      [202, { connectionId, maxResults: 7, full: true }],
    ]);
    expect(await ask({}, {})).toMatchObject({ status: 400, body: { error: { details: { issues: [{ path: 'headers.x-user-id' }] } } } });
  });

  it('is made once for an idempotency key, and 409 where it comes with another request', async () => {
    const { user } = await userWithMailbox();
    const headers = { 'idempotency-key': 'sync-1' };
    const replies = await Promise.all([1, 2, 3].map(() => ask({ query: 'x' }, { jwt: user.jwt, headers })));
    expect(replies.map(({ body }) => body.data.deduplicated).sort()).toEqual([false, true, true]);
    expect(new Set(replies.map(({ status, body }) => `${status} ${body.data.job.id}`)).size).toBe(1);
    expect((await ask({ params: { query: 'x' }, idempotencyKey: 'sync-1' }, { jwt: user.jwt })).body.data.deduplicated).toBe(true);
    expect(await ask({ query: 'y' }, { jwt: user.jwt, headers })).toMatchObject({ status: 409, body: { error: { code: 'idempotency_key_reused' } } });
    expect(await jobsOf(user)).toHaveLength(1);
    const other = await userWithMailbox();
    expect((await ask({ query: 'y' }, { jwt: other.user.jwt, headers })).body.data.deduplicated).toBe(false);
  });

  it('409 where no account can be fetched from, saying what mends it; nothing is stored', async () => {
    const user = await api.db.signUp();
    const refusal = async (json: unknown = {}) => {
      const { status, body } = await ask(json, { jwt: user.jwt });
      return [status, body.error?.code, body.error?.message];
    };
    const where = expect.stringContaining('/api/connections/google/start');
    expect(await refusal()).toEqual([409, 'not_connected', where]);
    expect(await refusal({ connectionId: randomUUID() })).toEqual([409, 'not_connected', where]);
    const files = await connect(api.db, user.id, undefined, ['openid', 'https://www.googleapis.com/auth/drive.readonly']);
    const notForMail = expect.stringMatching(/not connected for mail: open \/api\/connections\/google\/start\?access=mail/);
    expect(await refusal()).toEqual([409, 'not_connected', notForMail]);
    expect(await refusal({ connectionId: files.id })).toEqual([409, 'not_connected', notForMail]);
    const first = await connect(api.db, user.id);
    await lose(api.db, first);
    // The only mailbox, though not the only account.
    expect(await refusal()).toEqual([409, 'reauth_required', where]);
    expect(await refusal({ connectionId: first.id })).toEqual([409, 'reauth_required', where]);
    const second = await connect(api.db, user.id);
    expect(await refusal()).toEqual([409, 'connection_needed', expect.stringContaining('connectionId')]);
    expect(await refusal({ connectionId: (await userWithMailbox()).account.id })).toEqual([409, 'not_connected', where]);
    expect(await jobsOf(user)).toEqual([]);
    expect((await ask({ params: { connectionId: second.id } }, { jwt: user.jwt })).status).toBe(202);
  });

  it('400 for what no fetch could heed, naming the field; who asked is not for callers to say', async () => {
    const { user } = await userWithMailbox();
    const replies = [];
    for (const json of [
      { type: 'send_messages' },
      { query: 7 },
      { labelIds: 'INBOX' },
      { maxResults: 0 },
      { connectionId: 'mine' },
      { params: { maxResults: 1.5 } },
      { trigger: 'push' },
      { params: { trigger: 'poll' } },
      { pages: 3 },
    ])
      replies.push(await ask(json, { jwt: user.jwt }));
    expect(replies.map(({ status, body }) => [status, body.error.details.issues[0].path])).toEqual([
      [400, 'body.type'],
      [400, 'body.query'],
      [400, 'body.labelIds'],
      [400, 'body.maxResults'],
      [400, 'body.connectionId'],
      [400, 'body.params.maxResults'],
      [400, 'body'],
      [400, 'body.params'],
      [400, 'body'],
    ]);
    expect(replies.at(-1)?.body.error.message).toContain('pages');
    expect(await jobsOf(user)).toEqual([]);
  });

  it('503 while the database is away, and nothing is stored', async () => {
    const { user } = await userWithMailbox();
    api.db.breakWith(new UnavailableError('away'));
    const reply = await ask({}, { headers: { 'x-user-id': user.id } });
    api.db.breakWith(undefined);
    expect([reply.status, reply.body.error.code]).toEqual([503, 'unavailable']);
    expect(await jobsOf(user)).toEqual([]);
  });
});

describe('a fetch under way', () => {
  it('shows progress and result under the names of the row, live and at its end', async () => {
    const { user } = await userWithMailbox();
    const { id } = (await ask({}, { jwt: user.jwt })).body.data.job;
    const read = async () => (await api.call('GET', `/api/analytics/jobs/${id}`, { jwt: user.jwt })).body.data.job;
    const runId = randomUUID();
    const row = { table: 'analytics_jobs', id, runId } as const;
    await api.db.jobRows.begin({ ...row, run: 1, attempt: 1 });
    await api.db.jobRows.progress({ ...row, progress: 40, total: 100, currentStep: 'Fetching batch 2/5...' });
    expect(await read()).toMatchObject({ status: 'processing', progress: 40, total: 100, current_step: 'Fetching batch 2/5...', attempts: 1 });
    await api.db.jobRows.end({ ...row, outcome: 'done', result: { found: 100, cacheHitRate: 0.357 } });
    expect(await read()).toMatchObject({
      status: 'completed',
      result: { found: 100, cacheHitRate: 0.357 },
      error: null,
      finished_at: expect.any(String),
    });
  });

  it('is cancelled: 200 before it runs, again 200, and 409 once it has ended', async () => {
    const { user } = await userWithMailbox();
    const [waiting, done] = [(await ask({}, { jwt: user.jwt })).body.data.job, (await ask({}, { jwt: user.jwt })).body.data.job];
    const cancel = (id: string) => api.call('DELETE', `/api/analytics/jobs/${id}?reason=enough`, { jwt: user.jwt });
    expect(await cancel(waiting.id)).toMatchObject({ status: 200, body: { data: { jobId: waiting.id, outcome: 'cancelled' } } });
    expect((await cancel(waiting.id)).status).toBe(200);
    expect(await api.db.analyticsJobs.get(waiting.id)).toMatchObject({ status: 'cancelled', error: 'enough' });
    const run = { table: 'analytics_jobs', id: done.id, runId: randomUUID() } as const;
    await api.db.jobRows.begin({ ...run, run: 1, attempt: 1 });
    await api.db.jobRows.end({ ...run, outcome: 'done', result: {} });
    expect((await cancel(done.id)).body.error.code).toBe('finished');
  });
});

describe('the routes of all queues', () => {
  const enqueue = (payload: unknown, options: CallOptions) =>
    api.call('POST', '/api/queue/gmail-fetch/jobs', { json: { name: 'fetch_messages', payload }, ...options });

  it('take fetches too: a user’s own, for themselves or by a service that acts for them', async () => {
    const [{ user }, { user: other }] = [await userWithMailbox(), await userWithMailbox()];
    for (const options of [{ jwt: user.jwt }, { headers: { 'x-user-id': user.id } }]) {
      expect((await enqueue({ userId: user.id, full: true }, options)).status).toBe(201);
      expect((await enqueue({ userId: other.id }, options)).body.error.code).toBe('forbidden');
      expect((await enqueue({ userId: user.id, trigger: 'push' }, options)).body.error.details.issues[0].path).toBe('body.payload.trigger');
      expect((await enqueue({}, options)).status).toBe(400);
    }
    expect((await jobsOf(user)).map(({ params }) => params)).toEqual([{ full: true }, { full: true }]);
    expect(await jobsOf(other)).toEqual([]);
  });

  it('show and stream what the fetch does, as the row tells it', async () => {
    const other = await startApi();
    const [asked, goOn] = [gate<string>(), gate()];
    await other.work(
      rowJob<unknown, object, never>('analytics_jobs', async (_payload, { job, progress }) => {
        // Those of other tests do not hold it up.
        if (job.id !== (await asked.opened)) return {};
        progress({ progress: 20, total: 42, current_step: 'fetching batch 2/3' });
        await goOn.opened;
        return { fetched: 42 };
      }),
      'gmail-fetch',
    );
    const { user } = await userWithMailbox();
    const { id } = (await other.call('POST', '/api/analytics/jobs', { jwt: user.jwt })).body.data.job;
    asked.open(id);
    await other.relay.runOnce();
    const progress = { progress: 20, total: 42, current_step: 'fetching batch 2/3' };
    const read = async (path: string) => (await other.call('GET', path, { jwt: user.jwt })).body.data.job;
    await eventually(async () => {
      expect(await read(`/api/analytics/jobs/${id}`)).toMatchObject({ status: 'processing', ...progress });
      expect(await read(`/api/queue/gmail-fetch/jobs/${id}`)).toMatchObject({ state: 'active', progress });
    });
    const stream = await fetch(`${other.url}/api/queue/gmail-fetch/jobs/${id}/events`, { headers: { authorization: `Bearer ${user.jwt}` } });
    expect(stream.status).toBe(200);
    goOn.open();
    // It closes once the job has ended.
    const events = [...(await stream.text()).matchAll(/^event: (.*)$/gm)].map(([, name]) => name);
    expect([events[0], events.at(-1)]).toEqual(['state', 'completed']);
    expect(await read(`/api/analytics/jobs/${id}`)).toMatchObject({ status: 'completed', result: { fetched: 42 } });
    await other.stop();
  });
});

describe('GET /api/analytics/jobs', () => {
  it('lists the newest first, page by page, by status', async () => {
    const { user } = await userWithMailbox();
    const ids: string[] = [];
    for (let count = 0; count < 3; count += 1) ids.unshift((await ask({}, { jwt: user.jwt })).body.data.job.id);
    await api.call('DELETE', `/api/analytics/jobs/${ids[1]}`, { jwt: user.jwt });
    const list = async (query: string, options: CallOptions = { jwt: user.jwt }) =>
      (await api.call('GET', `/api/analytics/jobs${query}`, options)).body.data;
    const first = await list('?limit=2');
    const second = await list(`?limit=2&cursor=${first.nextCursor}`);
    expect([...first.jobs, ...second.jobs].map(({ id }) => id)).toEqual(ids);
    expect(second.nextCursor).toBeNull();
    expect((await list('?status=cancelled', { headers: { 'x-user-id': user.id } })).jobs.map(({ id }: { id: string }) => id)).toEqual([ids[1]]);
    expect((await api.call('GET', '/api/analytics/jobs?status=done')).body.error.details.issues[0].path).toBe('query.status');
    expect((await api.call('GET', '/api/analytics/jobs?cursor=x')).body.error.details.issues[0].path).toBe('cursor');
  });
});

describe('two users', () => {
  it('cannot see or cancel each other’s fetches, nor fetch from each other’s accounts', async () => {
    const [alice, bob] = [await userWithMailbox(), await userWithMailbox()];
    const { id } = (await ask({}, { jwt: alice.user.jwt })).body.data.job;
    for (const options of [{ jwt: bob.user.jwt }, { headers: { 'x-user-id': bob.user.id } }])
      for (const path of [`/api/analytics/jobs/${id}`, `/api/queue/gmail-fetch/jobs/${id}`]) {
        const replies = [await api.call('GET', path, options), await api.call('DELETE', path, options)];
        expect(replies.map(({ status }) => status)).toEqual([404, 404]);
      }
    expect((await api.call('GET', '/api/analytics/jobs', { jwt: bob.user.jwt })).body.data.jobs).toEqual([]);
    expect((await ask({ connectionId: alice.account.id }, { jwt: bob.user.jwt })).body.error.code).toBe('not_connected');
    expect((await ask({}, { jwt: bob.user.jwt, headers: { 'x-user-id': alice.user.id } })).status).toBe(403);
    expect((await api.db.analyticsJobs.get(id))?.status).toBe('pending');
    expect((await api.call('GET', '/api/analytics/jobs', { key: null })).status).toBe(401);
  });
});
