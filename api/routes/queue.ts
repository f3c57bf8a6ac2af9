import { z } from 'zod';
import { NotFoundError } from '../../lib/errors.ts';
import type { QueueName } from '../../lib/jobs/define.ts';
import { findJob, jobs, rowTableOf } from '../../lib/jobs/index.ts';
import type { EnqueueOptions } from '../../lib/queue/types.ts';
import { rowCallerOf } from '../access.ts';
import type { RowCaller } from '../auth.ts';
import type { ApiDeps, App } from '../deps.ts';
import { HttpError } from '../errors.ts';
import { finished, gone, notFailed } from '../job-errors.ts';
import { answer, enqueued, failures, idempotencyHeader, jobId, jobView, queueCounts, queueName, success } from '../schemas.ts';
import { queueOf, type Visible } from '../visible.ts';

const tags = ['queues'];
const queueParams = z.object({ queue: queueName });
const jobParams = queueParams.extend({ id: jobId });

const enqueueBody = z.object({
  name: z.string().min(1).max(100),
  payload: z.unknown(),
  options: z
    .strictObject({
      priority: z.int().min(0).max(2_097_152).optional(),
      delay: z.int().min(0).optional().describe('Milliseconds'),
      jobId: z.string().min(1).max(200).optional(),
      idempotencyKey: z.string().min(1).max(200).optional(),
      force: z.boolean().optional(),
      correlationId: z.string().min(1).max(200).optional(),
      userId: z.string().min(1).max(200).optional().describe('For services; a user’s jobs are always the user’s own'),
    })
    .optional(),
});

export function queueRoutes(app: App, deps: ApiDeps, visible: Visible): void {
  app.get('/api/queue/stats', {
    config: { access: 'admin' },
    schema: {
      tags,
      summary: 'Counts of every queue',
      response: { 200: z.object({ success: z.literal(true), stats: z.record(z.string(), queueCounts) }), ...failures },
    },
    handler: async () => {
      const stats = Object.entries(await deps.queue.stats()).map(([name, counts]) => [camelCase(name), counts] as const);
      return { success: true as const, stats: Object.fromEntries(stats) };
    },
  });

  app.post('/api/queue/:queue/jobs', {
    schema: {
      tags,
      summary: 'Put a job on a queue',
      description: 'Repeating a call with the same `options.idempotencyKey` (or header `Idempotency-Key`) makes the job at most once.',
      params: queueParams,
      headers: idempotencyHeader,
      body: enqueueBody.meta({ examples: [{ name: 'enhance', payload: { storyId: '00000000-0000-4000-8000-000000000000' } }] }),
      response: { 200: success(enqueued).describe('It was there already'), 201: success(enqueued), ...failures },
    },
    handler: async (request, reply) => {
      const queue = queueOf(request.params.queue);
      const { name, payload, options = {} } = request.body;
      requireKnown(queue, name);
      const caller = rowCallerOf(request);
      await requireOwn(caller, queue, payload, visible);
      const asked = ownOptions(options, caller, request.headers['idempotency-key'], request.id);
      if (rowTableOf(queue)) requireRowOptions(caller, queue, asked);
      const made = await deps.queue.enqueue({ queue, name, payload, options: asked });
      return reply.code(made.deduplicated ? 200 : 201).send(answer(made));
    },
  });

  app.get('/api/queue/:queue/jobs', {
    config: { access: 'service' },
    schema: {
      tags,
      summary: 'Failed jobs, newest first',
      params: queueParams,
      querystring: z.object({
        state: z.literal('failed', 'must be "failed": other jobs are looked up by their id, and counted by GET /api/queue/stats'),
        limit: z.coerce.number().int().min(1).max(100).default(20),
        offset: z.coerce.number().int().min(0).default(0),
      }),
      response: { 200: success(z.object({ jobs: z.array(jobView) })), ...failures },
    },
    handler: async (request) => {
      const { limit, offset } = request.query;
      const { userId } = rowCallerOf(request);
      const failed = await deps.queue.getFailedJobs(queueOf(request.params.queue), { limit, offset });
      return answer({ jobs: userId ? failed.filter((job) => job.userId === userId) : failed });
    },
  });

  app.get('/api/queue/:queue/jobs/:id', {
    schema: {
      tags,
      summary: 'State, progress and result of a job',
      params: jobParams,
      response: { 200: success(z.object({ job: jobView })), ...failures },
    },
    handler: async (request) => answer({ job: await visible.job(rowCallerOf(request), queueOf(request.params.queue), request.params.id) }),
  });

  app.post('/api/queue/:queue/jobs/:id/retry', {
    schema: {
      tags,
      summary: 'Run a failed or cancelled job again, from its first attempt',
      params: jobParams,
      response: { 202: success(enqueued), ...failures },
    },
    handler: async (request, reply) => {
      const queue = queueOf(request.params.queue);
      const { id } = await visible.job(rowCallerOf(request), queue, request.params.id);
      const retried = await deps.queue.retryJob(queue, id);
      if (retried.outcome === 'retried') return reply.code(202).send(answer({ queue, jobId: retried.jobId, deduplicated: retried.deduplicated }));
      if (retried.outcome === 'not_found') throw gone(id);
      throw notFailed(id);
    },
  });

  app.delete('/api/queue/:queue/jobs/:id', {
    schema: {
      tags,
      summary: 'Cancel a job: 200 = it will not run, 202 = it runs and is being stopped',
      params: jobParams,
      querystring: z.object({ reason: z.string().max(500).optional() }),
      response: {
        200: success(z.object({ jobId: z.string(), outcome: z.literal('cancelled') })),
        202: success(z.object({ jobId: z.string(), outcome: z.literal('cancelling') })),
        ...failures,
      },
    },
    handler: async (request, reply) => {
      const queue = queueOf(request.params.queue);
      const { id } = await visible.job(rowCallerOf(request), queue, request.params.id);
      const outcome = await deps.queue.cancelJob(queue, id, request.query.reason);
      if (outcome === 'cancelled') return reply.code(200).send(answer({ jobId: id, outcome }));
      if (outcome === 'cancelling') return reply.code(202).send(answer({ jobId: id, outcome }));
      if (outcome === 'not_found') throw gone(id);
      throw finished(id);
    },
  });
}

/** 400 for a name that the queue does not know. */
function requireKnown(queue: string, name: string): void {
  if (findJob(queue, name)) return;
  const names = jobs.filter((job) => job.queue === queue).map((job) => job.name);
  throw invalid('body.name', `must be one of ${names.join(', ')}`);
}

/** Whoever acts for a user asks for that user's things only. A kind whose owner nobody can tell is for services. */
async function requireOwn(caller: RowCaller, queue: string, payload: unknown, visible: Visible): Promise<void> {
  if (caller.userId === undefined) return;
  // Whoever asks for it owns it, and pays.
  if (queue === 'review-ai') return;
  if (queue === 'story-enhancement') {
    const story = z.object({ storyId: z.uuid() }).safeParse(payload);
    // A payload that does not parse is answered by the queue, naming its field.
    if (story.success) await visible.story(caller, story.data.storyId);
    return;
  }
  if (queue === 'conversation-analysis') {
    const conversation = z.object({ conversationId: z.uuid() }).safeParse(payload);
    if (conversation.success) await visible.conversation(caller, conversation.data.conversationId);
    return;
  }
  if (queue === 'gmail-fetch') return requireOwnMailbox(caller, payload);
  if (OF_DEALS.includes(queue)) return requireOwnDeal(caller, payload, visible);
  throw new HttpError(403, 'forbidden', `Jobs on ${queue} are asked for by services: call it with an API key and without X-User-Id.`);
}

const OF_DEALS: readonly string[] = ['document-processing', 'email-processing', 'daily-brief', 'source-sync'];

const fetchPayload = z.object({ userId: z.string(), trigger: z.unknown().optional() });

/** Whether the user has such an account is found out where the job runs. */
function requireOwnMailbox(caller: RowCaller, payload: unknown): void {
  const fetch = fetchPayload.safeParse(payload);
  // A payload that does not parse is answered by the queue, naming its field.
  if (!fetch.success) return;
  if (fetch.data.trigger !== undefined) throw invalid('body.payload.trigger', 'is not for callers to say: leave it out');
  if (fetch.data.userId.toLowerCase() !== caller.userId) throw new HttpError(403, 'forbidden', 'body.payload.userId: users fetch their own mail.');
}

const uuid = z.guid().optional().catch(undefined);
const dealPayload = z.object({
  dealId: uuid,
  documentId: uuid,
  emailId: uuid,
  sourceId: uuid,
  dueAt: z.unknown().optional(),
  late: z.unknown().optional(),
});

/** The deal is one that the user is in, and what is worked on is in that deal. */
async function requireOwnDeal(caller: RowCaller, payload: unknown, visible: Visible): Promise<void> {
  const { dealId, documentId, emailId, sourceId, dueAt, late } = dealPayload.safeParse(payload).data ?? {};
  if (dueAt !== undefined || late !== undefined) throw invalid('body.payload.dueAt', 'is for the scheduler to say: leave dueAt and late out');
  // A payload that does not parse is answered by the queue, naming its field.
  if (dealId === undefined) return;
  const deal = await visible.deal(caller, dealId);
  if (documentId !== undefined && (await visible.document(caller, documentId)).dealId !== deal.id) throw new NotFoundError('Document', documentId);
  if (emailId !== undefined && (await visible.email(caller, emailId)).dealId !== deal.id) throw new NotFoundError('E-mail', emailId);
  if (sourceId !== undefined) await visible.source(caller, sourceId, deal.id);
}

const owner = z.guid();

/** The job's id is that of a row, which belongs to a user and is paid for by one; an analysis belongs to its conversation. */
function requireRowOptions(caller: RowCaller, queue: QueueName, { userId, jobId: id, priority }: EnqueueOptions): void {
  const mayBeNobodys = queue === 'conversation-analysis' && userId === undefined;
  if (!mayBeNobodys && !owner.safeParse(userId).success)
    throw invalid('body.options.userId', 'must be the uuid of a user, here or in the header X-User-Id');
  if (id !== undefined && !owner.safeParse(id).success) throw invalid('body.options.jobId', 'must be a uuid: it becomes the id of the job’s row');
  if (caller.kind === 'user' && priority !== undefined) {
    throw new HttpError(403, 'forbidden', 'body.options.priority is for services here: leave it out, or call with an API key.');
  }
}

function invalid(path: string, message: string): HttpError {
  return new HttpError(400, 'invalid_input', `Invalid input: ${path}: ${message}`, { issues: [{ path, message }] });
}

function ownOptions(
  options: NonNullable<z.infer<typeof enqueueBody>['options']>,
  caller: RowCaller,
  idempotencyKey: string | undefined,
  correlationId: string,
): EnqueueOptions {
  const { userId: named, ...rest } = options;
  const userId = caller.userId ?? named;
  // Absent and undefined mean the same to the queue.
  return { correlationId, ...(idempotencyKey ? { idempotencyKey } : {}), ...rest, ...(userId ? { userId } : {}) } as EnqueueOptions;
}

function camelCase(name: string): string {
  return name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}
