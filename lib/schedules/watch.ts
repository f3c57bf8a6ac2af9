/** Who tells that schedulers are away: every process with a database looks, and the first to notice tells. */

import type { Alerts } from '../alerts/index.ts';
import { type Clock, MINUTE } from '../clock.ts';
import type { ScheduleBook } from '../db/schedule-types.ts';
import { messageOf } from '../errors.ts';
import { repeating, type Service } from '../lifecycle.ts';
import type { Logger } from '../log.ts';

/** What a scheduler has to tell. */
export interface SchedulerNews {
  /** Of due times that were missed and not caught up; each once, by whoever comes first. */
  tellMissed(): Promise<void>;
  backAgain(missingSince: string): Promise<void>;
}

export function createSchedulerNews({ schedules, alerts }: { schedules: Pick<ScheduleBook, 'takeMissed'>; alerts: Alerts }): SchedulerNews {
  return {
    async tellMissed() {
      const missed = await schedules.takeMissed();
      if (!missed) return;
      const { runs, deals, from, until } = missed;
      const message = `${runs} scheduled briefs of ${deals} deals, due from ${from} until ${until}, were missed and not caught up: no scheduler ran. SCHEDULE_CATCH_UP and its window say what is made up for; POST /api/queue/trigger-daily-briefs makes briefs now.`;
      await alerts.raise({ kind: 'schedule_missed', message, details: { runs, deals, from, until } });
    },
    async backAgain(since) {
      const message = `A scheduler is back. None had looked since ${since}.`;
      await alerts.raise({ kind: 'scheduler_back', message, details: { since } });
    },
  };
}

export interface SchedulerWatchDeps {
  schedules: Pick<ScheduleBook, 'noticeMissing'>;
  news: Pick<SchedulerNews, 'tellMissed'>;
  alerts: Alerts;
  /** Default: the database's. */
  clock?: Pick<Clock, 'now'> | undefined;
  log: Logger;
}

/** Three looks that did not come. */
const MISSING_AFTER_MS = 3 * MINUTE;
/** The first round, too: schedulers may start with this very process. */
const ROUND_MS = MINUTE;

export function createSchedulerWatch({ schedules, news, alerts, clock, log }: SchedulerWatchDeps): Service & { runOnce(): Promise<void> } {
  async function runOnce(): Promise<void> {
    const since = await schedules.noticeMissing(MISSING_AFTER_MS, clock && new Date(clock.now()).toISOString());
    if (since !== undefined) {
      const message = `No scheduler has been seen since ${since}: scheduled briefs and chores wait. Start one (npm run scheduler, or a worker without SCHEDULER=off) and look into its log.`;
      await alerts.raise({ kind: 'scheduler_missing', message, details: { since } });
    }
    // Of a scheduler that ended before it could.
    await news.tellMissed();
  }
  const round = () => runOnce().catch((error: unknown) => log.warn({ error: messageOf(error) }, 'whether schedulers look could not be checked'));
  return { ...repeating('scheduler-watch', round, ROUND_MS), runOnce };
}
