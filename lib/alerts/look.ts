import type { Clock } from '../clock.ts';
import { DAY } from '../clock.ts';
import type { AlertBook, AlertObservation } from '../db/alert-types.ts';
import type { Logger } from '../log.ts';
import type { Alerts } from './contract.ts';

export interface AlertLookDeps {
  rules(): Promise<AlertObservation[]>;
  alerts: Alerts;
  book: Pick<AlertBook, 'observeFailedJobs' | 'cleanUp'>;
  coolDownMs: number;
  /** Default: the database's. */
  now?: Pick<Clock, 'now'> | undefined;
  log: Logger;
}

/** Dead letters counted in one statement. */
const COUNTED_AT_ONCE = 5_000;
const KEEP_MS = 90 * DAY;

/** One look at everything there is a rule for, dead letters included. Rejects while queue or database are away. */
export function createAlertLook({ rules, alerts, book, coolDownMs, now, log }: AlertLookDeps): (signal: AbortSignal) => Promise<{ told: number }> {
  const at = () => now && new Date(now.now()).toISOString();

  async function lookAtFailures(signal: AbortSignal): Promise<number> {
    let told = 0;
    for (let counted = COUNTED_AT_ONCE; counted === COUNTED_AT_ONCE && !signal.aborted; ) {
      const found = await book.observeFailedJobs({ coolDownMs, limit: COUNTED_AT_ONCE }, at());
      alerts.stored(found.told);
      told += found.told.length;
      counted = found.counted;
    }
    return told;
  }

  return async (signal) => {
    // A queue that is away hides what it holds, not what failed.
    const failed = await lookAtFailures(signal);
    const seen = await alerts.observe(await rules());
    const undelivered = await book.cleanUp({ coolDownMs, keepMs: KEEP_MS }, at());
    if (undelivered > 0)
      log.warn({ event: 'alert.not_delivered', count: undelivered }, 'alerts that no process could deliver within a day: given up');
    return { told: failed + seen };
  };
}
