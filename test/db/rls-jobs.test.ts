import { randomUUID } from 'node:crypto';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signUp, type TestUser } from '../support/users.ts';
import { newFailure, type World, worlds } from './worlds.ts';

const TABLES = ['jobs', 'analytics_jobs', 'conversation_analysis_jobs', 'conversations', 'user_credits', 'credit_ledger', 'failed_jobs'];
const SERVICE_ONLY = ['job_outbox', 'job_prices'];

describe.each(worlds)('row-level security of jobs and credits on %s', (_, start) => {
  let world: World;
  let ann: TestUser;
  let bob: TestUser;
  let annsJob: string;
  beforeAll(async () => {
    world = await start();
    [ann, bob] = [await signUp(world), await signUp(world)];
    await world.db.credits.grant({ userId: ann.id, amount: 10 });
    await world.db.credits.grant({ userId: bob.id, amount: 10 });
    annsJob = (await world.db.forUser(ann.jwt).reviewJobs.create({ userId: ann.id, type: 'ai_generation', payload: { review_text: 'x' } })).id;
    await world.db.failedJobs.record(newFailure({ queue: 'review-ai', name: 'ai_generation', jobId: annsJob, userId: ann.id }));
    await world.db.jobRows.createFetch({ userId: ann.id, params: {}, options: {} });
  });
  afterAll(() => world.stop());

  /** supabase-js as an app's browser code has it; without a user nobody has signed in. */
  const browser = (user?: TestUser): SupabaseClient =>
    createClient(world.url, world.publishableKey, {
      ...(world.fetch ? { global: { fetch: world.fetch } } : {}),
      ...(user ? { accessToken: async () => user.jwt } : { auth: { persistSession: false } }),
    });
  const visible = async (client: SupabaseClient, table: string) => (await client.from(table).select()).data ?? [];

  it('shows a user the own jobs, balance, movements and dead letters, and nothing of others', async () => {
    const [anns, bobs] = [world.db.forUser(ann.jwt), world.db.forUser(bob.jwt)];
    expect((await anns.reviewJobs.list({ limit: 9 })).items.map(({ id }) => id)).toEqual([annsJob]);
    expect(await anns.reviewJobs.get(annsJob)).toMatchObject({ userId: ann.id, creditsState: 'held' });
    expect(await anns.credits.balance(ann.id)).toBe(8);
    expect((await anns.credits.ledger({ userId: ann.id, limit: 9 })).items.map(({ kind }) => kind)).toEqual(['reserve', 'grant']);
    expect(await anns.failedJobs.groups({ limit: 9 })).toMatchObject([{ count: 1 }]);

    expect((await bobs.reviewJobs.list({ limit: 9, userId: ann.id })).items).toEqual([]);
    expect(await bobs.reviewJobs.get(annsJob)).toBeUndefined();
    expect(await bobs.credits.balance(ann.id)).toBe(0);
    expect((await bobs.credits.ledger({ userId: ann.id, limit: 9 })).items).toEqual([]);
    expect((await bobs.failedJobs.list({ limit: 9, text: 'story' })).items).toEqual([]);
    expect(await bobs.failedJobs.groups({ limit: 9, userId: ann.id })).toEqual([]);
    for (const table of TABLES) {
      const owners = (await visible(browser(bob), table)).map(({ user_id }) => user_id);
      expect(owners.filter((owner) => owner !== bob.id)).toEqual([]);
    }
  });

  it('shows nobody the outbox and the prices, and shows nothing to somebody who has not signed in', async () => {
    for (const table of SERVICE_ONLY) expect(await visible(browser(ann), table)).toEqual([]);
    for (const table of [...TABLES, ...SERVICE_ONLY]) expect(await visible(browser(), table)).toEqual([]);
    const args = { p_user_id: ann.id, p_type: 'ai_generation', p_payload: {} };
    expect((await browser().rpc('create_job_with_credits', args)).error).not.toBeNull();
  });

  it('lets a user neither write a row nor move credits, the own included', async () => {
    const client = browser(ann);
    const before = await world.db.reviewJobs.get(annsJob);
    expect((await client.from('jobs').insert({ user_id: ann.id, type: 'ai_generation', payload: {} })).error).not.toBeNull();
    expect((await client.from('user_credits').insert({ user_id: ann.id, balance: 1000 })).error).not.toBeNull();
    expect((await client.from('job_outbox').insert({ queue: 'q', name: 'n' })).error).not.toBeNull();
    await client.from('jobs').update({ status: 'completed', result: {} }).eq('id', annsJob);
    await client.from('jobs').delete().eq('id', annsJob);
    await client.from('user_credits').update({ balance: 1000 }).eq('user_id', ann.id);
    await client.from('credit_ledger').delete().eq('user_id', ann.id);
    expect(await world.db.reviewJobs.get(annsJob)).toEqual(before);
    expect(await world.db.credits.balance(ann.id)).toBe(8);
    await expect(world.db.forUser(ann.jwt).credits.grant({ userId: ann.id, amount: 5 })).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('lets a user ask for own jobs at the price only', async () => {
    const { reviewJobs, credits } = world.db.forUser(bob.jwt);
    const job = { userId: bob.id, type: 'sentiment_analysis', payload: { text: 'x' } };
    await expect(reviewJobs.create({ ...job, cost: 0 })).rejects.toMatchObject({ code: 'forbidden' });
    await expect(reviewJobs.create({ ...job, userId: ann.id })).rejects.toMatchObject({ code: 'forbidden' });
    await expect(reviewJobs.create({ ...job, type: 'free_lunch' })).rejects.toMatchObject({ code: 'invalid_input' });
    await expect(reviewJobs.create({ ...job, options: { jobId: annsJob } })).rejects.toMatchObject({ code: 'invalid_input' });
    expect(await credits.balance(bob.id)).toBe(10);
    expect(await reviewJobs.create({ ...job, options: { priority: 1 } })).toMatchObject({ cost: 1, balance: 9, deduplicated: false });
    const fetched = await browser(bob).rpc('create_analytics_job', { p_user_id: ann.id });
    expect(fetched.error?.code).toBe('42501');
  });

  it('refuses a user what belongs to the service', async () => {
    const run = { table: 'jobs', id: annsJob, run: 1, runId: 'r', attempt: 1 };
    const calls: Record<string, Record<string, unknown>> = {
      cancel_job_row: { p_table: 'jobs', p_id: annsJob, p_reason: 'mine' },
      retry_job_row: { p_table: 'jobs', p_id: annsJob },
      begin_job_runs: { p_runs: JSON.stringify([run]) },
      end_job_runs: { p_endings: JSON.stringify([{ ...run, outcome: 'done' }]) },
      report_job_progress: { p_progress: JSON.stringify([{ ...run, progress: 1, total: 1, currentStep: '' }]) },
      unfinished_job_rows: { p_table: 'jobs', p_before: new Date().toISOString(), p_after: null, p_limit: 9 },
      resend_job_rows: { p_rows: JSON.stringify([run]) },
      expire_jobs: { p_after_ms: 0, p_limit: 9 },
      grant_credits: { p_user_id: bob.id, p_amount: 5 },
      replay_failed_jobs: { p_replay: randomUUID(), p_filter: '{}', p_by: 'me', p_limit: 9 },
      claim_outbox: { p_claim: randomUUID(), p_kinds: '[]', p_limit: 9, p_lease_ms: 9 },
      finish_outbox: { p_results: '[]' },
      prune_outbox: { p_keep_ms: 0 },
      enqueue_job: { queue: 'story-enhancement', name: 'enhance' },
      create_story: { p_story: '{}', p_options: '{}' },
    };
    for (const [name, args] of Object.entries(calls)) {
      const { error } = await browser(bob).rpc(name, args);
      expect([name, error?.code]).toEqual([name, '42501']);
    }
    expect(await world.db.reviewJobs.get(annsJob)).toMatchObject({ status: 'pending', run: 1 });
  });

  it('lets a user analyse own conversations only', async () => {
    const service = createClient(world.url, world.serviceKey, { ...(world.fetch ? { global: { fetch: world.fetch } } : {}) });
    const { data } = await service.from('conversations').insert({ user_id: ann.id, title: 'Q3' }).select().single();
    const ask = (user: TestUser) => browser(user).rpc('create_conversation_analysis_job', { p_conversation_id: data.id });
    expect((await ask(bob)).error).not.toBeNull();
    const { data: asked } = await ask(ann);
    expect(asked).toMatchObject({ deduplicated: false });
    expect((await visible(browser(ann), 'conversation_analysis_jobs')).map(({ created_by }) => created_by)).toEqual([ann.id]);
    expect(await visible(browser(ann), 'conversations')).toMatchObject([{ analysis_status: 'queued' }]);
    expect(await visible(browser(bob), 'conversation_analysis_jobs')).toEqual([]);
    const again = await world.db.jobRows.createAnalysis({ conversationId: data.id, options: {} });
    expect(again).toMatchObject({ id: asked.id, deduplicated: true });
  });
});
