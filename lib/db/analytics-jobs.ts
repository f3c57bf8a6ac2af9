import { z } from 'zod';
import type { AnalyticsJob, AnalyticsJobStatus, AnalyticsJobsTable } from './mail-types.ts';
import { answer, type Client, firstRow, parseRow } from './rest.ts';
import { afterCursor, integer, isUuid, timestamp, toPage } from './rows.ts';

const STATUSES = ['pending', 'processing', 'completed', 'failed', 'cancelled'] as const satisfies readonly AnalyticsJobStatus[];

const row = z.object({
  id: z.string(),
  user_id: z.string().nullable(),
  type: z.string(),
  // Adopted tables may hold words of their own; nothing of ours runs such a row again.
  status: z.enum(STATUSES).catch('failed'),
  // Plain SQL may write anything there: see `hivepulse_params`.
  params: z.record(z.string(), z.unknown()).catch({}),
  result: z.unknown(),
  last_error: z.string().nullable(),
  attempts: integer,
  run: integer,
  progress: integer,
  total: integer,
  current_step: z.string().nullable(),
  started_at: timestamp.nullable(),
  finished_at: timestamp.nullable(),
  created_at: timestamp,
  updated_at: timestamp,
});

function parseAnalyticsJob(value: unknown): AnalyticsJob {
  const found = parseRow(row, value, 'analytics_jobs');
  return {
    id: found.id,
    userId: found.user_id,
    type: found.type,
    status: found.status,
    params: found.params,
    result: found.result ?? null,
    error: found.last_error,
    attempts: found.attempts,
    run: found.run,
    progress: found.progress,
    total: found.total,
    currentStep: found.current_step,
    startedAt: found.started_at,
    finishedAt: found.finished_at,
    createdAt: found.created_at,
    updatedAt: found.updated_at,
  };
}

/** `analytics_jobs`, to be read: as the service role, or as a signed-in user. They are asked for through `jobRows`. */
export function createAnalyticsJobsTable(client: Client): AnalyticsJobsTable {
  return {
    async get(id) {
      if (!isUuid(id)) return undefined;
      const found = firstRow(await answer(client.from('analytics_jobs').select().eq('id', id).limit(1)));
      return found === undefined ? undefined : parseAnalyticsJob(found);
    },

    async list({ limit, cursor, userId, status }) {
      const newest = { ascending: false };
      let query = client
        .from('analytics_jobs')
        .select()
        .order('created_at', newest)
        .order('id', newest)
        .limit(limit + 1);
      if (userId) query = query.eq('user_id', userId);
      if (status) query = query.eq('status', status);
      if (cursor) query = query.or(afterCursor('created_at', cursor));
      return toPage(await answer(query), limit, 'created_at', parseAnalyticsJob);
    },
  };
}
