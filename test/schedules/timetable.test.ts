import { afterAll, beforeAll, expect, it } from 'vitest';
import { DAY } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/log.ts';
import { cronProblem } from '../../lib/schedules/cron.ts';
import { createTimetable, type TimetableDeps } from '../../schedulers/timetable.ts';
import { newDeal } from '../db/deal-samples.ts';
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
    lookForAlerts: async () => ({ told: 0 }),
    renewSourceWatches: async ({ signal }) => ({ started: signal.aborted ? 0 : 2, renewed: 1, failed: 0 }),
    clock: createFakeClock(),
    log: silentLogger,
    ...changes,
  });
async function newSource() {
  const deal = await world.db.deals.create(newDeal(), crypto.randomUUID());
  const { id: connectionId } = await world.db.connections.save(newConnection());
  return world.db.dealSources.create({ dealId: deal.id, sourceType: 'gmail', name: '', settings: {}, createdBy: null, connectionId });
}
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
  const { source } = await newSource();
  await world.sql(
    `insert into source_syncs (id, deal_id, source_id, source_type, sync_type, status, finished_at)
     select gen_random_uuid(), $1::uuid, $2::uuid, 'gmail', 'full', 'succeeded', now() - make_interval(days => n) from unnest(array[89, 91]) n`,
    [source.dealId, source.id],
  );
  expect(await run('clean-up')).toEqual({ runs: 10, steps: 0, states: 0, syncs: 1 });
});

it('sources that nobody has followed for a while are asked for, and their watches are looked after', async () => {
  await world.sql('delete from job_outbox');
  const { source } = await newSource();
  const before = poked;
  expect(await run('source-polls')).toEqual({ queued: 2 });
  expect(await world.sql("select payload ->> 'sourceId' as asked from job_outbox where payload ->> 'sourceId' = $1", [source.id])).toHaveLength(1);
  expect(poked).toBe(before + 1);
  expect(await run('source-watches')).toEqual({ started: 2, renewed: 1, failed: 0 });
});

it('briefs that a process has left unsent are sent', async () => {
  expect(await run('brief-deliveries')).toEqual({ sent: 1, failed: 0, postponed: 0 });
});
