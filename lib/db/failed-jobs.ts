import { createHash } from 'node:crypto';
import { z } from 'zod';
import { fingerprintOf } from './fingerprint.ts';
import { answer, type Client, callJson, firstRow, parseRow } from './rest.ts';
import { decodeCursor, integer, isUuid, jsonText, storableText, timestamp, toPage } from './rows.ts';
import type { FailedJob, FailedJobFilter, FailedJobGroup, FailedJobsTable, ReplayAnswer } from './types.ts';

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
  replayed_by: z.string().nullable(),
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
    replayedBy: found.replayed_by,
  };
}

const groups: z.ZodType<FailedJobGroup[]> = z.array(
  z.object({
    fingerprint: z.string(),
    queue: z.string(),
    name: z.string(),
    error: z.string(),
    count: integer,
    open: integer,
    users: integer,
    firstAt: timestamp,
    lastAt: timestamp,
    sampleId: z.string(),
  }),
);

const replayedPage = z.object({
  replayed: integer,
  skipped: z.array(z.object({ id: z.string(), reason: z.string() })),
  outboxIds: z.array(integer),
  seen: integer,
  lastTime: z.string().nullish(),
  lastId: z.string().nullish(),
});
/** Each is one transaction, which holds the rows and balances it changes: 100 take about a tenth of a second. */
const LETTERS_PER_PAGE = 100;

/** Ids that are no uuids name no dead letter. */
function filterText({ ids, queue, name, userId, fingerprint, since, until, text, replayed }: FailedJobFilter): string {
  return jsonText({ ids: ids?.filter(isUuid), queue, name, userId, fingerprint, since, until, text, replayed });
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

    async list({ limit, cursor, ...filter }) {
      const { time, id } = cursor ? decodeCursor(cursor) : { time: null, id: null };
      const args = { p_filter: filterText(filter), p_limit: limit + 1, p_after_time: time, p_after_id: id };
      return toPage(await answer(client.rpc('list_failed_jobs', args)), limit, 'failed_at', parseFailedJob);
    },

    groups: ({ limit, ...filter }) => callJson(client, 'failed_job_groups', { p_filter: filterText(filter), p_limit: limit }, groups),

    async recorded(wanted) {
      const found = new Set<string>();
      for (let start = 0; start < wanted.length; start += KEYS_PER_CALL) {
        const asked = wanted.slice(start, start + KEYS_PER_CALL).map(({ queue, jobId, run }) => ({ queue, jobId, run }));
        const answered = await answer(client.rpc('recorded_failed_jobs', { p_keys: jsonText(asked) }));
        for (const { queue, jobId, run } of parseRow(keys, answered, 'recorded_failed_jobs')) found.add(`${queue}/${jobId}/${run}`);
      }
      return found;
    },

    async replay({ filter, by, limit, perSecond, requestId }) {
      const whole: ReplayAnswer = { replayed: 0, skipped: [], outboxIds: [] };
      const common = { p_filter: filterText(filter), p_by: storableText(by), p_per_second: perSecond ?? null, p_from: new Date().toISOString() };
      let last: Pick<z.infer<typeof replayedPage>, 'lastTime' | 'lastId'> = {};
      for (let left = limit, page = 0; left > 0; page += 1) {
        const size = Math.min(left, LETTERS_PER_PAGE);
        const place = { p_offset: whole.replayed, p_after_time: last.lastTime ?? null, p_after_id: last.lastId ?? null };
        const args = { ...common, ...place, p_replay: pageId(requestId, page), p_limit: size };
        const found = await callJson(client, 'replay_failed_jobs', args, replayedPage);
        whole.replayed += found.replayed;
        whole.skipped.push(...found.skipped);
        whole.outboxIds.push(...found.outboxIds);
        last = found;
        left -= found.seen;
        if (found.seen < size) break;
      }
      return whole;
    },
  };
}

/** Names one page of a request, the same when it is repeated. */
function pageId(requestId: string, page: number): string {
  if (page === 0) return requestId;
  const hash = createHash('sha256').update(`${requestId}/${page}`).digest('hex');
  return [hash.slice(0, 8), hash.slice(8, 12), `8${hash.slice(13, 16)}`, `8${hash.slice(17, 20)}`, hash.slice(20, 32)].join('-');
}
