import { z } from 'zod';
import type { FailedJob } from '../../lib/db/types.ts';
import { rowCallerOf } from '../access.ts';
import type { ApiDeps, App } from '../deps.ts';
import { answer, failures, pageQuery, queueName, success } from '../schemas.ts';
import { queueOf, type Visible } from '../visible.ts';

const tags = ['dead letters'];

const deadLetter = z.object({
  id: z.string(),
  queue: z.string(),
  name: z.string(),
  jobId: z.string(),
  run: z.number(),
  payload: z.unknown(),
  error: z.string(),
  fingerprint: z.string(),
  stack: z.string().nullable().optional().describe('For services only'),
  attempts: z.number(),
  userId: z.string().nullable(),
  correlationId: z.string().nullable(),
  failedAt: z.string(),
  replayedAt: z.string().nullable(),
  replayedJobId: z.string().nullable(),
});

export function deadLetterRoutes(app: App, deps: ApiDeps, visible: Visible): void {
  app.get('/api/dead-letters', {
    schema: {
      tags,
      summary: 'Jobs that failed for good, newest first',
      querystring: pageQuery.extend({ queue: queueName.optional() }),
      response: { 200: success(z.object({ deadLetters: z.array(deadLetter), nextCursor: z.string().nullable() })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { limit, cursor, queue } = request.query;
      const rows = caller.kind === 'user' ? deps.db.forUser(caller.jwt) : deps.db;
      const page = await rows.failedJobs.list({
        limit,
        ...(cursor ? { cursor } : {}),
        ...(queue ? { queue: queueOf(queue) } : {}),
        ...(caller.userId ? { userId: caller.userId } : {}),
      });
      const view = caller.kind === 'user' ? withoutStack : (failure: FailedJob) => failure;
      return answer({ deadLetters: page.items.map(view), nextCursor: page.nextCursor });
    },
  });

  app.post('/api/dead-letters/replay', {
    schema: {
      tags,
      summary: 'Run a job that failed for good again',
      body: z.object({ id: z.guid('must be the id of a dead letter, as listed by GET /api/dead-letters') }),
      response: { 202: success(z.object({ jobId: z.string(), deduplicated: z.boolean() })), ...failures },
    },
    handler: async (request, reply) => {
      const { id } = await visible.deadLetter(rowCallerOf(request), request.body.id);
      return reply.code(202).send(answer(await deps.replay(id)));
    },
  });
}

/** A stack tells about our code, not about the user's data. */
function withoutStack({ stack: _, ...rest }: FailedJob): Omit<FailedJob, 'stack'> {
  return rest;
}
