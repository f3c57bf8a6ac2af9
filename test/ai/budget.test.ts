import { describe, expect, it } from 'vitest';
import { createBudget } from '../../lib/ai/budget.ts';
import type { AiUsageRecord } from '../../lib/ai/contract.ts';
import { DAY } from '../../lib/clock.ts';
import { createFakeClock } from '../support/clock.ts';
import { createMemoryLedger } from './memory.ts';

const EXCEEDED = { code: 'budget_exceeded', retryable: false, message: expect.stringContaining('AI_DAILY_BUDGET_USD') };
const never = new AbortController().signal;

function setUp(dailyBudgetUsd: number | undefined, spentUsd = 0) {
  const clock = createFakeClock();
  const ledger = createMemoryLedger(clock);
  const spend = (costUsd: number) => ledger.record(usage(costUsd));
  const ready = spentUsd > 0 ? spend(spentUsd) : Promise.resolve();
  return ready.then(() => ({ clock, ledger, spend, budget: createBudget({ dailyBudgetUsd, ledger, clock }) }));
}

function usage(costUsd: number): AiUsageRecord {
  const tokens = { inputTokens: 1, outputTokens: 1, cachedInputTokens: 0 };
  const about = { queue: 'q', jobId: '1', userId: undefined, promptId: undefined, promptVersion: undefined };
  return { ...about, provider: 'openai', model: 'gpt-6-luna', operation: 'generate', ...tokens, costUsd, durationMs: 1 };
}

/** Resolves to whether `promise` has settled once everything that can run without it has run. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  promise.then(
    () => (done = true),
    () => (done = true),
  );
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  return done;
}

describe('the daily budget', () => {
  it('stops calls once it is spent, naming the variable', async () => {
    const { budget, spend } = await setUp(1, 0.999);
    (await budget.reserve(0.01, never)).settle();
    await spend(0.001);
    await expect(budget.reserve(0.01, never)).rejects.toMatchObject(EXCEEDED);
  });

  it('of 0 stops every call', async () => {
    await expect((await setUp(0)).budget.reserve(0, never)).rejects.toMatchObject(EXCEEDED);
  });

  it('begins again at 00:00 UTC', async () => {
    const { budget, clock } = await setUp(1, 1);
    await expect(budget.reserve(0.01, never)).rejects.toMatchObject(EXCEEDED);
    clock.advance(DAY);
    await expect(budget.reserve(0.01, never)).resolves.toBeDefined();
  });

  it('that is absent asks nobody and stops nothing', async () => {
    const { budget } = await setUp(undefined, 1_000);
    await expect(budget.reserve(1_000, never)).resolves.toBeDefined();
  });

  it('holds calls back while those in flight may use up what is left, and lets them go when there was enough after all', async () => {
    const { budget, spend } = await setUp(1);
    const first = await budget.reserve(0.6, never);
    const second = budget.reserve(0.6, never);
    expect(await settled(second)).toBe(false);
    await spend(0.1);
    first.settle();
    await expect(second).resolves.toBeDefined();
  });

  it('refuses those it held back when the money went to the others', async () => {
    const { budget, spend } = await setUp(1);
    const first = await budget.reserve(0.6, never);
    const held = [budget.reserve(0.6, never), budget.reserve(0.6, never)];
    await spend(1.2);
    first.settle();
    for (const call of held) await expect(call).rejects.toMatchObject(EXCEEDED);
  });

  it('lets calls run side by side while there is room for all', async () => {
    const { budget } = await setUp(1);
    await expect(Promise.all([0.3, 0.3, 0.3].map((usd) => budget.reserve(usd, never)))).resolves.toHaveLength(3);
  });

  it('lets one call through that might be dearer than what is left, and one only', async () => {
    const { budget } = await setUp(1);
    const both = [budget.reserve(5, never), budget.reserve(5, never)];
    await both[0];
    expect(await settled(Promise.all(both))).toBe(false);
  });

  it('goes on counting what the ledger could not be told, for the rest of the day', async () => {
    const { budget, clock } = await setUp(1);
    (await budget.reserve(0.1, never)).settle(1.5);
    await expect(budget.reserve(0.1, never)).rejects.toMatchObject(EXCEEDED);
    clock.advance(DAY);
    await expect(budget.reserve(0.1, never)).resolves.toBeDefined();
  });

  it('gives a call that waits back to its signal', async () => {
    const { budget } = await setUp(1);
    await budget.reserve(0.9, never);
    const controller = new AbortController();
    const waiting = budget.reserve(0.9, controller.signal);
    controller.abort(new Error('cancelled by hand'));
    await expect(waiting).rejects.toThrow('cancelled by hand');
  });

  it('asks the ledger again when a call ended while it was being read', async () => {
    const { ledger, clock, spend } = await setUp(1);
    const late = Promise.withResolvers<void>();
    let reads = 0;
    const spentTodayUsd = async (now: number) => {
      const spentUsd = await ledger.spentTodayUsd(now);
      reads += 1;
      if (reads === 2) await late.promise;
      return spentUsd;
    };
    const budget = createBudget({ dailyBudgetUsd: 1, ledger: { ...ledger, spentTodayUsd }, clock });
    const first = await budget.reserve(0.1, never);
    const second = budget.reserve(0.1, never);
    expect(await settled(second)).toBe(false);
    await spend(1);
    first.settle();
    late.resolve();
    await expect(second).rejects.toMatchObject(EXCEEDED);
  });

  it('settles a reservation once', async () => {
    const { budget } = await setUp(1);
    const reservation = await budget.reserve(0.1, never);
    reservation.settle(0.6);
    reservation.settle(0.6);
    await expect(budget.reserve(0.1, never)).resolves.toBeDefined();
  });
});
