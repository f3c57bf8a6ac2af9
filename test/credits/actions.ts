/** What may happen to jobs and credits, each as one transaction: chosen by a seeded random source, on whatever rows are there at that moment. */
import { randomUUID } from 'node:crypto';
import type { Random } from './random.ts';
import type { Tag } from './session.ts';

export interface BegunRun {
  id: string;
  run: number;
  runId: string;
}

/** What the actors know in common; told only after a transaction has been committed. */
export interface Shared {
  users: readonly string[];
  runs: BegunRun[];
}

/** Answers what to tell once it is committed. */
export type Action = (sql: Tag, random: Random, shared: Shared) => Promise<undefined | (() => void)>;

const TYPES = ['ai_generation', 'review_processing', 'prompt_analysis', 'sentiment_analysis'] as const;
const OUTCOMES = ['done', 'done', 'done', 'failed', 'cancelled', 'retry'] as const;
const KEYS = 400;

interface Row {
  id: string;
  run: number;
}

/** A few of the rows, in an order of their own. */
async function someRows(sql: Tag, random: Random, statuses: readonly string[], atMost: number): Promise<Row[]> {
  const from = random.uuid();
  const count = random.between(1, atMost);
  const rows = await sql<Row>`select id, run from jobs where status = any(${statuses}) and id >= ${from} order by id limit ${count}`;
  return random.shuffled(rows);
}

async function create(sql: Tag, random: Random, { users }: Shared) {
  // Some of the keys have been used before: the same request again.
  const number = random.between(1, KEYS);
  const [user, type] = [users[number % users.length] ?? '', TYPES[number % TYPES.length] ?? ''];
  const key = random.chance(0.5) ? `key-${number}` : randomUUID();
  await sql`select create_job_with_credits(${user}, ${type}, '{"text": "x"}', null, ${key}, '{}')`;
  return undefined;
}

async function insert(sql: Tag, random: Random, { users }: Shared) {
  const rows = Array.from({ length: random.between(1, 4) }, () => ({ user_id: random.pick(users), type: random.pick(TYPES) }));
  await sql`insert into jobs (user_id, type, payload)
    select user_id, type, '{"text": "y"}' from jsonb_to_recordset(${JSON.stringify(rows)}) as r(user_id uuid, type text)`;
  return undefined;
}

async function begin(sql: Tag, random: Random, shared: Shared) {
  const rows = await someRows(sql, random, ['pending', 'processing'], 8);
  const runs = rows.map(({ id, run }) => ({ table: 'jobs', id, run, runId: randomUUID(), attempt: 1 }));
  const [answered] = await sql<{ begun: { state: string }[] }>`select begin_job_runs(${JSON.stringify(runs)}) as begun`;
  const ours = runs.filter((_, index) => answered?.begun[index]?.state === 'run');
  return () => shared.runs.push(...ours);
}

async function end(sql: Tag, random: Random, shared: Shared) {
  const taken = Array.from({ length: random.between(1, 10) }, () => random.pick(shared.runs)).filter((run) => run !== undefined);
  const endings = taken.map(({ id, run, runId }) => {
    const outcome = random.pick(OUTCOMES);
    const anonymous = (outcome === 'failed' || outcome === 'cancelled') && random.chance(0.3);
    return { table: 'jobs', id, outcome, result: { ok: true }, error: 'no', ...(anonymous ? { run } : { runId }) };
  });
  await sql`select end_job_runs(${JSON.stringify(endings)})`;
  return undefined;
}

async function cancel(sql: Tag, random: Random) {
  for (const { id } of await someRows(sql, random, ['pending', 'processing', 'completed'], 1))
    await sql`select cancel_job_row('jobs', ${id}, 'by hand')`;
  return undefined;
}

async function retry(sql: Tag, random: Random) {
  for (const { id, run } of await someRows(sql, random, ['failed', 'cancelled', 'pending'], 1)) {
    await sql`select retry_job_row('jobs', ${id}, ${random.chance(0.5) ? run : null})`;
  }
  return undefined;
}

/** One letter a transaction, as workers write them: several in an order of their own would wait for each other's unique keys. */
async function bury(sql: Tag, random: Random) {
  for (const { id, run } of await someRows(sql, random, ['failed'], 1)) {
    const letter = { queue: 'review-ai', name: 'ai_generation', jobId: id, run, payload: {}, error: 'no', fingerprint: 'f', attempts: 1 };
    await sql`select record_failed_job(${JSON.stringify(letter)})`;
  }
  return undefined;
}

async function replay(sql: Tag, random: Random) {
  await sql`select replay_failed_jobs(${randomUUID()}, '{"queue": "review-ai"}', 'service', ${random.between(1, 6)}, null)`;
  return undefined;
}

async function expire(sql: Tag, random: Random) {
  await sql`select expire_jobs(0, ${random.between(1, 3)})`;
  return undefined;
}

/** As in the SQL editor: an end by hand, or a row set back to waiting. */
async function setStatus(sql: Tag, random: Random) {
  const [from, to] = random.pick([
    [['pending', 'processing'], 'completed'],
    [['pending', 'processing'], 'failed'],
    [['processing', 'completed', 'failed', 'cancelled'], 'pending'],
  ] as const);
  for (const { id } of await someRows(sql, random, from, 1)) await sql`update jobs set status = ${to} where id = ${id} and status = any(${from})`;
  return undefined;
}

async function remove(sql: Tag, random: Random) {
  for (const { id } of await someRows(sql, random, ['pending', 'processing', 'completed', 'failed'], 1)) await sql`delete from jobs where id = ${id}`;
  return undefined;
}

async function grant(sql: Tag, random: Random, { users }: Shared) {
  await sql`select grant_credits(${random.pick(users)}, ${random.between(1, 6)}, ${`grant-${random.between(1, KEYS)}`})`;
  return undefined;
}

async function topUp(sql: Tag, random: Random, { users }: Shared) {
  await sql`update user_credits set balance = balance + ${random.between(-2, 4)} where user_id = ${random.pick(users)} and balance > 2`;
  return undefined;
}

async function deliver(sql: Tag, random: Random) {
  const kinds = JSON.stringify(TYPES.map((name) => ({ queue: 'review-ai', name })));
  const [answered] = await sql<{ claimed: { id: number; asked: number; jobId: string }[] }>`
    select claim_outbox(${randomUUID()}, ${kinds}, ${random.between(1, 5)}, 1) as claimed`;
  const results = random.shuffled(answered?.claimed ?? []).map(({ id, asked, jobId }) => ({ id, asked, jobId, ended: 'sent' }));
  await sql`select finish_outbox(${JSON.stringify(results)})`;
  return undefined;
}

async function resend(sql: Tag, random: Random) {
  const rows = await someRows(sql, random, ['pending', 'processing'], 5);
  await sql`select resend_job_rows(${JSON.stringify(rows.map((row) => ({ table: 'jobs', ...row })))})`;
  return undefined;
}

/** The usual more often than the rest. */
export const ACTIONS: readonly Action[] = [
  ...[create, create, create, insert, begin, begin, begin, end, end, end, deliver, deliver],
  ...[cancel, retry, retry, bury, replay, expire, setStatus, setStatus, remove, grant, topUp, resend],
];
