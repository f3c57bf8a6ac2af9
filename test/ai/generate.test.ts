import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Limits } from '../../lib/ai/contract.ts';
import { createFakeClock } from '../support/clock.ts';
import { type LlmServer, startLlm } from '../support/llm.ts';
import { createMemoryLimits } from './memory.ts';
import { createWorld, prompt, request } from './world.ts';

let llm: LlmServer;
beforeAll(async () => {
  llm = await startLlm();
});
beforeEach(() => {
  llm.reset();
  llm.answerWith({ score: 4 });
});
afterAll(() => llm.stop());

const setUp = (given?: Parameters<typeof createWorld>[1]) => createWorld(llm, given);

describe('a question to a model', () => {
  it('is answered, checked, and its tokens and cost are written down', async () => {
    llm.answerWith({ score: 4 }, { input_tokens: 1_000, output_tokens: 100 });
    const { forQueue, ledger, lines, calls } = await setUp();
    const result = await forQueue().generate(request);
    const costUsd = 0.00015;
    expect(result).toMatchObject({ value: { score: 4 }, provider: 'openai', model: 'gpt-6-luna', promptVersion: '1', cached: false });
    expect(result.costUsd).toBeCloseTo(costUsd, 12);
    const tokens = { inputTokens: 1_000, outputTokens: 100, cachedInputTokens: 0 };
    expect(ledger.records).toMatchObject([
      { queue: 'story-enhancement', jobId: 'job-1', userId: 'user-1', provider: 'openai', model: 'gpt-6-luna', operation: 'generate', ...tokens },
    ]);
    expect(ledger.records[0]).toMatchObject({ promptId: 'score', promptVersion: '1', costUsd: expect.closeTo(costUsd, 12) });
    expect(lines).toMatchObject([
      { level: 'info', message: 'ai call', event: 'ai.call', provider: 'openai', model: 'gpt-6-luna', ...tokens, cached: false },
    ]);
    expect(calls).toMatchObject([{ provider: 'openai', operation: 'generate', outcome: 'ok', cached: false, ...tokens }]);
  });

  it('leaves no word of prompt, data, answer or key in the log', async () => {
    llm.answerWith({ score: 4, remark: 'Foxes are quick.' });
    llm.fail(400, {}, 1, { message: 'A fox ran.' });
    const { forQueue, lines } = await setUp();
    await expect(forQueue().generate(request)).rejects.toMatchObject({ code: 'provider_rejected' });
    await forQueue().generate(request);
    expect(lines).toHaveLength(2);
    expect(JSON.stringify(lines)).not.toMatch(/fox|Score the story|sk-/i);
  });

  it('goes to the provider of its queue', async () => {
    const { forQueue, ai } = await setUp({ options: { perQueue: { 'review-ai': { provider: 'local' } } } });
    await forQueue('story-enhancement').generate(request);
    await forQueue('daily-brief').generate(request);
    await expect(forQueue('review-ai').generate(request)).resolves.toMatchObject({ provider: 'local', value: { score: 1 } });
    expect(llm.requests().map(({ vendor }) => vendor)).toEqual(['openai', 'anthropic']);
    expect(ai.providersFor('daily-brief')).toEqual({
      generate: { provider: 'anthropic', model: 'claude-haiku-5-5' },
      embed: { provider: 'openai', model: 'text-embedding-3-small' },
    });
  });

  it('takes the dearest price for a model it has none for, and says so', async () => {
    const { forQueue, lines, ledger } = await setUp({ options: { perQueue: { 'story-enhancement': { model: 'gpt-9' } } } });
    const { costUsd } = await forQueue().generate(request);
    expect(costUsd).toBeCloseTo(100 * 10e-6 + 20 * 50e-6, 12);
    expect(ledger.records).toMatchObject([{ model: 'gpt-9', costUsd }]);
    expect(lines).toMatchObject([{ level: 'warn', model: 'gpt-9', priceKnown: false }]);
  });
});

describe('a stored answer', () => {
  it('costs nothing and asks nobody', async () => {
    const { forQueue, ledger, calls, lines } = await setUp();
    await forQueue().generate(request);
    const again = await forQueue('story-enhancement', { jobId: 'job-2' }).generate(request);
    expect(again).toEqual({
      value: { score: 4 },
      provider: 'openai',
      model: 'gpt-6-luna',
      promptVersion: '1',
      cached: true,
      usage: { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0 },
      costUsd: 0,
    });
    expect(llm.requests()).toHaveLength(1);
    expect(ledger.records).toHaveLength(1);
    expect(calls.map(({ cached }) => cached)).toEqual([false, true]);
    expect(lines.at(-1)).toMatchObject({ message: 'ai call', cached: true, inputTokens: 0 });
  });

  it('is paid for again when forced, and replaced', async () => {
    const { forQueue } = await setUp();
    await forQueue().generate(request);
    llm.answerWith({ score: 5 });
    await expect(forQueue().generate(request, { force: true })).resolves.toMatchObject({ value: { score: 5 }, cached: false });
    await expect(forQueue().generate(request)).resolves.toMatchObject({ value: { score: 5 }, cached: true });
    expect(llm.requests()).toHaveLength(2);
  });

  it.each([
    ['other data', { ...request, data: { story: 'A fox sat.' } }],
    ['another version of the prompt', { ...request, prompt: { ...prompt, version: '2' } }],
    ['another prompt', { ...request, prompt: { ...prompt, id: 'rate' } }],
    ['another schema', { ...request, schema: z.object({ score: z.number().max(10).describe('From 0.') }) }],
  ])('does not answer %s', async (_, other) => {
    const { forQueue } = await setUp();
    await forQueue().generate(request);
    await expect(forQueue().generate(other)).resolves.toMatchObject({ cached: false });
    expect(llm.requests()).toHaveLength(2);
  });

  it('does not answer for another provider or model', async () => {
    const { forQueue } = await setUp({ options: { perQueue: { 'review-ai': { model: 'gpt-6-sol' } } } });
    for (const queue of ['story-enhancement', 'review-ai', 'daily-brief']) {
      await expect(forQueue(queue).generate(request)).resolves.toMatchObject({ cached: false });
    }
  });

  it('does not mind the order in which the data is named', async () => {
    const { forQueue } = await setUp();
    await forQueue().generate({ ...request, data: { title: 'Fox', story: 'A fox ran.' } });
    await expect(forQueue().generate({ ...request, data: { story: 'A fox ran.', title: 'Fox' } })).resolves.toMatchObject({ cached: true });
  });

  it('that no longer fits is asked for again', async () => {
    const { forQueue, ledger } = await setUp();
    await forQueue().generate(request);
    const [key = ''] = ledger.stored.keys();
    await ledger.store(key, { value: { score: 'high' }, model: 'm', promptId: 'score', promptVersion: '1', provider: 'openai' });
    await expect(forQueue().generate(request)).resolves.toMatchObject({ value: { score: 4 }, cached: false });
  });
});

describe('an answer that does not fit', () => {
  it('is sent back once with what is wrong, and both calls are paid and booked', async () => {
    llm.garbage();
    const { forQueue, ledger } = await setUp();
    const result = await forQueue().generate(request);
    expect(result).toMatchObject({ value: { score: 4 }, usage: { inputTokens: 200, outputTokens: 40 } });
    expect(ledger.records).toHaveLength(2);
    expect(result.costUsd).toBeCloseTo(
      ledger.records.reduce((sum, { costUsd }) => sum + costUsd, 0),
      12,
    );
    expect(llm.requests()[1]?.user).toMatch(/does not fit the schema/);
    expect(JSON.stringify(llm.requests()[1]?.body.input)).toContain('a story about a fox');
  });

  it('is sent back with the field named', async () => {
    llm.answerWith((asked: { user: string }) => (asked.user.includes('does not fit') ? { score: 10 } : { score: 11 }));
    const { forQueue } = await setUp();
    await expect(forQueue('daily-brief').generate(request)).resolves.toMatchObject({ value: { score: 10 }, provider: 'anthropic' });
    expect(llm.requests()[1]?.user).toContain('score: ');
  });

  it('twice is an error for good, booked and not stored, that names the field and not the answer', async () => {
    llm.answerWith({ score: 'a fox' });
    const { forQueue, ledger } = await setUp();
    await expect(forQueue().generate(request)).rejects.toMatchObject({
      code: 'invalid_answer',
      retryable: false,
      message: expect.stringMatching(/^(?!.*fox).*"score".*score \(invalid_type\)/),
    });
    expect(llm.requests()).toHaveLength(2);
    expect(ledger.records).toHaveLength(2);
    expect(ledger.stored.size).toBe(0);
  });

  it('from a local task is a mistake of ours: it would say the same again', async () => {
    const { forQueue, calls } = await setUp({ options: { provider: 'local' } });
    const broken = { ...request, prompt: { ...prompt, id: 'broken' } };
    await expect(forQueue().generate(broken)).rejects.toMatchObject({ code: 'invalid_answer' });
    expect(calls).toHaveLength(1);
  });

  it('that is a refusal is booked and not repaired', async () => {
    const output = [{ type: 'message', content: [{ type: 'refusal', refusal: 'no' }] }];
    llm.raw({ model: 'gpt-6-luna', status: 'completed', output, usage: { input_tokens: 50, output_tokens: 3 } });
    const { forQueue, ledger, calls } = await setUp();
    await expect(forQueue().generate(request)).rejects.toMatchObject({ code: 'model_refused' });
    expect(ledger.records).toMatchObject([{ inputTokens: 50, outputTokens: 3 }]);
    expect(calls).toMatchObject([{ outcome: 'model_refused' }]);
    expect(llm.requests()).toHaveLength(1);
  });
});

describe('a rate limit', () => {
  it('of one process stops the others from asking that vendor until it is over', async () => {
    llm.fail(429, { 'retry-after': '2' });
    const clock = createFakeClock();
    const limits = createMemoryLimits();
    const [one, other] = [await setUp({ limits, clock }), await setUp({ limits, clock })];
    await expect(one.forQueue().generate(request)).rejects.toMatchObject({ code: 'rate_limited', key: 'provider:openai', retryAfterMs: 2_000 });
    clock.advance(500);
    await expect(other.forQueue('review-ai').generate(request)).rejects.toMatchObject({ code: 'rate_limited', retryAfterMs: 1_500 });
    await expect(other.forQueue().embed(['a'])).rejects.toMatchObject({ code: 'rate_limited' });
    expect(llm.requests()).toHaveLength(1);
    await expect(other.forQueue('daily-brief').generate(request)).resolves.toMatchObject({ provider: 'anthropic' });
    clock.advance(1_500);
    await expect(other.forQueue('review-ai').generate(request)).resolves.toMatchObject({ value: { score: 4 } });
  });

  it('does not keep stored answers and local tasks back', async () => {
    const { forQueue, limits, clock } = await setUp({ options: { perQueue: { 'review-ai': { provider: 'local' } } } });
    await forQueue().generate(request);
    await limits.limit('provider:openai', clock.now() + 60_000);
    await expect(forQueue().generate(request)).resolves.toMatchObject({ cached: true });
    await expect(forQueue('review-ai').generate(request)).resolves.toMatchObject({ provider: 'local' });
  });

  it('between an answer and its repair keeps the repair back', async () => {
    const { forQueue, limits, clock } = await setUp();
    llm.answerWith(() => {
      void limits.limit('provider:openai', clock.now() + 1_000);
      return { score: 11 };
    });
    await expect(forQueue().generate(request)).rejects.toMatchObject({ code: 'rate_limited' });
    expect(llm.requests()).toHaveLength(1);
  });

  it('that cannot be shared still makes this job wait', async () => {
    llm.fail(429, { 'retry-after': '2' });
    const limits: Limits = { limitedUntil: async () => 0, limit: () => Promise.reject(new Error('the store is away')) };
    const { forQueue, lines } = await setUp({ limits });
    await expect(forQueue().generate(request)).rejects.toMatchObject({ code: 'rate_limited', retryAfterMs: 2_000 });
    expect(lines).toContainEqual(expect.objectContaining({ level: 'error', event: 'ai.limit_not_shared' }));
  });
});
