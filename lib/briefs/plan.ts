import { DAY } from '../clock.ts';
import type { BriefWindow } from '../db/brief-types.ts';
import type { Deal } from '../db/deal-types.ts';
import { PermanentError } from '../errors.ts';
import type { BriefPayload } from '../jobs/daily-brief.ts';
import { addDays, localDate, startOfDay, zoneOf } from './local-time.ts';

/** Which brief a job asks for. */
export interface BriefPlan {
  timeZone: string;
  title: string;
  trigger: 'schedule' | 'manual';
  dueAt: string | null;
  late: boolean;
  window: BriefWindow;
}

interface Asked {
  now: number;
  /** When the job was queued. */
  askedAt: number;
  /** `TIMEZONE` */
  defaultZone: string;
}

const DAILY = 'daily';
/** What a report tells of that has no edition yet. */
const FIRST_REPORT_DAYS = 7;

/**
 * The daily brief of today, or one that a schedule asked for, tells of all that no edition has told of. One of an earlier day, and every other report, tells of a time:
 * that day; or what came since the report's last edition. Throws `PermanentError` (`future_date`).
 */
export function planOf(payload: BriefPayload, deal: Pick<Deal, 'timeZone'>, { now, askedAt, defaultZone }: Asked): BriefPlan {
  const { report = DAILY, dueAt, late = false, title } = payload;
  const timeZone = zoneOf(deal.timeZone, defaultZone);
  const today = localDate(now, timeZone);
  const date = payload.date ?? (dueAt === undefined ? today : localDate(Date.parse(dueAt), timeZone));
  if (dueAt === undefined && date > today) {
    throw new PermanentError(`date ${date} lies in the future: in ${timeZone} it is ${today}`, {
      code: 'future_date',
      details: { field: 'date', date, today },
    });
  }
  // Asked for before midnight, and made after it.
  const current = dueAt !== undefined || date === today || date === localDate(askedAt, timeZone);
  return {
    timeZone,
    title: title ?? (report === DAILY ? 'Daily brief' : report),
    trigger: dueAt === undefined ? 'manual' : 'schedule',
    dueAt: dueAt === undefined ? null : iso(Date.parse(dueAt)),
    late,
    window: { report, date, ...(current ? currentWindow(report, now) : pastWindow(report, date, timeZone)) },
  };
}

type Times = Omit<BriefWindow, 'report' | 'date'>;

function currentWindow(report: string, now: number): Times {
  const to = iso(now);
  return report === DAILY ? { to, untold: true } : { to, untold: false, since: iso(now - FIRST_REPORT_DAYS * DAY) };
}

function pastWindow(report: string, date: string, timeZone: string): Times {
  const days = report === DAILY ? 1 : FIRST_REPORT_DAYS;
  return { from: iso(startOfDay(addDays(date, 1 - days), timeZone)), to: iso(startOfDay(addDays(date, 1), timeZone)), untold: false };
}

const iso = (at: number): string => new Date(at).toISOString();
