/** What schedulers do besides briefs, as data: what, when (in UTC), for how long at most. */
import type { Clock } from '../lib/clock.ts';
import { DAY, MINUTE } from '../lib/clock.ts';
import type { Db } from '../lib/db/types.ts';
import type { Logger } from '../lib/log.ts';
import type { Mailboxes } from '../lib/mail/contract.ts';
import { pollMailboxes, renewWatches } from '../lib/mail/watches.ts';
import type { Chore } from '../lib/schedules/chores.ts';

export interface TimetableDeps {
  db: Pick<Db, 'connections' | 'dealSources' | 'jobRows' | 'schedules'>;
  mailboxes: Mailboxes;
  /** `GOOGLE_PUBSUB_TOPIC`; without it there is nothing to renew. */
  topic: string | undefined;
  /** `JOB_EXPIRY_MS`; 0: never. */
  jobExpiryMs: number;
  poke: () => void;
  /** Briefs that another process, now gone, has not sent. */
  deliverDue: (signal: AbortSignal) => Promise<{ sent: number; failed: number; postponed: number }>;
  /** Whatever there is a rule for. */
  lookForAlerts: (signal: AbortSignal) => Promise<{ told: number }>;
  renewSourceWatches: (options: { signal: AbortSignal }) => Promise<{ started: number; renewed: number; failed: number }>;
  clock: Clock;
  log: Logger;
}

/** Mailboxes followed more recently are not asked for. */
const POLL_OLDER_THAN_MS = 15 * MINUTE;
/** What became of due times, the work on briefs, and what was done to sources; briefs and what sources hold stay. */
const KEEP_MS = 90 * DAY;
const CLEANED_AT_ONCE = 10_000;
/** Sources asked for in one statement; the others have their turn five minutes later. */
const POLLED_AT_ONCE = 1_000;

export function createTimetable(deps: TimetableDeps): Chore[] {
  const { db, mailboxes, topic, jobExpiryMs, poke, deliverDue, lookForAlerts, renewSourceWatches, clock, log } = deps;
  const { connections, dealSources, jobRows, schedules } = db;
  const renew: Chore = {
    key: 'mailbox-watches',
    // Google's watches end after seven days, and are renewed when two are left.
    cron: '17 */6 * * *',
    leaseMs: 30 * MINUTE,
    run: async (signal) => (topic === undefined ? {} : renewWatches({ connections, mailboxes, topic, clock, log, signal })),
  };
  const poll: Chore = {
    key: 'mailbox-polls',
    cron: '*/10 * * * *',
    leaseMs: 5 * MINUTE,
    run: () => pollMailboxes({ connections, olderThanMs: POLL_OLDER_THAN_MS, clock, log, poke }),
  };
  const expireHolds: Chore = {
    key: 'expired-holds',
    cron: '*/5 * * * *',
    leaseMs: 5 * MINUTE,
    run: async () => ({ expired: jobExpiryMs > 0 ? await jobRows.expire(jobExpiryMs) : 0 }),
  };
  const cleanUp: Chore = {
    key: 'clean-up',
    cron: '23 3 * * *',
    leaseMs: 30 * MINUTE,
    run: async (signal) => {
      const sum = { runs: 0, steps: 0, states: 0, syncs: 0 };
      for (let most = CLEANED_AT_ONCE; most === CLEANED_AT_ONCE && !signal.aborted; ) {
        const batch = await schedules.cleanUp(KEEP_MS, CLEANED_AT_ONCE);
        for (const kind of ['runs', 'steps', 'states'] as const) sum[kind] += batch[kind];
        const syncs = await dealSources.cleanUp(KEEP_MS, CLEANED_AT_ONCE);
        sum.syncs += syncs;
        most = Math.max(batch.runs, batch.steps, batch.states, syncs);
      }
      return sum;
    },
  };
  const deliver: Chore = {
    key: 'brief-deliveries',
    cron: '*/5 * * * *',
    leaseMs: 10 * MINUTE,
    run: async (signal) => ({ ...(await deliverDue(signal)) }),
  };
  const watchSources: Chore = {
    key: 'source-watches',
    cron: '2-59/5 * * * *',
    leaseMs: 5 * MINUTE,
    run: (signal) => renewSourceWatches({ signal }),
  };
  const pollSources: Chore = {
    key: 'source-polls',
    cron: '*/5 * * * *',
    leaseMs: 5 * MINUTE,
    run: async () => {
      const queued = await dealSources.poll({ limit: POLLED_AT_ONCE });
      if (queued > 0) poke();
      return { queued };
    },
  };
  const alerts: Chore = {
    key: 'alerts',
    cron: '* * * * *',
    leaseMs: 2 * MINUTE,
    quiet: true,
    run: async (signal) => ({ ...(await lookForAlerts(signal)) }),
  };
  return [renew, poll, expireHolds, cleanUp, deliver, watchSources, pollSources, alerts];
}
