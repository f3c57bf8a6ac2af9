import type { Db, JobTable } from '../db/types.ts';
import { JobAbortedError, NotFoundError, PermanentError } from '../errors.ts';
import type { Begun, JobContext, RowEnding, RowProcessor } from '../queue/processor.ts';

/** What processors of job rows need of what main.ts hands in. */
export interface RowDeps {
  db: Pick<Db, 'jobRows'>;
}

/**
 * A kind whose row is its job (`jobs`, `analytics_jobs`, `conversation_analysis_jobs`; the row's id is the job's): given the work, this adds what
 * all of them share. The row is taken with the run's id, shows attempts, progress and errors, and takes the result before BullMQ is told.
 */
export function rowJob<P, R, Deps extends RowDeps>(
  table: JobTable,
  run: (payload: P, context: JobContext<Deps>) => Promise<R>,
): RowProcessor<P, R, undefined, Deps> {
  async function begin(_payload: P, { deps, job, meta, runId }: JobContext<Deps>): Promise<Begun<undefined, R>> {
    const found = await deps.db.jobRows.begin({ table, id: job.id, run: meta.run ?? 1, runId, attempt: job.attempt });
    switch (found.state) {
      case 'run':
        return { state: 'run', row: undefined };
      case 'finished':
        // Stored by this very kind; its shape was checked when it was recorded.
        return { state: 'finished', result: found.result as R };
      case 'superseded':
        throw new JobAbortedError('superseded', `Row ${job.id} was asked for again`);
      case 'missing':
        throw new NotFoundError(`Row of ${table}`, job.id);
      case 'ended':
        throw found.status === 'cancelled'
          ? new JobAbortedError('cancelled', found.error)
          : new PermanentError(found.error || 'The row had failed before the job started', { code: 'row_failed' });
    }
  }

  async function record(_payload: P, result: R, { deps, job, runId }: JobContext<Deps>): Promise<boolean> {
    if (await deps.db.jobRows.end({ table, id: job.id, runId, outcome: 'done', result })) return true;
    const row = await deps.db.jobRows.get(table, job.id);
    if (row?.status === 'cancelled') throw new JobAbortedError('cancelled', row.error ?? 'Cancelled');
    // Still ours by the queue's account: it was set back to waiting, deleted or ended by hand.
    throw new JobAbortedError('superseded', `Row ${job.id} was taken over while the job ran`);
  }

  async function end(_payload: P, { outcome, ...ending }: RowEnding & { outcome: 'failed' | 'cancelled' }, deps: Deps): Promise<boolean> {
    if (await deps.db.jobRows.end({ table, ...reportOf(ending), outcome })) return true;
    const row = await deps.db.jobRows.get(table, ending.job.id);
    // Failed: by an earlier report of the same, whose dead letter may be missing.
    return row === undefined || row.status === 'failed';
  }

  async function putOff(_payload: P, ending: RowEnding, deps: Deps): Promise<void> {
    await deps.db.jobRows.end({ table, ...reportOf(ending), outcome: 'retry' });
  }

  return {
    begin,
    run: (payload, _row, context) => run(payload, context),
    record,
    end,
    putOff,
    progress: async (_payload, { progress, total, current_step }, { deps, job, runId }) =>
      deps.db.jobRows.progress({ table, id: job.id, runId, progress, total, currentStep: current_step }),
    byJobId: true,
  };
}

function reportOf({ error, runId, job }: RowEnding): { id: string; run: number; runId: string | undefined; error: string } {
  return { id: job.id, run: job.run, runId, error };
}
