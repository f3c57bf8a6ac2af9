/** What has to be done from time to time, once for all schedulers. */
import { randomUUID } from 'node:crypto';
import type { ScheduleBook } from '../db/schedule-types.ts';
import { messageOf } from '../errors.ts';
import { type Deadline, within } from '../lifecycle.ts';
import type { Logger } from '../log.ts';
import type { Store } from '../queue/store/types.ts';
import { dueTimes } from './due.ts';

export interface Chore {
  /** Of its runs and its lease; it must not change. */
  key: string;
  /** In UTC. */
  cron: string;
  /** Longest time for one run: another one starts then, whatever became of it. In milliseconds. */
  leaseMs: number;
  /** It runs so often that the log of its runs would hide the rest: they are logged at level debug. */
  quiet?: boolean;
  /** What it resolves to is logged. A run that fails is not repeated: the next due time comes. */
  run(signal: AbortSignal): Promise<Record<string, number>>;
}

export interface ChoresDeps {
  schedules: Pick<ScheduleBook, 'startChore' | 'endChore'>;
  store: Pick<Store, 'acquire' | 'release'>;
  timetable: readonly Chore[];
  log: Logger;
}

export interface Chores {
  /** Begins those that were due in (after, until], each once whatever it missed, unless another scheduler was first. */
  startDue(span: { after: number; until: number }): Promise<{ started: number; ended: Promise<unknown> }>;
  /** Aborts what runs. */
  stop(deadline: Deadline): Promise<void>;
}

export function createChores({ schedules, store, timetable, log }: ChoresDeps): Chores {
  const running = new Set<Promise<void>>();
  const stopping = new AbortController();

  /** Resolves when it has begun: its end is in an object, or it would be waited for. */
  async function startOne(chore: Chore, dueAt: string): Promise<{ ended: Promise<void> } | undefined> {
    const run = randomUUID();
    if (!(await schedules.startChore(chore.key, dueAt, run))) return undefined;
    const ended = doIt(chore, dueAt, run).finally(() => running.delete(ended));
    running.add(ended);
    return { ended };
  }

  async function doIt(chore: Chore, dueAt: string, run: string): Promise<void> {
    const { outcome, error } = await attempt(chore, run);
    await schedules
      .endChore(chore.key, dueAt, run, outcome, error)
      .catch((failure: unknown) =>
        log.warn({ event: 'chore.not_recorded', chore: chore.key, error: messageOf(failure) }, 'the end of a chore was not recorded'),
      );
  }

  async function attempt(
    { key, leaseMs, quiet = false, run: work }: Chore,
    run: string,
  ): Promise<{ outcome: 'done' | 'failed' | 'busy'; error?: string }> {
    const lease = `chore:${key}`;
    try {
      if (!(await store.acquire(lease, run, { limit: 1, leaseMs }))) return { outcome: 'busy' };
      try {
        const counts = await work(AbortSignal.any([stopping.signal, AbortSignal.timeout(leaseMs)]));
        log[quiet ? 'debug' : 'info']({ event: 'chore.done', chore: key, ...counts }, 'chore done');
        return { outcome: 'done' };
      } finally {
        await store.release(lease, run);
      }
    } catch (error) {
      log.warn({ event: 'chore.failed', chore: key, error: messageOf(error) }, 'a chore failed; it is due again later');
      return { outcome: 'failed', error: messageOf(error) };
    }
  }

  return {
    async startDue(span) {
      const started: Promise<void>[] = [];
      for (const chore of timetable) {
        const [dueAt] = dueTimes(chore.cron, 'UTC', { ...span, limit: 1 });
        if (dueAt === undefined || stopping.signal.aborted) continue;
        const begun = await startOne(chore, new Date(dueAt).toISOString());
        if (begun) started.push(begun.ended);
      }
      return { started: started.length, ended: Promise.all(started) };
    },
    async stop(deadline) {
      stopping.abort();
      await within(Promise.all(running), deadline, undefined);
    },
  };
}
