import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ai } from '../../lib/ai/contract.ts';
import type { Story } from '../../lib/db/types.ts';
import { JobAbortedError, NotFoundError } from '../../lib/errors.ts';
import { storyResult } from '../../lib/jobs/story-enhancement.ts';
import { silentLogger } from '../../lib/log.ts';
import type { JobContext, Progress } from '../../lib/queue/processor.ts';
import { scoreLocally } from '../../lib/scoring/local.ts';
import processors, { type StoryDeps } from '../../workers/story-enhancement.ts';
import { judgement, preparedAi } from '../scoring/support.ts';
import { type EmbeddedTestDb, startEmbeddedDb } from '../support/pglite.ts';

const { enhance } = processors;
const input = { title: 'Widgets', content: 'The maker said sales rose by 40 percent.', sectorTag: 'Business', impactTags: ['jobs'] };
const answers = {
  'story-enhancement': { ...judgement, claims: [{ claim: 'Sales rose.', verdict: 'attributed', quote: 'sales rose by 40 percent' }] },
};

let embedded: EmbeddedTestDb;
beforeAll(async () => {
  embedded = await startEmbeddedDb();
});
afterAll(() => embedded?.stop());

/** As the app that owns the story would change it. */
async function rewrite(storyId: string, content: string): Promise<void> {
  const { url, fetch, serviceKey } = embedded;
  const headers = { apikey: serviceKey, authorization: `Bearer ${serviceKey}`, 'content-type': 'application/json' };
  const response = await fetch(`${url}/rest/v1/stories?id=eq.${storyId}`, { method: 'PATCH', headers, body: JSON.stringify({ content }) });
  expect(response.status).toBe(204);
}

/** One story in the database, and a way to run the processor's steps on it as the runner does. */
async function setUp(prepared = preparedAi(answers)) {
  const { db } = embedded;
  const story = await db.stories.create({ ...input, userId: null, localScores: await scoreLocally(input) });
  const progress: Progress[] = [];
  const contextOf = (options: { force?: boolean; ai?: Ai; signal?: AbortSignal; jobId?: string } = {}): JobContext<StoryDeps> => ({
    job: { queue: 'story-enhancement', name: 'enhance', id: options.jobId ?? 'job-1', attempt: 1, maxAttempts: 3 },
    meta: { correlationId: 'c', enqueuedAt: '2026-11-22T00:00:00.000Z', ...(options.force ? { force: true } : {}) },
    runId: randomUUID(),
    ai: options.ai ?? prepared.ai,
    deps: { db },
    signal: options.signal ?? new AbortController().signal,
    progress: (step) => progress.push(step),
    log: silentLogger,
  });
  async function attempt(options: Parameters<typeof contextOf>[0] = {}) {
    const context = contextOf(options);
    const begun = await enhance.begin({ storyId: story.id }, context);
    if (begun.state === 'finished') return { state: begun.state, result: begun.result, recorded: undefined };
    const result = await enhance.run({ storyId: story.id }, begun.row, context);
    return { state: begun.state, result, recorded: await enhance.record({ storyId: story.id }, result, context) };
  }
  const stored = async (): Promise<Story> => (await db.stories.get(story.id)) ?? Promise.reject(new Error('the story is gone'));
  return { db, storyId: story.id, contextOf, attempt, stored, progress, asked: prepared.asked };
}

describe('enhancing a story', () => {
  it('stores the refined scores beside the local ones and answers with them', async () => {
    const { attempt, stored, storyId } = await setUp();
    const { state, result, recorded } = await attempt();
    expect({ state, recorded }).toEqual({ state: 'run', recorded: true });
    expect(storyResult.parse(result)).toMatchObject({
      success: true,
      storyId,
      unchanged: false,
      provider: 'openai',
      enhancedScores: { hypeScore: 7.2, eli5Grade: 0 },
    });
    expect(await stored()).toMatchObject({
      scoringStatus: 'refined',
      hypeScore: 7.2,
      localScores: await scoreLocally(input),
      refinedHash: result.contentHash,
      refinedScores: { ...result.enhancedScores, provider: 'openai', model: 'gpt-6-luna-2026-11-01', promptVersion: result.promptVersion },
    });
  });

  it('reports each step', async () => {
    const { attempt, progress } = await setUp();
    await attempt();
    expect(progress.map(({ progress: done, total, current_step }) => `${done}/${total} ${current_step}`)).toEqual([
      '0/4 reading',
      '1/4 refining',
      '2/4 checking quotes',
      '3/4 measuring reading level',
      '4/4 done',
    ]);
  });

  it('fails at once, naming the id, when there is no such story', async () => {
    const { contextOf } = await setUp();
    const storyId = randomUUID();
    const beginning = enhance.begin({ storyId }, contextOf());
    await expect(beginning).rejects.toThrow(NotFoundError);
    await expect(beginning).rejects.toMatchObject({ retryable: false, details: { id: storyId } });
  });

  it('answers an unchanged story from what is stored, without asking anybody', async () => {
    const { attempt, asked, stored } = await setUp();
    const first = await attempt();
    const again = await attempt();
    expect(again.state).toBe('finished');
    expect(storyResult.parse(again.result)).toEqual({ ...first.result, unchanged: true, processingTime: expect.any(Number) });
    expect(asked).toHaveLength(1);
    expect(await stored()).toMatchObject({ scoringStatus: 'refined' });
  });

  it('pays again when forced', async () => {
    const { attempt, asked } = await setUp();
    await attempt();
    expect(await attempt({ force: true, jobId: 'job-2' })).toMatchObject({ state: 'run', result: { unchanged: false } });
    expect(asked.map(({ force }) => force)).toEqual([false, true]);
  });

  it('does not pay again when the forced job that paid is run once more, as after a crash', async () => {
    const { attempt, asked } = await setUp();
    await attempt({ force: true });
    expect(await attempt({ force: true })).toMatchObject({ state: 'finished' });
    expect(asked).toHaveLength(1);
  });

  it('judges again when the story or the model has changed', async () => {
    const { attempt, storyId, asked, stored } = await setUp();
    await attempt();
    const other = preparedAi(answers, { model: 'gpt-6-sol' });
    expect(await attempt({ ai: other.ai })).toMatchObject({ state: 'run' });
    await rewrite(storyId, `${input.content} The maker denied it.`);
    expect(await attempt({ ai: other.ai })).toMatchObject({ state: 'run' });
    expect([asked.length, other.asked.length]).toEqual([1, 2]);
    expect((await stored()).refinedScores?.model).toBe('gpt-6-sol-2026-11-01');
  });

  it('changes nothing when another run has taken the story over', async () => {
    const { contextOf, storyId, db, stored } = await setUp();
    const late = contextOf();
    const begun = await enhance.begin({ storyId }, late);
    await db.stories.begin(storyId, { runId: 'the other run', jobId: 'job-1' });
    const result = await enhance.run({ storyId }, begun.state === 'run' ? begun.row : await stored(), late);
    expect(await enhance.record({ storyId }, result, late)).toBe(false);
    expect(await stored()).toMatchObject({ scoringStatus: 'processing', refinedScores: null });
  });

  it('gives way when another run takes an unchanged story over', async () => {
    const { attempt, contextOf, storyId, db } = await setUp();
    await attempt();
    const context = contextOf();
    const stories = { ...db.stories, recordUnchanged: async () => false };
    const beginning = enhance.begin({ storyId }, { ...context, deps: { db: { stories } } });
    await expect(beginning).rejects.toThrow(JobAbortedError);
    await expect(beginning).rejects.toMatchObject({ kind: 'lock_lost' });
  });

  it('stops between steps when it is told to', async () => {
    const { contextOf, storyId, stored, asked } = await setUp();
    const reason = new JobAbortedError('cancelled', 'Cancelled');
    const context = contextOf({ signal: AbortSignal.abort(reason) });
    await expect(enhance.run({ storyId }, await stored(), context)).rejects.toBe(reason);
    expect(asked).toEqual([]);
  });

  it.each(['failed', 'cancelled'] as const)('that %s keeps the local scores and says why', async (outcome) => {
    const { contextOf, storyId, stored } = await setUp();
    const context = contextOf();
    await enhance.begin({ storyId }, context);
    await enhance.end({ storyId }, { outcome, error: 'the reason', runId: context.runId, job: { id: context.job.id, run: 1 } }, context.deps);
    const { localScores, ...story } = await stored();
    expect(story).toMatchObject({ scoringStatus: outcome, scoringError: 'the reason', hypeScore: localScores.hypeScore, refinedScores: null });
  });
});
