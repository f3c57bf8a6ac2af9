/**
 * Each minute, and at once when it starts: which due times lie between the last look of any scheduler and now? They are started through unique rows
 * in the database, so any number of schedulers may look; then the look is recorded. What was due while nobody looked is caught up, or told of.
 */
import { type Clock, DAY, MINUTE } from '../clock.ts';
import type { BriefDefaults, ScheduleBook, ScheduleGroup, ScheduleLook } from '../db/schedule-types.ts';
import { messageOf } from '../errors.ts';
import { type Service, within } from '../lifecycle.ts';
import type { Logger } from '../log.ts';
import { zoneOf } from '../time-zone.ts';
import type { Chores } from './chores.ts';
import { dueTimes } from './due.ts';
import { type CatchUp, type PlannedRun, planRuns } from './plan.ts';
import type { SchedulerNews } from './watch.ts';

export interface SchedulerDeps {
  schedules: Pick<ScheduleBook, 'look' | 'start' | 'lookedUntil'>;
  chores: Chores;
  news: SchedulerNews;
  /** `DAILY_BRIEF_TIME` and `TIMEZONE`. */
  defaults: BriefDefaults;
  catchUp: CatchUp;
  /** Tells the relay that briefs stand in the outbox. */
  poke: () => void;
  /** Default: the database's, so that a host whose clock is wrong neither runs ahead nor holds others up. */
  clock?: Pick<Clock, 'now'> | undefined;
  log: Logger;
}

export interface Ticked {
  asked: number;
  skipped: number;
  chores: number;
}

export interface Scheduler extends Service {
  /** One look with all that follows from it, chores included. Rejects when the database is away: the next look makes up for it. */
  runOnce(): Promise<Ticked>;
}

/** The second of each minute, so that clocks that differ by less agree on the minute. */
const EACH_MINUTE = '2 * * * * *';
/** Nobody looks further back. */
const LOOK_BACK_MS = 31 * DAY;
/** Due times of one group that are looked at after a downtime; the latest count. */
const MOST_DUE = 1_000;
const DEALS_PER_CALL = 500;
const CLOCK_SET_BACK_MS = 10 * MINUTE;

interface Span {
  after: number;
  until: number;
}

export function createScheduler(deps: SchedulerDeps): Scheduler {
  const { schedules, chores, news, defaults, catchUp, poke, clock, log } = deps;
  const unreadable = new Set<string>();
  let looking: Promise<unknown> | undefined;
  let ticker: { destroy(): unknown } | undefined;

  async function look(): Promise<Omit<Ticked, 'chores'> & { span: Span | undefined }> {
    const found = await schedules.look(defaults, clock && isoTime(clock.now()));
    const span = spanOf(found);
    const counts = { asked: 0, skipped: 0 };
    if (span) for (const group of found.groups) await startGroup(group, span, counts);
    if (counts.asked > 0) poke();
    const missingSince = await schedules.lookedUntil(found.now);
    if (missingSince !== undefined) news.backAgain(missingSince);
    if (counts.skipped > 0) await news.tellMissed();
    if (counts.asked + counts.skipped > 0) log.info({ event: 'scheduler.started', ...counts }, 'briefs that were due');
    return { ...counts, span };
  }

  function spanOf({ now, lookedAt }: ScheduleLook): Span | undefined {
    const until = Date.parse(now);
    // Nothing is due before the first look.
    if (lookedAt === null) return undefined;
    const after = Date.parse(lookedAt);
    if (after - until > CLOCK_SET_BACK_MS)
      log.warn({ event: 'scheduler.clock_set_back', lookedAt, now }, 'the clock was set back: looking goes on from now');
    return after < until ? { after: Math.max(after, until - LOOK_BACK_MS), until } : undefined;
  }

  async function startGroup(group: ScheduleGroup, span: Span, counts: { asked: number; skipped: number }): Promise<void> {
    for (const run of planRuns(dueOf(group, span), span.until, catchUp)) counts[run.outcome] += await startRuns(group, run);
  }

  function dueOf({ cron, timeZone }: ScheduleGroup, span: Span): number[] {
    try {
      return dueTimes(cron, timeZone, { ...span, limit: MOST_DUE });
    } catch (error) {
      const key = `${cron}|${timeZone}`;
      if (!unreadable.has(key))
        log.warn({ event: 'scheduler.unreadable', cron, timeZone, error: messageOf(error) }, 'a schedule cannot be read: it is left out');
      unreadable.add(key);
      return [];
    }
  }

  async function startRuns(group: ScheduleGroup, { dueAt, outcome, late }: PlannedRun): Promise<number> {
    const runs = { ...group, dueAt: isoTime(dueAt), date: zoneOf(group.timeZone).dateAt(dueAt), outcome, late, limit: DEALS_PER_CALL };
    for (let started = 0; ; ) {
      const batch = await schedules.start(runs, defaults);
      started += batch.started;
      if (batch.found < DEALS_PER_CALL) return started;
    }
  }

  /** One at a time; a look that takes longer than a minute makes the next one look further back. */
  async function tick(): Promise<Ticked & { ended: Promise<unknown> }> {
    const { span, ...counts } = await look();
    const begun = span ? await chores.startDue(span) : { started: 0, ended: Promise.resolve() };
    return { ...counts, chores: begun.started, ended: begun.ended };
  }

  function tickByItself(): void {
    looking ??= tick()
      .catch((error: unknown) =>
        log.warn({ event: 'scheduler.failed', error: messageOf(error) }, 'the scheduler could not look; it tries again in a minute'),
      )
      .finally(() => {
        looking = undefined;
      });
  }

  return {
    name: 'scheduler',
    start: async () => {
      const { schedule } = await import('node-cron');
      ticker = schedule(EACH_MINUTE, tickByItself, { name: 'hivepulse-scheduler', suppressMissedWarning: true });
      tickByItself();
    },
    stop: async (deadline) => {
      await ticker?.destroy();
      ticker = undefined;
      await within(Promise.all([looking, chores.stop(deadline)]), deadline, undefined);
    },
    runOnce: async () => {
      const { ended, ...ticked } = await tick();
      await ended;
      return ticked;
    },
  };
}

const isoTime = (instant: number): string => new Date(instant).toISOString();
