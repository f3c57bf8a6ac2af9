import { randomUUID } from 'node:crypto';
import { SECOND } from '../clock.ts';
import type { AlertBook } from '../db/alert-types.ts';
import { messageOf } from '../errors.ts';
import { repeating, type Service, within } from '../lifecycle.ts';
import type { Logger } from '../log.ts';

export interface JobEndings extends Service {
  /** A job was completed. */
  completed(queue: string): void;
  /** Reports what was counted since. Rejects while the database is away: the same report goes out again. */
  runOnce(): Promise<void>;
}

/** Well below the lag that the rule for failures allows for. */
const ROUND_MS = 30 * SECOND;

/**
 * How many jobs a worker has completed, for the failure rate: queues forget most of the jobs that end, and counting each in the queue would cost a write per job.
 * Failures are counted by their dead letters.
 */
export function createJobEndings({ book, log }: { book: Pick<AlertBook, 'reportEndings'>; log: Logger }): JobEndings {
  let counts = new Map<string, number>();
  let report: { id: string; endings: { queue: string; completed: number }[] } | undefined;

  async function runOnce(): Promise<void> {
    if (report === undefined && counts.size > 0) {
      report = { id: randomUUID(), endings: [...counts].map(([queue, completed]) => ({ queue, completed })) };
      counts = new Map();
    }
    if (report === undefined) return;
    await book.reportEndings(report.id, report.endings);
    report = undefined;
  }

  const round = () => runOnce().catch((error: unknown) => log.debug({ error: messageOf(error) }, 'completed jobs not reported yet'));
  const service = repeating('job-endings', round, ROUND_MS);
  return {
    name: service.name,
    start: service.start,
    stop: async (deadline) => {
      await service.stop(deadline);
      await within(round(), deadline, undefined);
    },
    completed: (queue) => void counts.set(queue, (counts.get(queue) ?? 0) + 1),
    runOnce,
  };
}
