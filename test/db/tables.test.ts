import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../lib/errors.ts';
import { localScores, newFailure, newStory, refinedScores, type World, worlds } from './worlds.ts';

describe.each(worlds)('tables on %s', (_, start) => {
  let world: World;
  beforeAll(async () => {
    world = await start();
  });
  afterAll(() => world.stop());

  const stories = () => world.db.stories;
  const begin = (id: string, runId: string, jobId = 'job-1') => stories().begin(id, { runId, jobId });

  describe('stories', () => {
    it('answers a new story as it was given, with numbers as numbers and times in ISO 8601', async () => {
      const story = await stories().create(newStory());
      expect(story).toMatchObject({
        ...newStory(),
        hypeScore: 6.5,
        ethicsScore: 3.2,
        scoringStatus: 'local',
        claims: [],
        realityCheck: null,
        refinedScores: null,
        jobId: null,
      });
      expect(story.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(await stories().get(story.id)).toEqual(story);
    });

    it('stores text that Postgres would refuse, without what it refuses', async () => {
      const story = await stories().create(newStory({ title: 'NUL \u0000 and half a pair \ud83d', content: 'emoji 🐝' }));
      expect(story).toMatchObject({ title: 'NUL  and half a pair \ufffd', content: 'emoji 🐝' });
    });

    it('refuses an owner who is no Supabase user, naming the field', async () => {
      await expect(stories().create(newStory({ userId: 'somebody' }))).rejects.toMatchObject({ code: 'invalid_input', issues: [{ path: 'userId' }] });
    });

    it.each([
      ['whose id is no uuid', 'not-a-uuid'],
      ['that nobody made', randomUUID()],
    ])('finds, begins and records nothing for a story %s', async (_, id) => {
      expect(await stories().get(id)).toBeUndefined();
      expect(await begin(id, 'run')).toBeUndefined();
      expect(await stories().record(id, 'run', refinedScores, 'hash')).toBe(false);
      expect(await stories().recordUnchanged(id, 'run')).toBe(false);
      await expect(stories().queued(id, 'job')).resolves.toBeUndefined();
      await expect(stories().end(id, { status: 'failed', error: 'gone' })).resolves.toBeUndefined();
    });

    it('goes from local over queued and processing to refined, keeping the local scores', async () => {
      const { id } = await stories().create(newStory());
      await stories().queued(id, 'job-1');
      expect(await stories().get(id)).toMatchObject({ scoringStatus: 'queued', jobId: 'job-1' });
      expect(await begin(id, 'run-1')).toMatchObject({ scoringStatus: 'processing', jobId: 'job-1' });
      expect(await stories().record(id, 'run-1', refinedScores, 'hash-1')).toBe(true);
      expect(await stories().get(id)).toMatchObject({
        scoringStatus: 'refined',
        hypeScore: 7.2,
        ethicsScore: 4.8,
        realityCheck: refinedScores.realityCheck,
        claims: refinedScores.claims,
        eli5Summary: refinedScores.eli5Summary,
        model: 'local',
        promptVersion: '1',
        localScores,
        refinedScores,
        refinedHash: 'hash-1',
      });
    });

    it('keeps the state of a job that was faster than the call that says it is queued', async () => {
      const { id } = await stories().create(newStory());
      await begin(id, 'run-1', 'quick');
      await stories().record(id, 'run-1', refinedScores, 'hash');
      await stories().queued(id, 'quick');
      expect(await stories().get(id)).toMatchObject({ scoringStatus: 'refined' });
      await stories().queued(id, 'another');
      expect(await stories().get(id)).toMatchObject({ scoringStatus: 'queued', jobId: 'another' });
    });

    it('changes nothing for a run that another has taken over from', async () => {
      const { id } = await stories().create(newStory());
      await begin(id, 'old');
      await begin(id, 'new');
      const before = await stories().get(id);
      expect(await stories().record(id, 'old', refinedScores, 'late')).toBe(false);
      expect(await stories().recordUnchanged(id, 'old')).toBe(false);
      await stories().end(id, { status: 'failed', error: 'late', runId: 'old' });
      expect(await stories().get(id)).toEqual(before);
      expect(await stories().record(id, 'new', refinedScores, 'hash')).toBe(true);
      const after = await stories().get(id);
      expect(await stories().record(id, 'old', { ...refinedScores, hypeScore: 1 }, 'late')).toBe(false);
      expect(await stories().get(id)).toEqual(after);
    });

    it('answers a repeated report as the first time, storing it once', async () => {
      const { id } = await stories().create(newStory());
      await begin(id, 'run');
      expect(await stories().record(id, 'run', refinedScores, 'hash')).toBe(true);
      expect(await stories().record(id, 'run', { ...refinedScores, hypeScore: 1 }, 'hash')).toBe(true);
      expect(await stories().get(id)).toMatchObject({ hypeScore: 7.2 });
    });

    it('lets one of twenty runs that report at once store its result', async () => {
      const { id } = await stories().create(newStory());
      await begin(id, 'run-13');
      const recorded = await Promise.all(
        Array.from({ length: 20 }, (_, run) => stories().record(id, `run-${run}`, { ...refinedScores, eli5Grade: run }, 'hash')),
      );
      expect(recorded.flatMap((stored, run) => (stored ? [run] : []))).toEqual([13]);
      expect((await stories().get(id))?.refinedScores?.eli5Grade).toBe(13);
    });

    it('goes back to refined when nothing had changed', async () => {
      const { id } = await stories().create(newStory());
      await begin(id, 'run-1');
      await stories().record(id, 'run-1', refinedScores, 'hash');
      await begin(id, 'run-2');
      expect(await stories().recordUnchanged(id, 'run-2')).toBe(true);
      expect(await stories().get(id)).toMatchObject({ scoringStatus: 'refined', refinedHash: 'hash', hypeScore: 7.2 });
    });

    it('ends failed with the reason, its scores untouched, and refuses what the ended run says later', async () => {
      const { id } = await stories().create(newStory());
      await begin(id, 'run-1');
      await stories().end(id, { status: 'failed', error: 'The model\u0000 refused', runId: 'run-1' });
      expect(await stories().get(id)).toMatchObject({ scoringStatus: 'failed', scoringError: 'The model refused', hypeScore: 6.5 });
      expect(await stories().record(id, 'run-1', refinedScores, 'hash')).toBe(false);
    });

    it.each([
      ['queued', async (id: string) => stories().queued(id, 'job')],
      ['processing', async (id: string) => begin(id, 'run')],
    ])('is cancelled without a run while it is %s', async (_, prepare) => {
      const { id } = await stories().create(newStory());
      await prepare(id);
      await stories().end(id, { status: 'cancelled', error: 'by hand' });
      expect(await stories().get(id)).toMatchObject({ scoringStatus: 'cancelled', scoringError: 'by hand' });
      expect(await stories().record(id, 'run', refinedScores, 'hash')).toBe(false);
    });

    it('stays refined when a job that never ran is ended after a result was stored', async () => {
      const { id } = await stories().create(newStory());
      await begin(id, 'run');
      await stories().record(id, 'run', refinedScores, 'hash');
      await stories().end(id, { status: 'failed', error: 'stalled' });
      expect(await stories().get(id)).toMatchObject({ scoringStatus: 'refined', scoringError: null });
    });

    it('lists newest first, page by page, each story once', async () => {
      const ids: string[] = [];
      for (let index = 0; index < 7; index += 1) ids.unshift((await stories().create(newStory({ title: `story ${index}` }))).id);
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await stories().list({ limit: 3, ...(cursor ? { cursor } : {}) });
        expect(page.items.length).toBeLessThanOrEqual(3);
        seen.push(...page.items.map(({ id }) => id));
        cursor = page.nextCursor ?? undefined;
      } while (cursor);
      expect(seen.slice(0, 7)).toEqual(ids);
      expect(new Set(seen).size).toBe(seen.length);
    });

    it('lists those of one status', async () => {
      const { id } = await stories().create(newStory());
      await stories().end(id, { status: 'cancelled', error: 'no' });
      const { items } = await stories().list({ limit: 100, scoringStatus: 'cancelled' });
      expect(items.map((story) => story.id)).toContain(id);
      expect(new Set(items.map((story) => story.scoringStatus))).toEqual(new Set(['cancelled']));
    });

    it.each([
      ['text of any kind', 'garbage'],
      ['a filter in disguise', Buffer.from('["2026-01-01\\") or (1,eq,1", "x"]').toString('base64url')],
    ])('refuses %s as a cursor', async (_, cursor) => {
      await expect(stories().list({ limit: 3, cursor })).rejects.toBeInstanceOf(InvalidInputError);
    });
  });

  describe('failed_jobs', () => {
    const failed = () => world.db.failedJobs;

    it('records a failure once, whoever of twenty notices it', async () => {
      const failure = newFailure();
      const first = await Promise.all(Array.from({ length: 20 }, () => failed().record(failure)));
      expect(first.filter(Boolean)).toHaveLength(1);
      expect(await failed().record({ ...failure, run: 2 })).toBe(true);
      const { items } = await failed().list({ limit: 100 });
      expect(items.filter(({ jobId }) => jobId === failure.jobId).map(({ run }) => run)).toEqual([2, 1]);
    });

    it('keeps everything that was known, and what no user of ours asked for', async () => {
      const failure = newFailure({ userId: 'a user of somebody else', payload: { text: 'a\u0000b', 'k\u0000': [1, null] }, stack: 'at x' });
      await failed().record(failure);
      const { items } = await failed().list({ limit: 1, userId: 'a user of somebody else' });
      expect(items[0]).toMatchObject({ ...failure, payload: { text: 'ab', k: [1, null] }, replayedAt: null });
      expect(await failed().get(items[0]?.id ?? '')).toEqual(items[0]);
    });

    it('stores a payload that is no JSON object as it is', async () => {
      const [none, text] = [newFailure({ payload: undefined }), newFailure({ payload: 'garbage' })];
      await failed().record(none);
      await failed().record(text);
      const { items } = await failed().list({ limit: 100 });
      expect(items.find(({ jobId }) => jobId === none.jobId)?.payload).toBeNull();
      expect(items.find(({ jobId }) => jobId === text.jobId)?.payload).toBe('garbage');
    });

    it('gives failures with one cause one fingerprint', async () => {
      const queue = randomUUID();
      for (const error of ['Story 1 of "A" failed', 'Story 22 of "B, C" failed', 'Out of memory'])
        await failed().record(newFailure({ queue, error }));
      const { items } = await failed().list({ limit: 10, queue });
      expect(new Set(items.map(({ fingerprint }) => fingerprint)).size).toBe(2);
    });

    it('tells which of many are recorded', async () => {
      const known = Array.from({ length: 3 }, () => newFailure({ jobId: `job/${randomUUID()} "x", (y)` }));
      for (const failure of known) await failed().record(failure);
      const unknown = Array.from({ length: 600 }, () => newFailure());
      const recorded = await failed().recorded([...unknown, ...known, { ...newFailure(), jobId: known[0]?.jobId ?? '', run: 2 }]);
      expect(recorded).toEqual(new Set(known.map(({ queue, jobId, run }) => `${queue}/${jobId}/${run}`)));
    });

    it('remembers when and as what a job was replayed', async () => {
      const failure = newFailure({ queue: randomUUID() });
      await failed().record(failure);
      const [item] = (await failed().list({ limit: 1, queue: failure.queue })).items;
      await failed().replay({ filter: { ids: [item?.id ?? ''] }, by: 'service', limit: 1, requestId: randomUUID() });
      expect(await failed().get(item?.id ?? '')).toMatchObject({ replayedJobId: failure.jobId, replayedAt: expect.stringMatching(/Z$/) });
    });

    it('lists newest first by queue, page by page', async () => {
      const queue = randomUUID();
      for (let index = 0; index < 5; index += 1) await failed().record(newFailure({ queue, jobId: `${index}` }));
      const first = await failed().list({ limit: 3, queue });
      const second = await failed().list({ limit: 3, queue, cursor: first.nextCursor ?? '' });
      expect([...first.items, ...second.items].map(({ jobId }) => jobId)).toEqual(['4', '3', '2', '1', '0']);
      expect(second.nextCursor).toBeNull();
    });
  });

  describe('ai', () => {
    const usage = { queue: 'q', jobId: 'j', userId: undefined, provider: 'openai', model: 'm', operation: 'generate' } as const;
    const tokens = { promptId: 'p', promptVersion: '1', inputTokens: 10, outputTokens: 5, cachedInputTokens: 0, durationMs: 12.7 };

    it('adds up what was spent since midnight, UTC, to the last fraction of a cent', async () => {
      const { ai } = world.db;
      expect(await ai.spentTodayUsd(Date.now())).toBe(0);
      await Promise.all([0.1, 0.2, 0.0000005].map((costUsd) => ai.record({ ...usage, ...tokens, costUsd })));
      expect(await ai.spentTodayUsd(Date.now())).toBe(0.3000005);
      expect(await ai.spentTodayUsd(Date.now() + 2 * 24 * 60 * 60_000)).toBe(0);
    });

    it('answers from the cache what was stored last under a key, null included', async () => {
      const { ai } = world.db;
      const entry = { model: 'm', promptId: 'p', promptVersion: '1', provider: 'openai' } as const;
      expect(await ai.cached('key')).toBeUndefined();
      await ai.store('key', { ...entry, value: { hype: 1, text: 'a\u0000' } });
      expect(await ai.cached('key')).toEqual({ value: { hype: 1, text: 'a' }, model: 'm' });
      await ai.store('key', { ...entry, value: null });
      expect(await ai.cached('key')).toEqual({ value: null, model: 'm' });
    });
  });

  it('misses no migration', async () => {
    expect(await world.db.check()).toEqual({ missingMigrations: [] });
  });
});
