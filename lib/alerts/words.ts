/** What alerts say: one sentence each, what is to be done, and where to look. Values come from outside: they stand in sentences, never beyond them. */
import { MINUTE, SECOND } from '../clock.ts';
import type { AlertDetails, AlertKind, AlertMessage } from '../db/alert-types.ts';
import { withoutValues } from '../db/fingerprint.ts';

export interface Words {
  happens(told: Told): string;
  over(told: Told): string;
  toDo: string;
  /** Below the address of Bull Board. */
  board?(details: AlertDetails): string;
}

type Told = Pick<AlertMessage, 'details' | 'count' | 'level'>;

const ERROR_LENGTH = 300;
const VALUE_LENGTH = 200;

/** One line of what can be seen. */
const text = (value: AlertDetails[string] | undefined, most = VALUE_LENGTH): string =>
  String(value ?? 'unknown')
    .replace(/[\s\p{C}]+/gu, ' ')
    .trim()
    .slice(0, most)
    .toWellFormed();
const percent = (value: AlertDetails[string] | undefined): string => `${Math.round(Number(value) * 100)} %`;
const dollars = (value: AlertDetails[string] | undefined): string => `$${Number(value).toFixed(2)}`;
const jobs = (count: number): string => (count === 1 ? '1 job' : `${count} jobs`);

/** Two units at most: `45 s`, `12 min`, `3 h 20 min`. */
export function duration(ms: number): string {
  if (ms < 2 * MINUTE) return `${Math.round(ms / SECOND)} s`;
  const minutes = Math.floor(ms / MINUTE);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const queueOf = ({ queue }: AlertDetails): string => `queue/${encodeURIComponent(text(queue))}`;

const WORDS: Readonly<Record<AlertKind, Words>> = {
  jobs_waiting: {
    happens: ({ details: { waiting, queue, limit } }) => `${text(waiting)} jobs wait on ${text(queue)}, more than ${text(limit)}`,
    over: ({ details: { queue, limit } }) => `No more than ${text(limit)} jobs wait on ${text(queue)}`,
    toDo: 'Look whether the workers are at work (a limit of a provider, a slow job, a paused queue), else start more of them.',
    board: queueOf,
  },
  jobs_old: {
    happens: ({ details: { queue, oldestMs, limitMs } }) =>
      `A job on ${text(queue)} could have started ${duration(Number(oldestMs))} ago, longer than ${duration(Number(limitMs))}`,
    over: ({ details: { queue, limitMs } }) => `No job on ${text(queue)} has waited for longer than ${duration(Number(limitMs))}`,
    toDo: 'Look whether a worker serves this queue (WORKER_QUEUES), whether it is paused, and whether one user’s jobs keep the others waiting.',
    board: queueOf,
  },
  failure_rate: {
    happens: ({ details: { failed, ended, queue, rate, limit } }) =>
      `${text(failed)} of ${text(ended)} jobs on ${text(queue)} that ended within a quarter of an hour failed for good (${percent(rate)}, more than ${percent(limit)})`,
    over: ({ details: { queue, limit } }) => `No more than ${percent(limit)} of the jobs on ${text(queue)} fail for good`,
    toDo: 'See what they have in common (hivepulse dead-letters list), mend it, and replay them.',
    board: (details) => `${queueOf(details)}?status=failed`,
  },
  job_failed: {
    happens: ({ count, details: { queue, name, error, jobId } }) =>
      `${jobs(count)} on ${text(queue)} (${text(name)}) failed for good: ${sentence(error)} ${count === 1 ? 'Its id' : 'One of them'}: ${text(jobId)}`,
    over: ({ details: { queue } }) => `Jobs on ${text(queue)} do not fail that way any more`,
    toDo: 'Mend the cause, then replay them: hivepulse dead-letters list, hivepulse dead-letters replay.',
    board: (details) => `${queueOf(details)}?status=failed`,
  },
  spend_cap: {
    happens: ({ level, details: { spentUsd, budgetUsd } }) =>
      level > 1
        ? `The AI budget of the day is spent (${dollars(spentUsd)} of ${dollars(budgetUsd)}): jobs that would pay fail until 00:00 UTC`
        : `${dollars(spentUsd)} of the day’s AI budget of ${dollars(budgetUsd)} are spent`,
    over: ({ details: { budgetUsd } }) => `There is money again in the day’s AI budget of ${dollars(budgetUsd)}`,
    toDo: 'Find what spends it (table ai_usage), raise AI_DAILY_BUDGET_USD or wait for 00:00 UTC; jobs that failed for it can be replayed.',
  },
  reauth_required: {
    happens: ({ details: { provider, domain, connectionId } }) =>
      `The ${text(provider)} account at ${text(domain)} (connection ${text(connectionId)}) must be connected again by its user`,
    over: ({ details: { provider, domain, connectionId } }) =>
      `The ${text(provider)} account at ${text(domain)} (connection ${text(connectionId)}) is connected again`,
    toDo: 'Send its user to GET /api/connections/<provider>/start. Many at once: look at the client’s id and secret.',
  },
  schedule_missed: {
    happens: ({ details: { runs, deals, from, until } }) =>
      `${text(runs)} scheduled briefs of ${text(deals)} deals, due from ${time(from)} until ${time(until)}, were missed and not caught up: no scheduler ran`,
    over: () => 'No scheduled brief has been missed since',
    toDo: 'POST /api/queue/trigger-daily-briefs makes briefs now; SCHEDULE_CATCH_UP and its window say what is made up for.',
  },
  scheduler_missing: {
    happens: ({ details: { since } }) => `No scheduler has been seen since ${time(since)}: scheduled briefs and chores wait`,
    over: ({ details: { since } }) => `A scheduler is back; none had looked since ${time(since)}`,
    toDo: 'Start one (npm run scheduler, or a worker without SCHEDULER=off) and look into its log.',
  },
  worker_missing: {
    happens: ({ details: { ready, lastPoll } }) =>
      `${text(ready)} jobs are ready, and no worker has asked for any ${lastPoll === null ? 'yet' : `since ${time(lastPoll)}`}`,
    over: () => 'A worker asks for jobs again',
    toDo: 'Start a worker (npm run worker) and look into its log.',
  },
};

const isKnown = (kind: string): kind is AlertKind => Object.hasOwn(WORDS, kind);

/** A newer process may have stored kinds that this one does not know. */
export function wordsOf(kind: string): Words {
  if (isKnown(kind)) return WORDS[kind];
  return { happens: () => `There is trouble of the kind ${kind}`, over: () => `The trouble of the kind ${kind} is over`, toDo: 'See the log.' };
}

export function headline({ kind, phase, ...told }: Pick<AlertMessage, 'kind' | 'phase' | 'details' | 'count' | 'level'>): string {
  const words = wordsOf(kind);
  return phase === 'over' ? words.over(told) : words.happens(told);
}

const QUOTED = /[“„«][^“”„«»]*[”“»]/g;

/** Errors may quote what users wrote: that stays here. */
function sentence(error: AlertDetails[string] | undefined): string {
  const said = text(withoutValues(String(error ?? 'unknown error').replace(QUOTED, '<value>')), ERROR_LENGTH);
  return /[.!?…]$/.test(said) ? said : `${said}.`;
}

/** `2026-11-22 21:40 UTC` */
export function time(value: AlertDetails[string] | undefined): string {
  const at = new Date(String(value));
  return Number.isNaN(at.getTime()) ? text(value) : `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
