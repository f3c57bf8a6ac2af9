import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { InvalidInputError } from '../errors.ts';
import { createGroupCommit } from './group-commit.ts';
import { answer, type Client, callJson, firstRow, parseRow } from './rest.ts';
import { integer, isUuid, jsonText, storable, storableText, timestamp } from './rows.ts';
import type { BegunRow, CreatedRow, EndOfRow, JobRow, JobRowsTable, JobTable, ProgressOfRow, RetriedRow, RowOptions, RunOfRow } from './types.ts';

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? null);
const time = timestamp.nullable();

/** Of any of the three tables: what one of them lacks is absent. */
const row = z.object({
  id: z.string(),
  status: z.string(),
  type: z.string().optional(),
  payload: z.unknown().optional(),
  // Plain SQL may write anything there: see `hivepulse_params`.
  params: z.record(z.string(), z.unknown()).nullish().catch(null),
  conversation_id: z.string().optional(),
  user_id: text,
  created_by: text,
  options: z.object({ correlationId: z.string().optional() }).catch({}),
  attempts: integer,
  progress: integer,
  total: integer,
  current_step: text,
  result: z.unknown(),
  error: text,
  last_error: text,
  created_at: timestamp,
  started_at: time,
  finished_at: time,
});
type Row = z.infer<typeof row>;

function toJobRow(table: JobTable, value: unknown): JobRow {
  const found = parseRow(row, value, table);
  const { progress, total, current_step } = found;
  return {
    id: found.id,
    status: found.status,
    name: found.type ?? 'analyze',
    payload: payloadOf(table, found),
    userId: found.user_id ?? found.created_by,
    correlationId: found.options.correlationId ?? null,
    attempts: found.attempts,
    progress: total > 0 || progress > 0 || current_step !== null ? { progress, total, current_step: current_step ?? '' } : null,
    result: found.result ?? null,
    error: found.error ?? found.last_error,
    createdAt: found.created_at,
    startedAt: found.started_at,
    finishedAt: found.finished_at,
  };
}

/** As `put_job_row` makes it. */
function payloadOf(table: JobTable, { payload, params, user_id, conversation_id }: Row): unknown {
  if (table === 'jobs') return payload;
  return table === 'analytics_jobs' ? { ...params, userId: user_id } : { ...params, conversationId: conversation_id };
}

const begun = z.object({
  state: z.enum(['run', 'finished', 'ended', 'superseded', 'missing']),
  status: text,
  result: z.unknown(),
  error: text,
});

function toBegun({ state, status, result, error }: z.infer<typeof begun>): BegunRow {
  if (state === 'finished') return { state, result: result ?? null };
  if (state !== 'ended') return { state };
  return { state, status: status === 'cancelled' ? 'cancelled' : 'failed', error: error ?? '' };
}

const CANCELLED = z.enum(['cancelled', 'finished', 'not_found']);
const retried = z.object({
  outcome: z.enum(['retried', 'merged', 'not_failed', 'not_found']),
  run: z.int().nullish(),
  outboxId: integer.nullish(),
  jobId: z.string().nullish(),
});
const unfinished = z.array(z.object({ id: z.string(), run: z.int(), runId: z.string().nullable(), status: z.string() }));
const created = z.object({ id: z.string(), deduplicated: z.boolean(), outboxId: integer.nullable() });

/** Postgres' integers. */
const whole = (value: number): number => Math.min(Math.max(Math.round(value) || 0, 0), 2_147_483_647);

export function createJobRowsTable(client: Client): JobRowsTable {
  const begin = createGroupCommit<RunOfRow, BegunRow>({
    commit: async (runs) => (await callJson(client, 'begin_job_runs', { p_runs: jsonText(runs) }, z.array(begun))).map(toBegun),
  });
  const end = createGroupCommit<EndOfRow, boolean>({
    commit: (endings) => callJson(client, 'end_job_runs', { p_endings: jsonText(endings) }, z.array(z.boolean())),
  });
  const progress = createGroupCommit<ProgressOfRow, void>({
    commit: async (reports) => {
      await answer(client.rpc('report_job_progress', { p_progress: jsonText(reports) }));
      return reports.map(() => undefined);
    },
  });
  const read = async (table: JobTable, id: string) => firstRow(await answer(client.from(table).select().eq('id', id).limit(1)));

  return {
    begin: async (run) => (isUuid(run.id) ? begin(run) : { state: 'missing' }),
    end: async (ending) => isUuid(ending.id) && end(ending),

    async progress(report) {
      if (isUuid(report.id)) await progress({ ...report, progress: whole(report.progress), total: whole(report.total) });
    },

    async cancel(table, id, reason) {
      if (!isUuid(id)) return 'not_found';
      const args = { p_table: table, p_id: id, p_reason: storableText(reason) };
      return parseRow(CANCELLED, await answer(client.rpc('cancel_job_row', args)), 'cancel_job_row');
    },

    async get(table, id) {
      if (!isUuid(id)) return undefined;
      const found = await read(table, id);
      return found === undefined ? undefined : toJobRow(table, found);
    },

    async retry(table, id) {
      const found = isUuid(id) ? await read(table, id) : undefined;
      if (found === undefined) return { outcome: 'not_found' };
      // Named, so that repeating the call after a lost answer does not find its own new run in the way.
      const { run } = parseRow(z.object({ run: z.int() }), found, table);
      return toRetried(await callJson(client, 'retry_job_row', { p_table: table, p_id: id, p_run: run }, retried));
    },

    unfinished(table, { before, after, limit }) {
      const args = { p_table: table, p_before: before, p_after: after ?? null, p_limit: limit };
      return callJson(client, 'unfinished_job_rows', args, unfinished);
    },

    async resend(rows) {
      const known = rows.filter(({ id }) => isUuid(id)).map(({ table, id, run }) => ({ table, id, run }));
      if (known.length === 0) return 0;
      return parseRow(integer, await answer(client.rpc('resend_job_rows', { p_rows: jsonText(known) })), 'resend_job_rows');
    },

    expire: async (afterMs) => parseRow(integer, await answer(client.rpc('expire_jobs', { p_after_ms: Math.round(afterMs) })), 'expire_jobs'),

    async createAnalysis({ conversationId, createdBy, params = {}, options }) {
      const owners = {
        p_conversation_id: requireUuid('conversationId', conversationId),
        p_created_by: createdBy ?? null,
        p_params: storable(params),
      };
      return createRow(options, (asked) => callJson(client, 'create_conversation_analysis_job', { ...owners, ...asked }, created));
    },

    async latestAnalysis(conversationId) {
      if (!isUuid(conversationId)) return undefined;
      const newest = { ascending: false };
      const jobs = client.from('conversation_analysis_jobs').select().eq('conversation_id', conversationId);
      const found = firstRow(await answer(jobs.order('created_at', newest).order('id', newest).limit(1)));
      return found === undefined ? undefined : toJobRow('conversation_analysis_jobs', found);
    },

    async createFetch({ userId, params, options }) {
      const owned = { p_user_id: requireUuid('userId', userId), p_params: storable(params) };
      return createRow(options, (asked) => callJson(client, 'create_analytics_job', { ...owned, ...asked }, created));
    },
  };
}

function toRetried({ outcome, run, outboxId, jobId }: z.infer<typeof retried>): RetriedRow {
  if (outcome === 'retried') return { outcome, run: run ?? 1, outboxId: outboxId ?? null };
  return outcome === 'merged' ? { outcome, jobId: jobId ?? '' } : { outcome: outcome === 'not_found' ? outcome : 'not_failed' };
}

export interface AskedRow {
  p_idempotency_key: string | null;
  p_options: Record<string, unknown>;
}

/**
 * The id is made here where the caller names none: then repeating the call after a lost answer is harmless, and the row is new exactly if it has that id.
 * Throws `InvalidInputError` where `jobId` is no uuid.
 */
export async function createRow<T extends CreatedRow>(options: RowOptions, create: (asked: AskedRow) => Promise<T>): Promise<T> {
  const { jobId: given, idempotencyKey = given, ...rest } = options;
  const jobId = given === undefined ? randomUUID() : requireUuid('jobId', given).toLowerCase();
  const row = await create({
    p_idempotency_key: idempotencyKey === undefined ? null : storableText(idempotencyKey),
    p_options: { ...rest, jobId },
  });
  return given === undefined ? { ...row, deduplicated: row.id !== jobId } : row;
}

export function requireUuid(path: string, value: string): string {
  if (isUuid(value)) return value;
  throw new InvalidInputError(`${path} is no uuid: ${value}`, [{ path, message: 'not a uuid' }]);
}
