import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { BriefAsked, ScheduleBook } from '../db/schedule-types.ts';
import { isTimeZone, zoneOf } from '../time-zone.ts';

export interface BriefsByHand {
  /** Default: all active deals. */
  dealId?: string | undefined;
  /** Only deals that this user sees. */
  userId?: string | undefined;
  /** `2026-11-22`; default: today in the time zone of each deal. */
  date?: string | undefined;
  correlationId?: string | undefined;
}

export interface ByHandDeps {
  schedules: Pick<ScheduleBook, 'zones' | 'askForBriefs'>;
  /** `TIMEZONE` */
  timeZone: string;
  clock: Pick<Clock, 'now'>;
}

const DEALS_PER_CALL = 500;

/** Asks for a new edition of each brief. Undefined: no such deal, or the user does not see it; empty where no deal is active. */
export async function askForBriefs(asked: BriefsByHand, { schedules, timeZone, clock }: ByHandDeps): Promise<BriefAsked[] | undefined> {
  const zones = await schedules.zones(asked);
  if (!zones) return undefined;
  const todayIn = (zone: string | null) => zoneOf(zone !== null && isTimeZone(zone) ? zone : timeZone).dateAt(clock.now());
  const dates = Object.fromEntries(['', ...zones].map((zone) => [zone ?? '', todayIn(zone || null)]));
  const suffix = randomUUID();
  const briefs: BriefAsked[] = [];
  for (let after: string | undefined; ; ) {
    const page = await schedules.askForBriefs({ ...asked, dates, suffix, after, limit: DEALS_PER_CALL });
    briefs.push(...page);
    after = page.at(-1)?.dealId;
    if (page.length < DEALS_PER_CALL) return briefs;
  }
}
