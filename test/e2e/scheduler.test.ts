import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../support/port.ts';
import { eventually, startWorld, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld({ queue: 'redis' });
});
afterAll(() => world.stop());

it('schedulers and a worker that start after a downtime make one brief of each deal, marked late, and stop when told', async () => {
  const { db, sql } = world;
  const [due] = await sql<{ cron: string }[]>`select to_char((now() - interval '30 minutes') at time zone 'UTC', 'FMMI FMHH24') || ' * * *' as cron`;
  const deal = { name: 'Deal', description: null, status: 'active' as const, timeZone: 'UTC', briefTime: due?.cron ?? '', briefDelivery: {} };
  const { id } = await db.deals.create(deal, null);
  await sql`update deals set briefs_since = now() - interval '1 day'`;
  await sql`update scheduler_state set looked_at = now() - interval '150 minutes'`;
  const port = await freePort();
  const schedulers = [world.start('schedulers/main.ts', { WORKER_PORT: `${port}` }), world.start('schedulers/main.ts')];
  await world.startWorker({ SCHEDULER: 'on', WORKER_QUEUES: 'daily-brief' });
  const state = async () => (await sql<{ current: boolean }[]>`select looked_at > now() - interval '1 hour' as current from scheduler_state`)[0];
  await eventually(async () => (await state())?.current);
  const made = await eventually(async () => {
    const editions = await sql`select deal_id, trigger, edition, late from daily_brief_editions`;
    return editions.length > 0 ? [...editions] : undefined;
  });
  expect(made).toEqual([{ deal_id: id, trigger: 'schedule', edition: 1, late: true }]);
  expect([...(await sql`select outcome, late from schedule_runs where deal_id = ${id}`)]).toEqual([{ outcome: 'asked', late: true }]);
  expect((await fetch(`http://127.0.0.1:${port}/health/ready`)).status).toBe(200);
  for (const scheduler of schedulers) {
    await scheduler.entry(({ message }) => message === 'scheduler started');
    scheduler.kill('SIGTERM');
    expect(await scheduler.exit).toEqual({ code: 0, signal: null });
  }
  expect(world.leaks()).toEqual([]);
});
