import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCompute } from '../../lib/analysis/pool.ts';
import { systemClock } from '../../lib/clock.ts';
import { aiGeneration, promptAnalysis, reviewProcessing, sentimentAnalysis } from '../../lib/jobs/review-ai.ts';
import type { JobContext } from '../../lib/queue/processor.ts';
import type { WorkerDeps } from '../../workers/index.ts';
import processors from '../../workers/review-ai.ts';
import { contextWith } from '../reviews/support.ts';
import { noDealRoom } from '../support/no-deal-room.ts';
import { noMail } from '../support/no-mail.ts';
import { type EmbeddedTestDb, startEmbeddedDb } from '../support/pglite.ts';

const review_text = 'Great service, but the pizza was cold. Mail me at bob@example.com.';

let embedded: EmbeddedTestDb;
beforeAll(async () => {
  embedded = await startEmbeddedDb();
});
afterAll(() => embedded?.stop());

/** A paid row, and the context in which the runner would run its job. */
async function setUp(type: keyof typeof processors, payload: unknown) {
  const { db } = embedded;
  const userId = randomUUID();
  await db.credits.grant({ userId, amount: 100 });
  const { id } = await db.reviewJobs.create({ userId, type, payload });
  const { context, progress } = contextWith();
  const jobContext: JobContext<WorkerDeps> = {
    ...context,
    job: { queue: 'review-ai', name: type, id, attempt: 1, maxAttempts: 3 },
    meta: { correlationId: 'c', enqueuedAt: '2026-11-22T00:00:00.000Z', userId, rowId: id },
    runId: randomUUID(),
    deps: { db, clock: systemClock, compute: createCompute(), sampleLimit: 1_000, mail: noMail, ...noDealRoom },
  };
  return { jobContext, progress, stored: () => db.reviewJobs.get(id) };
}

describe('a review job stores its result in its row', () => {
  it('ai_generation', async () => {
    const payload = { review_text, tone: 'friendly' };
    const { jobContext, progress, stored } = await setUp('ai_generation', payload);
    expect(await processors.ai_generation.begin(payload, jobContext)).toMatchObject({ state: 'run' });
    const result = await processors.ai_generation.run(payload, undefined, jobContext);
    expect(aiGeneration.result.parse(result)).toMatchObject({ tone: 'friendly', language: 'en', provider: 'local' });
    expect(await processors.ai_generation.record(payload, result, jobContext)).toBe(true);
    expect(await stored()).toMatchObject({ status: 'completed', result, creditsState: 'settled' });
    expect(progress.at(-1)).toMatchObject({ current_step: 'done' });
  });

  it('review_processing', async () => {
    const payload = { review_text };
    const { jobContext, stored } = await setUp('review_processing', payload);
    await processors.review_processing.begin(payload, jobContext);
    const result = await processors.review_processing.run(payload, undefined, jobContext);
    expect(reviewProcessing.result.parse(result)).toMatchObject({ language: 'en', personalData: { present: true, kinds: ['email'] } });
    expect(await processors.review_processing.record(payload, result, jobContext)).toBe(true);
    expect(await stored()).toMatchObject({ status: 'completed', result });
  });

  it('prompt_analysis', async () => {
    const payload = { prompt: 'Write a poem.' };
    const { jobContext, stored } = await setUp('prompt_analysis', payload);
    await processors.prompt_analysis.begin(payload, jobContext);
    const result = await processors.prompt_analysis.run(payload, undefined, jobContext);
    expect(promptAnalysis.result.parse(result).criteria).toHaveLength(7);
    expect(await processors.prompt_analysis.record(payload, result, jobContext)).toBe(true);
    expect(await stored()).toMatchObject({ status: 'completed', result });
  });

  it.each([{ text: review_text }, { review_text }])('sentiment_analysis, of %o', async (payload) => {
    const { jobContext, stored } = await setUp('sentiment_analysis', payload);
    await processors.sentiment_analysis.begin(payload, jobContext);
    const result = await processors.sentiment_analysis.run(payload, undefined, jobContext);
    expect(sentimentAnalysis.result.parse(result).sentences).toHaveLength(2);
    expect(await processors.sentiment_analysis.record(payload, result, jobContext)).toBe(true);
    expect(await stored()).toMatchObject({ status: 'completed', result });
  });
});
