import { z } from 'zod';
import type { Conversation } from '../../lib/db/conversation-types.ts';
import { analysisParams } from '../../lib/jobs/conversation-analysis.ts';
import { rowCallerOf } from '../access.ts';
import type { RowCaller } from '../auth.ts';
import { analysisJob, conversationParams, tags, viewJob } from '../conversation-schemas.ts';
import type { ApiDeps, App } from '../deps.ts';
import { answer, failures, idempotencyHeader, success } from '../schemas.ts';
import type { Visible } from '../visible.ts';

const QUEUE = 'conversation-analysis';

const wishes = z
  .strictObject(analysisParams.shape)
  .refine(({ minK, maxK }) => minK === undefined || maxK === undefined || minK <= maxK, { path: ['minK'], message: 'must not be greater than maxK' });

const job = analysisJob.pick({ id: true, status: true });

export function conversationAnalysisRoute(app: App, deps: ApiDeps, visible: Visible): void {
  app.post('/api/conversations/:id/analysis', {
    schema: {
      tags,
      summary: 'Ask for an analysis; while one is under way that one is the answer (200)',
      description:
        'Without a body the number of themes follows from the answers. `k` asks for exactly so many; `minK` and `maxK` bound the search. The same `seed` gives the same themes. `renameThemes` names themes anew that were there before; names given by users stay.',
      params: conversationParams,
      headers: idempotencyHeader,
      body: wishes.nullish().meta({ examples: [{}, { k: 8 }, { minK: 4, maxK: 12, seed: 7 }] }),
      response: {
        200: success(z.object({ job, deduplicated: z.literal(true) })).describe('It was asked for before, or another one is under way'),
        201: success(z.object({ job, deduplicated: z.literal(false) })),
        ...failures,
      },
    },
    handler: async (request, reply) => {
      const caller = rowCallerOf(request);
      const conversation = await visible.conversation(caller, request.params.id);
      const asked = { params: request.body ?? {}, idempotencyKey: request.headers['idempotency-key'], correlationId: request.id };
      const { deduplicated, ...rest } = await ask(deps, caller, conversation, asked);
      reply.header('location', `/api/queue/${QUEUE}/jobs/${rest.job.id}`);
      return deduplicated ? reply.code(200).send(answer({ ...rest, deduplicated })) : reply.code(201).send(answer({ ...rest, deduplicated }));
    },
  });
}

/** As the service role, for a conversation that the caller was just seen to own. */
async function ask(
  { queue, db }: ApiDeps,
  caller: RowCaller,
  { id: conversationId, userId: owner }: Conversation,
  { params, idempotencyKey, correlationId }: { params: z.infer<typeof wishes>; idempotencyKey: string | undefined; correlationId: string },
) {
  const userId = caller.userId ?? owner;
  const options = { correlationId, ...(userId ? { userId } : {}), ...(idempotencyKey ? { idempotencyKey } : {}) };
  const { jobId, deduplicated } = await queue.enqueue({ queue: QUEUE, name: 'analyze', payload: { ...params, conversationId }, options });
  const row = await db.jobRows.get('conversation_analysis_jobs', jobId);
  return { job: { id: jobId, status: row ? viewJob(row).status : ('queued' as const) }, deduplicated };
}
