/** Two failures of one job, replayed by two requests at once. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';

let server: PostgresServer;
let pool: pg.Pool;
beforeAll(async () => {
  server = await startPostgres({ settings: { deadlock_timeout: '20ms' }, migrated: true });
  pool = new pg.Pool({ connectionString: server.url, max: 4 });
});
afterAll(async () => {
  await pool.end();
  await server.stop();
});

const rows = async (text: string, values: unknown[] = []) => (await pool.query(text, values)).rows;

/** A fetch that failed twice, both letters open; their ids. */
async function failedTwice(): Promise<{ job: string; letters: [string, string] }> {
  const [{ id: job }] = await rows('insert into analytics_jobs (user_id) values (gen_random_uuid()) returning id');
  await rows(`update analytics_jobs set status = 'failed' where id = $1`, [job]);
  const letter = async (run: number): Promise<string> => {
    const text = `insert into failed_jobs (queue, name, job_id, run, payload, error, fingerprint, attempts)
      values ('gmail-fetch', 'fetch_messages', $1, $2, '{}', 'x', 'x', 3) returning id`;
    return (await rows(text, [job, run]))[0]?.id;
  };
  return { job, letters: [await letter(1), await letter(2)] };
}

const replay = async (letter: string) => {
  const text = `select replay_failed_jobs($1, $2, 'service', 100) as answer`;
  return (await rows(text, [randomUUID(), JSON.stringify({ ids: [letter] })]))[0]?.answer;
};

it('ends for both, and the job runs once more', async () => {
  for (let round = 0; round < 60; round += 1) {
    const { job, letters } = await failedTwice();
    const answers = await Promise.all(letters.map(replay));
    expect(answers.map(({ replayed }) => replayed).sort()).toEqual([0, 1]);
    expect(answers.flatMap(({ skipped }) => skipped)).toMatchObject([{ reason: 'not_failed' }]);
    expect(await rows('select status, run from analytics_jobs where id = $1', [job])).toEqual([{ status: 'pending', run: 2 }]);
    expect(await rows('select count(*)::int as n from job_outbox where job_id = $1 and ended is null', [job])).toEqual([{ n: 1 }]);
  }
});

it('waits for a replay that is under way, whatever that one looks at', async () => {
  const { letters } = await failedTwice();
  const first = await pool.connect();
  await first.query('begin');
  await first.query(`select replay_failed_jobs($1, '{"ids": []}', 'service', 1)`, [randomUUID()]);
  let ended = false;
  const second = replay(letters[0]).finally(() => {
    ended = true;
  });
  while ((await rows(`select from pg_stat_activity where wait_event_type = 'Lock' and wait_event = 'advisory'`)).length === 0);
  expect(ended).toBe(false);
  await first.query('commit');
  first.release();
  await expect(second).resolves.toMatchObject({ replayed: 1 });
});
