/** Several connections at one conversation: readers never see half an analysis, and nobody waits for another in a circle. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openLite } from '../../lib/db/lite.ts';
import type { Db } from '../../lib/db/types.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { analysed, conversationOf, everythingOf, newTheme, placed, runningAnalysis } from './conversation-samples.ts';

let server: PostgresServer;
let url: string;
let db: Db;
beforeAll(async () => {
  server = await startPostgres({ settings: { log_lock_waits: 'on' }, migrated: true });
  url = server.url;
  ({ db } = await openLite({ databaseUrl: url, timeoutMs: 20_000 }));
});
afterAll(async () => {
  await db.close();
  await server.stop();
});

interface Session {
  rows(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  [Symbol.asyncDispose](): Promise<void>;
}

async function session(): Promise<Session> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return { rows: async (text, values) => (await client.query(text, values)).rows, [Symbol.asyncDispose]: () => client.end() };
}

/** Until somebody waits for a lock: then the other side has come as far as it can. */
async function somebodyWaits(watcher: Session): Promise<void> {
  for (;;) {
    const waiting = await watcher.rows(`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`);
    if (waiting.length > 0) return;
  }
}

/** Gives up sooner than others: whoever waits for it in a circle must have yielded before. */
async function impatient(): Promise<Session> {
  const deleter = await session();
  await deleter.rows(`set deadlock_timeout = '600ms'`);
  await deleter.rows('begin');
  return deleter;
}

/** Of many answers, all in theme 0, and the analysis that puts them all into theme 1. */
async function readyToSave(count: number) {
  const { id, answers } = await conversationOf(
    db,
    Array.from({ length: count }, (_unused, index) => `answer ${index}`),
  );
  const theme = newTheme(0, { name: 'Old' });
  await analysed(db, id, { themes: [theme], answers: answers.map((answer) => placed(answer.id, 0)), result: { k: 1 } });
  const run = await runningAnalysis(db, id);
  const themes = [{ ...theme, name: 'New' }, newTheme(1)];
  const analysis = { ...run, conversationId: id, result: { k: 2 }, themes, answers: answers.map((answer) => placed(answer.id, 1)) };
  return { id, theme, answers, analysis };
}

it('a reader sees the old analysis or the new one, whole, and the state that belongs to it', async () => {
  const { id, analysis } = await readyToSave(900);
  await using reader = await session();
  const look = async () => {
    const [row] = await reader.rows(
      `select c.analysis_status as status, c.analysis ->> 'k' as k, j.status as job, (select count(*)::int from conversation_themes t where t.conversation_id = c.id) as themes,
         (select string_agg(distinct r.cluster::text, ',') from conversation_responses r where r.conversation_id = c.id) as clusters
       from conversations c join conversation_analysis_jobs j on j.id = $2 where c.id = $1`,
      [id, analysis.jobId],
    );
    return JSON.stringify(row);
  };
  const seen = new Set([await look()]);
  let saved = false;
  const saving = db.conversations.saveAnalysis(analysis).then((result) => {
    saved = result;
  });
  while (!saved) seen.add(await look());
  await saving;
  seen.add(await look());
  expect([...seen].map((row) => JSON.parse(row))).toEqual([
    { status: 'processing', k: '1', job: 'processing', themes: 1, clusters: '0' },
    { status: 'succeeded', k: '2', job: 'succeeded', themes: 2, clusters: '1' },
  ]);
});

it('leaves the old analysis whole when the server breaks off in the middle', async () => {
  const { id, answers, analysis } = await readyToSave(50);
  const before = await everythingOf(db, id);
  await using holder = await session();
  await using watcher = await session();
  await holder.rows('begin');
  await holder.rows('select from conversation_responses where id = $1 for update', [answers[20]?.id]);
  const saving = db.conversations.saveAnalysis(analysis).catch((error: unknown) => error);
  await somebodyWaits(watcher);
  await watcher.rows(
    `select pg_terminate_backend(pid) from pg_stat_activity where query like '%save_conversation_analysis%' and pid <> pg_backend_pid()`,
  );
  await holder.rows('rollback');
  // The call may be repeated, and succeed: then all of it is there.
  const outcome = await saving;
  const after = await everythingOf(db, id);
  if (outcome === true) expect(after.conversation).toMatchObject({ analysis: { k: 2 }, analysisStatus: 'succeeded' });
  else expect(after).toEqual(before);
});

it('a save and the deletion of its conversation do not wait for each other in a circle', async () => {
  const { id, analysis } = await readyToSave(50);
  await using deleter = await impatient();
  await using watcher = await session();
  // What a DELETE holds before it comes to the jobs.
  await deleter.rows('select from conversations where id = $1 for update', [id]);
  const saving = db.conversations.saveAnalysis(analysis);
  await somebodyWaits(watcher);
  await deleter.rows('delete from conversations where id = $1', [id]);
  await deleter.rows('commit');
  expect(await saving).toBe(false);
  expect(await db.conversations.get(id)).toBeUndefined();
});

it('a save and the deletion of answers do not wait for each other in a circle', async () => {
  const { id, answers, analysis } = await readyToSave(50);
  const [first = '', last = ''] = [answers[0]?.id, answers[49]?.id];
  await using deleter = await impatient();
  await using watcher = await session();
  await deleter.rows('delete from conversation_responses where id = $1', [last]);
  const saving = db.conversations.saveAnalysis(analysis);
  await somebodyWaits(watcher);
  await deleter.rows('delete from conversation_responses where id = $1', [first]);
  await deleter.rows('commit');
  expect(await saving).toBe(true);
  expect(await db.conversations.counts(id)).toMatchObject({ total: 48, counted: 48, themes: 2 });
});

it('a cancel that comes while it is saved comes too late, and one that came before wins', async () => {
  const { id, analysis } = await readyToSave(50);
  await using canceller = await session();
  await using watcher = await session();
  await canceller.rows('begin');
  await canceller.rows(`select cancel_job_row('conversation_analysis_jobs', $1, 'no')`, [analysis.jobId]);
  const saving = db.conversations.saveAnalysis(analysis);
  await somebodyWaits(watcher);
  await canceller.rows('commit');
  expect(await saving).toBe(false);
  expect(await db.conversations.get(id)).toMatchObject({ analysisStatus: 'cancelled', analysis: { k: 1 } });
  const again = await readyToSave(50);
  expect(await db.conversations.saveAnalysis(again.analysis)).toBe(true);
  expect(await db.jobRows.cancel('conversation_analysis_jobs', again.analysis.jobId, 'late')).toBe('finished');
  expect(await db.conversations.get(again.id)).toMatchObject({ analysisStatus: 'succeeded' });
});

it('a save has longer than other calls: it is the last step of much work', async () => {
  const { id, theme, analysis } = await readyToSave(50);
  const hurried = await openLite({ databaseUrl: url, timeoutMs: 500 });
  await using holder = await session();
  await holder.rows('begin');
  await holder.rows('select from conversations where id = $1 for update', [id]);
  const saving = hurried.db.conversations.saveAnalysis(analysis);
  await expect(hurried.db.conversations.renameTheme(id, theme.id, { name: 'x' })).rejects.toMatchObject({ retryable: true });
  await holder.rows('rollback');
  expect(await saving).toBe(true);
  await hurried.db.close();
});

it('a rename that comes while it is saved finds the new theme, and its name stays', async () => {
  const { id, theme, analysis } = await readyToSave(50);
  await Promise.all([db.conversations.saveAnalysis(analysis), db.conversations.renameTheme(id, theme.id, { name: 'Mine' })]);
  expect((await db.conversations.themes(id)).map(({ name }) => name)).toContain('Mine');
});

it('everything at once ends, without one deadlock', async () => {
  await using watcher = await session();
  const plain = new pg.Pool({ connectionString: url, max: 4 });
  const deadlocks = async () => (await watcher.rows('select deadlocks from pg_stat_database where datname = current_database()'))[0]?.deadlocks;
  const before = await deadlocks();
  const { id, theme, answers } = await readyToSave(200);
  await db.jobRows.cancel('conversation_analysis_jobs', (await runningAnalysis(db, id)).jobId, 'make room');
  const analyse = async (round: number) => {
    const run = await runningAnalysis(db, id);
    const themes = [theme, newTheme(1), newTheme(2)];
    return db.conversations.saveAnalysis({
      ...run,
      conversationId: id,
      result: { round },
      themes,
      answers: answers.map((answer, index) => placed(answer.id, (index + round) % 3)),
    });
  };
  const rounds = [0, 1, 2, 3].flatMap((round) => [
    analyse(round),
    db.conversations.renameTheme(id, theme.id, { name: `Round ${round}` }),
    db.conversations.addAnswers(id, [{ text: `more ${round}` }]),
    db.conversations.themes(id).then((themes) =>
      db.conversations.mergeThemes(
        id,
        themes.map((one) => one.id),
        {},
      ),
    ),
    plain.query('delete from conversation_responses where id = $1', [answers[round * 7]?.id]),
    plain.query('insert into conversation_responses (conversation_id, text) values ($1, $2)', [id, randomUUID()]),
  ]);
  const outcomes = await Promise.allSettled(rounds);
  await plain.end();
  expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
  expect(await db.conversations.counts(id)).toMatchObject({ total: 204 });
  expect(await deadlocks()).toBe(before);
});
