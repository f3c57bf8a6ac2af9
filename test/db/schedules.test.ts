import { randomUUID } from 'node:crypto';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DAY, MINUTE } from '../../lib/clock.ts';
import type { DealChanges } from '../../lib/db/deal-types.ts';
import type { NewSchedule, RunsToStart, Schedule } from '../../lib/db/schedule-types.ts';
import { NotFoundError } from '../../lib/errors.ts';
import { signUp, type TestUser } from '../support/users.ts';
import { type World, worlds } from './worlds.ts';

const DEFAULTS = { cron: '0 8 * * *', timeZone: 'America/New_York' };
/** Later than anything that a test stores. */
const DUE = '2027-06-01T12:00:00.000Z';
const EARLIER = '2020-06-01T12:00:00.000Z';

describe.each(worlds)('schedules on %s', (_, start) => {
  let world: World;
  let tables: SupabaseClient;
  let ann: TestUser;
  let bob: TestUser;
  beforeAll(async () => {
    world = await start();
    const options = { ...(world.fetch ? { global: { fetch: world.fetch } } : {}), auth: { persistSession: false } };
    tables = createClient(world.url, world.serviceKey, options);
    [ann, bob] = [await signUp(world), await signUp(world)];
    await book().look(DEFAULTS, EARLIER);
  });
  afterAll(() => world.stop());

  const book = () => world.db.schedules;
  /** What is due is started by cron expression: each test has its own. */
  let crons = 0;
  const ownCron = () => `${crons % 60} ${Math.floor(crons++ / 60)} 1 1 *`;
  const newDeal = (changes: DealChanges = {}, userId: string | null = null) =>
    world.db.deals.create(
      { name: 'Deal', description: null, status: 'active', timeZone: null, briefTime: null, briefDelivery: {}, ...changes },
      userId,
    );
  const newSchedule = (changes: Partial<NewSchedule> & Pick<NewSchedule, 'cron'>, userId: string | null = null) =>
    book().create({ dealId: null, kind: 'report', report: 'weekly', title: 'The week', timeZone: null, enabled: true, ...changes }, userId);
  const runs = (cron: string, changes: Partial<RunsToStart> = {}): RunsToStart => ({
    kind: 'brief',
    cron,
    timeZone: DEFAULTS.timeZone,
    dueAt: DUE,
    date: '2027-06-01',
    outcome: 'asked',
    late: false,
    limit: 500,
    ...changes,
  });
  const startAll = (cron: string, changes: Partial<RunsToStart> = {}) => book().start(runs(cron, changes), DEFAULTS);
  const rows = async (table: string, column: string, value: string): Promise<Record<string, unknown>[]> =>
    (await tables.from(table).select().eq(column, value).throwOnError()).data ?? [];

  it('deals and schedules that share cron and time zone are one group; who gets no briefs is in none', async () => {
    const [cron, other] = [ownCron(), ownCron()];
    await Promise.all([
      newDeal({ briefTime: cron }),
      newDeal({ briefTime: cron }),
      newDeal({ briefTime: cron, timeZone: 'Asia/Tokyo' }),
      newDeal({ briefTime: other, status: 'paused' }),
      newDeal({ briefTime: 'off', timeZone: 'Asia/Tokyo' }),
      newSchedule({ cron: other, timeZone: 'Europe/Paris' }),
      newSchedule({ cron: ownCron(), timeZone: 'Europe/Rome', enabled: false }),
    ]);
    const { groups } = await book().look(DEFAULTS);
    expect(groups.filter((group) => [cron, other].includes(group.cron))).toEqual([
      { kind: 'brief', cron, timeZone: 'America/New_York' },
      { kind: 'brief', cron, timeZone: 'Asia/Tokyo' },
      { kind: 'schedule', cron: other, timeZone: 'Europe/Paris' },
    ]);
    expect(groups.some(({ timeZone }) => timeZone === 'Europe/Rome')).toBe(false);
  });

  it('each due time of a deal starts once, however many start it, and asks for its brief in the same statement', async () => {
    const cron = ownCron();
    const deals = await Promise.all(Array.from({ length: 7 }, () => newDeal({ briefTime: cron })));
    const started = await Promise.all(Array.from({ length: 4 }, () => startAll(cron, { late: true })));
    expect(started.reduce((sum, { started: one }) => sum + one, 0)).toBe(7);
    for (const { id } of deals) {
      const jobId = `daily-brief-${id}-20270601T120000Z`;
      expect(await book().runs('daily-brief', 500)).toContainEqual({
        scheduleKey: 'daily-brief',
        dealId: id,
        dueAt: DUE,
        outcome: 'asked',
        late: true,
        jobId,
      });
      const payload = { dealId: id, date: '2027-06-01', dueAt: DUE, late: true };
      expect(await rows('job_outbox', 'job_id', jobId)).toMatchObject([{ queue: 'daily-brief', name: 'generate', payload, row_table: 'deal_steps' }]);
      expect(await rows('deal_steps', 'deal_id', id)).toMatchObject([
        { subject: 'brief', key: jobId, operation: 'generate', status: 'queued', payload },
      ]);
    }
  });

  it('a call starts so many at most, and what is left is found by the next', async () => {
    const cron = ownCron();
    await Promise.all(Array.from({ length: 5 }, () => newDeal({ briefTime: cron })));
    const batches = [];
    for (let n = 0; n < 4; n += 1) batches.push(await startAll(cron, { limit: 2 }));
    expect(batches.map(({ found }) => found)).toEqual([2, 2, 1, 0]);
  });

  it('what was missed and not caught up is written down, asks for nothing, and is told by one alert', async () => {
    const tell = () => world.db.alerts.tellMissed({ coolDownMs: 0 });
    await tell();
    const cron = ownCron();
    const { id } = await newDeal({ briefTime: cron });
    await startAll(cron, { outcome: 'skipped' });
    await startAll(cron, { outcome: 'asked' });
    expect(await rows('schedule_runs', 'deal_id', id)).toMatchObject([{ outcome: 'skipped', job_id: null }]);
    expect(await rows('deal_steps', 'deal_id', id)).toEqual([]);
    const told = (await Promise.all([tell(), tell(), tell()])).flat();
    expect(told).toMatchObject([{ kind: 'schedule_missed', count: 1, details: { runs: 1, deals: 1 } }]);
    expect(['from', 'until'].map((key) => new Date(String(told[0]?.details[key])).toISOString())).toEqual([DUE, DUE]);
  });

  it('nothing is due before a deal was made, resumed, or given this time and zone; a new name changes nothing', async () => {
    const cron = ownCron();
    const { id } = await newDeal({ briefTime: cron, timeZone: DEFAULTS.timeZone });
    expect(await startAll(cron, { dueAt: EARLIER })).toEqual({ found: 0, started: 0 });
    const sinceOf = async () => (await rows('deals', 'id', id))[0]?.briefs_since;
    for (const [changes, counts] of [
      [{ name: 'Renamed' }, false],
      [{ status: 'paused' }, true],
      [{ status: 'active' }, true],
      [{ timeZone: 'Asia/Tokyo' }, true],
    ] as const) {
      const before = await sinceOf();
      await world.db.deals.change(id, changes);
      expect([changes, (await sinceOf()) !== before]).toEqual([changes, counts]);
    }
  });

  it('nothing is due before DAILY_BRIEF_TIME was what it is', async () => {
    const changed = { ...DEFAULTS, cron: ownCron() };
    await newDeal();
    const { now } = await book().look(changed, '2027-05-01T00:00:00.000Z');
    expect(now).toBe('2027-05-01T00:00:00.000Z');
    expect(await book().start(runs(changed.cron, { dueAt: '2027-04-30T12:00:00.000Z' }), changed)).toEqual({ found: 0, started: 0 });
    expect((await book().start(runs(changed.cron, { dueAt: '2027-05-01T12:00:00.000Z' }), changed)).started).toBeGreaterThan(0);
  });

  it('a schedule of one deal and one of all ask for a report once where they fall together', async () => {
    const cron = ownCron();
    const { id } = await newDeal({ briefTime: 'off', timeZone: 'Asia/Tokyo' });
    await newSchedule({ cron, dealId: id });
    await newSchedule({ cron });
    expect((await startAll(cron, { kind: 'schedule', timeZone: 'Asia/Tokyo' })).started).toBeGreaterThanOrEqual(2);
    expect(await rows('deal_steps', 'deal_id', id)).toMatchObject([{ payload: { report: 'weekly', title: 'The week', dueAt: DUE } }]);
  });

  it('a schedule that was made, changed or switched on later has nothing due before', async () => {
    const cron = ownCron();
    const { id: dealId } = await newDeal({ briefTime: 'off' });
    const { id } = await newSchedule({ cron, dealId });
    await tables.from('deals').update({ briefs_since: '2019-01-01T00:00:00Z' }).eq('id', dealId).throwOnError();
    const asked = () => startAll(cron, { kind: 'schedule', dueAt: EARLIER });
    expect((await asked()).started).toBe(0);
    const sinceOf = async () => (await rows('schedules', 'id', id))[0]?.since;
    for (const [changes, counts] of [
      [{ title: 'Other' }, false],
      [{ enabled: false }, true],
      [{ enabled: true }, true],
      [{ timeZone: 'Asia/Tokyo' }, true],
    ] as const) {
      const before = await sinceOf();
      await book().change(id, changes, null);
      expect([changes, (await sinceOf()) !== before]).toEqual([changes, counts]);
    }
  });

  it('how far was looked only grows, except where the clock was set back', async () => {
    const at = (minutes: number) => new Date(Date.parse('2027-07-01T08:00:00Z') + minutes * MINUTE).toISOString();
    const lookedAt = async () => (await book().look(DEFAULTS, at(0))).lookedAt;
    for (const [minutes, then] of [
      [0, 0],
      [5, 5],
      [1, 5],
      [-6, -6],
    ] as const) {
      await book().lookedUntil(at(minutes));
      expect([minutes, await lookedAt()]).toEqual([minutes, at(then)]);
    }
  });

  it('that no scheduler looks is noticed by one, once, until one is back', async () => {
    const at = (minutes: number) => new Date(Date.parse('2028-01-01T08:00:00Z') + minutes * MINUTE).toISOString();
    await book().lookedUntil(at(0));
    const watch = async (minutes: number) => {
      const told = await world.db.alerts.watchSchedulers({ afterMs: 3 * MINUTE, coolDownMs: 60 * MINUTE }, at(minutes));
      return told.map(({ phase, since }) => `${phase} ${since}`);
    };
    expect(await watch(3)).toEqual([]);
    expect((await Promise.all([1, 2, 3].map(() => watch(4)))).flat()).toEqual([`firing ${at(0)}`]);
    expect(await watch(60)).toEqual([]);
    expect(await watch(64)).toEqual([`still ${at(0)}`]);
    expect(await book().lookedUntil(at(70))).toBe(at(0));
    expect(await book().lookedUntil(at(71))).toBeUndefined();
    expect(await watch(75)).toEqual([`firing ${at(71)}`]);
  });

  it('a due chore is one run’s, also when its question is repeated', async () => {
    const claims = await Promise.all(['a', 'b', 'c'].map(async (run) => [run, await book().startChore('sweeping', DUE, run)] as const));
    const [winner] = claims.filter(([, mine]) => mine).map(([run]) => run);
    expect(claims.filter(([, mine]) => mine)).toHaveLength(1);
    expect(await book().startChore('sweeping', DUE, winner ?? '')).toBe(true);
    expect(await book().endChore('sweeping', DUE, 'another', 'done')).toBe(false);
    expect(await book().endChore('sweeping', DUE, winner ?? '', 'failed', 'no broom')).toBe(true);
    expect(await rows('schedule_runs', 'schedule_key', 'chore:sweeping')).toMatchObject([{ outcome: 'failed', error: 'no broom' }]);
  });

  describe('by hand', () => {
    const dates = { '': '2026-11-22', 'Asia/Tokyo': '2026-11-23' };
    const ask = (userId: string, changes: Partial<Parameters<ReturnType<typeof book>['askForBriefs']>[0]> = {}) =>
      book().askForBriefs({ userId, dates, suffix: randomUUID(), limit: 500, ...changes });

    it('each active deal that the user sees is asked for its local date, page by page', async () => {
      const { id: userId } = await signUp(world);
      const deals = await Promise.all([
        newDeal({}, userId),
        newDeal({ timeZone: 'Asia/Tokyo' }, userId),
        newDeal({}, userId),
        newDeal({ status: 'closed' }, userId),
      ]);
      expect(new Set(await book().zones({ userId }))).toEqual(new Set([null, 'Asia/Tokyo']));
      const first = await ask(userId, { limit: 2 });
      const second = await ask(userId, { limit: 2, after: first.at(-1)?.dealId });
      const asked = [...first, ...second].sort((a, b) => a.date.localeCompare(b.date));
      expect(asked.map(({ date, deduplicated }) => [date, deduplicated])).toEqual([
        ['2026-11-22', false],
        ['2026-11-22', false],
        ['2026-11-23', false],
      ]);
      expect(asked.map(({ dealId }) => dealId).sort()).toEqual(
        deals
          .slice(0, 3)
          .map(({ id }) => id)
          .sort(),
      );
      const { jobId, dealId, outboxId } = asked[2] ?? { jobId: '', dealId: '', outboxId: null };
      expect(jobId).toMatch(new RegExp(`^daily-brief-${dealId}-2026-11-23-[0-9a-f-]{36}$`));
      expect(await rows('job_outbox', 'job_id', jobId)).toMatchObject([
        { id: outboxId, payload: { dealId, date: '2026-11-23' }, options: { userId } },
      ]);
    });

    it('one that is unfinished is named instead of asked for again; one that has ended is followed by another', async () => {
      const { id: userId } = await signUp(world);
      const { id } = await newDeal({}, userId);
      const both = (await Promise.all([ask(userId), ask(userId), ask(userId)])).flat();
      expect(new Set(both.map(({ jobId }) => jobId)).size).toBe(1);
      expect(both.filter(({ deduplicated }) => !deduplicated)).toHaveLength(1);
      const [first] = both;
      expect(await ask(userId, { date: '2026-11-20' })).toMatchObject([{ date: '2026-11-20', deduplicated: false }]);
      await world.db.dealSteps.end({
        subject: 'brief',
        key: first?.jobId ?? '',
        operation: 'generate',
        jobId: first?.jobId ?? '',
        status: 'failed',
        error: 'x',
      });
      const suffix = randomUUID();
      const [next] = await ask(userId, { suffix });
      expect(next).toMatchObject({ dealId: id, deduplicated: false });
      expect(next?.jobId).not.toBe(first?.jobId);
      // The answer was lost, and the call is repeated.
      expect(await ask(userId, { suffix })).toEqual([next]);
    });

    it('a scheduled brief of the day does not count as asked for by hand', async () => {
      const { id: userId } = await signUp(world);
      const briefTime = ownCron();
      await newDeal({ briefTime }, userId);
      await startAll(briefTime, { date: '2026-11-22' });
      expect(await ask(userId)).toMatchObject([{ date: '2026-11-22', deduplicated: false }]);
    });

    it('a deal that the user does not see is none', async () => {
      const { id: dealId } = await newDeal({}, ann.id);
      expect(await book().zones({ dealId, userId: bob.id })).toBeUndefined();
      expect(await book().zones({ dealId: randomUUID() })).toBeUndefined();
      expect(await book().zones({ dealId, userId: ann.id })).toEqual([null]);
      expect(await ask(bob.id, { dealId })).toEqual([]);
      expect(await ask(ann.id, { dealId })).toMatchObject([{ dealId }]);
    });
  });

  describe('who sees and changes', () => {
    let schedule: Schedule;
    beforeAll(async () => {
      const { id } = await newDeal({ timeZone: 'Asia/Tokyo' }, ann.id);
      schedule = await newSchedule({ cron: ownCron(), dealId: id }, ann.id);
    });
    const of = (user: TestUser) => world.db.forUser(user.jwt).schedules;

    it('members of the deal see its schedule, whoever asks for them', async () => {
      expect(schedule).toMatchObject({ report: 'weekly', title: 'The week', createdBy: ann.id, dealTimeZone: 'Asia/Tokyo' });
      expect(await of(ann).get(schedule.id)).toEqual(schedule);
      expect((await of(ann).list({ limit: 9 })).items).toEqual([schedule]);
      expect((await book().list({ limit: 9, userId: ann.id })).items).toEqual([schedule]);
      expect((await book().list({ limit: 9, dealId: schedule.dealId ?? '' })).items).toEqual([schedule]);
      expect(await book().get(schedule.id, bob.id)).toBeUndefined();
      expect([await of(bob).get(schedule.id), (await of(bob).list({ limit: 9 })).items]).toEqual([undefined, []]);
      const first = await book().list({ limit: 1 });
      const second = await book().list({ limit: 1, cursor: first.nextCursor ?? '' });
      expect(second.items[0]?.id).not.toBe(first.items[0]?.id);
    });

    it('what became of due times is seen by the same', async () => {
      await startAll(schedule.cron, { kind: 'schedule', timeZone: 'Asia/Tokyo' });
      expect(await of(ann).runs(schedule.id, 9)).toMatchObject([{ dealId: schedule.dealId, dueAt: DUE, outcome: 'asked' }]);
      expect(await of(bob).runs(schedule.id, 9)).toEqual([]);
    });

    it('users write no row and call no function of schedulers', async () => {
      const browser = createClient(world.url, world.publishableKey, {
        ...(world.fetch ? { global: { fetch: world.fetch } } : {}),
        accessToken: async () => ann.jwt,
      });
      await browser.from('schedules').update({ enabled: false }).eq('id', schedule.id);
      await browser.from('schedules').delete().eq('id', schedule.id);
      expect((await browser.from('schedules').insert({ deal_id: schedule.dealId, cron: '* * * * *' })).error).not.toBeNull();
      expect(await book().get(schedule.id)).toEqual(schedule);
      expect((await browser.from('scheduler_state').select()).data ?? []).toEqual([]);
      const calls = {
        remove_schedule: { p_id: schedule.id, p_user: null },
        ask_for_briefs: { p_asked: '{}' },
        looked_at_schedules: { p_now: DUE },
        tell_missed_runs: { p_cool_down_ms: 0 },
        take_alert_messages: { p_claim: randomUUID(), p_target: 'webhook', p_lease_ms: 1 },
      };
      for (const [name, args] of Object.entries(calls)) expect([name, (await browser.rpc(name, args)).error?.code]).toEqual([name, '42501']);
    });

    it('a user makes, changes and removes schedules of own deals alone', async () => {
      await expect(newSchedule({ cron: '0 9 * * 1', dealId: schedule.dealId }, bob.id)).rejects.toThrow(NotFoundError);
      await expect(newSchedule({ cron: '0 9 * * 1' }, bob.id)).rejects.toThrow(NotFoundError);
      await expect(newSchedule({ cron: '0 9 * * 1', dealId: randomUUID() })).rejects.toThrow(NotFoundError);
      expect(await book().change(schedule.id, { enabled: false }, bob.id)).toBeUndefined();
      expect(await book().remove(schedule.id, bob.id)).toBe(false);
      expect(await book().change(schedule.id, { timeZone: null, enabled: false }, ann.id)).toMatchObject({
        timeZone: null,
        enabled: false,
        title: 'The week',
      });
      expect(await book().remove(schedule.id, ann.id)).toBe(true);
      expect(await book().get(schedule.id)).toBeUndefined();
    });
  });

  it('what is old and ended is forgotten, what is unfinished stays', async () => {
    const { id } = await newDeal({ briefTime: ownCron() });
    const [ended, open] = [`ended-${id}`, `open-${id}`];
    const step = { subject: 'brief', operation: 'generate', deal_id: id, queue: 'daily-brief' };
    await tables
      .from('deal_steps')
      .insert([
        { ...step, key: ended, status: 'succeeded' },
        { ...step, key: open, status: 'queued' },
      ])
      .throwOnError();
    await tables.from('schedule_runs').insert({ schedule_key: 'daily-brief', deal_id: id, due_at: DUE }).throwOnError();
    const later = (days: number) => new Date(Date.parse(DUE) + days * DAY).toISOString();
    expect(await book().cleanUp(90 * DAY, 100, new Date().toISOString())).toMatchObject({ steps: 0 });
    await book().cleanUp(90 * DAY, 1_000, later(91));
    expect(await rows('schedule_runs', 'deal_id', id)).toEqual([]);
    expect((await rows('deal_steps', 'deal_id', id)).map(({ key }) => key)).toEqual([open]);
  });
});
