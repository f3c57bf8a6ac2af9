import { z } from 'zod';
import { fingerprintOf } from './fingerprint.ts';
import { answer, type Client, firstRow, parseRow } from './rest.ts';
import { afterCursor, isUuid, jsonText, timestamp, toPage } from './rows.ts';
import type { FailedJob, FailedJobsTable } from './types.ts';

const row = z.object({
  id: z.string(),
  queue: z.string(),
  name: z.string(),
  job_id: z.string(),
  run: z.number(),
  payload: z.unknown(),
  error: z.string(),
  fingerprint: z.string(),
  stack: z.string().nullable(),
  attempts: z.number(),
  user_id: z.string().nullable(),
  correlation_id: z.string().nullable(),
  failed_at: timestamp,
  replayed_at: timestamp.nullable(),
  replayed_job_id: z.string().nullable(),
});

function parseFailedJob(value: unknown): FailedJob {
  const found = parseRow(row, value, 'failed_jobs');
  return {
    id: found.id,
    queue: found.queue,
    name: found.name,
    jobId: found.job_id,
    run: found.run,
    payload: found.payload,
    error: found.error,
    fingerprint: found.fingerprint,
    stack: found.stack,
    attempts: found.attempts,
    userId: found.user_id,
    correlationId: found.correlation_id,
    failedAt: found.failed_at,
    replayedAt: found.replayed_at,
    replayedJobId: found.replayed_job_id,
  };
}

const keys = z.array(z.object({ queue: z.string(), jobId: z.string(), run: z.number() }));
/** Some hundred bytes a key: far from any server's limit on bodies. */
const KEYS_PER_CALL = 500;

export function createFailedJobsTable(client: Client): FailedJobsTable {
  return {
    async record(failure) {
      const stored = jsonText({ ...failure, payload: failure.payload ?? null, fingerprint: fingerprintOf(failure) });
      return parseRow(z.boolean(), await answer(client.rpc('record_failed_job', { p_failure: stored })), 'record_failed_job');
    },

    async get(id) {
      if (!isUuid(id)) return undefined;
      const found = firstRow(await answer(client.from('failed_jobs').select().eq('id', id).limit(1)));
      return found === undefined ? undefined : parseFailedJob(found);
    },

    async list({ limit, cursor, queue, userId }) {
      const newest = { ascending: false };
      let query = client
        .from('failed_jobs')
        .select()
        .order('failed_at', newest)
        .order('id', newest)
        .limit(limit + 1);
      if (queue) query = query.eq('queue', queue);
      if (userId) query = query.eq('user_id', userId);
      if (cursor) query = query.or(afterCursor('failed_at', cursor));
      return toPage(await answer(query), limit, 'failed_at', parseFailedJob);
    },

    async recorded(wanted) {
      const found = new Set<string>();
      for (let start = 0; start < wanted.length; start += KEYS_PER_CALL) {
        const asked = wanted.slice(start, start + KEYS_PER_CALL).map(({ queue, jobId, run }) => ({ queue, jobId, run }));
        const answered = await answer(client.rpc('recorded_failed_jobs', { p_keys: jsonText(asked) }));
        for (const { queue, jobId, run } of parseRow(keys, answered, 'recorded_failed_jobs')) found.add(`${queue}/${jobId}/${run}`);
      }
      return found;
    },

    async replayed(id, jobId) {
      if (!isUuid(id)) return;
      const changes = { replayed_at: new Date().toISOString(), replayed_job_id: jobId };
      await answer(client.from('failed_jobs').update(changes).eq('id', id));
    },
  };
}
