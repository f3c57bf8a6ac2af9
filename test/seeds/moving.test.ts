import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../lib/db/migrate.ts';
import { eventually, startWorld, type World } from '../support/world.ts';
import { statements } from './guides.ts';
import { installOldTables, oldId, USER } from './old.ts';

const START_MS = 120_000;
const WAITING = ['d1', 'd2', 'd3', 'd4'].map(oldId);

/** An installation that took over the tables of three old workers; two of its own serve it. */
let world: World;
let analyses: unknown[];
beforeAll(async () => {
  world = await startWorld({
    queue: 'redis',
    env: { AI_PROVIDER: 'local', POLLING_INTERVAL: '200' },
    before: async (databaseUrl) => {
      await installOldTables(databaseUrl);
      await migrate({ databaseUrl });
    },
  });
  analyses = await averages('000');
  await Promise.all([world.startWorker(), world.startWorker()]);
  await eventually(async () => {
    const [open] = await world.sql<{ count: number }[]>`
      select (select count(*) from jobs where status in ('pending', 'processing'))::int
        + (select count(*) from analytics_jobs where status in ('pending', 'processing'))::int
        + (select count(*) from conversation_analysis_jobs where status in ('queued', 'processing'))::int as count`;
    return open?.count === 0;
  }, 60_000);
}, START_MS);
afterAll(() => world?.stop());

/** The guide's question for the seconds that jobs took. */
async function averages(guide: string): Promise<unknown[]> {
  const found = statements.find((statement) => statement.guide === guide && statement.sql.includes('AVG('));
  return [...(await world.sql.unsafe(found?.sql ?? ''))];
}

/** What the outbox says of these rows. */
const entries = (names: readonly string[]) =>
  world.sql`select row_id, queue, name, payload, ended, attempts from job_outbox where row_id in ${world.sql(names.map(oldId))} order by row_id`;

describe('review jobs that waited when Hivepulse was installed', () => {
  it('are done, each by one run', async () => {
    const events = await world.sql`
      select job, array_agg(status order by id) as states from test_job_events where job in ${world.sql(WAITING)} group by job order by job`;
    expect(events).toEqual(WAITING.map((job) => ({ job, states: ['processing', 'completed'] })));
    const rows = await world.sql<{ result: unknown }[]>`select result, attempts from jobs where id in ${world.sql(WAITING)} order by id`;
    expect(rows).toEqual([
      { attempts: 1, result: expect.objectContaining({ reply: expect.any(String), tone: 'friendly' }) },
      { attempts: 1, result: expect.objectContaining({ topics: expect.any(Array) }) },
      { attempts: 1, result: expect.objectContaining({ improvedPrompt: expect.any(String) }) },
      { attempts: 1, result: expect.objectContaining({ label: expect.any(String) }) },
    ]);
  });

  it('fail with the field named where their payload has never fitted', async () => {
    const [row] = await world.sql`select status, error from jobs where id = ${oldId('d5')}`;
    expect(row).toEqual({ status: 'failed', error: expect.stringContaining('review_text') });
    await expect(world.sql`select name from failed_jobs where job_id = ${oldId('d5')}`).resolves.toMatchObject([{ name: 'ai_generation' }]);
  });

  it('are not charged again: the old worker’s app had taken the credits', async () => {
    await expect(world.sql`select user_id, balance from user_credits order by user_id`).resolves.toMatchObject([
      { user_id: USER.paid, balance: 12 },
      { user_id: USER.poor, balance: 0 },
    ]);
    await expect(world.sql`select user_id, kind, amount from credit_ledger`).resolves.toEqual([{ user_id: USER.paid, kind: 'opening', amount: 12 }]);
  });

  it('are not asked for again by migrating again', async () => {
    const asked = () => world.sql`select count(*)::int as count, max(asked) as asked from job_outbox`;
    const before = await asked();
    await expect(migrate({ databaseUrl: world.postgres.url })).resolves.toEqual({ bootstrapped: false, applied: [] });
    await expect(asked()).resolves.toEqual(before);
  });
});

describe('what had ended before', () => {
  it('stays as it was, its times too', async () => {
    const rows = await world.sql`
      select status, result, error, extract(epoch from updated_at - created_at)::float as seconds from jobs where id in ${world.sql([oldId('d6'), oldId('d7')])} order by id`;
    expect(rows).toEqual([
      { status: 'completed', result: { response: 'Thank you!' }, error: null, seconds: 2.5 },
      { status: 'failed', result: null, error: 'OpenAI API error', seconds: 30 },
    ]);
  });

  it('still answers how long jobs take', async () => {
    expect(analyses).toEqual([{ avg_seconds: '42.0000000000000000' }]);
    await expect(averages('003')).resolves.toEqual(expect.arrayContaining([expect.objectContaining({ status: 'completed', count: '5' })]));
  });
});

describe('analyses that waited, or were left behind by a worker that died', () => {
  it('are done, on the answers as the old tables have them', async () => {
    const rows = await world.sql`
      select id, status, attempts, result ->> 'outcome' as outcome, (result ->> 'distinct')::int as answers
      from conversation_analysis_jobs where id in ${world.sql([oldId('a1'), oldId('a2')])} order by id`;
    expect(rows).toEqual([
      { id: oldId('a1'), status: 'succeeded', attempts: 1, outcome: 'themes', answers: 27 },
      { id: oldId('a2'), status: 'succeeded', attempts: 1, outcome: 'too_few', answers: 2 },
    ]);
  });

  it('leave themes where the old guide looks for them, and the state of the conversation', async () => {
    const conversations = await world.sql`select id, analysis_status from conversations order by id`;
    expect(conversations.map((row) => row.analysis_status)).toEqual(['succeeded', 'succeeded', 'succeeded', 'idle']);
    const themes = await world.sql`select name, size from conversation_themes where conversation_id = ${oldId('c1')}`;
    expect(themes.length).toBeGreaterThan(0);
    await expect(world.sql`select name, size from conversation_themes where conversation_id = ${oldId('c3')}`).resolves.toEqual([
      { name: 'Wages', size: 12 },
    ]);
  });
});

describe('Gmail fetches of a user who has connected no account here yet', () => {
  it('are sent with what they asked for, and fail saying what to do; what had ended stays', async () => {
    // `void`: the row had ended before the relay said that it was sent.
    const fetch = { queue: 'gmail-fetch', name: 'fetch_messages', ended: expect.stringMatching(/^(sent|void)$/), attempts: 1 };
    expect(await entries(['b1', 'b2', 'b3'])).toEqual([
      { row_id: oldId('b1'), payload: { userId: USER.paid, maxResults: 50 }, ...fetch },
      { row_id: oldId('b2'), payload: { userId: USER.paid }, ...fetch },
    ]);
    const rows = await world.sql`select id, status, last_error from analytics_jobs order by id`;
    const failed = { status: 'failed', last_error: expect.stringContaining('/api/connections/google/start') };
    expect(rows).toEqual([
      { id: oldId('b1'), ...failed },
      { id: oldId('b2'), ...failed },
      { id: oldId('b3'), status: 'completed', last_error: null },
    ]);
  });

  it('leave the cached messages, which are read once more when a fetch comes upon them', async () => {
    const rows = await world.sql`select user_id, message_id, subject, fetched_at from message_cache`;
    expect(rows).toEqual([{ user_id: USER.paid, message_id: '18c2f0', subject: 'Lunch', fetched_at: null }]);
  });
});

describe('an app of old that goes on', () => {
  /** As PostgREST does for a signed-in user. */
  const asUser = (user: string, statement: string) =>
    world.sql.begin(async (sql) => {
      const claims = { claims: JSON.stringify({ sub: user, role: 'authenticated' }), 'claim.sub': user, 'claim.role': 'authenticated' };
      for (const [name, value] of Object.entries(claims)) await sql`select set_config(${`request.jwt.${name}`}, ${value}, true)`;
      await sql`set local role authenticated`;
      return [...(await sql.unsafe(statement))];
    });

  it('has users read their own rows, and no others', async () => {
    await expect(asUser(USER.poor, 'select id from jobs order by id')).resolves.toEqual(['d3', 'd4', 'd7'].map((name) => ({ id: oldId(name) })));
    await expect(asUser(USER.poor, 'select user_id, balance from user_credits')).resolves.toEqual([{ user_id: USER.poor, balance: 0 }]);
  });

  it('no longer has users write, whatever the old policies and the server in front of the database allow', async () => {
    const insert = `insert into jobs (user_id, type, payload) values ('${USER.paid}', 'ai_generation', '{"review_text": "Nice."}')`;
    await expect(asUser(USER.paid, insert)).rejects.toMatchObject({ code: '42501' });
    for (const write of ["update jobs set result = '{}'", 'delete from jobs', 'update user_credits set balance = 1000', 'delete from user_credits'])
      await expect(asUser(USER.paid, `${write} returning user_id`)).resolves.toEqual([]);
  });

  it('has users ask for jobs through the function, at the price', async () => {
    const [asked] = await asUser(USER.paid, `select create_job_with_credits('${USER.paid}', 'sentiment_analysis', '{"text": "Fine."}') as job`);
    expect(asked).toMatchObject({ job: { cost: 1, balance: 11, deduplicated: false } });
  });

  it('keeps its own function with the body that docs/migrating.md gives, charged once', async () => {
    await world.sql.unsafe(replacement());
    const ask = (user: string) =>
      world.sql`select create_credit_consuming_job(${user}, 'ai_generation', '{"review_text": "Great service!"}', 3) as id`;
    const [balance] = await world.sql<{ balance: number }[]>`select balance from user_credits where user_id = ${USER.paid}`;
    const [asked] = await ask(USER.paid);
    await eventually(async () => (await world.sql`select from jobs where id = ${asked?.id} and status = 'completed'`).length === 1);
    await expect(world.sql`select balance from user_credits where user_id = ${USER.paid}`).resolves.toEqual([
      { balance: (balance?.balance ?? 0) - 3 },
    ]);
    await expect(ask(USER.poor)).rejects.toMatchObject({ code: 'PT402' });
  });
});

/** The SQL in docs/migrating.md that takes the place of the old function. */
function replacement(): string {
  const text = readFileSync(new URL('../../docs/migrating.md', import.meta.url), 'utf8');
  return text.match(/```sql\n(create or replace function create_credit_consuming_job[^`]*)```/)?.[1] ?? '';
}
