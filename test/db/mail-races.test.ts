/** Several connections at one mailbox: nobody waits for another in a circle, and nothing is stored twice. */
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openLite } from '../../lib/db/lite.ts';
import type { Db } from '../../lib/db/types.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { cachedOf, fetching, messageId, newMessage, runningFetch } from './mail-samples.ts';

let server: PostgresServer;
let url: string;
let db: Db;
let watcher: pg.Client;
beforeAll(async () => {
  server = await startPostgres({ migrated: true });
  ({ url } = server);
  ({ db } = await openLite({ databaseUrl: url, timeoutMs: 20_000 }));
  watcher = new pg.Client({ connectionString: url });
  await watcher.connect();
});
afterAll(async () => {
  await watcher.end();
  await db.close();
  await server.stop();
});

const rows = async (text: string, values: unknown[] = []) => (await watcher.query(text, values)).rows;
const deadlocks = async () => (await rows('select deadlocks from pg_stat_database where datname = current_database()'))[0]?.deadlocks;

async function withHolder<T>(work: (holder: pg.Client) => Promise<T>): Promise<T> {
  const holder = new pg.Client({ connectionString: url });
  await holder.connect();
  return work(holder).finally(() => holder.end());
}

/** Until somebody waits for a lock: then the other side has come as far as it can. */
async function somebodyWaits(): Promise<void> {
  while ((await rows(`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)).length === 0);
}

it('stores of overlapping messages, in opposite orders, for two accounts of one user, end without a deadlock', async () => {
  const before = await deadlocks();
  const first = await fetching(db);
  const second = await fetching(db, { userId: first.connection.userId });
  const messages = Array.from({ length: 60 }, () => newMessage());
  const rounds = Array.from({ length: 15 }, (_unused, round) => [
    db.mailboxes.store(first.run, messages.slice(0, 40)),
    db.mailboxes.store(second.run, messages.slice(20).reverse()),
    db.mailboxes.record(first.run, { deleted: messages.slice(round, round + 5).map(({ id }) => id) }),
    db.mailboxes.record(second.run, { labels: messages.toReversed().map(({ id }) => ({ id, added: [`L${round}`], removed: [] })) }),
    db.connections.askForMailbox(first.connection.id, 'push'),
  ]);
  const outcomes = await Promise.allSettled(rounds.flat());
  expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
  await Promise.all([first.run, second.run].map((run) => db.mailboxes.store(run, messages)));
  expect(await cachedOf(db, first.connection.userId)).toHaveLength(60);
  expect(await deadlocks()).toBe(before);
});

it('a new message is counted as new by one of those who store it at once', async () => {
  const { connection, run } = await fetching(db);
  const other = await runningFetch(db, connection);
  const messages = Array.from({ length: 30 }, () => newMessage());
  const counts = await Promise.all([run, other].map((one) => db.mailboxes.store(one, messages)));
  expect(counts.reduce((sum, count) => sum + count)).toBe(30);
});

it('a cancel that comes while messages are stored waits for them, and lets no more in', async () => {
  const { connection, run } = await fetching(db);
  await withHolder(async (holder) => {
    await holder.query('begin');
    await holder.query('select from oauth_connections where id = $1 for update', [connection.id]);
    const storing = db.mailboxes.store(run, [newMessage()]);
    await somebodyWaits();
    const cancelling = db.jobRows.cancel('analytics_jobs', run.jobId, 'enough');
    await holder.query('commit');
    expect(await storing).toBe(1);
    expect(await cancelling).toBe('cancelled');
  });
  await expect(db.mailboxes.store(run, [newMessage()])).rejects.toMatchObject({ kind: 'superseded' });
});

it('an account that is removed while messages are stored takes them along, or comes first', async () => {
  const before = await deadlocks();
  for (let round = 0; round < 10; round += 1) {
    const { connection, run } = await fetching(db);
    const messages = Array.from({ length: 20 }, () => newMessage());
    await db.mailboxes.store(run, messages);
    const [stored] = await Promise.allSettled([
      db.mailboxes.store(run, [...messages.reverse(), newMessage()]),
      db.connections.remove(connection.id, { keepMessages: false }),
    ]);
    if (stored.status === 'rejected') expect(stored.reason).toMatchObject({ kind: 'superseded' });
    expect(await rows('select count(*)::int as n from message_cache where user_id = $1', [connection.userId])).toEqual([{ n: 0 }]);
  }
  expect(await deadlocks()).toBe(before);
});

it('a removed account’s messages and another account’s store do not wait for each other in a circle', async () => {
  const before = await deadlocks();
  const { connection, run } = await fetching(db);
  const other = await fetching(db, { userId: connection.userId });
  // Stored from Z to A, so that a plain scan finds them in that order.
  const ids = Array.from({ length: 2 }, messageId).sort().reverse();
  for (const id of ids) await db.mailboxes.store(run, [newMessage({ id })]);
  await withHolder(async (holder) => {
    await holder.query(`set deadlock_timeout = '10s'`);
    await holder.query('begin');
    await holder.query('select from message_cache where message_id = $1 for update', [ids[1]]);
    const removing = db.connections.remove(connection.id, { keepMessages: true });
    await somebodyWaits();
    // Its first message is the one that the other waits for.
    await holder.query('select from message_cache where message_id = $1 for update', [ids[0]]);
    await holder.query('commit');
    expect(await removing).toMatchObject({ id: connection.id });
  });
  expect(
    await db.mailboxes.store(
      other.run,
      ids.map((id) => newMessage({ id })),
    ),
  ).toBe(0);
  expect(await deadlocks()).toBe(before);
});

it('a notice waits for one that is being answered, and adds nothing to it', async () => {
  const { connection } = await fetching(db);
  await withHolder(async (holder) => {
    await holder.query('begin');
    await holder.query(`select ask_for_mailbox($1, 'push')`, [connection.id]);
    const second = db.connections.askForMailbox(connection.id, 'push');
    await Promise.race([somebodyWaits(), second]);
    await holder.query('commit');
    expect(await second).toMatchObject({ outcome: 'waiting' });
  });
  expect(await rows(`select count(*)::int as n from analytics_jobs where user_id = $1 and status = 'pending'`, [connection.userId])).toEqual([
    { n: 1 },
  ]);
});
