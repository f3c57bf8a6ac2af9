import { z } from 'zod';
import type { Story } from '../../lib/db/types.ts';
import { NotFoundError } from '../../lib/errors.ts';
import { enhance, storyResult } from '../../lib/jobs/story-enhancement.ts';
import type { JobState, JobView } from '../../lib/queue/types.ts';
import { rowCallerOf } from '../access.ts';
import type { RowCaller } from '../auth.ts';
import type { ApiDeps, App } from '../deps.ts';
import { answer, failures, jobId, jobView, success } from '../schemas.ts';
import { storyIdIn, type Visible } from '../visible.ts';

const QUEUE = 'story-enhancement';
const tags = ['stories'];

const scoringJob = z.object({
  id: z.string(),
  storyId: z.string(),
  status: jobView.shape.state,
  result: z
    .object({
      success: z.literal(true),
      storyId: z.string(),
      enhancedScores: storyResult.shape.enhancedScores,
      processingTime: z.number().nullable().describe('Milliseconds; null when the queue has forgotten the job'),
      provider: z.string(),
      model: z.string(),
      promptVersion: z.string(),
      unchanged: z.boolean().optional(),
    })
    .nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
  runJobId: z.string().nullable(),
  attemptsMade: z.number().optional(),
  attempts: z.number().optional(),
  progress: jobView.shape.progress,
  error: z.string().nullable(),
  source: z.enum(['queue', 'story']).describe('Who answered: the queue, or the story because the queue keeps finished jobs for a while only'),
});
type ScoringJob = z.infer<typeof scoringJob>;

export function storyScoringRoutes(app: App, deps: ApiDeps, visible: Visible): void {
  app.get('/api/stories/scoring/job/:jobId', {
    schema: {
      tags,
      summary: 'The state and result of an enhancement; story-enhancement-<storyId> means the latest run',
      params: z.object({ jobId }),
      response: { 200: success(z.object({ job: scoringJob })), ...failures },
    },
    handler: async (request) => answer({ job: await findScoringJob(deps, visible, rowCallerOf(request), request.params.jobId) }),
  });

  app.get('/api/stories/scoring/stats', {
    schema: {
      tags,
      summary: 'Counts of the story queue',
      response: {
        200: success(
          z.object({
            stats: z.object({
              totalJobs: z.number(),
              pendingJobs: z.number().describe('Waiting, delayed and running'),
              completedJobs: z.number(),
              failedJobs: z.number(),
              openAIConfigured: z.boolean(),
              queueSize: z.number().describe('Waiting and delayed'),
              activeJobs: z.number(),
            }),
          }),
        ),
        ...failures,
      },
    },
    handler: async () => {
      const counts = (await deps.queue.stats())[QUEUE];
      const queueSize = counts.waiting + counts.delayed + counts.waitingChildren;
      const pendingJobs = queueSize + counts.active;
      const stats = {
        totalJobs: pendingJobs + counts.completed + counts.failed,
        pendingJobs,
        completedJobs: counts.completed,
        failedJobs: counts.failed,
        openAIConfigured: deps.ai.openAiConfigured,
        queueSize,
        activeJobs: counts.active,
      };
      return answer({ stats });
    },
  });

  app.get('/api/stories/scoring/openai/test', {
    schema: {
      tags,
      summary: 'Whether OpenAI is configured and answers',
      response: { 200: success(z.object({ configured: z.boolean(), ok: z.boolean(), message: z.string() })), ...failures },
    },
    handler: async () => answer(await deps.ai.testOpenAi()),
  });
}

async function findScoringJob(deps: ApiDeps, visible: Visible, caller: RowCaller, id: string): Promise<ScoringJob> {
  const asked = await deps.queue.getJob(QUEUE, id);
  const storyId = (asked && storyIdOf(asked)) ?? storyIdIn(id);
  if (storyId === undefined) throw new NotFoundError('Job', id);
  // The job of a story that is not there: a service may still see how it failed.
  if (asked && caller.kind === 'service' && caller.userId === undefined) return fromQueue(id, storyId, asked);
  const story = await visible.story(caller, storyId);
  const job = asked ?? (await latestRun(deps, story));
  if (job) return fromQueue(id, story.id, job);
  if (story.jobId === null && story.scoringStatus === 'local') throw new NotFoundError('Job', id);
  return fromStory(id, story);
}

async function latestRun({ queue }: ApiDeps, story: Story): Promise<JobView | undefined> {
  const unfinished = enhance.once.kind === 'whileUnfinished' ? await queue.findUnfinished(QUEUE, enhance.once.id({ storyId: story.id })) : undefined;
  const latest = unfinished ?? story.jobId;
  return latest ? queue.getJob(QUEUE, latest) : undefined;
}

function storyIdOf(job: JobView): string | undefined {
  const payload = enhance.payload.safeParse(job.payload);
  return payload.success ? payload.data.storyId : undefined;
}

function fromQueue(id: string, storyId: string, job: JobView): ScoringJob {
  const result = storyResult.safeParse(job.result);
  return {
    id,
    storyId,
    status: job.state,
    result: result.success ? result.data : null,
    createdAt: job.createdAt,
    updatedAt: job.finishedAt ?? job.startedAt ?? job.createdAt,
    runJobId: job.id,
    attemptsMade: job.attemptsMade,
    attempts: job.attempts,
    ...(job.progress ? { progress: job.progress } : {}),
    error: job.error ?? null,
    source: 'queue',
  };
}

const stateOfStory: Readonly<Record<Story['scoringStatus'], JobState>> = {
  local: 'waiting',
  queued: 'waiting',
  processing: 'active',
  refined: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
};

function fromStory(id: string, story: Story): ScoringJob {
  const status = stateOfStory[story.scoringStatus];
  return {
    id,
    storyId: story.id,
    status,
    result: status === 'completed' ? storedResult(story) : null,
    createdAt: story.createdAt,
    updatedAt: story.updatedAt,
    runJobId: story.jobId,
    error: story.scoringError,
    source: 'story',
  };
}

function storedResult({ id, refinedScores }: Story): ScoringJob['result'] {
  if (!refinedScores) return null;
  const { hypeScore, ethicsScore, realityCheck, eli5Summary, eli5Grade, claims, provider, model, promptVersion } = refinedScores;
  const enhancedScores = { hypeScore, ethicsScore, realityCheck, eli5Summary, eli5Grade, claims };
  return { success: true, storyId: id, enhancedScores, processingTime: null, provider, model, promptVersion };
}
