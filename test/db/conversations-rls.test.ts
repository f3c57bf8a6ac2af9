import { randomUUID } from 'node:crypto';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signUp, type TestUser } from '../support/users.ts';
import { analysed, conversationOf, everythingOf, newTheme, placed } from './conversation-samples.ts';
import { type World, worlds } from './worlds.ts';

const TABLES = ['conversations', 'conversation_responses', 'conversation_themes'];

describe.each(worlds)('row-level security of conversations on %s', (_, start) => {
  let world: World;
  let ann: TestUser;
  let bob: TestUser;
  let anns: { id: string; answer: string; theme: string };
  beforeAll(async () => {
    world = await start();
    [ann, bob] = [await signUp(world), await signUp(world)];
    const { id, answers } = await conversationOf(world.db, ['Ann’s answer'], ann.id);
    const theme = newTheme(0, { name: 'Ann’s theme' });
    await analysed(world.db, id, { themes: [theme], answers: [placed(answers[0]?.id ?? '', 0)] });
    anns = { id, answer: answers[0]?.id ?? '', theme: theme.id };
    await world.db.embeddings.store('m', [{ hash: 'h', vector: new Float32Array([1, 0]) }]);
  });
  afterAll(() => world.stop());

  /** supabase-js as an app's browser code has it; without a user nobody has signed in. */
  const browser = (user?: TestUser): SupabaseClient =>
    createClient(world.url, world.publishableKey, {
      ...(world.fetch ? { global: { fetch: world.fetch } } : {}),
      ...(user ? { accessToken: async () => user.jwt } : { auth: { persistSession: false } }),
    });
  const of = (user: TestUser) => world.db.forUser(user.jwt).conversations;
  const visible = async (client: SupabaseClient, table: string) => (await client.from(table).select()).data ?? [];

  it('shows a user the own conversations whole, and nothing of others', async () => {
    expect(await of(ann).get(anns.id)).toEqual(await world.db.conversations.get(anns.id));
    expect((await of(ann).list({ limit: 9 })).items.map(({ id }) => id)).toEqual([anns.id]);
    expect(await of(ann).answers(anns.id, { after: 0, limit: 9 })).toMatchObject([{ text: 'Ann’s answer', themeId: anns.theme }]);
    expect(await of(ann).themes(anns.id)).toMatchObject([{ name: 'Ann’s theme' }]);
    expect(await of(ann).counts(anns.id)).toMatchObject({ total: 1, counted: 1, themes: 1 });

    expect(await of(bob).get(anns.id)).toBeUndefined();
    expect((await of(bob).list({ limit: 9, userId: ann.id })).items).toEqual([]);
    expect(await of(bob).answers(anns.id, { after: 0, limit: 9 })).toEqual([]);
    expect(await of(bob).themes(anns.id)).toEqual([]);
    expect(await of(bob).counts(anns.id)).toMatchObject({ total: 0, counted: 0, themes: 0 });
    for (const table of TABLES) expect(await visible(browser(bob), table)).toEqual([]);
  });

  it('shows nothing to somebody who has not signed in, and the embeddings to the service alone', async () => {
    for (const table of [...TABLES, 'embedding_cache']) expect(await visible(browser(), table)).toEqual([]);
    expect(await visible(browser(ann), 'embedding_cache')).toEqual([]);
    for (const name of ['conversation_counts', 'create_conversation', 'add_conversation_responses', 'conversation_responses_page']) {
      const args: Record<string, Record<string, unknown>> = {
        conversation_counts: { p_conversation_id: anns.id },
        create_conversation: { p_user_id: null, p_title: 'x' },
        add_conversation_responses: { p_conversation_id: anns.id, p_responses: '[]' },
        conversation_responses_page: { p_conversation_id: anns.id, p_after: 0, p_limit: 9 },
      };
      expect([name, (await browser().rpc(name, args[name])).error?.code]).toEqual([name, '42501']);
    }
  });

  it('lets a user change own conversations, and answers about others’ as if they were not there', async () => {
    const { id } = await of(bob).create({ userId: bob.id, title: 'Bob’s' });
    expect(await of(bob).addAnswers(id, [{ text: 'Bob’s answer' }])).toEqual({ added: 1, skipped: 0 });
    const before = await everythingOf(world.db, anns.id);
    const refusals = [anns.id, randomUUID()].map(async (other) => {
      const calls = [
        of(bob).addAnswers(other, [{ text: 'x' }]),
        of(bob).renameTheme(other, anns.theme, { name: 'x' }),
        of(bob).mergeThemes(other, [anns.theme], { name: 'x' }),
      ];
      const errors = await Promise.all(
        calls.map((call) =>
          call.then(
            () => 'allowed',
            (error: Error) => error.message,
          ),
        ),
      );
      return errors.map((message) => message.replace(other, '…'));
    });
    const [others, nobodys] = await Promise.all(refusals);
    expect(others).toEqual(nobodys);
    expect(others).toEqual(['Conversation … does not exist', 'Conversation … does not exist', 'Conversation … does not exist']);
    expect(await of(bob).renameTheme(id, anns.theme, { name: 'x' })).toBeUndefined();
    expect(await of(bob).mergeThemes(id, [anns.theme], { name: 'x' })).toBeUndefined();
    expect(await everythingOf(world.db, anns.id)).toEqual(before);
    expect(await of(ann).renameTheme(anns.id, anns.theme, { name: 'Ann’s own name' })).toMatchObject({ name: 'Ann’s own name' });
  });

  it('lets a user make conversations for nobody else', async () => {
    await expect(of(bob).create({ userId: ann.id, title: 'x' })).rejects.toMatchObject({ code: 'forbidden' });
    await expect(of(bob).create({ id: anns.id, userId: bob.id, title: 'x' })).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.not.stringContaining('Ann'),
    });
    expect(await of(bob).create({ userId: null, title: 'mine' })).toMatchObject({ userId: bob.id });
  });

  it('lets a user write no row', async () => {
    const client = browser(ann);
    const before = await everythingOf(world.db, anns.id);
    expect((await client.from('conversations').insert({ title: 'x' })).error).not.toBeNull();
    for (const table of ['conversation_responses', 'conversation_themes'])
      expect((await client.from(table).insert({ conversation_id: anns.id })).error).not.toBeNull();
    for (const table of TABLES) {
      await client.from(table).update({ created_at: '2020-01-01T00:00:00Z' }).neq('id', randomUUID());
      await client.from(table).delete().neq('id', randomUUID());
    }
    expect(await everythingOf(world.db, anns.id)).toEqual(before);
  });

  it('refuses a user what belongs to the service', async () => {
    const calls: Record<string, Record<string, unknown>> = {
      find_embeddings: { p_model: 'm', p_hashes: '["h"]' },
      store_embeddings: { p_model: 'm', p_dimensions: 1, p_hashes: '[]', p_embeddings: '' },
      drop_embeddings: { p_model: 'm', p_hashes: '["h"]' },
      save_conversation_analysis: { p_job_id: randomUUID(), p_run_id: 'r', p_analysis: '{}' },
      hivepulse_save_analysis: { p_job_id: randomUUID(), p_run_id: 'r', v: {} },
      hivepulse_own_conversation: { p_id: anns.id },
      hivepulse_promote_equals: { p_gone: [anns.answer] },
      hivepulse_cited: { p_cited: [] },
      hivepulse_place_answers: { p_conversation: anns.id, p_ids: [], p_clusters: [], p_xs: [], p_ys: [], p_equals: [], p_themes: [] },
      hivepulse_adopt_column: { p_table: 'stories', p_column: 'title', p_type: 'text' },
      hivepulse_ask_no_more: { p_table: 'stories', p_ours: [] },
    };
    for (const [name, args] of Object.entries(calls)) expect([name, (await browser(ann).rpc(name, args)).error?.code]).toEqual([name, '42501']);
    await expect(
      of(ann).saveAnalysis({ jobId: randomUUID(), runId: 'r', conversationId: anns.id, result: {}, themes: [], answers: [] }),
    ).rejects.toMatchObject({
      code: 'forbidden',
    });
  });

  it('lets a user ask for an analysis of own conversations only, with params', async () => {
    const ask = (user: TestUser) => browser(user).rpc('create_conversation_analysis_job', { p_conversation_id: anns.id, p_params: { k: 3 } });
    expect((await ask(bob)).error?.code).toBe('23503');
    const { data } = await ask(ann);
    expect(await world.db.jobRows.get('conversation_analysis_jobs', data.id)).toMatchObject({
      userId: ann.id,
      payload: { k: 3, conversationId: anns.id },
    });
  });
});
