import { z } from 'zod';
import { findJob } from '../../lib/jobs/index.ts';
import { parsePayload } from '../../lib/payload.ts';
import { rowCallerOf, userIdOf } from '../access.ts';
import type { RowCaller } from '../auth.ts';
import type { ApiDeps, App } from '../deps.ts';
import { HttpError } from '../errors.ts';
import { answer, failures, idempotencyHeader, idempotencyKey, reviewStatus, reviewType, success } from '../schemas.ts';
import type { Visible } from '../visible.ts';

const QUEUE = 'review-ai';

const newJob = z.object({
  type: reviewType,
  payload: z
    .unknown()
    .describe(
      'ai_generation: { review_text, tone?, brand_voice?, language?, max_length? } · review_processing: { review_text } · prompt_analysis: { prompt, goal? } · sentiment_analysis: { text } or { review_text }',
    ),
  options: z
    .strictObject({
      delay: z.int().min(0).optional().describe('Milliseconds'),
      jobId: z.guid('must be a uuid: it becomes the id of the job').optional(),
      priority: z.int().min(0).max(2_097_152).optional().describe('For services; lower first'),
    })
    .optional(),
  cost: z.int().min(0).max(1_000_000).optional().describe('For services: credits to take instead of the price of the type'),
  idempotencyKey: idempotencyKey.optional().describe('Instead of the header; per user'),
});

const examples: readonly z.infer<typeof newJob>[] = [
  { type: 'ai_generation', payload: { review_text: 'Great service!', tone: 'friendly' } },
  { type: 'review_processing', payload: { review_text: 'The room was clean, but nobody answered the phone.' } },
  { type: 'prompt_analysis', payload: { prompt: 'Write a reply.', goal: 'A short, polite answer to a review' } },
  { type: 'sentiment_analysis', payload: { text: 'I love it. The delivery was slow.' } },
];

const createdJob = z.object({ id: z.string(), userId: z.string(), type: z.string(), status: reviewStatus, creditsCost: z.number() });

export function newReviewJobRoute(app: App, deps: ApiDeps, visible: Visible): void {
  app.post('/api/jobs', {
    schema: {
      tags: ['review jobs'],
      summary: 'Ask for a review job and pay for it',
      description:
        'Takes the credits and stores the job, both or neither; 402 with the balance when they are short. Repeating a call with the same `Idempotency-Key` answers the same job; with another body it is 409. A service names the user who pays in `X-User-Id`.',
      headers: idempotencyHeader,
      body: newJob.meta({ examples: [...examples] }),
      response: {
        200: success(z.object({ job: createdJob, deduplicated: z.literal(true), balance: z.number() })).describe('It was asked for before'),
        201: success(z.object({ job: createdJob, deduplicated: z.literal(false), balance: z.number() })),
        ...failures,
      },
    },
    handler: async (request, reply) => {
      const caller = rowCallerOf(request);
      const created = await create(visible, caller, request.body, { idempotencyKey: request.headers['idempotency-key'], correlationId: request.id });
      deps.relay.poke();
      reply.header('location', `/api/jobs/${created.job.id}`);
      const { deduplicated, ...rest } = created;
      return deduplicated ? reply.code(200).send(answer({ ...rest, deduplicated })) : reply.code(201).send(answer({ ...rest, deduplicated }));
    },
  });
}

async function create(
  visible: Visible,
  caller: RowCaller,
  body: z.infer<typeof newJob>,
  asked: { idempotencyKey: string | undefined; correlationId: string },
) {
  if (caller.kind === 'user') refuseServiceFields(body);
  const userId = userIdOf(caller);
  const payload = parsePayload(definitionOf(body.type), body.payload, 'body.payload');
  const key = body.idempotencyKey ?? asked.idempotencyKey;
  const { delay, jobId, priority } = body.options ?? {};
  const options = {
    correlationId: asked.correlationId,
    ...(key ? { idempotencyKey: key } : {}),
    ...(jobId ? { jobId } : {}),
    ...(delay ? { delay } : {}),
    ...(priority ? { priority } : {}),
  };
  const created = await visible.rows(caller).reviewJobs.create({ userId, type: body.type, payload, cost: body.cost, options });
  const { id, status: state, cost, deduplicated, balance: left } = created;
  return { job: { id, userId, type: body.type, status: state, creditsCost: cost }, deduplicated, balance: left };
}

function definitionOf(name: string) {
  const definition = findJob(QUEUE, name);
  // The schema of the body is made from the same catalogue.
  if (!definition) throw new Error(`${QUEUE} has lost its kind ${name}`);
  return definition;
}

/** What a job costs, and who comes first, is not for those who pay to say. */
function refuseServiceFields({ cost, options }: z.infer<typeof newJob>): void {
  const field = cost === undefined ? (options?.priority === undefined ? undefined : 'body.options.priority') : 'body.cost';
  if (field) throw new HttpError(403, 'forbidden', `${field} is for services: leave it out, or call with an API key.`, { field });
}
