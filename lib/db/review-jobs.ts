import { z } from 'zod';
import { JOB_STATUSES, jobColumns, toJobFields } from './job-fields.ts';
import { createRow, requireUuid } from './job-rows.ts';
import { newestFirst } from './newest-first.ts';
import { answer, type Client, callJson, firstRow, parseRow } from './rest.ts';
import { integer, isUuid, storable } from './rows.ts';
import type { ReviewJob, ReviewJobsTable } from './types.ts';

const row = z.object({
  ...jobColumns,
  payload: z.unknown(),
  error: z.string().nullable(),
  credits_cost: integer.nullable(),
  credits_state: z.enum(['none', 'held', 'settled', 'released']),
});

function parseReviewJob(value: unknown): ReviewJob {
  const found = parseRow(row, value, 'jobs');
  return {
    ...toJobFields(found),
    payload: found.payload,
    error: found.error,
    creditsCost: found.credits_cost,
    creditsState: found.credits_state,
  };
}

const created = z.object({
  id: z.string(),
  deduplicated: z.boolean(),
  outboxId: integer.nullable(),
  status: z.enum(JOB_STATUSES),
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

    list: async ({ limit, cursor, userId, type, status }) =>
      newestFirst(client, 'jobs', { limit, cursor, where: { user_id: userId, type, status } }, parseReviewJob),
  };
}
