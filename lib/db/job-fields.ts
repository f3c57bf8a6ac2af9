import { z } from 'zod';
import { integer, timestamp } from './rows.ts';
import type { JobFields } from './types.ts';

export const JOB_STATUSES = ['pending', 'processing', 'completed', 'failed', 'cancelled'] as const satisfies readonly JobFields['status'][];

/** What `jobs` and `analytics_jobs` have in common, besides the column of the error. */
export const jobColumns = {
  id: z.string(),
  user_id: z.string().nullable(),
  type: z.string(),
  // Adopted tables may hold words of their own; nothing of ours runs such a row again.
  status: z.enum(JOB_STATUSES).catch('failed'),
  result: z.unknown(),
  attempts: integer,
  run: integer,
  progress: integer,
  total: integer,
  current_step: z.string().nullable(),
  started_at: timestamp.nullable(),
  finished_at: timestamp.nullable(),
  created_at: timestamp,
  updated_at: timestamp,
};
const columns = z.object(jobColumns);

export function toJobFields(found: z.infer<typeof columns>): Omit<JobFields, 'error'> {
  return {
    id: found.id,
    userId: found.user_id,
    type: found.type,
    status: found.status,
    result: found.result ?? null,
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
