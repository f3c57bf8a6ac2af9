import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MINUTE, SECOND } from '../../lib/clock.ts';
import { UnavailableError } from '../../lib/errors.ts';
import { deadlineIn } from '../../lib/lifecycle.ts';
import type { Chore } from '../../lib/schedules/chores.ts';
import { listeningLog } from '../oauth/world.ts';
import { gate } from '../support/queue-world.ts';
import { eventually } from '../support/world.ts';
import { COOL_DOWN_MS, type ScheduleWorld, startScheduleWorld } from './world.ts';

const QUEUE = 'daily-brief';

describe.each(['redis', 'postgres'] as const)('two schedulers and three workers, queues on %s', (kind) => {
  let world: ScheduleWorld;
  const stops: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    world = await startScheduleWorld(kind);
    for (let n = 0; n < 3; n += 1) stops.push(await world.startBriefWorker());
  });
  afterAll(async () => {
    for (const stop of stops) await stop();
    await world.stop();
  });
  beforeEach(() => world.clear());

  /** Deals of three zones, at times of three kinds; each gets one brief a day. */
  const newDeals = async (): Promise<string[]> => {
    const zones = ['America/New_York', 'Europe/Berlin', 'Asia/Tokyo'];
    const deals = await Promise.all(Array.from({ length: 12 }, (_, n) => world.newDeal({ name: `Deal ${n}`, timeZone: zones[n % 3] ?? null })));
    await world.newDeal({ name: 'Paused', status: 'paused' });
    return deals.map(({ id }) => id);
  };
  /** What was asked for is made. */
  const settle = async (editions: number): Promise<void> => {
    while ((await world.relay.runOnce()) > 0);
    await eventually(
      async () => (await world.sql`select from daily_brief_editions`).length >= editions && (await world.service.stats())[QUEUE].active === 0,
    );
  };
  const editions = () =>
    world.sql<{ deal_id: string; edition: number; date: string; due: string; late: boolean }[]>`
      select e.deal_id, e.edition, b.date::text, to_char(e.due_at at time zone 'UTC', 'DD HH24:MI') as due, e.late
      from daily_brief_editions e join daily_briefs b on b.id = e.brief_id order by e.due_at, e.deal_id`;

  it('each active deal gets one brief when the clock moves over 08:00 in three time zones', async () => {
    const schedulers = [world.newScheduler(), world.newScheduler()];
    const both = () => Promise.all(schedulers.map((one) => one.runOnce()));
    const deals = await newDeals();
    await both();
    let made = 0;
    // 08:00 in Berlin, New York and Tokyo.
    for (const due of ['2027-06-01T06:00:00Z', '2027-06-01T12:00:00Z', '2027-06-01T23:00:00Z']) {
      world.moveTo(due);
      world.clock.advance(-30 * SECOND);
      await both();
      world.clock.advance(MINUTE);
      const asked = await both();
      expect(asked.reduce((sum, { asked: one }) => sum + one, 0)).toBe(4);
      made += 4;
      await settle(made);
      world.clock.advance(MINUTE);
      expect(await both()).toEqual([
        { asked: 0, skipped: 0, chores: 0 },
        { asked: 0, skipped: 0, chores: 0 },
      ]);
    }
    const stored = await editions();
    expect(stored.map(({ deal_id }) => deal_id).sort()).toEqual([...deals].sort());
    expect(stored.map(({ edition, date, due, late }) => `${edition} ${date} ${due} ${late}`)).toEqual([
      ...Array(4).fill('1 2027-06-01 01 06:00 false'),
      ...Array(4).fill('1 2027-06-01 01 12:00 false'),
      ...Array(4).fill('1 2027-06-02 01 23:00 false'),
    ]);
    expect((await world.service.stats())[QUEUE]).toMatchObject({ completed: 12, failed: 0, waiting: 0 });
  });

  it('schedulers that are down at 08:00 and back at 09:10 make one brief, marked late', async () => {
    await world.newDeal({ name: 'Deal' });
    world.moveTo('2027-06-01T11:50:00Z');
    await world.newScheduler().runOnce();
    world.moveTo('2027-06-01T13:10:00Z');
    const back = [world.newScheduler(), world.newScheduler()];
    await Promise.all(back.map((one) => one.runOnce()));
    await settle(1);
    world.clock.advance(MINUTE);
    await Promise.all(back.map((one) => one.runOnce()));
    expect((await editions()).map(({ date, due, late }) => `${date} ${due} ${late}`)).toEqual(['2027-06-01 01 12:00 true']);
    expect(await world.runs()).toEqual(['Deal 2027-06-01T12:00 late']);
  });
});

describe('a scheduler', () => {
  let world: ScheduleWorld;
  beforeAll(async () => {
    world = await startScheduleWorld('redis');
  });
  afterAll(() => world.stop());
  beforeEach(() => world.clear());

  /** Minute by minute, as the timer does. */
  const walk = async (scheduler: { runOnce(): Promise<unknown> }, from: string, minutes: number): Promise<void> => {
    world.moveTo(from);
    for (let minute = 0; minute <= minutes; minute += 1) {
      await scheduler.runOnce();
      world.clock.advance(MINUTE);
    }
  };

  it('makes nothing of the time before its first look', async () => {
    await world.newDeal();
    world.moveTo('2027-06-01T12:00:30Z');
    expect(await world.newScheduler().runOnce()).toEqual({ asked: 0, skipped: 0, chores: 0 });
    expect(await world.runs()).toEqual([]);
  });

  it('fires once on both days that clocks are moved', async () => {
    await world.newDeal({ name: 'hole', briefTime: '30 2 * * *' });
    await world.newDeal({ name: 'twice', briefTime: '30 1 * * *' });
    await walk(world.newScheduler(), '2027-03-14T06:25:00Z', 70);
    expect(await world.runs()).toEqual(['twice 2027-03-14T06:30', 'hole 2027-03-14T07:30']);
    await world.clear();
    await world.newDeal({ name: 'hole', briefTime: '30 2 * * *' });
    await world.newDeal({ name: 'twice', briefTime: '30 1 * * *' });
    await walk(world.newScheduler(), '2027-11-07T05:25:00Z', 130);
    expect(await world.runs()).toEqual(['twice 2027-11-07T05:30', 'hole 2027-11-07T07:30']);
  });

  it.each([
    ['skip', ['Deal 2027-06-01T12:00 skipped', 'Deal 2027-06-01T18:00 skipped', 'Deal 2027-06-02T00:00']],
    ['one', ['Deal 2027-06-01T12:00 skipped', 'Deal 2027-06-01T18:00 late', 'Deal 2027-06-02T00:00']],
    ['all', ['Deal 2027-06-01T12:00 late', 'Deal 2027-06-01T18:00 late', 'Deal 2027-06-02T00:00']],
  ] as const)('catches up by policy: %s', async (policy, expected) => {
    await world.newDeal({ briefTime: '0 8,14,20 * * *' });
    const scheduler = world.newScheduler({ catchUp: { policy } });
    await scheduler.runOnce();
    world.moveTo('2027-06-02T00:00:00Z');
    await scheduler.runOnce();
    expect(await world.runs()).toEqual(expected);
    const missed = expected.filter((one) => one.endsWith('skipped')).length;
    expect(world.alerts.map(({ kind, details }) => [kind, details.runs])).toEqual(missed > 0 ? [['schedule_missed', missed]] : []);
  });

  it('tells of what was missed in one alert, however many schedulers come back', async () => {
    await Promise.all(Array.from({ length: 6 }, () => world.newDeal({ briefTime: '0 8,9 * * *' })));
    const back = Array.from({ length: 3 }, () => world.newScheduler({ catchUp: { policy: 'skip' } }));
    await back[0]?.runOnce();
    world.moveTo('2027-06-01T14:00:00Z');
    await Promise.all(back.map((one) => one.runOnce()));
    // Those whose look ends a moment later have theirs told when the trouble has cooled down.
    expect(world.alerts).toHaveLength(1);
    world.clock.advance(COOL_DOWN_MS);
    for (const one of [world.newWatch(), ...back]) await one.runOnce();
    const told = world.alerts.filter(({ kind }) => kind === 'schedule_missed');
    expect(told.length).toBeLessThanOrEqual(2);
    expect(told.reduce((sum, { details }) => sum + Number(details.runs), 0)).toBe(12);
  });

  it('goes on after the clock was set back, and fires nothing twice', async () => {
    await world.newDeal();
    const scheduler = world.newScheduler();
    await scheduler.runOnce();
    await walk(scheduler, '2027-06-01T11:59:00Z', 3);
    for (const time of ['2027-06-01T11:58:00Z', '2027-06-01T11:00:00Z']) {
      world.clock.setWallClock(Date.parse(time));
      await walk(scheduler, time, 1);
      await walk(scheduler, '2027-06-01T11:59:30Z', 3);
    }
    expect(await world.runs()).toEqual(['Deal 2027-06-01T12:00']);
    await walk(scheduler, '2027-06-02T11:59:30Z', 1);
    expect(await world.runs()).toEqual(['Deal 2027-06-01T12:00', 'Deal 2027-06-02T12:00']);
  });

  it('a look that fails is made up for by the next', async () => {
    await world.newDeal();
    const { schedules } = world.db;
    let down = true;
    const start: typeof schedules.start = (runs, defaults) => (down ? Promise.reject(new UnavailableError('away')) : schedules.start(runs, defaults));
    const scheduler = world.newScheduler({ schedules: { ...schedules, start } });
    await scheduler.runOnce();
    world.moveTo('2027-06-01T11:59:30Z');
    await scheduler.runOnce();
    world.clock.advance(MINUTE);
    await expect(scheduler.runOnce()).rejects.toThrow(UnavailableError);
    down = false;
    world.clock.advance(MINUTE);
    await scheduler.runOnce();
    expect(await world.runs()).toEqual(['Deal 2027-06-01T12:00']);
  });

  it('leaves out what plain SQL has made unreadable, says so once, and does the rest', async () => {
    await world.newDeal({ name: 'good' });
    const { id } = await world.newDeal({ name: 'bad' });
    await world.sql`update deals set brief_time = 'now and then', time_zone = 'Mars/Olympus' where id = ${id}`;
    const heard = await listeningLog();
    const scheduler = world.newScheduler({ log: heard.log });
    await scheduler.runOnce();
    await walk(scheduler, '2027-06-01T11:59:30Z', 2);
    expect(await world.runs()).toEqual(['good 2027-06-01T12:00']);
    expect(heard.lines().filter(({ event }) => event === 'scheduler.unreadable')).toMatchObject([{ cron: 'now and then', timeZone: 'Mars/Olympus' }]);
  });

  it('makes reports that users ask for, beside the daily brief', async () => {
    const { id: dealId } = await world.newDeal({ briefTime: '0 9 * * *' });
    const scheduler = world.newScheduler();
    const schedule = { kind: 'report' as const, report: 'weekly', title: 'The week', timeZone: null, enabled: true };
    await world.db.schedules.create({ ...schedule, dealId, cron: '0 9 * * TUE' }, null);
    await scheduler.runOnce();
    await walk(scheduler, '2027-06-01T12:59:30Z', 1);
    const jobs = await world.sql<{ job: string; payload: unknown }[]>`select job_id as job, payload from job_outbox order by job_id`;
    expect(jobs).toMatchObject([
      { job: `daily-brief-${dealId}-20270601T130000Z`, payload: { dealId, date: '2027-06-01', late: false } },
      { job: `daily-brief-${dealId}-weekly-20270601T130000Z`, payload: { dealId, date: '2027-06-01', report: 'weekly', title: 'The week' } },
    ]);
  });

  it('looks at once when it starts, by the timer afterwards, and stops', async () => {
    await world.newDeal();
    await world.newScheduler().runOnce();
    world.moveTo('2027-06-01T12:00:01Z');
    const scheduler = world.newScheduler();
    await scheduler.start();
    await eventually(async () => (await world.runs()).length > 0);
    await scheduler.stop(deadlineIn(5_000));
    await scheduler.stop(deadlineIn(5_000));
  });

  describe('does chores', () => {
    const chore = (run: Chore['run'], changes: Partial<Chore> = {}): Chore => ({
      key: 'sweeping',
      cron: '*/10 * * * *',
      leaseMs: MINUTE,
      run,
      ...changes,
    });
    const outcomes = async () => (await world.runs()).map((run) => run.replace('- 2027-06-01T', ''));

    it('each once among any number of schedulers, however many due times were missed', async () => {
      let done = 0;
      const timetable = [chore(async () => ({ done: ++done }))];
      const schedulers = [1, 2, 3].map(() => world.newScheduler({ timetable }));
      const all = () => Promise.all(schedulers.map((one) => one.runOnce()));
      await all();
      world.clock.advance(10 * MINUTE);
      await all();
      world.clock.advance(45 * MINUTE);
      await all();
      await all();
      expect([done, await outcomes()]).toEqual([2, ['00:10 done', '00:50 done']]);
    });

    it('one that fails is written down, and due again', async () => {
      const timetable = [chore(async () => Promise.reject(new Error('no broom')))];
      const scheduler = world.newScheduler({ timetable });
      await scheduler.runOnce();
      for (const _ of [1, 2]) {
        world.clock.advance(10 * MINUTE);
        expect(await scheduler.runOnce()).toMatchObject({ chores: 1 });
      }
      expect(await outcomes()).toEqual(['00:10 failed', '00:20 failed']);
      expect(await world.sql`select distinct error from schedule_runs`).toMatchObject([{ error: 'no broom' }]);
      expect(world.alerts).toEqual([]);
    });

    it('one that is still at it is not begun again, and a shutdown ends it', async () => {
      const entered = gate();
      const run: Chore['run'] = (signal) =>
        new Promise((_, reject) => {
          entered.open();
          signal.addEventListener('abort', () => reject(signal.reason));
        });
      const [busy, other] = [1, 2].map(() => world.newScheduler({ timetable: [chore(run)] }));
      await busy?.runOnce();
      world.clock.advance(10 * MINUTE);
      const long = busy?.runOnce();
      await entered.opened;
      world.clock.advance(10 * MINUTE);
      await other?.runOnce();
      expect(await outcomes()).toEqual(['00:10 started', '00:20 busy']);
      await busy?.stop(deadlineIn(5_000));
      await long;
      expect(await outcomes()).toEqual(['00:10 failed', '00:20 busy']);
    });
  });

  it('is missed after three minutes, by one of those that watch; that one is back is told too', async () => {
    const scheduler = world.newScheduler();
    const watches = [1, 2, 3].map(() => world.newWatch());
    await scheduler.runOnce();
    world.clock.advance(3 * MINUTE);
    for (const watch of watches) await watch.runOnce();
    expect(world.alerts).toEqual([]);
    for (const _ of [1, 2]) {
      world.clock.advance(MINUTE);
      await Promise.all(watches.map((watch) => watch.runOnce()));
    }
    expect(world.alerts).toMatchObject([{ kind: 'scheduler_missing', phase: 'firing', since: '2027-06-01T00:00:00.000Z' }]);
    await scheduler.runOnce();
    await scheduler.runOnce();
    expect(world.alerts.map(({ kind, phase }) => `${kind} ${phase}`)).toEqual(['scheduler_missing firing', 'scheduler_missing over']);
  });
});
