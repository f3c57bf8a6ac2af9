/** A database that has the tables of the old workers already, with rows waiting: nothing is lost, nothing is charged twice, the old SQL still runs. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { migrate } from '../../lib/db/migrate.ts';
import { migrationFiles } from '../../lib/db/migration-files.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

let url: string;
let client: pg.Client;
beforeEach(async () => {
  url = await server.createDatabase();
  client = new pg.Client({ connectionString: url });
  await client.connect();
});
afterEach(() => client.end());

const rows = async (text: string, values: unknown[] = []) => (await client.query(text, values)).rows;

/** As an app of the seeds may have made them by hand. */
const OLD_TABLES = `
  create type public.review_job_status as enum ('pending', 'processing', 'completed', 'failed');
  create table public.jobs (
    id uuid primary key default gen_random_uuid(), user_id uuid not null, type text not null,
    status public.review_job_status not null default 'pending', payload json not null, result json, error text,
    credits_cost integer not null default 1, created_at timestamptz default now(), updated_at timestamptz default now()
  );
  create table public.user_credits (id bigserial primary key, user_id uuid not null unique, balance integer);
  create table public.conversations (id uuid primary key, title text, analysis_status text default 'idle');
  create table public.conversation_analysis_jobs (
    id uuid primary key default gen_random_uuid(), conversation_id uuid not null references public.conversations (id),
    status text not null default 'queued' check (status in ('queued', 'processing', 'succeeded', 'failed')),
    attempts integer, last_error text, created_by uuid, created_at timestamptz not null default now(), updated_at timestamptz not null default now()
  );
  create table public.analytics_jobs (
    id uuid primary key default gen_random_uuid(), user_id uuid not null, type varchar(40) not null,
    status varchar(20) not null default 'pending' check (status = any (array['pending', 'processing', 'completed', 'failed'])),
    progress integer, total integer, current_step text, params jsonb, attempts integer not null default 0,
    created_at timestamptz not null default now(), updated_at timestamptz not null default now()
  );
  alter table public.jobs enable row level security;
  create policy "Users see own jobs" on public.jobs for select using (true);
`;

const [ann, bob] = [randomUUID(), randomUUID()];
const [talk, other] = [randomUUID(), randomUUID()];

const OLD_ROWS = `
  insert into public.user_credits (user_id, balance) values ('${ann}', 7), ('${bob}', null);
  insert into public.jobs (user_id, type, status, payload) values
    ('${ann}', 'ai_generation', 'pending', '{"review_text": "waits"}'), ('${ann}', 'review_processing', 'processing', '{"review_text": "runs"}'),
    ('${bob}', 'ai_generation', 'completed', '{"review_text": "done"}'), ('${bob}', 'ai_generation', 'failed', '{"review_text": "failed"}');
  insert into public.conversations (id, title) values ('${talk}', 'talk'), ('${other}', 'other');
  insert into public.conversation_analysis_jobs (conversation_id, status, created_by, created_at) values
    ('${talk}', 'queued', '${ann}', now() - interval '2 days'), ('${talk}', 'processing', '${ann}', now() - interval '1 day'),
    ('${other}', 'succeeded', '${ann}', now());
  insert into public.analytics_jobs (user_id, type, status, progress, total, params) values
    ('${ann}', 'fetch_messages', 'pending', null, null, '{"query": "is:unread"}'), ('${bob}', 'fetch_messages', 'completed', 20, 20, null);
`;

describe('a database with the tables of the old workers', () => {
  beforeEach(async () => {
    await rows(OLD_TABLES);
    await rows(OLD_ROWS);
    await migrate({ databaseUrl: url });
  });

  it('keeps every row; those that waited stand in the outbox once', async () => {
    expect(await rows('select type, status, payload, credits_cost, credits_state from jobs order by payload::text')).toEqual([
      { type: 'ai_generation', status: 'completed', payload: { review_text: 'done' }, credits_cost: 1, credits_state: 'none' },
      { type: 'ai_generation', status: 'failed', payload: { review_text: 'failed' }, credits_cost: 1, credits_state: 'none' },
      { type: 'review_processing', status: 'processing', payload: { review_text: 'runs' }, credits_cost: 1, credits_state: 'none' },
      { type: 'ai_generation', status: 'pending', payload: { review_text: 'waits' }, credits_cost: 1, credits_state: 'none' },
    ]);
    expect(await rows('select queue, name, payload, run from job_outbox where ended is null order by queue collate "C", payload::text')).toEqual([
      { queue: 'conversation-analysis', name: 'analyze', payload: { conversationId: talk }, run: 1 },
      { queue: 'gmail-fetch', name: 'fetch_messages', payload: { query: 'is:unread', userId: ann }, run: 1 },
      { queue: 'review-ai', name: 'review_processing', payload: { review_text: 'runs' }, run: 1 },
      { queue: 'review-ai', name: 'ai_generation', payload: { review_text: 'waits' }, run: 1 },
    ]);
  });

  it('keeps the newest of several active jobs of a conversation', async () => {
    expect(await rows('select status, last_error is null as fine from conversation_analysis_jobs order by created_at')).toEqual([
      { status: 'cancelled', fine: false },
      { status: 'processing', fine: true },
      { status: 'succeeded', fine: true },
    ]);
  });

  it('opens the ledger with the balance, and charges nobody for what was there', async () => {
    expect(await rows('select user_id, balance from user_credits order by balance')).toEqual([
      { user_id: bob, balance: 0 },
      { user_id: ann, balance: 7 },
    ]);
    expect(await rows('select user_id, kind, amount, balance_after from credit_ledger')).toEqual([
      { user_id: ann, kind: 'opening', amount: 7, balance_after: 7 },
    ]);
    const [waiting] = await rows(`select id from jobs where status = 'pending'`);
    expect(await rows(`select cancel_job_row('jobs', $1, 'no')`, [waiting.id])).toEqual([{ cancel_job_row: 'cancelled' }]);
    expect(await rows('select balance from user_credits where user_id = $1', [ann])).toEqual([{ balance: 7 }]);
  });

  it('charges what is asked for from now on, at the price, and writes down what other SQL does to a balance', async () => {
    await rows(`insert into jobs (user_id, type, payload) values ($1, 'ai_generation', '{"review_text": "new"}')`, [ann]);
    await rows('update user_credits set balance = balance + 10 where user_id = $1', [ann]);
    await rows(
      `select create_job_with_credits($1, 'ai_generation', '{"a": 1}', null, 'k'), create_job_with_credits($1, 'ai_generation', '{"a": 1}', null, 'k')`,
      [ann],
    );
    expect(await rows('select kind, amount, balance_after from credit_ledger where user_id = $1 order by id', [ann])).toEqual([
      { kind: 'opening', amount: 7, balance_after: 7 },
      { kind: 'reserve', amount: -2, balance_after: 5 },
      { kind: 'adjustment', amount: 10, balance_after: 15 },
      { kind: 'reserve', amount: -2, balance_after: 13 },
    ]);
    await rows('delete from user_credits where user_id = $1', [ann]);
    await rows('delete from jobs where user_id = $1', [ann]);
    expect(await rows('select sum(amount)::int as total from credit_ledger')).toEqual([{ total: 0 }]);
  });

  it('can be migrated again by hand, which changes nothing', async () => {
    const state = async () => [
      await rows('select id, asked, ended from job_outbox order by id'),
      await rows('select id, status, run, credits_state from jobs order by id'),
      await rows('select id, amount from credit_ledger order by id'),
    ];
    await rows(`update job_outbox set ended = 'sent', ended_at = now()`);
    const before = await state();
    const { migrations } = await migrationFiles();
    for (const { sql } of migrations) await rows(sql);
    const [outbox, ...others] = await state();
    expect(others).toEqual(before.slice(1));
    // Unfinished rows are asked for once more: their jobs have the same ids, and are merged.
    expect(outbox?.slice(0, 4)).toEqual(before[0]);
  });

  it('runs the SQL of the old workers', async () => {
    // Hivemind, conversation analysis.
    await rows(`INSERT INTO conversation_analysis_jobs (conversation_id, status, created_by)
   VALUES ('${other}', 'queued', '${bob}');`);
    expect(await rows(`SELECT analysis_status FROM conversations WHERE id = '${other}';`)).toEqual([{ analysis_status: 'queued' }]);
    expect(await rows(`SELECT * FROM conversation_analysis_jobs WHERE status = 'queued';`)).toMatchObject([
      { conversation_id: other, created_by: bob },
    ]);
    expect(
      await rows(`SELECT status, COUNT(*) as count
FROM conversation_analysis_jobs
GROUP BY status;`),
    ).toHaveLength(4);
    expect(
      await rows(`SELECT
  AVG(EXTRACT(EPOCH FROM (updated_at - created_at))) as avg_seconds
FROM conversation_analysis_jobs
WHERE status = 'succeeded';`),
    ).toHaveLength(1);
    expect(
      await rows(`SELECT *
FROM conversation_analysis_jobs
WHERE status = 'failed'
  AND updated_at > NOW() - INTERVAL '1 hour'
ORDER BY updated_at DESC;`),
    ).toEqual([]);
    expect(
      await rows(`SELECT conversation_id, last_error, attempts
   FROM conversation_analysis_jobs
   WHERE status = 'failed';`),
    ).toEqual([]);
    await expect(
      rows(`INSERT INTO conversation_analysis_jobs (conversation_id, status, created_by) VALUES ('${other}', 'queued', '${bob}');`),
    ).rejects.toThrow('conversation_analysis_jobs_one_active');
    // The review responder.
    const statuses = await rows(`SELECT
    status,
    COUNT(*) as count,
    AVG(EXTRACT(EPOCH FROM (updated_at - created_at))) as avg_processing_time
FROM jobs
GROUP BY status;`);
    expect(statuses.map(({ status }) => status).sort()).toEqual(['completed', 'failed', 'pending', 'processing']);
    // 360Brief and the responder: back to waiting.
    await rows(`UPDATE analytics_jobs SET status = 'pending' WHERE status = 'completed'`);
    expect(await rows(`select run, progress, attempts from analytics_jobs where user_id = '${bob}'`)).toEqual([{ run: 2, progress: 0, attempts: 0 }]);
    await expect(rows(`UPDATE jobs SET status = 'pending' WHERE status = 'failed'`)).rejects.toMatchObject({ code: 'PT402' });
  });
});

describe('plain SQL', () => {
  beforeEach(() => migrate({ databaseUrl: url }));

  it('is charged for every row or for none', async () => {
    await rows('select grant_credits($1, 3), grant_credits($2, 100)', [ann, bob]);
    const insert = (count: number) =>
      rows(`insert into jobs (user_id, type, payload) select unnest($1::uuid[]), 'sentiment_analysis', '{}' from generate_series(1, $2)`, [
        [ann, bob],
        count,
      ]);
    await expect(insert(4)).rejects.toMatchObject({ code: 'PT402', detail: expect.stringContaining('"balance" : 0') });
    expect(await rows('select count(*)::int as n from jobs')).toEqual([{ n: 0 }]);
    await insert(3);
    expect(await rows('select balance from user_credits order by balance')).toEqual([{ balance: 0 }, { balance: 97 }]);
    await rows(`update jobs set status = 'failed', error = 'x'`);
    expect(await rows('select balance from user_credits order by balance')).toEqual([{ balance: 3 }, { balance: 100 }]);
    expect(await rows('select ended, count(*)::int as n from job_outbox group by ended')).toEqual([{ ended: 'void', n: 6 }]);
  });

  it('cannot change what a job costs or whose it is while it holds credits, nor its id, nor say what it holds', async () => {
    await rows('select grant_credits($1, 9)', [ann]);
    const [job] = await rows(`insert into jobs (user_id, type, payload) values ($1, 'ai_generation', '{}') returning id`, [ann]);
    for (const change of ['credits_cost = 0', `user_id = '${bob}'`, 'id = gen_random_uuid()']) {
      await expect(rows(`update jobs set ${change} where id = $1`, [job.id])).rejects.toMatchObject({ code: '22023' });
    }
    expect(await rows(`update jobs set credits_state = 'released' where id = $1 returning credits_state`, [job.id])).toEqual([
      { credits_state: 'held' },
    ]);
  });

  it('that sets a running row back to waiting makes a new run of it, paid once', async () => {
    await rows('select grant_credits($1, 2)', [ann]);
    const [job] = await rows(`insert into jobs (user_id, type, payload) values ($1, 'ai_generation', '{}') returning id`, [ann]);
    await rows(`update jobs set status = 'processing' where id = $1`, [job.id]);
    await rows(`update jobs set status = 'pending' where id = $1`, [job.id]);
    expect(await rows('select run, credits_state from jobs')).toEqual([{ run: 2, credits_state: 'held' }]);
    expect(await rows('select kind, amount, run, note from credit_ledger order by id')).toEqual([
      { kind: 'grant', amount: 2, run: null, note: null },
      { kind: 'reserve', amount: -2, run: 1, note: null },
      { kind: 'release', amount: 2, run: 1, note: 'set back to waiting' },
      { kind: 'reserve', amount: -2, run: 2, note: null },
    ]);
    expect(await rows('select run, replaces, asked from job_outbox where ended is null')).toEqual([{ run: 2, replaces: true, asked: 2 }]);
  });
});
