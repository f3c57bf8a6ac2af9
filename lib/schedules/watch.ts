/** Who tells that schedulers are away: every process with a database looks, and the first to notice tells. */

import type { Alerts } from '../alerts/contract.ts';
import { type Clock, MINUTE } from '../clock.ts';
import type { AlertBook } from '../db/alert-types.ts';
import { messageOf } from '../errors.ts';
import { repeating, type Service } from '../lifecycle.ts';
import type { Logger } from '../log.ts';

/** What a scheduler has to tell. */
export interface SchedulerNews {
  /** Of due times that were missed and not caught up; each once, by whoever comes first. */
  tellMissed(): Promise<void>;
  /** The database has stored that a scheduler is back. */
  backAgain(missingSince: string): void;
}

export interface SchedulerNewsDeps {
  book: Pick<AlertBook, 'tellMissed'>;
  alerts: Pick<Alerts, 'stored'>;
  /** `ALERT_COOL_DOWN_MS` */
  coolDownMs: number;
  /** Default: the database's. */
  clock?: Pick<Clock, 'now'> | undefined;
}

export function createSchedulerNews({ book, alerts, coolDownMs, clock }: SchedulerNewsDeps): SchedulerNews {
  return {
    async tellMissed() {
      alerts.stored(await book.tellMissed({ coolDownMs }, isoTime(clock)));
    },
    backAgain(since) {
      alerts.stored([{ kind: 'scheduler_missing', phase: 'over', details: { since } }]);
    },
  };
}

export interface SchedulerWatchDeps extends Omit<SchedulerNewsDeps, 'book'> {
  book: Pick<AlertBook, 'watchSchedulers'>;
  news: Pick<SchedulerNews, 'tellMissed'>;
  log: Logger;
}

/** Three looks that did not come. */
const MISSING_AFTER_MS = 3 * MINUTE;
/** The first round, too: schedulers may start with this very process. */
const ROUND_MS = MINUTE;

export function createSchedulerWatch(deps: SchedulerWatchDeps): Service & { runOnce(): Promise<void> } {
  const { book, news, alerts, coolDownMs, clock, log } = deps;
  async function runOnce(): Promise<void> {
    alerts.stored(await book.watchSchedulers({ afterMs: MISSING_AFTER_MS, coolDownMs }, isoTime(clock)));
    // Of a scheduler that ended before it could.
    await news.tellMissed();
  }
  const round = () => runOnce().catch((error: unknown) => log.warn({ error: messageOf(error) }, 'whether schedulers look could not be checked'));
  return { ...repeating('scheduler-watch', round, ROUND_MS), runOnce };
}

const isoTime = (clock: Pick<Clock, 'now'> | undefined): string | undefined => clock && new Date(clock.now()).toISOString();
