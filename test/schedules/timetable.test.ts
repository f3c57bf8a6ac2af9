import { afterAll, beforeAll, expect, it } from 'vitest';
import { DAY } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/log.ts';
import { cronProblem } from '../../lib/schedules/cron.ts';
import { createTimetable, type TimetableDeps } from '../../schedulers/timetable.ts';
import { newConnection } from '../db/mail-samples.ts';
import { createFakeClock } from '../support/clock.ts';
import { noMail } from '../support/no-mail.ts';
import { type EmbeddedTestDb, startEmbeddedDb } from '../support/pglite.ts';

let world: EmbeddedTestDb;
beforeAll(async () => {
  world = await startEmbeddedDb();
});
afterAll(() => world.stop());

let poked = 0;
const timetable = (changes: Partial<TimetableDeps> = {}) =>
  createTimetable({
    db: world.db,
    mailboxes: noMail.mailboxes,
    topic: undefined,
    jobExpiryMs: 7 * DAY,
    poke: () => {
      poked += 1;
    },
    deliverDue: async () => ({ sent: 1, failed: 0, postponed: 0 }),
    clock: createFakeClock(),
    log: silentLogger,
    ...changes,
  });
const run = (key: string, changes?: Partial<TimetableDeps>) =>
  timetable(changes)
    .find((chore) => chore.key === key)
    ?.run(new AbortController().signal);

it('each chore has a key of its own and a time that comes', () => {
  const chores = timetable();
  expect(new Set(chores.map(({ key }) => key)).size).toBe(chores.length);
  expect(chores.map(({ cron }) => cronProblem(cron)).filter(Boolean)).toEqual([]);
});

it('mailboxes that were not followed for a while are asked for; without a topic no watch is renewed', async () => {
  const { userId } = await world.db.connections.save(newConnection());
  expect(await run('mailbox-polls')).toEqual({ queued: 1, failed: 0 });
  expect(await world.sql("select payload ->> 'userId' as asked from job_outbox where queue = 'gmail-fetch'")).toEqual([{ asked: userId }]);
  expect(poked).toBe(1);
  expect(await run('mailbox-watches')).toEqual({});
  // The account is one of those that end, and cannot be opened here.
  expect(await run('mailbox-watches', { topic: 'projects/p/topics/t' })).toEqual({ renewed: 0, failed: 1 });
});

it('credits that a job has held for too long come back, unless holds never expire', async () => {
  const userId = crypto.randomUUID();
  await world.db.credits.grant({ userId, amount: 5 });
  const { id } = await world.db.reviewJobs.create({ userId, type: 'sentiment_analysis', payload: { text: 'Good.' } });
  await world.sql('alter table jobs disable trigger user');
  await world.sql("update jobs set updated_at = now() - interval '8 days' where id = $1", [id]);
  await world.sql('alter table jobs enable trigger user');
  expect(await run('expired-holds', { jobExpiryMs: 0 })).toEqual({ expired: 0 });
  expect(await run('expired-holds')).toEqual({ expired: 1 });
  expect(await world.db.credits.balance(userId)).toBe(5);
});

it('due times and states of long ago are forgotten', async () => {
  await world.sql(
    "insert into schedule_runs (schedule_key, deal_id, due_at) select 'chore:old', '00000000-0000-0000-0000-000000000000', now() - make_interval(days => n) from generate_series(80, 99) n",
  );
  expect(await run('clean-up')).toEqual({ runs: 10, steps: 0, states: 0 });
});

it('briefs that a process has left unsent are sent', async () => {
  expect(await run('brief-deliveries')).toEqual({ sent: 1, failed: 0, postponed: 0 });
});
