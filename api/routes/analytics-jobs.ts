import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { AnalyticsJob } from '../../lib/db/mail-types.ts';
import { type FetchParams, fetchParams } from '../../lib/jobs/gmail-fetch.ts';
import { chooseAccount } from '../../lib/mail/account.ts';
import { rowCallerOf, userIdOf } from '../access.ts';
import type { RowCaller } from '../auth.ts';
import type { ApiDeps, App } from '../deps.ts';
import { HttpError } from '../errors.ts';
import { finished, gone } from '../job-errors.ts';
import { answer, failures, idempotencyHeader, idempotencyKey, pageQuery, success } from '../schemas.ts';
import type { Visible } from '../visible.ts';

const QUEUE = 'gmail-fetch';
const tags = ['mail'];
const jobParams = z.object({ id: z.guid('must be the uuid of a job') });
const jobStatus = z.enum(['pending', 'processing', 'completed', 'failed', 'cancelled']);

/** Who asked is not for callers to say. */
const wishes = fetchParams.omit({ trigger: true });
const newJob = z.strictObject({
  type: z.literal('fetch_messages', 'must be fetch_messages: there is no other').optional(),
  ...wishes.shape,
  params: z.strictObject(wishes.shape).optional().describe('The same as the fields beside it, which count more'),
  idempotencyKey: idempotencyKey.optional().describe('Instead of the header; per user'),
});

const examples: z.infer<typeof newJob>[] = [
  {},
  { query: 'newer_than:30d -category:promotions', maxResults: 200 },
  { type: 'fetch_messages', params: { labelIds: ['INBOX'] } },
];

/** Named as the columns of the row: that is what pages of the older worker's users read. */
const analyticsJob = z.object({
  id: z.string(),
  user_id: z.string().nullable(),
  type: z.string(),
  status: jobStatus,
  progress: z.number().describe('Messages so far'),
  total: z.number(),
  current_step: z.string().nullable(),
  params: z.record(z.string(), z.unknown()),
  result: z.unknown().describe('Counts, cache hit rate, units spent: null until the job has completed'),
  error: z.string().nullable(),
  attempts: z.number(),
  run: z.number().describe('1 at first, one more with each retry or replay'),
  created_at: z.string(),
  started_at: z.string().nullable(),
  finished_at: z.string().nullable(),
  updated_at: z.string(),
});

export function analyticsJobRoutes(app: App, deps: ApiDeps, visible: Visible): void {
  app.post('/api/analytics/jobs', {
    schema: {
      tags,
      summary: 'Fetch a user’s Gmail messages',
      description:
        'Without `query` and `labelIds` the mailbox is followed: after the first fetch only what has changed is asked for; `full` lists it anew. 409 `not_connected` or `reauth_required`: the user must (again) connect the account; `connection_needed`: there are several, name one. A service names the user in `X-User-Id`.',
      headers: idempotencyHeader,
      body: newJob.nullish().meta({ examples }),
      response: { 202: success(z.object({ job: analyticsJob, deduplicated: z.boolean() })), ...failures },
    },
    handler: async (request, reply) => {
      const caller = rowCallerOf(request);
      const { type: _, params, idempotencyKey: key = request.headers['idempotency-key'], ...fields } = request.body ?? {};
      const created = await create(deps, visible, caller, { params: { ...params, ...fields }, key, correlationId: request.id });
      deps.relay.poke();
      reply.header('location', `/api/analytics/jobs/${created.job.id}`);
      return reply.code(202).send(answer(created));
    },
  });

  app.get('/api/analytics/jobs', {
    schema: {
      tags,
      summary: 'Fetches, newest first',
      querystring: pageQuery.extend({ status: jobStatus.optional() }),
      response: { 200: success(z.object({ jobs: z.array(analyticsJob), nextCursor: z.string().nullable() })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { limit, cursor, status } = request.query;
      const filter = { ...(cursor ? { cursor } : {}), ...(status ? { status } : {}), ...(caller.userId ? { userId: caller.userId } : {}) };
      const page = await visible.rows(caller).analyticsJobs.list({ limit, ...filter });
      return answer({ jobs: page.items.map(view), nextCursor: page.nextCursor });
    },
  });

  app.get('/api/analytics/jobs/:id', {
    schema: {
      tags,
      summary: 'State, progress and result of a fetch, from its row',
      params: jobParams,
      response: { 200: success(z.object({ job: analyticsJob })), ...failures },
    },
    handler: async (request) => answer({ job: view(await visible.analyticsJob(rowCallerOf(request), request.params.id)) }),
  });

  app.delete('/api/analytics/jobs/:id', {
    schema: {
      tags,
      summary: 'Cancel a fetch: 200 = it will not run, 202 = it runs and is being stopped. What it has stored stays',
      params: jobParams,
      querystring: z.object({ reason: z.string().max(500).optional() }),
      response: {
        200: success(z.object({ jobId: z.string(), outcome: z.literal('cancelled') })),
        202: success(z.object({ jobId: z.string(), outcome: z.literal('cancelling') })),
        ...failures,
      },
    },
    handler: async (request, reply) => {
      const { id: jobId } = await visible.analyticsJob(rowCallerOf(request), request.params.id);
      const outcome = await deps.queue.cancelJob(QUEUE, jobId, request.query.reason);
      if (outcome === 'not_found') throw gone(jobId);
      if (outcome === 'finished') throw finished(jobId);
      if (outcome === 'cancelled') return reply.code(200).send(answer({ jobId, outcome }));
      return reply.code(202).send(answer({ jobId, outcome }));
    },
  });
}

interface Asked {
  params: FetchParams;
  key: string | undefined;
  correlationId: string;
}

/** As the service role, for an account that the caller was just seen to own. */
async function create({ db }: ApiDeps, visible: Visible, caller: RowCaller, { params, key, correlationId }: Asked) {
  const userId = userIdOf(caller, 'messages');
  const { connectionId } = params;
  const account = await chooseAccount({ userId, connectionId }, visible.rows(caller).connections);
  const options = { correlationId, ...(key ? { idempotencyKey: key } : {}) };
  // Named, so that the job means the same when another account is connected before it starts.
  const { id, deduplicated } = await db.jobRows.createFetch({ userId, params: { ...params, connectionId: account.id }, options });
  const job = await visible.analyticsJob(caller, id);
  if (deduplicated) requireSame(params, job);
  return { job: view(job), deduplicated };
}

function requireSame(asked: FetchParams, { id, params: { connectionId, ...rest } }: AnalyticsJob): void {
  const made = asked.connectionId === undefined ? rest : { connectionId, ...rest };
  // As the database keeps them.
  if (isDeepStrictEqual(JSON.parse(JSON.stringify(asked)), made)) return;
  throw new HttpError(409, 'idempotency_key_reused', 'The idempotency key was used for another request', { jobId: id });
}

function view(job: AnalyticsJob): z.infer<typeof analyticsJob> {
  const { id, type, status, progress, total, params, result, error, attempts, run } = job;
  const times = { created_at: job.createdAt, started_at: job.startedAt, finished_at: job.finishedAt, updated_at: job.updatedAt };
  return { id, user_id: job.userId, type, status, progress, total, current_step: job.currentStep, params, result, error, attempts, run, ...times };
}
