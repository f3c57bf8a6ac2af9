import { z } from 'zod';
import type { BriefAsked } from '../../lib/db/schedule-types.ts';
import { NotFoundError } from '../../lib/errors.ts';
import { askForBriefs } from '../../lib/schedules/by-hand.ts';
import { rowCallerOf } from '../access.ts';
import type { ApiDeps, App } from '../deps.ts';
import { HttpError } from '../errors.ts';
import { failures } from '../schemas.ts';

const QUEUE = 'daily-brief';

const wishes = z.strictObject({
  dealId: z.guid('must be the uuid of a deal').toLowerCase().optional().describe('Default: all active deals that the caller sees'),
  date: z.iso.date('must be a date such as 2026-11-22').optional().describe('Default: today, in the time zone of each deal'),
});

const job = z.object({
  dealId: z.string(),
  date: z.string(),
  queue: z.literal(QUEUE),
  jobId: z.string(),
  deduplicated: z.boolean().describe('One that was asked for by hand is still unfinished: this is it'),
});

const triggered = z.object({
  success: z.literal(true),
  message: z.string(),
  queued: z.number(),
  deduplicated: z.number(),
  jobs: z.array(job).describe('The first thousand'),
});

/** Beyond, the answer tells how many there are. */
const MOST_NAMED = 1_000;

export function dailyBriefRoutes(app: App, deps: ApiDeps): void {
  app.post('/api/queue/trigger-daily-briefs', {
    schema: {
      tags: ['briefs'],
      summary: 'Make briefs now: a new edition for all active deals, or for one',
      description:
        'Needs no body. A user triggers those of deals that the user is a member of; a service all, or those of the user in `X-User-Id`. One that was asked for by hand before, for the same deal and date, and is still unfinished goes on instead of a second one.',
      body: wishes.nullish().meta({ examples: [{}, { dealId: '6f1f3c1e-52a5-4d3b-9f10-0c6b7a3f4f11' }] }),
      response: { 202: triggered, ...failures },
    },
    handler: async (request, reply) => {
      const { userId } = rowCallerOf(request);
      const { dealId, date } = request.body ?? {};
      const { db, clock, options } = deps;
      const wanted = { dealId, date, userId, correlationId: request.id };
      const briefs = await askForBriefs(wanted, { schedules: db.schedules, timeZone: options.timeZone ?? 'UTC', clock });
      if (!briefs) throw new NotFoundError('Deal', dealId ?? '');
      if (dealId !== undefined && briefs.length === 0) throw new HttpError(409, 'deal_not_active', 'Briefs are made for active deals alone');
      return reply.code(202).send(answerOf(await delivered(deps, briefs)));
    },
  });
}

/** Which job does it: also where the queue holds an unfinished one that came by another way. */
async function delivered({ relay }: ApiDeps, briefs: readonly BriefAsked[]): Promise<z.infer<typeof job>[]> {
  const sent = await relay.deliver(briefs.slice(0, MOST_NAMED).flatMap(({ outboxId }) => (outboxId === null ? [] : [outboxId])));
  relay.poke();
  return briefs.map(({ dealId, date, jobId, outboxId, deduplicated }) => {
    const became = outboxId === null ? undefined : sent.get(outboxId);
    return { dealId, date, queue: QUEUE, jobId: became?.jobId ?? jobId, deduplicated: deduplicated || (became?.deduplicated ?? false) };
  });
}

function answerOf(jobs: z.infer<typeof job>[]): z.infer<typeof triggered> {
  const deduplicated = jobs.filter((one) => one.deduplicated).length;
  const queued = jobs.length - deduplicated;
  const message = `Daily briefs queued for ${queued} ${queued === 1 ? 'deal' : 'deals'}${deduplicated > 0 ? `, ${deduplicated} were on their way already` : ''}`;
  return { success: true, message, queued, deduplicated, jobs: jobs.slice(0, MOST_NAMED) };
}
