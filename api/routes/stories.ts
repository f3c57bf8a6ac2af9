import { z } from 'zod';
import type { Story } from '../../lib/db/types.ts';
import { HivepulseError, messageOf } from '../../lib/errors.ts';
import { enhance } from '../../lib/jobs/story-enhancement.ts';
import type { Enqueued } from '../../lib/queue/types.ts';
import { rowCallerOf } from '../access.ts';
import type { RowCaller } from '../auth.ts';
import type { ApiDeps, App } from '../deps.ts';
import { HttpError, isEnqueueError } from '../errors.ts';
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
      const story = await store(deps, rowCallerOf(request), request.body);
      const { jobId: runJobId } = await enqueueStored(deps, story);
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
      const { jobId: runJobId, deduplicated } = await enqueue(deps, story, request.body?.force ?? false);
      return reply.code(202).send(answer({ jobId: seedJobId(story.id), runJobId, deduplicated }));
    },
  });
}

/** As the service role: scores are results, which users may read but not write. */
async function store({ db, scoreStory }: ApiDeps, caller: RowCaller, body: z.infer<typeof newStory>): Promise<Story> {
  const { title, content } = body;
  const input = { title, content, sectorTag: body.sectorTag ?? null, impactTags: body.impactTags ?? [] };
  const localScores = await scoreStory(input);
  return db.stories.create({ ...input, userId: caller.userId ?? null, localScores });
}

/** The story stands by now, whatever becomes of the job: the error says which story it is and how to ask again. */
async function enqueueStored(deps: ApiDeps, story: Story): Promise<Enqueued> {
  try {
    return await enqueue(deps, story, false);
  } catch (error) {
    if (!(error instanceof HivepulseError) || !error.retryable) throw error;
    const code = isEnqueueError(error) ? error.outcome : error.code;
    const retry = `POST /api/stories/${story.id}/enhance`;
    throw new HttpError(503, code, `The story is stored, its enhancement could not be queued (${error.message}) Ask again with ${retry}.`, {
      ...error.details,
      storyId: story.id,
      retry,
    });
  }
}

async function enqueue({ queue, db, log }: ApiDeps, story: Story, force: boolean): Promise<Enqueued> {
  const options = { ...(story.userId ? { userId: story.userId } : {}), ...(force ? { force } : {}) };
  const enqueued = await queue.enqueue({ queue: 'story-enhancement', name: enhance.name, payload: { storyId: story.id }, options });
  // The job is on its way and notes itself on the row when it starts: no reason to tell the caller that it failed.
  await db.stories.queued(story.id, enqueued.jobId).catch((error: unknown) => {
    log.warn({ event: 'story.not_marked', storyId: story.id, error: messageOf(error) }, 'story not marked as queued');
  });
  return enqueued;
}

/** The job id of the seed: finds the latest run, whichever that is. */
function seedJobId(storyId: string): string {
  return `story-enhancement-${storyId}`;
}

function view(story: Story) {
  return { ...story, jobId: seedJobId(story.id), runJobId: story.jobId };
}
