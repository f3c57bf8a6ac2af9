import { describe, expect, it } from 'vitest';
import { datesIn } from '../../lib/emails/dates.ts';

/** A Wednesday. */
const SENT = '2026-11-25';
const named = (text: string): string =>
  datesIn(text, SENT)
    .map(({ date, sure }) => (sure ? date : `${date}?`))
    .join(' ');

describe('a date that a mail names', () => {
  it.each([
    ['by Friday', '2026-11-27'],
    ['by Wednesday', '2026-12-02'],
    ['by next Friday', '2026-12-04? 2026-11-27?'],
    ['by Friday, 27 November', '2026-11-27'],
    ['on 30 November 2026', '2026-11-30'],
    ['November 30th', '2026-11-30'],
    ['by January 5', '2027-01-05'],
    ['since 20 November', '2026-11-20'],
    ['2026-12-01', '2026-12-01'],
    ['30/11/2026', '2026-11-30'],
    ['11/30/2026', '2026-11-30'],
    ['4/5/2027', '2027-05-04? 2027-04-05?'],
    ['4.5.2027', '2027-05-04'],
    ['EOD tomorrow', '2026-11-26'],
    ['by EOD Friday', '2026-11-27'],
    ['by close of business', '2026-11-25'],
    ['by tomorrow', '2026-11-26'],
    ['the day after tomorrow', '2026-11-27'],
    ['end of the week', '2026-11-27'],
    ['end of next week', '2026-12-04'],
    ['by the end of the month', '2026-11-30'],
    ['end of February', '2027-02-28'],
    ['within 5 business days', '2026-12-02'],
    ['in two weeks', '2026-12-09'],
    ['in three months', '2027-02-25'],
    ['bis zum 30. November', '2026-11-30'],
    ['d’ici vendredi', '2026-11-27'],
    ['antes del 3 de diciembre', '2026-12-03'],
    ['31 November', ''],
    ['version 2.1 of page 12', ''],
    ['you may sit with us in the sun', ''],
    ['', ''],
  ])('%s is %s', (text, dates) => {
    expect(named(text)).toBe(dates);
  });

  it.each([
    ['2026-12-31', 'in two days', '2027-01-02'],
    ['2028-02-28', 'tomorrow', '2028-02-29'],
    ['2027-01-31', 'in one month', '2027-02-28'],
    ['2026-11-29', 'end of the week', '2026-12-04'],
  ])('sent on %s, "%s" is %s', (sent, text, date) => {
    expect(datesIn(text, sent).map((found) => found.date)).toEqual([date]);
  });
});
