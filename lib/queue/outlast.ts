import { setTimeout as pause } from 'node:timers/promises';
import { messageOf, UnavailableError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { ActiveRun } from './runs.ts';

/** First wait and longest, in milliseconds. */
const WAIT = { first: 250, longest: 4_000 } as const;

export interface Outlast {
  /** The database was away when it was last asked. */
  readonly away: boolean;
  /** Repeats a step of the row's until the database answers or the run is stopped. */
  step<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * An outage of the database says nothing about the job, so no attempt is charged for it: taking the row waits, and a result that may have been
 * paid for is held until it is stored. Both steps are fenced by the run's id, so that doing them again after a lost answer changes nothing.
 */
export function createOutlast(active: Pick<ActiveRun, 'stopped'>, log: Logger): Outlast {
  let away = false;

  async function step<T>(work: () => Promise<T>): Promise<T> {
    for (let waitMs: number = WAIT.first; ; waitMs = Math.min(2 * waitMs, WAIT.longest)) {
      try {
        const answer = await work();
        away = false;
        return answer;
      } catch (error) {
        if (!(error instanceof UnavailableError) || active.stopped) throw error;
        if (!away) log.warn({ error: messageOf(error) }, 'job waits for the database');
        away = true;
      }
      await pause(waitMs);
      if (active.stopped) throw active.stopped;
    }
  }

  return {
    get away() {
      return away;
    },
    step,
  };
}
