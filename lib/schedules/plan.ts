import { MINUTE, SECOND } from '../clock.ts';

export interface CatchUp {
  /** What to do about due times that were missed: none, the last one of each schedule, or all. */
  policy: 'skip' | 'one' | 'all';
  /** Those older than this are left out, in milliseconds. */
  windowMs: number;
}

export interface PlannedRun {
  /** Milliseconds since the epoch. */
  dueAt: number;
  outcome: 'asked' | 'skipped';
  late: boolean;
}

/** Schedulers look every minute: what is older was due while none looked. */
const MISSED_AFTER_MS = 90 * SECOND;
const LATE_AFTER_MS = 5 * MINUTE;

/** Of a long downtime the latest are written down: a row for each deal and half hour of a month would hold up what is due now. */
const MOST_SKIPPED = 50;

/** What becomes of the due times of one schedule, given in their order: first those that are asked for, then those that are skipped. */
export function planRuns(due: readonly number[], now: number, { policy, windowMs }: CatchUp): PlannedRun[] {
  const lastMissed = due.findLast((dueAt) => isMissed(dueAt, now));
  const isCaughtUp = (dueAt: number): boolean => now - dueAt <= windowMs && (policy === 'all' || (policy === 'one' && dueAt === lastMissed));
  const planned = due.map(
    (dueAt): PlannedRun => ({
      dueAt,
      outcome: !isMissed(dueAt, now) || isCaughtUp(dueAt) ? 'asked' : 'skipped',
      late: now - dueAt > LATE_AFTER_MS,
    }),
  );
  const { asked = [], skipped = [] } = Object.groupBy(planned, ({ outcome }) => outcome);
  return [...asked, ...skipped.slice(-MOST_SKIPPED)];
}

const isMissed = (dueAt: number, now: number): boolean => now - dueAt > MISSED_AFTER_MS;
