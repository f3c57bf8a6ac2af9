/**
 * Finds unfinished rows and steps whose job has vanished (a flush, a crash between two writes, rows from before Hivepulse) and asks for them again;
 * forgets old outbox entries. One process at a time does it, whichever comes first.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Db, JobTable } from '../db/types.ts';
import { messageOf } from '../errors.ts';
import type { QueueName } from '../jobs/define.ts';
import { readyQueueNames } from '../jobs/index.ts';
import { repeating, type Service } from '../lifecycle.ts';
import type { Logger } from '../log.ts';
import type { QueueBackend } from '../queue/backend.ts';
import { readCancelFlag } from '../queue/cancel-flag.ts';
import { cancelKey } from '../queue/keys.ts';
import { toState } from '../queue/view.ts';

export interface SweepDeps {
  backend: QueueBackend;
  db: Pick<Db, 'jobRows' | 'outbox' | 'stories' | 'dealSteps'>;
  /** Queues whose jobs have a row, and which some worker serves. */
  tables: readonly { queue: QueueName; table: JobTable }[];
  intervalMs: number;
  /** Rows touched more recently are left alone: their job may be on its way. Default: the interval, in milliseconds. */
  graceMs?: number;
  /** Called when rows were asked for again. */
  poke: () => void;
  clock: Clock;
  log: Logger;
}

export interface Swept {
  resent: number;
  cancelled: number;
}

export interface Sweep extends Service {
  /** Resolves to what was done; undefined when another process sweeps. */
  runOnce(): Promise<Swept | undefined>;
}

interface Unfinished {
  id: string;
  jobId: string;
  run: number;
}

const PAGE = 500;
const READY_WITHIN_MS = 5_000;
const KEEP_ENDED_MS = 24 * 60 * 60_000;

export function createSweep(deps: SweepDeps): Sweep {
  const { backend, db, log } = deps;
  const holder = randomUUID();

  async function runOnce(): Promise<Swept | undefined> {
    await backend.ready(READY_WITHIN_MS);
    if (!(await backend.store.acquire('sweep', holder, { limit: 1, leaseMs: 60_000 }))) return undefined;
    try {
      return await sweep();
    } finally {
      await backend.store.release('sweep', holder).catch(() => undefined);
    }
  }

  async function sweep(): Promise<Swept> {
    const swept: Swept = { resent: 0, cancelled: 0 };
    for (const { queue, table } of deps.tables) await sweepTable(queue, table, swept);
    await sweepStories(swept);
    await sweepSteps(swept);
    await db.outbox.prune(KEEP_ENDED_MS);
    if (swept.resent > 0) deps.poke();
    if (swept.resent + swept.cancelled > 0) log.warn({ ...swept }, 'swept: jobs had vanished');
    return swept;
  }

  async function sweepTable(queue: QueueName, table: JobTable, swept: Swept): Promise<void> {
    for (let after: string | undefined; ; ) {
      const rows = await db.jobRows.unfinished(table, { before: before(), limit: PAGE, ...(after ? { after } : {}) });
      const { vanished, cancelled } = await sort(
        queue,
        rows.map((row) => ({ ...row, jobId: row.id })),
      );
      for (const { row, reason } of cancelled) {
        if (await db.jobRows.end({ table, id: row.id, run: row.run, outcome: 'cancelled', error: reason })) swept.cancelled += 1;
      }
      if (vanished.length > 0) swept.resent += await db.jobRows.resend(vanished.map(({ id, run }) => ({ table, id, run })));
      after = rows.at(-1)?.id;
      if (rows.length < PAGE || after === undefined) return;
    }
  }

  async function sweepStories(swept: Swept): Promise<void> {
    const queue = 'story-enhancement';
    for (let after: string | undefined; ; ) {
      const rows = await db.stories.unfinished({ before: before(), limit: PAGE, ...(after ? { after } : {}) });
      const { vanished, cancelled } = await sort(
        queue,
        rows.map(({ id, jobId }) => ({ id, jobId, run: 1 })),
      );
      for (const { row, reason } of cancelled) await db.stories.end(row.id, { status: 'cancelled', error: reason });
      swept.cancelled += cancelled.length;
      // A new job: the old one's id may be remembered as ended.
      for (const { id } of vanished) await db.stories.ask(id, { jobId: `story-enhancement-${id}-${randomUUID()}` });
      swept.resent += vanished.length;
      after = rows.at(-1)?.id;
      if (rows.length < PAGE || after === undefined) return;
    }
  }

  async function sweepSteps(swept: Swept): Promise<void> {
    for (let after: string | undefined; ; ) {
      const rows = await db.dealSteps.unfinished({ before: before(), limit: PAGE, ...(after ? { after } : {}) });
      for (const queue of readyQueueNames) {
        const { vanished, cancelled } = await sort(
          queue,
          rows.filter((step) => step.queue === queue).map((step) => ({ ...step, id: step.place, run: 1 })),
        );
        for (const { row, reason } of cancelled) if (await db.dealSteps.end({ ...row, status: 'cancelled', error: reason })) swept.cancelled += 1;
        swept.resent += await db.dealSteps.resend(vanished);
      }
      after = rows.at(-1)?.place;
      if (rows.length < PAGE || after === undefined) return;
    }
  }

  /** Jobs that still stand on the queue, and those that failed there (which is the reconciler's business), are left alone. */
  async function sort<Row extends Unfinished>(
    queue: QueueName,
    rows: readonly Row[],
  ): Promise<{ vanished: Row[]; cancelled: { row: Row; reason: string }[] }> {
    if (rows.length === 0) return { vanished: [], cancelled: [] };
    const bull = backend.queue(queue);
    const [states, flags] = await Promise.all([
      Promise.all(rows.map(({ jobId }) => bull.getJobState(jobId))),
      backend.store.flags(rows.map(({ jobId }) => cancelKey(queue, jobId))),
    ]);
    const gone = rows.map((row, index) => ({ row, flag: flags[index], state: toState(states[index] ?? '') }));
    const open = gone.filter(({ state, flag }) => state === undefined || state === 'completed' || (state === 'failed' && flag !== undefined));
    return {
      vanished: open.flatMap(({ row, flag }) => (flag === undefined ? [row] : [])),
      cancelled: open.flatMap(({ row, flag }) => (flag === undefined ? [] : [{ row, reason: readCancelFlag(flag).reason }])),
    };
  }

  function before(): string {
    return new Date(deps.clock.now() - (deps.graceMs ?? deps.intervalMs)).toISOString();
  }

  const round = () => runOnce().catch((error: unknown) => log.warn({ error: messageOf(error) }, 'the sweep could not finish its round'));

  return { ...repeating('sweep', round, deps.intervalMs), runOnce };
}
