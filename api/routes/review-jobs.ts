import { z } from 'zod';
import type { ReviewJob } from '../../lib/db/types.ts';
import { rowCallerOf } from '../access.ts';
import type { RowCaller } from '../auth.ts';
import type { ApiDeps, App } from '../deps.ts';
import { finished, gone, notFailed } from '../job-errors.ts';
import { answer, failures, jobView, pageQuery, reviewStatus, reviewType, success } from '../schemas.ts';
import type { Visible } from '../visible.ts';

const QUEUE = 'review-ai';
const tags = ['review jobs'];
const jobParams = z.object({ id: z.guid('must be the uuid of a job') });
const balance = z.number().nullable().describe('Credits of the job’s user after this call; null for a job that is nobody’s');

const reviewJob = z.object({
  id: z.string(),
  userId: z.string().nullable(),
  type: z.string(),
  status: reviewStatus,
  payload: z.unknown(),
  result: z.unknown(),
  error: z.string().nullable(),
  attempts: z.number(),
  run: z.number().describe('1 at first, one more with each retry or replay'),
  progress: jobView.shape.progress,
  creditsCost: z.number().nullable(),
  creditsState: z.enum(['none', 'held', 'settled', 'released']),
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
  updatedAt: z.string(),
});

export function reviewJobRoutes(app: App, deps: ApiDeps, visible: Visible): void {
  app.get('/api/jobs', {
    schema: {
      tags,
      summary: 'Review jobs, newest first',
      querystring: pageQuery.extend({ type: reviewType.optional(), status: reviewStatus.optional() }),
      response: { 200: success(z.object({ jobs: z.array(reviewJob), nextCursor: z.string().nullable() })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { limit, ...filter } = request.query;
      const asked = Object.entries({ ...filter, userId: caller.userId }).filter(([, value]) => value !== undefined);
      const page = await visible.rows(caller).reviewJobs.list({ limit, ...Object.fromEntries(asked) });
      return answer({ jobs: page.items.map(view), nextCursor: page.nextCursor });
    },
  });

  app.get('/api/jobs/:id', {
    schema: {
      tags,
      summary: 'State, progress and result of a review job, from its row',
      params: jobParams,
      response: { 200: success(z.object({ job: reviewJob })), ...failures },
    },
    handler: async (request) => answer({ job: view(await visible.reviewJob(rowCallerOf(request), request.params.id)) }),
  });

  app.delete('/api/jobs/:id', {
    schema: {
      tags,
      summary: 'Cancel a review job: 200 = it will not run, 202 = it runs and is being stopped; its credits come back',
      params: jobParams,
      querystring: z.object({ reason: z.string().max(500).optional() }),
      response: {
        200: success(z.object({ jobId: z.string(), outcome: z.literal('cancelled'), balance })),
        202: success(z.object({ jobId: z.string(), outcome: z.literal('cancelling'), balance })),
        ...failures,
      },
    },
    handler: async (request, reply) => {
      const caller = rowCallerOf(request);
      const { id: jobId, userId } = await visible.reviewJob(caller, request.params.id);
      const outcome = await deps.queue.cancelJob(QUEUE, jobId, request.query.reason);
      if (outcome === 'not_found') throw gone(jobId);
      if (outcome === 'finished') throw finished(jobId);
      const left = await balanceOf(visible, caller, userId);
      if (outcome === 'cancelled') return reply.code(200).send(answer({ jobId, outcome, balance: left }));
      return reply.code(202).send(answer({ jobId, outcome, balance: left }));
    },
  });

  app.post('/api/jobs/:id/retry', {
    schema: {
      tags,
      summary: 'Run a failed or cancelled review job again; it is paid for again (402 when credits are short)',
      params: jobParams,
      response: { 202: success(z.object({ jobId: z.string(), deduplicated: z.boolean(), balance })), ...failures },
    },
    handler: async (request, reply) => {
      const caller = rowCallerOf(request);
      const { id, userId } = await visible.reviewJob(caller, request.params.id);
      const retried = await deps.queue.retryJob(QUEUE, id);
      if (retried.outcome === 'retried') {
        const { jobId, deduplicated } = retried;
        return reply.code(202).send(answer({ jobId, deduplicated, balance: await balanceOf(visible, caller, userId) }));
      }
      if (retried.outcome === 'not_found') throw gone(id);
      throw notFailed(id);
    },
  });
}

async function balanceOf(visible: Visible, caller: RowCaller, userId: string | null): Promise<number | null> {
  return userId === null ? null : visible.rows(caller).credits.balance(userId);
}

function view({ progress, total, currentStep, ...job }: ReviewJob): z.infer<typeof reviewJob> {
  return { ...job, ...(total > 0 ? { progress: { progress, total, current_step: currentStep ?? '' } } : {}) };
}
