import { randomInt, randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { eventually, startWorld, type World, type WorldOptions } from '../support/world.ts';

/** Crashes, lost jobs and rows that wait are found within seconds. */
const QUICK_RELAY = {
  POLL_INTERVAL_MS: '500',
  SWEEP_INTERVAL_MS: '1000',
  LOCK_DURATION_MS: '5000',
  STALLED_INTERVAL_MS: '1000',
  REVIEW_AI_BACKOFF_DELAY: '500',
  REVIEW_AI_KEEP_COMPLETED: '1000',
  REVIEW_AI_KEEP_FAILED: '1000',
  RATE_LIMIT_PER_MINUTE: '100000',
};

/** What the model says of every text here, which has one sentence. */
export const SENTIMENT = { sentences: [{ number: 1, score: 0.8 }], score: 0.8 };
const GRANT = 1_000;

/** Review jobs of a few users, inserted by plain SQL, with workers and APIs as processes of their own. */
export interface RelayChaos extends World {
  users: readonly string[];
  /** So many rows of all users, in one INSERT as an app would send it; resolves to their ids. */
  insert(count: number): Promise<string[]>;
  counts(): Promise<Record<string, number>>;
  /** Of the database, for figures: `recovery` measures from there. */
  now(): Promise<Date>;
}

/** A sequence of numbers from 0 to 1 that a seed repeats (mulberry32). The seed is printed: CHAOS_SEED=… runs the same again. */
export function seeded(what: string): { random: () => number; between: (least: number, most: number) => number } {
  const seed = Number(process.env.CHAOS_SEED ?? randomInt(2 ** 31));
  told(`${what}: CHAOS_SEED=${seed}`);
  let state = seed;
  const random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { random, between: (least, most) => Math.round(least + random() * (most - least)) };
}

export function told(what: string): void {
  process.stdout.write(`  relay chaos ${what}\n`);
}

export async function startRelayChaos(options: WorldOptions): Promise<RelayChaos> {
  const world = await startWorld({ latencyMs: 200, ...options, env: { ...QUICK_RELAY, ...options.env } });
  world.llm.answerWith(SENTIMENT);
  const users = Array.from({ length: 5 }, () => randomUUID());
  for (const user of users) await world.sql`select grant_credits(${user}, ${GRANT})`;
  return Object.assign(world, {
    users,
    insert: async (count: number) => {
      const rows = await world.sql<{ id: string }[]>`
        insert into jobs (user_id, type, payload)
        select (${users}::uuid[])[1 + n % ${users.length}], 'sentiment_analysis', jsonb_build_object('text', 'I love it, says guest ' || gen_random_uuid())
        from generate_series(1, ${count}) n returning id`;
      return rows.map(({ id }) => id);
    },
    counts: () => counts(world),
    now: async () => (await world.sql<{ now: Date }[]>`select clock_timestamp() as now`)[0]?.now ?? new Date(),
  });
}

async function counts({ sql }: World): Promise<Record<string, number>> {
  const rows = await sql<{ status: string; count: number }[]>`select status, count(*)::int as count from jobs group by status`;
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}

/** Resolves when so many rows have completed. */
export function completed(world: RelayChaos, count: number, timeoutMs = 60_000): Promise<true> {
  return eventually(async () => ((await world.counts()).completed ?? 0) >= count, timeoutMs) as Promise<true>;
}

/** Resolves, to how many rows stand in each state, when every row has ended; else it shows what is stuck. */
export async function allEnded(world: RelayChaos, timeoutMs = 90_000): Promise<Record<string, number>> {
  const unfinished = () => world.sql`
    select id, status, run, run_id, attempts, error, clock_timestamp() - updated_at as untouched,
      (select json_agg(json_build_object('ended', o.ended, 'attempts', o.attempts, 'error', o.error, 'available_at', o.available_at, 'claimed_until', o.claimed_until))
       from job_outbox o where o.job_id = j.id::text) as outbox
    from jobs j where status in ('pending', 'processing') limit 3`;
  try {
    await eventually(async () => (await unfinished()).length === 0, timeoutMs);
  } catch {
    const stuck = await unfinished();
    await world.backend.ready(5_000);
    const states = await Promise.all(stuck.map(({ id }) => world.backend.queue('review-ai').getJobState(id)));
    expect({ counts: await world.counts(), stuck: stuck.map((row, index) => ({ ...row, queue: states[index] })) }).toEqual('every row ended');
  }
  return world.counts();
}

/** When work went on after `since`, and when the last row ended, in seconds. */
export async function recovery({ sql }: RelayChaos, since: Date): Promise<string> {
  const [row] = await sql<{ first: number | null; last: number | null; ended: number }[]>`
    select extract(epoch from min(at) - ${since})::float8 as first, extract(epoch from max(at) - ${since})::float8 as last, count(*)::int as ended
    from test_job_events where at > ${since} and status in ('completed', 'failed', 'cancelled')`;
  const seconds = (value: number | null | undefined) => `${(value ?? 0).toFixed(1)} s`;
  return `all ${row?.ended ?? 0} rows ended after ${seconds(row?.last)}; first progress after ${seconds(row?.first)}`;
}

/**
 * By the accounts of the database alone: no run went on after it had ended, each result was stored once, and each run of each job was
 * charged once and settled or given back once, so that every balance is what was granted less what completed.
 */
export async function expectNothingLostOrTwice({ sql, users }: RelayChaos): Promise<void> {
  expect(await plain(sql`select id, status from jobs where status in ('pending', 'processing')`), 'rows that have not ended').toEqual([]);
  const revived = sql`
    select later.job, later.run, ended.status as was, later.status as became, later.at - ended.at as after
    from test_job_events ended join test_job_events later on later.job = ended.job and later.run = ended.run and later.id > ended.id
    where ended.status in ('completed', 'failed', 'cancelled')`;
  expect(await plain(revived), 'runs that went on after their end').toEqual([]);
  const written = sql`select job, run, count(*)::int from test_job_events where status = 'completed' group by job, run having count(*) > 1`;
  expect(await plain(written), 'results stored more than once').toEqual([]);
  expect(await plain(sql`select id from jobs where (status = 'completed') <> (result is not null)`), 'rows without their result').toEqual([]);
  const charged = sql`
    select e.job, e.run, e.status, string_agg(l.kind, ' ' order by l.id) as ledger
    from (select job, run, max(status) filter (where status in ('completed', 'failed', 'cancelled')) as status from test_job_events group by job, run) e
    left join credit_ledger l on l.job_id = e.job and l.run = e.run group by e.job, e.run, e.status
    having coalesce(string_agg(l.kind, ' ' order by l.id), '') <> 'reserve ' || case e.status when 'completed' then 'settle' else 'release' end`;
  expect(await plain(charged), 'runs not charged once').toEqual([]);
  expect(await plain(sql`select id, status, credits_state from jobs where credits_state in ('held', 'none')`), 'credits still held').toEqual([]);
  const balances = sql`
    select c.user_id, c.balance, (select sum(amount)::int from credit_ledger l where l.user_id = c.user_id) as ledger,
      ${GRANT} - (select count(*)::int from test_job_events e join jobs j on j.id = e.job where j.user_id = c.user_id and e.status = 'completed') as expected
    from user_credits c where c.user_id in ${sql(users)}`;
  for (const { balance, ledger, expected } of await balances) expect({ balance, ledger }).toEqual({ balance: expected, ledger: expected });
  const lettersOfOthers = sql`
    select f.job_id, f.run, f.error from failed_jobs f
    where not exists (select from test_job_events e where e.job::text = f.job_id and e.run = f.run and e.status = 'failed')`;
  expect(await plain(lettersOfOthers), 'dead letters of runs that did not fail').toEqual([]);
  const unlettered = sql`
    select e.job, e.run from test_job_events e
    where e.status = 'failed' and not exists (select from failed_jobs f where f.job_id = e.job::text and f.run = e.run)`;
  await eventually(async () => (await unlettered).length === 0).catch(async () =>
    expect(await plain(unlettered), 'failures without a dead letter').toEqual([]),
  );
}

async function plain(query: Promise<Iterable<unknown>> | PromiseLike<Iterable<unknown>>): Promise<unknown[]> {
  return [...(await query)].slice(0, 10);
}

/** Those that failed because their worker died twice: the guard against jobs that kill workers cannot tell a test from one. They are run again. */
export async function replayStalled(world: RelayChaos): Promise<number> {
  const failed = await world.sql<{ id: string; error: string }[]>`select id, error from jobs where status = 'failed'`;
  expect(failed.filter(({ error }) => !error.includes('stalled'))).toEqual([]);
  await world.sql`update jobs set status = 'pending' where status = 'failed'`;
  return failed.length;
}

/** An outage lasts for so long: the one thing here that is a time by itself, not something to wait for. */
export function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
