import { type Clock, systemClock } from '../lib/clock.ts';
import type { Db, RefinedScores, Story } from '../lib/db/types.ts';
import { JobAbortedError, NotFoundError } from '../lib/errors.ts';
import type { StoryResult } from '../lib/jobs/story-enhancement.ts';
import type { Begun, JobContext, Processors, RowEnding } from '../lib/queue/processor.ts';
import { type RefineStep, refinementHashOf, refineStory } from '../lib/scoring/refine.ts';

/** What main.ts hands to the processor. */
export interface StoryDeps {
  db: Pick<Db, 'stories'>;
  clock?: Clock;
}

type Context = JobContext<StoryDeps>;
interface Payload {
  storyId: string;
}

/** Takes the fencing token; an unchanged story is answered from what is stored. `NotFoundError` when there is no such story: final. */
async function begin({ storyId }: Payload, context: Context): Promise<Begun<Story, StoryResult>> {
  const startedAt = clockOf(context).monotonic();
  const story = await context.deps.db.stories.begin(storyId, { runId: context.runId, jobId: context.job.id });
  if (!story) throw new NotFoundError('Story', storyId);
  const contentHash = await refinementHashOf(story, context.ai);
  // A crash after `record` brings this very job here again: what it paid for is there, also when it was forced.
  const recordedByThisJob = story.refinedJobId === context.job.id;
  const current = story.refinedHash === contentHash && (!context.meta.force || recordedByThisJob);
  if (!story.refinedScores || !current) return { state: 'run', row: story };
  const stillOurs = await context.deps.db.stories.recordUnchanged(storyId, context.runId);
  if (!stillOurs) throw new JobAbortedError('lock_lost', `Another run has taken story ${storyId} over`);
  const run = { unchanged: true, contentHash, processingTime: clockOf(context).monotonic() - startedAt };
  return { state: 'finished', result: resultOf(storyId, story.refinedScores, run) };
}

const STEPS: readonly (RefineStep | 'reading')[] = ['reading', 'refining', 'checking quotes', 'measuring reading level'];

async function run({ storyId }: Payload, story: Story, context: Context): Promise<StoryResult> {
  const startedAt = clockOf(context).monotonic();
  const { ai, log } = context;
  const contentHash = await refinementHashOf(story, ai);
  const onStep = (step: (typeof STEPS)[number]) => {
    context.signal.throwIfAborted();
    context.progress({ progress: STEPS.indexOf(step), total: STEPS.length, current_step: step });
  };
  onStep('reading');
  const { scores } = await refineStory({ story, ai, log, force: context.meta.force, onStep });
  context.progress({ progress: STEPS.length, total: STEPS.length, current_step: 'done' });
  return resultOf(storyId, scores, { unchanged: false, contentHash, processingTime: clockOf(context).monotonic() - startedAt });
}

function record({ storyId }: Payload, result: StoryResult, { deps, runId }: Context): Promise<boolean> {
  const { enhancedScores, provider, model, promptVersion, contentHash } = result;
  return deps.db.stories.record(storyId, runId, { ...enhancedScores, provider, model, promptVersion }, contentHash);
}

async function end(
  { storyId }: Payload,
  { outcome, error, runId, job }: RowEnding & { outcome: 'failed' | 'cancelled' },
  { db }: StoryDeps,
): Promise<boolean> {
  if ((await db.stories.get(storyId))?.refinedJobId === job.id) return false;
  await db.stories.end(storyId, { status: outcome, error, runId });
  return true;
}

type Run = Pick<StoryResult, 'unchanged' | 'contentHash' | 'processingTime'>;

function resultOf(storyId: string, scores: RefinedScores, { unchanged, contentHash, processingTime }: Run): StoryResult {
  const { provider, model, promptVersion, ...enhancedScores } = scores;
  return {
    success: true,
    storyId,
    enhancedScores,
    provider,
    model,
    promptVersion,
    contentHash,
    unchanged,
    processingTime: Math.round(processingTime),
  };
}

function clockOf({ deps }: Context): Clock {
  return deps.clock ?? systemClock;
}

export default { enhance: { begin, run, record, end } } satisfies Processors<'story-enhancement', StoryDeps>;
