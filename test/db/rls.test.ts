import { createClient } from '@supabase/supabase-js';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signUp, type TestUser } from '../support/users.ts';
import { newFailure, newStory, refinedScores, type World, worlds } from './worlds.ts';

describe.each(worlds)('row-level security on %s', (_, start) => {
  let world: World;
  let ann: TestUser;
  let bob: TestUser;
  beforeAll(async () => {
    world = await start();
    [ann, bob] = await Promise.all([signUp(world), signUp(world)]);
  });
  afterAll(() => world.stop());

  /** A user's own supabase-js, as an app's browser code has it. */
  const browser = ({ jwt }: TestUser) =>
    createClient(world.url, world.publishableKey, { ...(world.fetch ? { global: { fetch: world.fetch } } : {}), accessToken: async () => jwt });

  it('shows a user the own stories and dead letters, not the others and not those of nobody', async () => {
    const mine = await world.db.stories.create(newStory({ userId: ann.id }));
    const others = await world.db.stories.create(newStory({ userId: bob.id }));
    const nobodys = await world.db.stories.create(newStory());
    await world.db.failedJobs.record(newFailure({ userId: ann.id }));
    await world.db.failedJobs.record(newFailure({ userId: bob.id }));
    const asAnn = world.db.forUser(ann.jwt);
    expect((await asAnn.stories.list({ limit: 100 })).items.map(({ id }) => id)).toEqual([mine.id]);
    expect(await asAnn.stories.get(mine.id)).toMatchObject({ userId: ann.id });
    expect(await asAnn.stories.get(others.id)).toBeUndefined();
    expect(await asAnn.stories.get(nobodys.id)).toBeUndefined();
    const letters = (await asAnn.failedJobs.list({ limit: 100 })).items;
    expect(letters.map(({ userId }) => userId)).toEqual([ann.id]);
    expect((await asAnn.failedJobs.list({ limit: 100, userId: bob.id })).items).toEqual([]);
  });

  it('keeps two users apart who ask at the same time', async () => {
    const [annsStory, bobsStory] = await Promise.all([
      world.db.stories.create(newStory({ userId: ann.id })),
      world.db.stories.create(newStory({ userId: bob.id })),
    ]);
    const asked = Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? ann : bob));
    const seen = await Promise.all(
      asked.map(async ({ jwt }) => {
        const { stories } = world.db.forUser(jwt);
        return Promise.all([stories.get(annsStory.id), stories.get(bobsStory.id)]);
      }),
    );
    expect(seen.map(([anns, bobs]) => [anns !== undefined, bobs !== undefined])).toEqual(asked.map((user) => [user === ann, user === bob]));
  });

  it('lets a user write nothing, the own rows included', async () => {
    const mine = await world.db.stories.create(newStory({ userId: ann.id }));
    const client = browser(ann);
    const insert = await client.from('stories').insert({ user_id: ann.id, title: 'mine', content: 'x' }).select();
    expect(insert.error?.code).toBe('42501');
    await client.from('stories').update({ title: 'changed' }).eq('id', mine.id);
    await client.from('stories').delete().eq('id', mine.id);
    expect(await world.db.stories.get(mine.id)).toEqual(mine);
    for (const table of ['failed_jobs', 'ai_usage', 'ai_cache']) {
      expect((await client.from(table).insert(table === 'ai_cache' ? { key: 'k' } : { queue: 'q' })).error).not.toBeNull();
    }
    const { stories, failedJobs } = world.db.forUser(ann.jwt);
    await expect(stories.create(newStory({ userId: ann.id }))).rejects.toMatchObject({ code: 'forbidden', retryable: false });
    await expect(stories.begin(mine.id, { runId: 'r', jobId: 'j' })).rejects.toMatchObject({ retryable: false });
    await expect(stories.record(mine.id, 'r', refinedScores, 'h')).rejects.toMatchObject({ retryable: false });
    await expect(stories.end(mine.id, { status: 'failed', error: 'x' })).rejects.toMatchObject({ retryable: false });
    await expect(failedJobs.record(newFailure({ userId: ann.id }))).rejects.toMatchObject({ retryable: false });
    expect(await world.db.stories.get(mine.id)).toEqual(mine);
  });

  it('shows the answer cache to nobody, and what AI cost to the one who caused it', async () => {
    const call = { queue: 'q', jobId: 'j', provider: 'openai', model: 'm', operation: 'generate', promptId: 'p', promptVersion: '1' } as const;
    const numbers = { inputTokens: 1, outputTokens: 1, cachedInputTokens: 0, costUsd: 0.1, durationMs: 1 };
    await world.db.ai.store('secret', { value: 1, model: 'm', promptId: 'p', promptVersion: '1', provider: 'openai' });
    for (const userId of [ann.id, bob.id, undefined]) await world.db.ai.record({ ...call, ...numbers, userId });
    expect((await browser(ann).from('ai_cache').select()).data ?? []).toEqual([]);
    expect((await browser(ann).from('ai_usage').select('user_id')).data).toEqual([{ user_id: ann.id }]);
    expect((await browser(ann).rpc('ai_spent_since', { p_since: '2000-01-01' })).error).not.toBeNull();
  });

  it('knows the user behind a token, and nobody behind any other text', async () => {
    expect(await world.db.userOf(ann.jwt)).toEqual({ id: ann.id });
    const forged = await new SignJWT({ role: 'authenticated', aud: 'authenticated' })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(ann.id)
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode('not the secret of this project'));
    for (const jwt of ['', 'garbage', 'a.b.c', forged, world.serviceKey]) expect(await world.db.userOf(jwt)).toBeUndefined();
  });

  it('never takes a service key, or nothing, for a user', () => {
    for (const jwt of ['', world.serviceKey]) expect(() => world.db.forUser(jwt)).toThrow(expect.objectContaining({ code: 'unauthorized' }));
  });

  it('refuses a forged token where rows are read', async () => {
    const [header, , signature] = ann.jwt.split('.');
    const claims = Buffer.from(JSON.stringify({ sub: bob.id, role: 'authenticated', aud: 'authenticated', exp: 4e9 })).toString('base64url');
    const stories = world.db.forUser(`${header}.${claims}.${signature}`).stories;
    await expect(stories.list({ limit: 1 })).rejects.toMatchObject({ code: 'unauthorized' });
  });
});
