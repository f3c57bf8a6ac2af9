import { z } from 'zod';
import { createRow, requireUuid } from './job-rows.ts';
import { answer, type Client, callJson, firstRow, parseRow } from './rest.ts';
import { afterCursor, integer, isUuid, storable, timestamp, toPage } from './rows.ts';
import type { ReviewJob, ReviewJobStatus, ReviewJobsTable } from './types.ts';

const STATUSES = ['pending', 'processing', 'completed', 'failed', 'cancelled'] as const satisfies readonly ReviewJobStatus[];

const row = z.object({
  id: z.string(),
  user_id: z.string().nullable(),
  type: z.string(),
  // Adopted tables may hold words of their own; nothing of ours runs such a row again.
  status: z.enum(STATUSES).catch('failed'),
  payload: z.unknown(),
  result: z.unknown(),
  error: z.string().nullable(),
  attempts: integer,
  credits_cost: integer.nullable(),
  credits_state: z.enum(['none', 'held', 'settled', 'released']),
  run: integer,
  progress: integer,
  total: integer,
  current_step: z.string().nullable(),
  started_at: timestamp.nullable(),
  finished_at: timestamp.nullable(),
  created_at: timestamp,
  updated_at: timestamp,
});

function parseReviewJob(value: unknown): ReviewJob {
  const found = parseRow(row, value, 'jobs');
  return {
    id: found.id,
    userId: found.user_id,
    type: found.type,
    status: found.status,
    payload: found.payload,
    result: found.result ?? null,
    error: found.error,
    attempts: found.attempts,
    creditsCost: found.credits_cost,
    creditsState: found.credits_state,
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

const created = z.object({
  id: z.string(),
  deduplicated: z.boolean(),
  outboxId: integer.nullable(),
  status: z.enum(STATUSES),
  cost: integer.nullable().transform((cost) => cost ?? 0),
  balance: integer,
});

/** `jobs`: as the service role, or as a signed-in user. */
export function createReviewJobsTable(client: Client): ReviewJobsTable {
  return {
    async create({ userId, type, payload, cost, options = {} }) {
      const job = { p_user_id: requireUuid('userId', userId), p_type: type, p_payload: storable(payload), p_cost: cost ?? null };
      return createRow(options, (asked) => callJson(client, 'create_job_with_credits', { ...job, ...asked }, created));
    },

    async get(id) {
      if (!isUuid(id)) return undefined;
      const found = firstRow(await answer(client.from('jobs').select().eq('id', id).limit(1)));
      return found === undefined ? undefined : parseReviewJob(found);
    },

    async list({ limit, cursor, userId, type, status }) {
      const newest = { ascending: false };
      let query = client
        .from('jobs')
        .select()
        .order('created_at', newest)
        .order('id', newest)
        .limit(limit + 1);
      if (userId) query = query.eq('user_id', userId);
      if (type) query = query.eq('type', type);
      if (status) query = query.eq('status', status);
      if (cursor) query = query.or(afterCursor('created_at', cursor));
      return toPage(await answer(query), limit, 'created_at', parseReviewJob);
    },
  };
}
