import type { Db, JobTable, OutboxEntry } from '../db/types.ts';

const JOB_TABLES: readonly string[] = ['jobs', 'analytics_jobs', 'conversation_analysis_jobs'] satisfies JobTable[];

/** What becomes of an outbox entry that can never be sent: its row fails, naming the field, and a dead letter tells of it. */
export function createRefuse(db: Pick<Db, 'jobRows' | 'stories' | 'dealSteps' | 'failedJobs'>): (entry: OutboxEntry, error: string) => Promise<void> {
  return async ({ queue, name, jobId, payload, options, run, row }, error) => {
    if (row && isJobTable(row.table)) await db.jobRows.end({ table: row.table, id: row.id, run, outcome: 'failed', error });
    if (row?.table === 'stories') await db.stories.end(row.id, { status: 'failed', error });
    // Steps of the deal room have no uuid: one is found by the job that it awaits.
    if (!row) await db.dealSteps.refuse(queue, jobId, error);
    const { userId = null, correlationId = null } = options;
    await db.failedJobs.record({ queue, name, jobId, run, payload, error, stack: null, attempts: 0, userId, correlationId });
  };
}

function isJobTable(table: string): table is JobTable {
  return JOB_TABLES.includes(table);
}
