import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFakeClock } from '../support/clock.ts';
import type { TestUser } from '../support/users.ts';
import { type Api, type CallOptions, startApi } from './world.ts';

const NOW = '2026-11-22T23:30:00Z';
let api: Api;
let ann: TestUser;
let bob: TestUser;
beforeAll(async () => {
  api = await startApi({ clock: createFakeClock(NOW), options: { timeZone: 'America/New_York' } });
  [ann, bob] = [await api.db.signUp(), await api.db.signUp()];
});
afterAll(() => api.stop());

const newDeal = async ({ id: userId }: { id: string }, timeZone: string | null = null, status: 'active' | 'paused' = 'active'): Promise<string> =>
  (await api.db.deals.create({ name: 'Deal', description: null, status, timeZone, briefTime: null, briefDelivery: {} }, userId)).id;
const as = ({ jwt }: TestUser): CallOptions => ({ jwt });
const acting = ({ id }: TestUser): CallOptions => ({ headers: { 'x-user-id': id } });

describe('/api/schedules', () => {
  it('is made, read, changed and removed by a member of its deal', async () => {
    const dealId = await newDeal(ann, 'Asia/Tokyo');
    const made = await api.call('POST', '/api/schedules', { ...as(ann), json: { dealId, report: 'weekly', title: 'The week', cron: '0 9 * * MON' } });
    const { id } = made.body.data.schedule;
    const schedule = {
      id,
      dealId,
      kind: 'report',
      report: 'weekly',
      title: 'The week',
      cron: '0 9 * * MON',
      timeZone: null,
      enabled: true,
      createdBy: ann.id,
      nextDueAt: '2026-11-23T00:00:00.000Z',
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    };
    expect([made.status, made.body, made.headers.get('location')]).toEqual([201, { success: true, data: { schedule } }, `/api/schedules/${id}`]);
    await api.db.table('schedule_runs').insert({ schedule_key: id, deal_id: dealId, due_at: NOW, job_id: 'a-job', late: true });
    for (const who of [as(ann), acting(ann), {}]) {
      const { body } = await api.call('GET', `/api/schedules/${id}`, who);
      expect(body.data).toEqual({ schedule, runs: [{ dealId, dueAt: '2026-11-22T23:30:00.000Z', outcome: 'asked', late: true, jobId: 'a-job' }] });
      expect((await api.call('GET', `/api/schedules?dealId=${dealId}`, who)).body.data).toEqual({ schedules: [schedule], nextCursor: null });
    }
    const changed = await api.call('PATCH', `/api/schedules/${id}`, { ...as(ann), json: { cron: '0 6,18 * * *', timeZone: 'Europe/Berlin' } });
    expect(changed.body.data.schedule).toMatchObject({ title: 'The week', cron: '0 6,18 * * *', nextDueAt: '2026-11-23T05:00:00.000Z' });
    const off = await api.call('PATCH', `/api/schedules/${id}`, { ...acting(ann), json: { enabled: false, timeZone: null } });
    expect(off.body.data.schedule).toMatchObject({ enabled: false, timeZone: null, nextDueAt: null });
    expect((await api.call('DELETE', `/api/schedules/${id}`, as(ann))).body).toEqual({ success: true, data: { id } });
    expect((await api.call('GET', `/api/schedules/${id}`, as(ann))).status).toBe(404);
  });

  it('is nothing to those who are not members', async () => {
    const dealId = await newDeal(ann);
    const json = { dealId, kind: 'daily-brief', cron: '0 18 * * *' };
    for (const who of [as(bob), acting(bob)]) {
      expect((await api.call('POST', '/api/schedules', { ...who, json })).body.error).toMatchObject({ code: 'not_found', details: { what: 'Deal' } });
    }
    const { id } = (await api.call('POST', '/api/schedules', { ...as(ann), json })).body.data.schedule;
    for (const who of [as(bob), acting(bob)]) {
      const calls = [
        await api.call('GET', `/api/schedules/${id}`, who),
        await api.call('PATCH', `/api/schedules/${id}`, { ...who, json: { enabled: false } }),
        await api.call('DELETE', `/api/schedules/${id}`, who),
      ];
      expect(calls.map(({ status }) => status)).toEqual([404, 404, 404]);
      expect((await api.call('GET', '/api/schedules', who)).body.data.schedules).toEqual([]);
    }
  });

  it('of all deals is for services', async () => {
    const json = { report: 'monthly', cron: '0 9 1 * *' };
    const made = await api.call('POST', '/api/schedules', { json });
    expect(made.body.data.schedule).toMatchObject({ dealId: null, createdBy: null, nextDueAt: '2026-12-01T14:00:00.000Z' });
    for (const who of [as(ann), acting(ann)]) expect((await api.call('POST', '/api/schedules', { ...who, json })).status).toBe(400);
    expect((await api.call('GET', `/api/schedules/${made.body.data.schedule.id}`, as(ann))).status).toBe(404);
  });

  it.each([
    [{ cron: '0 25 * * *' }, 'body.cron', 'hour "25"'],
    [{ cron: '0 0 8 * * *' }, 'body.cron', 'five fields'],
    [{ cron: '0 8 31 2 *' }, 'body.cron', 'never comes'],
    [{ timeZone: 'Mars/Olympus' }, 'body.timeZone', 'IANA'],
    [{ report: 'Weekly!' }, 'body.report', 'lower-case'],
    [{ report: null }, 'body.report', 'must name the report'],
    [{ report: 'daily' }, 'body.report', 'daily brief'],
    [{ kind: 'daily-brief' }, 'body.report', 'kind report'],
    [{ minutes: 5 }, 'body', 'minutes'],
  ])('%j is refused, naming the field', async (changes, path, message) => {
    const json = { dealId: randomUUID(), report: 'weekly', cron: '0 9 * * MON', ...changes };
    const { status, body } = await api.call('POST', '/api/schedules', { json });
    expect([status, body.error.code, body.error.details.issues[0].path]).toEqual([400, 'invalid_input', path]);
    expect(body.error.message).toContain(message);
  });

  it('a change is checked as well', async () => {
    const { status, body } = await api.call('PATCH', `/api/schedules/${randomUUID()}`, { json: { cron: '61 * * * *' } });
    expect([status, body.error.message]).toEqual([400, expect.stringContaining('minute "61"')]);
  });
});

describe('POST /api/queue/trigger-daily-briefs', () => {
  const trigger = (options: CallOptions = {}) => api.call('POST', '/api/queue/trigger-daily-briefs', options);
  const payloads = async (jobIds: string[]) => Promise.all(jobIds.map(async (jobId) => (await api.queue.getJob('daily-brief', jobId))?.payload));

  it('as in the old guide, without a body: each active deal that the caller sees, for its local date', async () => {
    const user = await api.db.signUp();
    const deals = [await newDeal(user), await newDeal(user, 'Asia/Tokyo'), await newDeal(user, null, 'paused')];
    const { status, body } = await trigger(acting(user));
    const jobs = [
      {
        dealId: deals[0],
        date: '2026-11-22',
        queue: 'daily-brief',
        jobId: expect.stringMatching(`^daily-brief-${deals[0]}-2026-11-22-`),
        deduplicated: false,
      },
      {
        dealId: deals[1],
        date: '2026-11-23',
        queue: 'daily-brief',
        jobId: expect.stringMatching(`^daily-brief-${deals[1]}-2026-11-23-`),
        deduplicated: false,
      },
    ];
    expect({
      status,
      body: { ...body, jobs: body.jobs.toSorted((a: { date: string }, b: { date: string }) => a.date.localeCompare(b.date)) },
    }).toEqual({
      status: 202,
      body: { success: true, message: 'Daily briefs queued for 2 deals', queued: 2, deduplicated: 0, jobs },
    });
    expect(await payloads(body.jobs.map(({ jobId }: { jobId: string }) => jobId))).toEqual(
      body.jobs.map(({ dealId, date }: { dealId: string; date: string }) => ({ dealId, date })),
    );
    // Nothing has ended yet.
    const again = (await trigger(as(user))).body;
    expect(again).toMatchObject({ message: 'Daily briefs queued for 0 deals, 2 were on their way already', queued: 0, deduplicated: 2 });
    expect(new Set(again.jobs.map(({ jobId }: { jobId: string }) => jobId))).toEqual(new Set(body.jobs.map(({ jobId }: { jobId: string }) => jobId)));
  });

  it('one deal, one date; what a helper has put on the queue meanwhile is named', async () => {
    const dealId = await newDeal(ann);
    const { jobId } = await api.queue.enqueue({ queue: 'daily-brief', name: 'generate', payload: { dealId, date: '2026-11-20' } });
    const { body } = await trigger({ ...as(ann), json: { dealId, date: '2026-11-20' } });
    expect(body).toMatchObject({ queued: 0, deduplicated: 1, jobs: [{ dealId, date: '2026-11-20', jobId, deduplicated: true }] });
    expect((await trigger({ ...as(ann), json: { dealId, date: '2026-11-21' } })).body).toMatchObject({ queued: 1 });
  });

  it('a deal of others does not exist, one that is not active gets none', async () => {
    const json = { dealId: await newDeal(ann) };
    for (const who of [as(bob), acting(bob)]) expect((await trigger({ ...who, json })).status).toBe(404);
    expect((await trigger({ json: { dealId: randomUUID() } })).status).toBe(404);
    const paused = await trigger({ json: { dealId: await newDeal(ann, null, 'paused') } });
    expect([paused.status, paused.body.error.code]).toEqual([409, 'deal_not_active']);
    expect((await trigger({ json: { date: 'today' } })).body.error.details.issues[0].path).toBe('body.date');
  });

  it('who has no deals gets no briefs', async () => {
    expect((await trigger(as(await api.db.signUp()))).body).toEqual({
      success: true,
      message: 'Daily briefs queued for 0 deals',
      queued: 0,
      deduplicated: 0,
      jobs: [],
    });
  });
});
