import { expect, it } from 'vitest';
import { newStory } from '../db/worlds.ts';
import { type EmbeddedTestDb, startEmbeddedDb } from './pglite.ts';
import { signUp } from './users.ts';

/** The second of two that follow each other, and whether it is the same database as the first. */
async function oneAfterTheOther(change: (first: EmbeddedTestDb) => Promise<unknown>): Promise<{ same: boolean; second: EmbeddedTestDb }> {
  const first = await startEmbeddedDb();
  await change(first);
  await first.stop();
  const second = await startEmbeddedDb();
  return { same: second.serviceKey === first.serviceKey, second };
}

const counts = async ({ sql }: EmbeddedTestDb) =>
  sql('select (select count(*)::int from stories) as stories, (select count(*)::int from auth.users) as users');

it('an embedded database of one file is empty for the next', async () => {
  const { same, second } = await oneAfterTheOther(async (first) => {
    await signUp(first);
    await first.db.stories.create(newStory());
  });
  expect([same, await counts(second)]).toEqual([true, [{ stories: 0, users: 0 }]]);
  await second.stop();
});

it.each([
  ['a trigger', 'alter table public.jobs disable trigger user'],
  ['rows that were there', 'update public.job_prices set credits = credits + 1'],
])('where somebody has changed %s, the next file gets another one', async (_, statement) => {
  const { same, second } = await oneAfterTheOther((first) => first.sql(statement));
  expect(same).toBe(false);
  await second.stop();
});

it('whoever still holds the one of a file that has ended finds it closed', async () => {
  const { db, sql, fetch, url, stop } = await startEmbeddedDb();
  await stop();
  await stop();
  const closed = { code: 'database_closed' };
  await expect(sql('select 1')).rejects.toMatchObject(closed);
  await expect(fetch(`${url}/rest/v1/stories`)).rejects.toMatchObject(closed);
  await expect(db.stories.create(newStory())).rejects.toMatchObject(closed);
});
