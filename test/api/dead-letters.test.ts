import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FailedJob, NewFailedJob } from '../../lib/db/types.ts';
import { type Api, type CallOptions, createStory, QUEUE, startApi } from './world.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

/** A failure of story-enhancement, written down; resolves to its dead letter. */
async function bury(changes: Partial<NewFailedJob> = {}): Promise<FailedJob> {
  const storyId = randomUUID();
  const jobId = changes.jobId ?? `story-enhancement-${storyId}-${randomUUID()}`;
  const failure = { queue: QUEUE, name: 'enhance', jobId, run: 1, payload: { storyId }, error: 'broken', stack: 'at secret.ts:1', attempts: 3 };
  await api.db.failedJobs.record({ ...failure, userId: null, correlationId: 'c', ...changes });
  const { data } = await api.db.table('failed_jobs').select('id').eq('job_id', jobId).single().throwOnError();
  const letter = await api.db.failedJobs.get(data.id);
  if (!letter) throw new Error('not buried');
  return letter;
}

/** A review job of the user's that has failed for good, its credits given back. */
async function buryReview(userId: string, text = 'Lovely.'): Promise<FailedJob> {
  const { id: jobId } = await api.db.reviewJobs.create({ userId, type: 'sentiment_analysis', payload: { text } });
  await api.db.jobRows.end({ table: 'jobs', id: jobId, run: 1, outcome: 'failed', error: 'no model' });
  return bury({ queue: 'review-ai', name: 'sentiment_analysis', jobId, payload: { text }, error: 'no model', userId });
}

const list = async (query = '', options: CallOptions = {}) => (await api.call('GET', `/api/dead-letters${query}`, options)).body.data;
const replay = (json: unknown, options: CallOptions = {}) => api.call('POST', '/api/dead-letters/replay', { json, ...options });
const idsOf = ({ deadLetters }: { deadLetters: { id: string }[] }) => deadLetters.map(({ id }) => id);
const replayedAt = async ({ id }: FailedJob) => (await api.db.failedJobs.get(id))?.replayedAt ?? null;

describe('GET /api/dead-letters', () => {
  it('lists page by page, by queue; a user sees own ones, without the stack', async () => {
    const user = await api.db.signUp();
    for (const queue of [QUEUE, QUEUE, 'gmail-fetch']) await bury({ userId: user.id, queue });
    await bury();
    const own = await list('?limit=2', { jwt: user.jwt });
    expect(own.deadLetters).toHaveLength(2);
    expect(own.deadLetters[0]).not.toHaveProperty('stack');
    expect((await list(`?limit=2&cursor=${own.nextCursor}`, { jwt: user.jwt })).deadLetters).toHaveLength(1);
    expect((await list('?queue=gmail-fetch', { headers: { 'x-user-id': user.id } })).deadLetters).toMatchObject([
      { queue: 'gmail-fetch', stack: 'at secret.ts:1' },
    ]);
    expect((await list()).deadLetters.length).toBeGreaterThanOrEqual(4);
    expect((await api.call('GET', '/api/dead-letters?queue=nope')).status).toBe(404);
  });

  it('finds by kind, user, cause, time, text and whether it was replayed', async () => {
    const userId = randomUUID();
    const [old, recent] = [
      await bury({ userId, error: 'The Model Is Away' }),
      await bury({ userId, payload: { storyId: randomUUID(), note: 'NEEDLE' } }),
    ];
    await api.db.table('failed_jobs').update({ failed_at: '2026-01-02T10:00:00Z' }).eq('id', old.id).throwOnError();
    await replay({ id: recent.id });
    const found = async (query: string) => idsOf(await list(`?userId=${userId}&${query}`));
    expect(await found('name=enhance')).toEqual([recent.id, old.id]);
    expect(await found('name=analyze')).toEqual([]);
    expect(await found(`fingerprint=${old.fingerprint}`)).toEqual([old.id]);
    expect(await found('until=2026-01-03')).toEqual([old.id]);
    expect(await found('since=2026-01-02T10:00:00Z&until=2026-01-02T12:00:00%2B01:00')).toEqual([old.id]);
    expect(await found('since=2026-01-02T10:00:01Z')).toEqual([recent.id]);
    expect(await found('text=model is')).toEqual([old.id]);
    expect(await found('text=needle')).toEqual([recent.id]);
    expect(await found('replayed=true')).toEqual([recent.id]);
    expect(await found('replayed=false')).toEqual([old.id]);
  });

  it.each(['since=yesterday', 'until=2026-13-45', 'replayed=maybe', 'limit=0', 'text='])('400 for %s', async (query) => {
    const path = `query.${query.split('=')[0]}`;
    expect(await api.call('GET', `/api/dead-letters?${query}`)).toMatchObject({ status: 400, body: { error: { details: { issues: [{ path }] } } } });
  });

  it('shows many failures that are few errors as few lines', async () => {
    const user = await api.db.signUp();
    for (const count of [1, 2, 3]) await bury({ userId: user.id, error: `OpenAI answered 500 for request ${count}` });
    const gone = await bury({ userId: user.id, error: 'The story has no words' });
    await bury({ error: 'OpenAI answered 500 for request 4' });
    await replay({ id: gone.id });
    const { groups } = (await api.call('GET', '/api/dead-letters/groups', { jwt: user.jwt })).body.data;
    expect(groups).toMatchObject([
      { queue: QUEUE, name: 'enhance', error: 'OpenAI answered 500 for request 3', count: 3, open: 3, users: 1 },
      { error: 'The story has no words', count: 1, open: 0, sampleId: gone.id, fingerprint: gone.fingerprint },
    ]);
    const open = await api.call('GET', `/api/dead-letters/groups?replayed=false&limit=1&userId=${user.id}`);
    expect(open.body.data.groups).toMatchObject([{ count: 3 }]);
  });

  it('shows one', async () => {
    const letter = await bury();
    expect((await api.call('GET', `/api/dead-letters/${letter.id}`)).body).toEqual({ success: true, data: { deadLetter: letter } });
    expect((await api.call('GET', `/api/dead-letters/${randomUUID()}`)).status).toBe(404);
  });
});

describe('two users', () => {
  it('neither see nor replay each other’s letters, however they ask', async () => {
    const [alice, bob] = [await api.db.signUp(), await api.db.signUp()];
    const letter = await bury({ userId: alice.id, error: 'only alice has this' });
    for (const asBob of [{ jwt: bob.jwt }, { headers: { 'x-user-id': bob.id } }]) {
      expect(idsOf(await list('', asBob))).toEqual([]);
      expect((await api.call('GET', '/api/dead-letters/groups', asBob)).body.data.groups).toEqual([]);
      expect((await api.call('GET', `/api/dead-letters?userId=${alice.id}`, asBob)).status).toBe(403);
      expect((await api.call('GET', `/api/dead-letters/${letter.id}`, asBob)).status).toBe(404);
      expect((await replay({ id: letter.id }, asBob)).status).toBe(404);
      expect((await replay({ ids: [letter.id] }, asBob)).body.data).toEqual({ replayed: 0, skipped: [{ id: letter.id, reason: 'not_found' }] });
      expect((await replay({ fingerprint: letter.fingerprint }, asBob)).body.data).toEqual({ replayed: 0, skipped: [] });
      expect((await replay({ filter: { queue: QUEUE } }, asBob)).body.data).toEqual({ replayed: 0, skipped: [] });
      expect((await replay({ filter: { userId: alice.id } }, asBob)).status).toBe(403);
    }
    expect(await replayedAt(letter)).toBeNull();
    expect((await replay({ fingerprint: letter.fingerprint }, { jwt: alice.jwt })).body.data.replayed).toBe(1);
  });
});

describe('POST /api/dead-letters/replay of one', () => {
  it('puts the job back under its id, with one run more, and writes down who asked', async () => {
    const user = await api.db.signUp();
    const letter = await bury({ userId: user.id });
    const { status, body } = await replay({ id: letter.id }, { jwt: user.jwt });
    expect([status, body]).toEqual([202, { success: true, data: { jobId: letter.jobId, deduplicated: false } }]);
    const job = await api.backend.queue(QUEUE).getJob(letter.jobId);
    expect(job?.data).toMatchObject({ payload: letter.payload, meta: { run: 2, userId: user.id, correlationId: 'c' } });
    expect(await api.db.failedJobs.get(letter.id)).toMatchObject({ replayedAt: expect.any(String), replayedJobId: letter.jobId });
    const { data } = await api.db.table('failed_jobs').select('replayed_by').eq('id', letter.id).single().throwOnError();
    expect(data.replayed_by).toBe(user.id);
  });

  it('answers the unfinished job of the same story where there is one', async () => {
    const { id: storyId, runJobId } = await createStory(api);
    const letter = await bury({ payload: { storyId } });
    expect((await replay({ id: letter.id })).body.data).toEqual({ jobId: runJobId, deduplicated: true });
  });

  it('keeps its word while the queue is away: the job is sent later', async () => {
    const other = await startApi();
    const letter = await bury();
    await other.redis.kill();
    const reply = await other.call('POST', '/api/dead-letters/replay', { json: { id: letter.id } });
    expect([reply.status, reply.body.data]).toEqual([202, { jobId: letter.jobId, deduplicated: false }]);
    await other.stop();
    await api.relay.runOnce();
    expect((await api.queue.getJob(QUEUE, letter.jobId))?.state).toBe('waiting');
  });

  it('charges a review job again; 402 when the credits are short, 409 when it is under way', async () => {
    const user = await api.db.signUp();
    await api.db.credits.grant({ userId: user.id, amount: 1 });
    const letter = await buryReview(user.id);
    const spent = await api.db.reviewJobs.create({ userId: user.id, type: 'sentiment_analysis', payload: { text: 'Fine.' } });
    expect(await replay({ id: letter.id }, { jwt: user.jwt })).toMatchObject({
      status: 402,
      body: { error: { code: 'insufficient_credits', details: { balance: 0, cost: 1 } } },
    });
    expect(await replayedAt(letter)).toBeNull();
    await api.call('DELETE', `/api/jobs/${spent.id}`);
    expect((await replay({ id: letter.id }, { jwt: user.jwt })).body.data).toEqual({ jobId: letter.jobId, deduplicated: false });
    expect(await api.db.reviewJobs.get(letter.jobId)).toMatchObject({ status: 'pending', run: 2, creditsState: 'held' });
    expect(await api.db.credits.balance(user.id)).toBe(0);
    expect(await replay({ id: letter.id }, { jwt: user.jwt })).toMatchObject({ status: 409, body: { error: { code: 'not_failed' } } });
  });

  it('404 when the row of its job is gone, 400 when its payload would fail again, 422 when no worker knows the kind', async () => {
    const gone = await bury({ queue: 'review-ai', name: 'sentiment_analysis', jobId: randomUUID(), payload: { text: 'x' } });
    const [bad, unknown] = [await bury({ payload: { storyId: 7 } }), await bury({ queue: 'source-sync', name: 'archive' })];
    expect((await replay({ id: gone.id })).status).toBe(404);
    expect((await replay({ id: bad.id })).body.error.details.issues[0].path).toBe('payload.storyId');
    expect((await replay({ id: unknown.id })).status).toBe(422);
  });

  it('does nothing twice for the same idempotency key', async () => {
    const user = await api.db.signUp();
    await api.db.credits.grant({ userId: user.id, amount: 5 });
    const letter = await buryReview(user.id);
    const headers = { 'idempotency-key': 'again' };
    const replies = [await replay({ id: letter.id }, { headers }), await replay({ id: letter.id }, { headers })];
    expect(replies.map(({ status }) => status)).toEqual([202, 202]);
    expect((await api.db.reviewJobs.get(letter.jobId))?.run).toBe(2);
    expect((await replay({ id: letter.id })).status).toBe(409);
  });
});

describe('POST /api/dead-letters/replay of many', () => {
  /** Seconds after the first at which each job may go to its queue. */
  async function spacing(letters: readonly FailedJob[]): Promise<number[]> {
    const jobIds = letters.map(({ jobId }) => jobId);
    const { data } = await api.db.table('job_outbox').select('job_id,available_at').in('job_id', jobIds).throwOnError();
    const times = data.map(({ available_at }) => Date.parse(available_at)).sort((one, other) => one - other);
    return times.map((time) => Math.round((time - (times[0] ?? 0)) / 1000));
  }

  it('a group is put back oldest first and no faster than asked', async () => {
    const error = `a cause of its own: ${'x'.repeat(8)}`;
    const letters = [];
    for (let count = 0; count < 4; count += 1) letters.push(await bury({ error }));
    const { fingerprint = '' } = letters[0] ?? {};
    const first = await replay({ fingerprint, limit: 3, ratePerSecond: 0.5 });
    expect([first.status, first.body.data]).toEqual([202, { replayed: 3, skipped: [] }]);
    expect(await spacing(letters)).toEqual([0, 2, 4]);
    expect(await Promise.all(letters.map(replayedAt))).toEqual([expect.any(String), expect.any(String), expect.any(String), null]);
    expect((await replay({ fingerprint, ratePerSecond: 0.5 })).body.data.replayed).toBe(1);
    expect((await replay({ fingerprint })).body.data.replayed).toBe(0);
  });

  it('a filter takes what it finds and was not replayed yet', async () => {
    const userId = randomUUID();
    const [one, two] = [await bury({ userId, error: 'wanted' }), await bury({ userId, error: 'left alone' })];
    expect((await replay({ filter: { userId, text: 'WANTED', since: '2020-01-01' } })).body.data).toEqual({ replayed: 1, skipped: [] });
    expect([await replayedAt(one), await replayedAt(two)]).toEqual([expect.any(String), null]);
  });

  it('ids are taken also when they were replayed before; each one that is not is told with its reason', async () => {
    const user = await api.db.signUp();
    await api.db.credits.grant({ userId: user.id, amount: 2 });
    const [first, second] = [await buryReview(user.id), await buryReview(user.id)];
    const story = await bury({ userId: user.id });
    await replay({ id: story.id });
    await api.db.reviewJobs.create({ userId: user.id, type: 'sentiment_analysis', payload: { text: 'Fine.' } });
    const missing = randomUUID();
    const { status, body } = await replay({ ids: [first.id, second.id, second.id, story.id, missing] }, { jwt: user.jwt });
    expect(status).toBe(202);
    expect(body.data).toEqual({
      replayed: 2,
      skipped: [
        { id: missing, reason: 'not_found' },
        { id: second.id, reason: 'insufficient_credits' },
      ],
    });
    expect((await replay({ ids: [first.id] })).body.data).toEqual({ replayed: 0, skipped: [{ id: first.id, reason: 'not_failed' }] });
  });

  it.each([
    ['nothing', {}, 'body'],
    ['two ways at once', { id: randomUUID(), fingerprint: 'f' }, 'body'],
    ['an id that is none', { id: 7 }, 'body.id'],
    ['no ids', { ids: [] }, 'body.ids'],
    ['a filter without a condition', { filter: {} }, 'body.filter'],
    ['a condition with a typing error', { filter: { quee: QUEUE } }, 'body.filter'],
    ['a text of nothing', { filter: { text: '\u0000 ' } }, 'body.filter.text'],
    ['what was replayed already, by a filter', { filter: { replayed: true } }, 'body.filter.replayed'],
    ['more than 10,000 at a time', { fingerprint: 'f', limit: 10_001 }, 'body.limit'],
    ['no rate at all', { fingerprint: 'f', ratePerSecond: 0 }, 'body.ratePerSecond'],
  ])('400 for %s', async (_what, json, path) => {
    const { status, body } = await replay(json);
    expect([status, body.error.details.issues[0].path]).toEqual([400, path]);
  });
});
