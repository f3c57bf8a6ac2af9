import { describe, expect, it } from 'vitest';
import { DAY, MINUTE } from '../../lib/clock.ts';
import { cronProblem } from '../../lib/schedules/cron.ts';
import { dueTimes, nextDue } from '../../lib/schedules/due.ts';
import { isTimeZone, zoneOf } from '../../lib/time-zone.ts';

const LOOK_MS = 17 * MINUTE;
const short = (instant: number): string => new Date(instant).toISOString().slice(0, 16);
const between = (cron: string, zone: string, after: string, until: string): string[] =>
  dueTimes(cron, zone, { after: Date.parse(`${after}Z`), until: Date.parse(`${until}Z`), limit: 1_000 }).map(short);

describe('due times', () => {
  it.each([
    // America/New_York: 02:00 becomes 03:00 on 2027-03-14 at 07:00Z, 02:00 becomes 01:00 on 2027-11-07 at 06:00Z.
    [
      'what falls into the hole comes once, an hour later',
      '30 2 * * *',
      'America/New_York',
      '2027-03-13T12:00',
      '2027-03-15T12:00',
      ['2027-03-14T07:30', '2027-03-15T06:30'],
    ],
    ['two that fall together are one', '0 2,3 * * *', 'America/New_York', '2027-03-14T00:00', '2027-03-14T12:00', ['2027-03-14T07:00']],
    [
      'what comes twice counts the first time',
      '30 1 * * *',
      'America/New_York',
      '2027-11-06T12:00',
      '2027-11-08T12:00',
      ['2027-11-07T05:30', '2027-11-08T06:30'],
    ],
    [
      'each half hour counts both hours',
      '*/30 * * * *',
      'America/New_York',
      '2027-11-07T04:30',
      '2027-11-07T07:00',
      ['2027-11-07T05:00', '2027-11-07T05:30', '2027-11-07T06:00', '2027-11-07T06:30', '2027-11-07T07:00'],
    ],
    [
      'each half hour leaves none out in spring',
      '*/30 * * * *',
      'America/New_York',
      '2027-03-14T06:00',
      '2027-03-14T08:00',
      ['2027-03-14T06:30', '2027-03-14T07:00', '2027-03-14T07:30', '2027-03-14T08:00'],
    ],
    [
      '08:00 stays 08:00 in spring',
      '0 8 * * *',
      'America/New_York',
      '2027-03-13T00:00',
      '2027-03-15T00:00',
      ['2027-03-13T13:00', '2027-03-14T12:00'],
    ],
    [
      '08:00 stays 08:00 in autumn',
      '0 8 * * *',
      'America/New_York',
      '2027-11-06T00:00',
      '2027-11-08T00:00',
      ['2027-11-06T12:00', '2027-11-07T13:00'],
    ],
    [
      'twice a day is twice a day',
      '0 6,18 * * *',
      'America/New_York',
      '2027-03-14T00:00',
      '2027-03-15T00:00',
      ['2027-03-14T10:00', '2027-03-14T22:00'],
    ],
    // Lord Howe moves by half an hour: 02:00 becomes 02:30 on 2026-10-04 at 15:30Z the day before, 02:00 becomes 01:30 on 2026-04-05 at 15:00Z the day before.
    [
      'a hole of half an hour',
      '15 2 * * *',
      'Australia/Lord_Howe',
      '2026-10-02T00:00',
      '2026-10-05T00:00',
      ['2026-10-02T15:45', '2026-10-03T15:45', '2026-10-04T15:15'],
    ],
    [
      'half an hour that comes twice',
      '45 1 * * *',
      'Australia/Lord_Howe',
      '2026-04-03T00:00',
      '2026-04-06T00:00',
      ['2026-04-03T14:45', '2026-04-04T14:45', '2026-04-05T15:15'],
    ],
    [
      'hours around half an hour that comes twice',
      '0 * * * *',
      'Australia/Lord_Howe',
      '2026-04-04T13:30',
      '2026-04-04T17:00',
      ['2026-04-04T14:00', '2026-04-04T15:30', '2026-04-04T16:30'],
    ],
    ['a zone without switches', '0 8 * * *', 'Asia/Kolkata', '2027-03-13T00:00', '2027-03-15T00:00', ['2027-03-13T02:30', '2027-03-14T02:30']],
    ['a day that a zone left out comes with the next', '0 8 30 12 *', 'Pacific/Apia', '2011-12-28T00:00', '2012-01-02T00:00', ['2011-12-30T18:00']],
    ['weekdays', '0 9 * * 1-5', 'UTC', '2026-11-20T12:00', '2026-11-24T12:00', ['2026-11-23T09:00', '2026-11-24T09:00']],
  ])('%s: %s in %s', (_, cron, zone, after, until, expected) => {
    expect(between(cron, zone, after, until)).toEqual(expected);
  });

  it.each(['America/New_York', 'Australia/Lord_Howe', 'Africa/Casablanca', 'Asia/Kolkata'])(
    'looked at bit by bit over both switches in %s, each comes exactly once',
    (zone) => {
      for (const cron of ['30 2 * * *', '30 1 * * *', '15 2 * * *', '45 1 * * *', '0 6,18 * * *', '*/30 * * * *', '*/30 1-3 * * *']) {
        for (const start of switchesOf(zone)) {
          const end = start + DAY;
          const whole = dueTimes(cron, zone, { after: start, until: end, limit: 1_000 });
          const steps: number[] = [];
          for (let after = start; after < end; after += LOOK_MS)
            steps.push(...dueTimes(cron, zone, { after, until: Math.min(after + LOOK_MS, end), limit: 99 }));
          expect([cron, steps.map(short)]).toEqual([cron, whole.map(short)]);
        }
      }
    },
  );

  it('beyond the limit the latest count', () => {
    const window = { after: Date.parse('2027-01-01T00:00Z'), until: Date.parse('2027-02-01T00:00Z'), limit: 3 };
    expect(dueTimes('* * * * *', 'UTC', window).map(short)).toEqual(['2027-01-31T23:58', '2027-01-31T23:59', '2027-02-01T00:00']);
  });

  it('the next one may be years away', () => {
    expect(short(nextDue('0 8 29 2 *', 'UTC', Date.parse('2026-11-22T00:00Z')) ?? 0)).toBe('2028-02-29T08:00');
  });
});

/** A day around each switch of 2027; for zones without one, new year. */
function switchesOf(zone: string): number[] {
  const { offsetAt } = zoneOf(zone);
  const days = Array.from({ length: 365 }, (_, day) => Date.parse('2027-01-01T00:00Z') + day * DAY);
  const switches = days.filter((day) => offsetAt(day) !== offsetAt(day + DAY));
  return switches.length > 0 ? switches : days.slice(0, 1);
}

it.each([
  ['61 * * * *', 'minute "61": got value 61 expected range 0-59'],
  ['0 25 * * *', 'hour "25": got value 25 expected range 0-23'],
  ['0 8 0 * *', 'day of month "0"'],
  ['0 8 * 13 *', 'month "13"'],
  ['0 8 * * 8', 'day of week "8"'],
  ['0 8 * * FUNDAY', 'day of week "FUNDAY"'],
  ['*/0 * * * *', 'minute "*/0"'],
  ['H 8 * * *', 'minute "H": H is not a value'],
  ['0 8 31 2 *', 'day of month "31" never comes in month "2"'],
  ['0 0 8 * * *', 'five fields (minute, hour, day of month, month, day of week), such as 0 8 * * *; this one has 6'],
  ['@daily', 'this one has 1'],
  ['', 'this one has 0'],
])('what is wrong with "%s" is said of its field', (cron, problem) => {
  expect(cronProblem(cron)).toContain(problem);
});

it.each(['* * * * *', '*/30 * * * *', '0 6,18 * * *', '0 9 * * MON-FRI', '0 9 * mar,oct thu', '0 8 L * *', '0 8 29 2 *', ' 0  8 * * * '])(
  '"%s" is a cron expression',
  (cron) => {
    expect(cronProblem(cron)).toBeUndefined();
  },
);

it('dates and zones are those of the place', () => {
  const instant = Date.parse('2026-11-22T23:30Z');
  expect(['Asia/Tokyo', 'America/New_York', 'Asia/Kathmandu'].map((zone) => zoneOf(zone).dateAt(instant))).toEqual([
    '2026-11-23',
    '2026-11-22',
    '2026-11-23',
  ]);
  expect(['Europe/Berlin', 'UTC', 'Mars/Olympus', ''].map(isTimeZone)).toEqual([true, true, false, false]);
});
