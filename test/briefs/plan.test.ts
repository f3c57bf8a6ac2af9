import { describe, expect, it } from 'vitest';
import { localDate, longTime, startOfDay } from '../../lib/briefs/local-time.ts';
import { planOf } from '../../lib/briefs/plan.ts';
import type { BriefPayload } from '../../lib/jobs/daily-brief.ts';

const NOW = '2026-11-22T13:00:00.000Z';
const dealId = '00000000-0000-4000-8000-000000000001';
const plan = (
  payload: Partial<BriefPayload>,
  { zone = null, now = NOW, askedAt = now }: { zone?: string | null; now?: string; askedAt?: string } = {},
) => planOf({ dealId, ...payload }, { timeZone: zone }, { now: Date.parse(now), askedAt: Date.parse(askedAt), defaultZone: 'America/New_York' });

describe('which brief a job asks for', () => {
  it('is today’s where the deal is, and tells of all that is untold', () => {
    expect(plan({})).toEqual({
      timeZone: 'America/New_York',
      title: 'Daily brief',
      trigger: 'manual',
      dueAt: null,
      late: false,
      window: { report: 'daily', date: '2026-11-22', to: NOW, untold: true },
    });
    expect(plan({}, { zone: 'Pacific/Auckland' }).window.date).toBe('2026-11-23');
    expect(plan({}, { zone: 'Mars/Olympus' }).timeZone).toBe('America/New_York');
  });

  it('of another day tells of that day, from midnight to midnight there', () => {
    expect(plan({ date: '2026-11-01' }).window).toMatchObject({ from: '2026-11-01T04:00:00.000Z', to: '2026-11-02T05:00:00.000Z', untold: false });
  });

  it('of tomorrow there is none: the field is named', () => {
    expect(() => plan({ date: '2026-11-23' })).toThrow(/^date 2026-11-23 lies in the future/);
    expect(plan({ date: '2026-11-23' }, { zone: 'Pacific/Auckland' }).window.untold).toBe(true);
  });

  it('that was asked for before midnight and is made after it is still that day’s', () => {
    const after = { now: '2026-11-22T05:00:10Z', askedAt: '2026-11-22T04:59:50Z' };
    expect(plan({ date: '2026-11-21' }, after).window).toMatchObject({ date: '2026-11-21', untold: true });
  });

  it('of a schedule belongs to the day that it was due, however late', () => {
    const due = plan({ dueAt: '2026-11-21T23:30:00+00:00', late: true });
    expect(due).toMatchObject({ trigger: 'schedule', dueAt: '2026-11-21T23:30:00.000Z', late: true, window: { date: '2026-11-21', untold: true } });
  });

  it('a report tells of what came since its last edition, at first of a week', () => {
    const weekly = plan({ report: 'weekly', title: 'Weekly report', dueAt: NOW });
    expect(weekly).toMatchObject({ title: 'Weekly report', window: { report: 'weekly', untold: false, to: NOW, since: '2026-11-15T13:00:00.000Z' } });
    expect(weekly.window.from).toBeUndefined();
    expect(plan({ report: 'weekly', date: '2026-11-10' }).window).toMatchObject({ from: '2026-11-04T05:00:00.000Z', to: '2026-11-11T05:00:00.000Z' });
  });
});

describe('local days', () => {
  it.each([
    ['2026-03-08', 'America/New_York', '2026-03-08T05:00:00.000Z'],
    ['2026-03-09', 'America/New_York', '2026-03-09T04:00:00.000Z'],
    ['2026-11-01', 'America/New_York', '2026-11-01T04:00:00.000Z'],
    ['2026-10-25', 'Europe/Berlin', '2026-10-24T22:00:00.000Z'],
    // There is no midnight: clocks go from 00:00 to 01:00.
    ['2026-04-24', 'Africa/Cairo', '2026-04-23T22:00:00.000Z'],
    // Midnight comes twice: the day before is 25 hours long.
    ['2026-10-30', 'Africa/Cairo', '2026-10-29T22:00:00.000Z'],
    ['2026-06-01', 'Asia/Kathmandu', '2026-05-31T18:15:00.000Z'],
    ['2026-06-01', 'Pacific/Kiritimati', '2026-05-31T10:00:00.000Z'],
  ])('%s in %s begins at %s', (date, zone, at) => {
    const start = startOfDay(date, zone);
    expect(new Date(start).toISOString()).toBe(at);
    expect([localDate(start, zone), localDate(start - 1, zone) < date]).toEqual([date, true]);
  });

  it('are written as people do', () => {
    expect(longTime(Date.parse('2026-03-01T05:05:00Z'), 'America/New_York')).toBe('1 March 2026, 00:05');
  });
});
