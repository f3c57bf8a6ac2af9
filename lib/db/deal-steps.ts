import { z } from 'zod';
import type { BegunStep, DealStep, DealStepsTable, StepJob, StepKey, StepSubject } from './deal-types.ts';
import { answer, type Client, callJson, firstRow, parseRow } from './rest.ts';
import { integer, jsonText, storableText, timestamp } from './rows.ts';

const text = z.string().nullable();
const subject = z.enum(['document', 'email', 'brief', 'source']);

const row = z.object({
  subject,
  key: z.string(),
  operation: z.string(),
  deal_id: z.string(),
  status: z.enum(['queued', 'processing', 'succeeded', 'failed', 'cancelled']),
  error: text,
  error_code: text,
  job_id: text,
  updated_at: timestamp,
});

function parseStep(value: unknown): DealStep {
  const { deal_id, error_code, job_id, updated_at, ...found } = parseRow(row, value, 'deal_steps');
  return { ...found, dealId: deal_id, errorCode: error_code, jobId: job_id, updatedAt: updated_at };
}

const jobRow = row.extend({
  payload: z.unknown(),
  options: z.object({ userId: z.string().optional(), correlationId: z.string().optional() }).catch({}),
  result: z.unknown(),
  created_at: timestamp,
});

function parseStepJob(value: unknown, jobId: string): StepJob {
  const { operation, status, payload, options, result, error, created_at, updated_at } = parseRow(jobRow, value, 'deal_steps');
  const { userId = null, correlationId = null } = options;
  return { jobId, operation, status, payload, userId, correlationId, result, error, createdAt: created_at, updatedAt: updated_at };
}

const begun = z.object({ state: z.enum(['run', 'finished', 'missing']), result: z.unknown().optional() });

const toBegun = ({ state, result }: z.infer<typeof begun>): BegunStep => (state === 'finished' ? { state, result: result ?? null } : { state });

const unfinished = z.array(z.object({ subject, key: z.string(), operation: z.string(), queue: z.string(), jobId: z.string(), place: z.string() }));

/** The ids of documents, e-mails and sources as the database spells them. */
const spelt = (subject: StepSubject, key: string): string => (subject === 'brief' ? key : key.toLowerCase());
const keyOf = ({ subject, key, operation }: StepKey): StepKey => ({ subject, key: spelt(subject, key), operation });

/** `deal_steps`, for the service role alone. */
export function createDealStepsTable(client: Client): DealStepsTable {
  const call = async <T>(name: string, args: Record<string, unknown>, schema: z.ZodType<T>) =>
    parseRow(schema, await answer(client.rpc(name, args)), name);

  return {
    begin: async (step) => toBegun(await callJson(client, 'begin_deal_step', { p_step: jsonText({ ...step, ...keyOf(step) }) }, begun)),

    record: ({ runId, inputHash, result, ...step }, changes) =>
      call('record_deal_step', { p_step: jsonText({ ...keyOf(step), runId, inputHash, result }), p_changes: jsonText(changes) }, z.boolean()),

    end: (step) => call('end_deal_step', { p_step: jsonText({ ...step, ...keyOf(step) }) }, z.boolean()),

    refuse: (queue, jobId, error) => call('refuse_deal_step', { p_queue: queue, p_job: jobId, p_error: storableText(error) }, z.boolean()),

    async list(subject, key) {
      const found = client.from('deal_steps').select().eq('subject', subject).eq('key', spelt(subject, key)).order('operation');
      return z
        .array(z.unknown())
        .parse(await answer(found))
        .map(parseStep);
    },

    async ofJob(queue, jobId) {
      const found = firstRow(await answer(client.from('deal_steps').select().eq('queue', queue).eq('job_id', jobId).limit(1)));
      return found === undefined ? undefined : parseStepJob(found, jobId);
    },

    unfinished: ({ before, after, limit }) =>
      callJson(client, 'unfinished_deal_steps', { p_before: before, p_after: after ?? null, p_limit: limit }, unfinished),

    async resend(steps) {
      if (steps.length === 0) return 0;
      const asked = steps.map(({ jobId, ...step }) => ({ ...keyOf(step), jobId }));
      return call('resend_deal_steps', { p_steps: jsonText(asked) }, integer);
    },
  };
}
