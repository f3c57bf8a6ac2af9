import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { answer, type Client, callJson, parseRow } from './rest.ts';
import { integer, jsonText, numeric, timestamp } from './rows.ts';
import type { OutboxEntry, OutboxResult, OutboxTable } from './types.ts';

const options = z
  .object({ priority: z.number(), userId: z.string(), correlationId: z.string(), force: z.boolean(), traceparent: z.string() })
  .partial()
  // What others wrote into the options of a row counts for nothing, and must not keep the rest from being sent.
  .catch({});

const entry = z.object({
  id: integer,
  queue: z.string(),
  name: z.string(),
  jobId: z.string(),
  payload: z.unknown(),
  options,
  run: z.number(),
  replaces: z.boolean(),
  asked: z.number(),
  rowTable: z.string().nullable(),
  rowId: z.string().nullable(),
  createdAt: timestamp,
});

function toEntry({ rowTable, rowId, options: given, ...rest }: z.infer<typeof entry>): OutboxEntry {
  return { ...rest, options: present(given), ...(rowTable !== null && rowId !== null ? { row: { table: rowTable, id: rowId } } : {}) };
}

function present(given: z.infer<typeof options>): OutboxEntry['options'] {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

const sentEntry = z.object({ id: integer, ended: z.string(), ended_job_id: z.string() });
const backlog = z.object({ waiting: integer, oldestSeconds: numeric });
/** Deletes of that many rows take well below a second. */
const PRUNED_PER_CALL = 5_000;

/** `job_outbox`, as the service role. */
export function createOutboxTable(client: Client): OutboxTable {
  // Repeated after a lost answer, a claim finds what it claimed; else that would wait for the end of its lease.
  let unanswered: string | undefined;

  return {
    async claim({ kinds, limit, leaseMs, ids }) {
      const claim = (ids === undefined ? unanswered : undefined) ?? randomUUID();
      if (ids === undefined) unanswered = claim;
      const args = {
        p_claim: claim,
        p_kinds: jsonText(kinds),
        p_limit: limit,
        p_lease_ms: leaseMs,
        p_ids: ids === undefined ? null : jsonText(ids),
      };
      const claimed = await callJson(client, 'claim_outbox', args, z.array(entry));
      if (unanswered === claim) unanswered = undefined;
      return claimed.map(toEntry);
    },

    async finish(results: readonly OutboxResult[]) {
      if (results.length > 0) await answer(client.rpc('finish_outbox', { p_results: jsonText(results) }));
    },

    async sent(ids) {
      if (ids.length === 0) return [];
      const query = client
        .from('job_outbox')
        .select('id, ended, ended_job_id')
        .in('id', [...ids])
        .in('ended', ['sent', 'merged']);
      const rows = parseRow(z.array(sentEntry), await answer(query), 'job_outbox');
      return rows.map(({ id, ended, ended_job_id: jobId }) => ({ id, jobId, merged: ended === 'merged' }));
    },

    async nextDueMs(kinds) {
      const answered = await answer(client.rpc('next_outbox_due_ms', { p_kinds: jsonText(kinds) }));
      return parseRow(numeric.nullable(), answered, 'next_outbox_due_ms') ?? undefined;
    },

    async prune(keepMs) {
      let pruned = 0;
      for (let last = PRUNED_PER_CALL; last === PRUNED_PER_CALL; pruned += last) {
        const args = { p_keep_ms: Math.round(keepMs), p_limit: PRUNED_PER_CALL };
        last = parseRow(integer, await answer(client.rpc('prune_outbox', args)), 'prune_outbox');
      }
      return pruned;
    },

    backlog: (kinds) => backlogOf(client, kinds),

    async backlogByQueue(kinds) {
      const whole = await backlogOf(client, kinds);
      // The usual answer; what is there is then asked about queue by queue.
      if (whole.waiting === 0) return new Map();
      const groups = [...Map.groupBy(kinds, ({ queue }) => queue)];
      const counted = await Promise.all(groups.map(async ([queue, of]) => [queue, await backlogOf(client, of)] as const));
      return new Map(counted.filter(([, { waiting }]) => waiting > 0));
    },

    async enqueue({ queue, name, payload, options: asked = {} }) {
      // Without a name of its own, a repeated call would be a second job.
      const named = asked.jobId === undefined && asked.idempotencyKey === undefined ? { ...asked, jobId: `${name}-${randomUUID()}` } : asked;
      const args = { queue, name, payload: jsonObject(payload ?? {}), options: jsonObject(named) };
      return parseRow(z.string(), await answer(client.rpc('enqueue_job', args)), 'enqueue_job');
    },
  };
}

const backlogOf = (client: Client, kinds: Parameters<OutboxTable['backlog']>[0]): ReturnType<OutboxTable['backlog']> =>
  callJson(client, 'outbox_backlog', { p_kinds: jsonText(kinds) }, backlog);

const jsonObject = (value: unknown): unknown => JSON.parse(jsonText(value));
