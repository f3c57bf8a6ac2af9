import { z } from 'zod';
import type { FailedJob } from '../../lib/db/types.ts';
import { rowCallerOf } from '../access.ts';
import type { RowCaller } from '../auth.ts';
import { deadLetterConditions, deadLetterFilter } from '../dead-letter-filter.ts';
import type { App } from '../deps.ts';
import { answer, failures, pageQuery, success } from '../schemas.ts';
import type { Visible } from '../visible.ts';

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
  replayedBy: z.string().nullable().optional().describe('A user’s id, or `service`'),
});

const group = z.object({
  fingerprint: z.string(),
  queue: z.string(),
  name: z.string(),
  error: z.string().describe('Of the newest of them'),
  count: z.number(),
  open: z.number().describe('Not replayed yet'),
  users: z.number(),
  firstAt: z.string(),
  lastAt: z.string(),
  sampleId: z.string().describe('The newest of them'),
});

const conditions = deadLetterConditions.extend({
  replayed: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional(),
});

export function deadLetterRoutes(app: App, visible: Visible): void {
  app.get('/api/dead-letters', {
    schema: {
      tags,
      summary: 'Jobs that failed for good, newest first',
      querystring: conditions.extend(pageQuery.shape),
      response: { 200: success(z.object({ deadLetters: z.array(deadLetter), nextCursor: z.string().nullable() })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { limit, cursor, ...asked } = request.query;
      const filter = deadLetterFilter(caller, asked);
      const page = await visible.rows(caller).failedJobs.list({ ...filter, limit, ...(cursor ? { cursor } : {}) });
      return answer({ deadLetters: page.items.map((letter) => view(caller, letter)), nextCursor: page.nextCursor });
    },
  });

  app.get('/api/dead-letters/groups', {
    schema: {
      tags,
      summary: 'Failures grouped by their error, most failures first: 2,000 failures that are 3 errors are 3 lines',
      querystring: conditions.extend({ limit: pageQuery.shape.limit }),
      response: { 200: success(z.object({ groups: z.array(group) })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { limit, ...asked } = request.query;
      return answer({ groups: await visible.rows(caller).failedJobs.groups({ ...deadLetterFilter(caller, asked), limit }) });
    },
  });

  app.get('/api/dead-letters/:id', {
    schema: {
      tags,
      summary: 'One job that failed for good',
      params: z.object({ id: z.guid('must be the id of a dead letter') }),
      response: { 200: success(z.object({ deadLetter })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      return answer({ deadLetter: view(caller, await visible.deadLetter(caller, request.params.id)) });
    },
  });
}

/** A stack tells about our code, not about the user's data. */
function view(caller: RowCaller, { stack, ...letter }: FailedJob): z.infer<typeof deadLetter> {
  return caller.kind === 'user' ? letter : { ...letter, stack };
}
