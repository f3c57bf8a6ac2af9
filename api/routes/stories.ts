import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Asked, AskOptions, Story } from '../../lib/db/types.ts';
import { NotFoundError } from '../../lib/errors.ts';
import { rowCallerOf } from '../access.ts';
import type { RowCaller } from '../auth.ts';
import type { ApiDeps, App } from '../deps.ts';
import { answer, failures, pageQuery, scoringStatus, storyDetail, storySummary, success, text } from '../schemas.ts';
import type { Visible } from '../visible.ts';

const tags = ['stories'];
const storyParams = z.object({ id: z.uuid('must be the uuid of a story') });

const newStory = z.object({
  title: text({ max: 500 }),
  content: text({ max: 200_000 }),
  sectorTag: text({ max: 100 }).nullish(),
  impactTags: z
    .array(text({ max: 100 }))
    .max(50)
    .nullish(),
});

const createdStory = z.object({
  id: z.string(),
  hypeScore: z.number(),
  ethicsScore: z.number(),
  jobId: z.string(),
  runJobId: z.string(),
  scoringStatus: scoringStatus,
});

export function storyRoutes(app: App, deps: ApiDeps, visible: Visible): void {
  app.post('/api/stories', {
    schema: {
      tags,
      summary: 'Store a story with local scores and queue its enhancement',
      body: newStory.meta({
        examples: [
          {
            title: 'New AI Model Raises Privacy Concerns',
            content: 'A new AI model has been released...',
            sectorTag: 'AI Ethics',
            impactTags: ['privacy', 'concern'],
          },
        ],
      }),
      response: { 201: success(z.object({ story: createdStory })), ...failures },
    },
    handler: async (request, reply) => {
      const { story, asked } = await storeAndAsk(deps, rowCallerOf(request), request.body, request.id);
      const { jobId: runJobId } = await deliver(deps, asked);
      const { id, hypeScore, ethicsScore } = story;
      const created = { id, hypeScore, ethicsScore, jobId: seedJobId(id), runJobId, scoringStatus: 'queued' as const };
      return reply
        .code(201)
        .header('location', `/api/stories/${id}`)
        .send(answer({ story: created }));
    },
  });

  app.get('/api/stories', {
    schema: {
      tags,
      summary: 'Stories, newest first',
      querystring: pageQuery.extend({ scoringStatus: scoringStatus.optional() }),
      response: { 200: success(z.object({ stories: z.array(storySummary), nextCursor: z.string().nullable() })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { limit, cursor, scoringStatus: status } = request.query;
      const rows = caller.kind === 'user' ? deps.db.forUser(caller.jwt) : deps.db;
      const page = await rows.stories.list({
        limit,
        ...(cursor ? { cursor } : {}),
        ...(status ? { scoringStatus: status } : {}),
        ...(caller.userId ? { userId: caller.userId } : {}),
      });
      return answer({ stories: page.items.map(view), nextCursor: page.nextCursor });
    },
  });

  app.get('/api/stories/:id', {
    schema: {
      tags,
      summary: 'One story with its local and refined scores, claims and reasons',
      params: storyParams,
      response: { 200: success(z.object({ story: storyDetail })), ...failures },
    },
    handler: async (request) => answer({ story: view(await visible.story(rowCallerOf(request), request.params.id)) }),
  });

  app.post('/api/stories/:id/enhance', {
    schema: {
      tags,
      summary: 'Ask for the enhancement again; unchanged stories cost nothing unless forced',
      params: storyParams,
      body: z.object({ force: z.boolean().optional() }).nullish(),
      response: { 202: success(z.object({ jobId: z.string(), runJobId: z.string(), deduplicated: z.boolean() })), ...failures },
    },
    handler: async (request, reply) => {
      const story = await visible.story(rowCallerOf(request), request.params.id);
      const options = { ...runOptions(story.id, story.userId, request.id), force: request.body?.force ?? false };
      const asked = await deps.db.stories.ask(story.id, options);
      if (!asked) throw new NotFoundError('Story', story.id);
      const { jobId: runJobId, deduplicated } = await deliver(deps, asked);
      return reply.code(202).send(answer({ jobId: seedJobId(story.id), runJobId, deduplicated }));
    },
  });
}

/** As the service role: scores are results, which users may read but not write. Story and job are stored together: neither without the other. */
async function storeAndAsk({ db, scoreStory }: ApiDeps, caller: RowCaller, body: z.infer<typeof newStory>, correlationId: string) {
  const { title, content } = body;
  const input = { title, content, sectorTag: body.sectorTag ?? null, impactTags: body.impactTags ?? [] };
  const localScores = await scoreStory(input);
  const id = randomUUID();
  const userId = caller.userId ?? null;
  return db.stories.createAndAsk({ ...input, id, userId, localScores }, runOptions(id, userId, correlationId));
}

/** Names the job as `prepare` in `lib/queue/enqueue.ts` does. */
function runOptions(storyId: string, userId: string | null, correlationId: string): AskOptions {
  return { jobId: `${seedJobId(storyId)}-${randomUUID()}`, correlationId, ...(userId ? { userId } : {}) };
}

/** Which job does it; while the queue is away the one that was asked for, which the relay sends later. */
async function deliver({ relay }: ApiDeps, { outboxId, jobId }: Asked): Promise<{ jobId: string; deduplicated: boolean }> {
  const delivered = outboxId === null ? undefined : (await relay.deliver([outboxId])).get(outboxId);
  return delivered ?? { jobId, deduplicated: false };
}

/** The job id of the seed: finds the latest run, whichever that is. */
function seedJobId(storyId: string): string {
  return `story-enhancement-${storyId}`;
}

function view(story: Story) {
  return { ...story, jobId: seedJobId(story.id), runJobId: story.jobId };
}
