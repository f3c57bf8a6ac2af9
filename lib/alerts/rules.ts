/** What is looked at each minute, as data for the book: it decides what is new. */
import { type Clock, MINUTE, SECOND } from '../clock.ts';
import type { AlertBook, AlertObservation } from '../db/alert-types.ts';

export interface QueueLoad {
  /** Jobs that could start now, those that no relay has moved included. */
  ready: number;
  oldestMs: number;
}

export interface AlertLimits {
  /** `ALERT_WAITING` */
  waiting: number;
  /** `ALERT_OLDEST_MS` */
  oldestMs: number;
  /** `ALERT_FAILURE_RATE`, from 0 to 1 */
  failureRate: number;
  /** `ALERT_COOL_DOWN_MS` */
  coolDownMs: number;
  /** `AI_DAILY_BUDGET_USD` */
  dailyBudgetUsd: number | undefined;
}

export interface AlertRulesDeps {
  loads(): Promise<ReadonlyMap<string, QueueLoad>>;
  /** The newest heartbeat of any worker, in milliseconds since the epoch. */
  lastPoll(): Promise<number | undefined>;
  spentTodayUsd(now: number): Promise<number>;
  book: Pick<AlertBook, 'endings'>;
  /** 0 turns a rule off. */
  limits: AlertLimits;
  clock: Pick<Clock, 'now'>;
  /** For times that the database compares, where it is given; else its own clock. */
  now?: Pick<Clock, 'now'> | undefined;
}

/** Seen in two looks in a row: what a process finds when it starts after a pause is often gone a minute later. */
const HOLD_MS = 45 * SECOND;
/** A queue that is at its limit goes above and below it. */
const SETTLE_MS = 3 * MINUTE;
const WINDOW_MS = 15 * MINUTE;
/** Longer than workers take to report what they have completed. */
const REPORT_LAG_MS = 45 * SECOND;
const LEAST_ENDED = 20;
const NO_WORKER_MS = 2 * MINUTE;
const WARN_AT = 0.8;

/** Resolves to one observation per rule and subject. Rejects while queue or database are away. */
export function createAlertRules(deps: AlertRulesDeps): () => Promise<AlertObservation[]> {
  const { limits, clock } = deps;
  const { coolDownMs } = limits;

  function queueRules(loads: ReadonlyMap<string, QueueLoad>): AlertObservation[] {
    return [...loads].flatMap(([queue, { ready, oldestMs }]) => {
      const { waiting: limit } = limits;
      const timing = { subject: queue, holdMs: HOLD_MS, settleMs: SETTLE_MS, coolDownMs };
      const waiting = when(limit, ready > limit, { kind: 'jobs_waiting', ...timing, details: { queue, waiting: ready, limit } });
      return [waiting, jobsOld(queue, oldestMs, limits)];
    });
  }

  async function failureRules(queues: Iterable<string>): Promise<AlertObservation[]> {
    const { failureRate: limit } = limits;
    const counted = limit > 0 ? await deps.book.endings({ windowMs: WINDOW_MS, lagMs: REPORT_LAG_MS }, isoTime(deps.now)) : [];
    const byQueue = new Map(counted.map((one) => [one.queue, one]));
    return [...queues].map((queue) => {
      const { completed, failed } = byQueue.get(queue) ?? { completed: 0, failed: 0 };
      const ended = completed + failed;
      const rate = ended === 0 ? 0 : failed / ended;
      const firing = ended >= LEAST_ENDED && rate > limit;
      const details = { queue, failed, ended, rate, limit };
      return when(limit, firing, { kind: 'failure_rate', subject: queue, settleMs: SETTLE_MS, coolDownMs, details });
    });
  }

  async function workerRule(loads: ReadonlyMap<string, QueueLoad>): Promise<AlertObservation> {
    const all = [...loads.values()];
    const ready = all.reduce((sum, load) => sum + load.ready, 0);
    const oldestMs = Math.max(0, ...all.map((load) => load.oldestMs));
    const polledAt = ready > 0 ? await deps.lastPoll() : undefined;
    const silent = polledAt === undefined || clock.now() - polledAt > NO_WORKER_MS;
    const lastPoll = polledAt === undefined ? null : new Date(polledAt).toISOString();
    const firing = ready > 0 && oldestMs > NO_WORKER_MS && silent;
    return { kind: 'worker_missing', firing, coolDownMs, holdMs: HOLD_MS, details: { ready, lastPoll } };
  }

  async function spendRule(): Promise<AlertObservation> {
    const { dailyBudgetUsd: budgetUsd } = limits;
    if (budgetUsd === undefined) return { kind: 'spend_cap', firing: false, quiet: true };
    const spentUsd = await deps.spentTodayUsd(clock.now());
    const level = spentUsd >= budgetUsd ? 2 : 1;
    return { kind: 'spend_cap', firing: spentUsd >= WARN_AT * budgetUsd, level, coolDownMs, details: { spentUsd, budgetUsd } };
  }

  return async () => {
    const loads = await deps.loads();
    const [failures, worker, spend] = await Promise.all([failureRules(loads.keys()), workerRule(loads), spendRule()]);
    return [...queueRules(loads), ...failures, worker, spend];
  };
}

/** Of one queue; `oldestMs`: for how long its oldest job could have started. */
export function jobsOld(
  queue: string,
  oldestMs: number,
  { oldestMs: limitMs, coolDownMs }: Pick<AlertLimits, 'oldestMs' | 'coolDownMs'>,
): AlertObservation {
  const details = { queue, oldestMs: Math.round(oldestMs), limitMs };
  return when(limitMs, oldestMs > limitMs, { kind: 'jobs_old', subject: queue, holdMs: HOLD_MS, settleMs: SETTLE_MS, coolDownMs, details });
}

/** One that is turned off ends without a word. */
const when = (limit: number, firing: boolean, rest: Omit<AlertObservation, 'firing'>): AlertObservation => ({
  ...rest,
  firing: limit > 0 && firing,
  quiet: limit <= 0,
});

const isoTime = (clock: Pick<Clock, 'now'> | undefined): string | undefined => clock && new Date(clock.now()).toISOString();
