import { createHash, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { rowCallerOf } from '../access.ts';
import type { RowCaller } from '../auth.ts';
import { deadLetterConditions, deadLetterFilter } from '../dead-letter-filter.ts';
import type { ApiDeps, App } from '../deps.ts';
import { replayMany, replayOne } from '../replay.ts';
import { answer, failures, idempotencyHeader, success } from '../schemas.ts';
import type { Visible } from '../visible.ts';

const letterId = z.guid('must be the id of a dead letter, as listed by GET /api/dead-letters');
const ways = ['id', 'ids', 'fingerprint', 'filter'] as const;

const replayBody = z
  .strictObject({
    id: letterId.optional(),
    ids: z.array(letterId).min(1).max(1_000).optional().describe('Also letters that were replayed before'),
    fingerprint: deadLetterConditions.shape.fingerprint.describe('All of a group that were not replayed before'),
    filter: deadLetterConditions
      .extend({ replayed: z.literal(false, 'must be false: letters that were replayed before are named by their ids').optional() })
      .refine((filter) => Object.values(filter).some((value) => value !== undefined), 'must have a condition; { "replayed": false } means all')
      .optional()
      .describe('As in GET /api/dead-letters; letters that were not replayed before'),
    limit: z.int().min(1).max(10_000).default(1_000).describe('Oldest first; not for `id` and `ids`'),
    ratePerSecond: z.number().min(0.01).max(1_000).default(10).describe('Jobs put back to work per second; not for `id`'),
  })
  .refine((body) => ways.filter((way) => body[way] !== undefined).length === 1, `must have one of ${ways.join(', ')}`);

const one = z.object({ jobId: z.string(), deduplicated: z.boolean() });
const many = z.object({
  replayed: z.number(),
  skipped: z.array(
    z.object({ id: z.string(), reason: z.string().describe('insufficient_credits, not_found, not_failed (under way or done), merged') }),
  ),
});

export function replayRoutes(app: App, deps: ApiDeps, visible: Visible): void {
  app.post('/api/dead-letters/replay', {
    schema: {
      tags: ['dead letters'],
      summary: 'Run jobs that failed for good again: one, some, a group, or what a filter finds',
      description:
        'Works while BullMQ still keeps the job and after it forgot it. Jobs that cost credits are paid for again: one alone is answered with 402 when they are short, among many it is skipped. Repeating a call with the same `Idempotency-Key` changes nothing more.',
      headers: idempotencyHeader,
      body: replayBody.meta({
        examples: [
          { id: '00000000-0000-4000-8000-000000000000' },
          { fingerprint: 'f00dfeedf00dfeed', ratePerSecond: 5 },
          { filter: { queue: 'review-ai', since: '2026-11-22' }, limit: 500 },
        ],
      }),
      response: { 202: success(z.union([one, many])).describe('`jobId` for one `id`, counts for many'), ...failures },
    },
    handler: async (request, reply) => {
      const { body } = request;
      const caller = rowCallerOf(request);
      const requestId = requestIdOf(caller, request.headers['idempotency-key'], body);
      if (body.id !== undefined) {
        const letter = await visible.deadLetter(caller, body.id);
        return reply.code(202).send(answer(await replayOne(deps, caller, letter, requestId)));
      }
      const ids = body.ids && [...new Set(body.ids.map((id) => id.toLowerCase()))];
      const filter = { ...deadLetterFilter(caller, body.filter ?? { fingerprint: body.fingerprint }), ...(ids ? { ids } : {}) };
      const asked = { filter, limit: ids?.length ?? body.limit, perSecond: body.ratePerSecond, requestId };
      return reply.code(202).send(answer(await replayMany(deps, visible, caller, asked)));
    },
  });
}

/** A uuid that the same caller gets again for the same key and body. */
function requestIdOf(caller: RowCaller, key: string | undefined, body: unknown): string {
  if (key === undefined) return randomUUID();
  const hash = createHash('sha256')
    .update(JSON.stringify([caller.key, key, body]))
    .digest('hex');
  return [hash.slice(0, 8), hash.slice(8, 12), `8${hash.slice(13, 16)}`, `8${hash.slice(17, 20)}`, hash.slice(20, 32)].join('-');
}
