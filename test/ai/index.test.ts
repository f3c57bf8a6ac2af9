import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AiOptions } from '../../lib/ai/choose.ts';
import { createFakeClock } from '../support/clock.ts';
import { type LlmServer, startLlm } from '../support/llm.ts';
import { createMemoryLedger } from './memory.ts';
import { createWorld, request } from './world.ts';

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

describe('the daily budget', () => {
  const spent = { queue: 'q', jobId: '1', userId: undefined, promptId: undefined, promptVersion: undefined, durationMs: 1 };

  it('stops paid calls before they are made, by what all processes spent, and nothing else', async () => {
    const clock = createFakeClock();
    const ledger = createMemoryLedger(clock);
    const options: Partial<AiOptions> = { dailyBudgetUsd: 1, perQueue: { 'review-ai': { provider: 'local' } } };
    const { forQueue } = await setUp({ clock, ledger, options });
    await forQueue().generate(request);
    const tokens = { inputTokens: 1, outputTokens: 1, cachedInputTokens: 0 };
    await ledger.record({ ...spent, provider: 'anthropic', model: 'm', operation: 'generate', ...tokens, costUsd: 1 });
    const exceeded = { code: 'budget_exceeded', retryable: false, message: expect.stringContaining('AI_DAILY_BUDGET_USD') };
    await expect(forQueue().generate(request, { force: true })).rejects.toMatchObject(exceeded);
    await expect(forQueue('daily-brief').generate(request)).rejects.toMatchObject(exceeded);
    await expect(forQueue().embed(['a'])).rejects.toMatchObject(exceeded);
    await expect(forQueue().generate(request)).resolves.toMatchObject({ cached: true });
    await expect(forQueue('review-ai').generate(request)).resolves.toMatchObject({ provider: 'local' });
    expect(llm.requests()).toHaveLength(1);
  });

  it('is not overstepped by many at once: the rest wait for the first and are refused', async () => {
    llm.answerWith({ score: 4 }, { input_tokens: 1_000_000, output_tokens: 0 });
    const { forQueue, ledger } = await setUp({ options: { dailyBudgetUsd: 0.0005 } });
    const many = Array.from({ length: 10 }, (_, index) => forQueue().generate({ ...request, data: { story: `Story ${index}` } }));
    const outcomes = await Promise.allSettled(many);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(ledger.records).toHaveLength(1);
    expect(llm.requests()).toHaveLength(1);
  });
});

describe('a database that is away', () => {
  it('does not cost a paid answer: storing it is given up', async () => {
    const { forQueue, ledger, lines } = await setUp();
    ledger.failNext('store', 1);
    await expect(forQueue().generate(request)).resolves.toMatchObject({ value: { score: 4 } });
    expect(lines).toContainEqual(expect.objectContaining({ level: 'warn', event: 'ai.answer_not_stored' }));
  });

  it('is told the cost again until it hears', async () => {
    const { forQueue, ledger } = await setUp();
    ledger.failNext('record', 2);
    await forQueue().generate(request);
    expect(ledger.records).toHaveLength(1);
  });

  it('for long has the cost in the log, and the budget still counts it', async () => {
    const { forQueue, ledger, lines } = await setUp({ options: { dailyBudgetUsd: 0.00001 } });
    ledger.failNext('record', 3);
    await expect(forQueue().generate(request)).resolves.toMatchObject({ value: { score: 4 } });
    expect(ledger.records).toHaveLength(0);
    expect(lines).toContainEqual(expect.objectContaining({ level: 'error', event: 'ai.usage_lost', costUsd: expect.closeTo(0.00002, 12) }));
    await expect(forQueue().generate(request, { force: true })).rejects.toMatchObject({ code: 'budget_exceeded' });
  });
});

describe('a job that is aborted', () => {
  it('ends its request at once, and the budget is free again', async () => {
    const held = llm.hold();
    const controller = new AbortController();
    const { forQueue, ledger } = await setUp({ options: { dailyBudgetUsd: 0.0001 } });
    const reason = new Error('cancelled by hand');
    const call = forQueue('story-enhancement', { signal: controller.signal }).generate(request);
    await Promise.all([held.arrived.then(() => controller.abort(reason)), expect(call).rejects.toBe(reason), held.aborted]);
    expect(ledger.records).toHaveLength(0);
    await expect(forQueue().generate(request)).resolves.toMatchObject({ cached: false });
  });
});

describe('embeddings', () => {
  it('come in the order asked, equal texts are paid for once, and the cost is booked', async () => {
    const { forQueue, ledger } = await setUp();
    const { vectors, model, dimensions } = await forQueue('conversation-analysis').embed(['one', 'two', 'one']);
    expect(llm.requests().map(({ body }) => body.input)).toEqual([['one', 'two']]);
    expect(vectors).toHaveLength(3);
    expect(vectors[0]).toEqual(vectors[2]);
    expect({ model, dimensions }).toEqual({ model: 'text-embedding-3-small', dimensions: 1_536 });
    expect(ledger.records).toMatchObject([
      { operation: 'embed', model: 'text-embedding-3-small', promptId: undefined, queue: 'conversation-analysis' },
    ]);
  });

  it('of nothing ask nobody', async () => {
    const { forQueue } = await setUp();
    await expect(forQueue().embed([])).resolves.toMatchObject({ vectors: [] });
    expect(llm.requests()).toHaveLength(0);
  });
});

describe('the AI layer', () => {
  it('is not made when a provider is forced without its key', async () => {
    await expect(setUp({ options: { provider: 'anthropic', anthropic: undefined } })).rejects.toMatchObject({ code: 'provider_not_configured' });
    const perQueue = { 'review-ai': { provider: 'openai' } } as const;
    await expect(setUp({ options: { openai: undefined, perQueue } })).rejects.toThrow(/REVIEW_AI_AI_PROVIDER.*OPENAI_API_KEY/);
  });

  it('needs no key at all: the local provider does the work', async () => {
    const { forQueue, ledger } = await setUp({ options: { openai: undefined, anthropic: undefined } });
    await expect(forQueue().generate(request)).resolves.toMatchObject({ value: { score: 1 }, provider: 'local', model: 'local', costUsd: 0 });
    expect(ledger.records).toHaveLength(0);
    expect(llm.requests()).toHaveLength(0);
  });
});

describe('the test of the OpenAI key', () => {
  it('is passed by a key that works, for nothing', async () => {
    const { ai, ledger } = await setUp();
    await expect(ai.testOpenAi()).resolves.toEqual({ configured: true, ok: true, message: 'OpenAI accepts the key and knows gpt-6-luna' });
    expect(llm.requests()).toMatchObject([{ method: 'GET', path: '/v1/models/gpt-6-luna' }]);
    expect(ledger.records).toHaveLength(0);
  });

  it('says what is wrong with one that does not', async () => {
    llm.fail(401);
    const { ai } = await setUp();
    await expect(ai.testOpenAi()).resolves.toMatchObject({ configured: true, ok: false, message: expect.stringContaining('OPENAI_API_KEY') });
  });

  it('says that there is none', async () => {
    const { ai } = await setUp({ options: { openai: undefined } });
    await expect(ai.testOpenAi()).resolves.toEqual({ configured: false, ok: false, message: 'OPENAI_API_KEY is not set' });
  });

  it('heeds and shares a pause like any call', async () => {
    llm.fail(429, { 'retry-after': '2' });
    const { ai } = await setUp();
    for (let count = 0; count < 2; count += 1) await expect(ai.testOpenAi()).resolves.toMatchObject({ ok: false });
    expect(llm.requests()).toHaveLength(1);
  });
});
