import { describe, expect, it } from 'vitest';
import { costOf } from '../../lib/ai/prices.ts';

const MILLION = 1_000_000;
const usage = (inputTokens: number, outputTokens: number, cachedInputTokens = 0, cacheWriteTokens = 0) => ({
  inputTokens,
  outputTokens,
  cachedInputTokens,
  cacheWriteTokens,
});

describe('the price of a call', () => {
  it.each([
    ['openai', 'gpt-6-luna', usage(100_000, 10_000), 0.01 + 0.005],
    ['openai', 'gpt-6-luna', usage(100_000, 0, 100_000), 0.001],
    ['openai', 'gpt-6-luna', usage(100_000, 0, 0, 100_000), 0.0125],
    ['openai', 'gpt-6-luna', usage(300_000, 100_000), 0.06 + 0.075],
    ['openai', 'text-embedding-3-small', usage(MILLION, 0), 0.02],
    ['anthropic', 'claude-haiku-5-5', usage(100_000, 100_000), 0.01 + 0.05],
    ['anthropic', 'claude-haiku-5-5', usage(100_001, 0), 0.0500005],
    ['anthropic', 'claude-opus-5-5', usage(MILLION, MILLION), 24],
  ] as const)('of %s %s with %o is $%d', (vendor, model, used, usd) => {
    const cost = costOf(vendor, model, used);
    expect(cost.usd).toBeCloseTo(usd, 10);
    expect(cost.known).toBe(true);
  });

  it('counts a dated name as the model it is of', () => {
    expect(costOf('openai', 'gpt-6-luna-2026-09-22', usage(100_000, 0))).toEqual(costOf('openai', 'gpt-6-luna', usage(100_000, 0)));
    expect(costOf('anthropic', 'claude-haiku-4-5-20251001', usage(MILLION, 0))).toEqual({ usd: 1, known: true });
  });

  it.each(['gpt-9', 'gpt-6-luna-pro', 'constructor', ''])('takes the dearest known price for the unknown model %j, and says so', (model) => {
    expect(costOf('openai', model, usage(100_000, 0))).toEqual({ usd: 1, known: false });
  });

  it('never goes below 0 when a vendor reports more cached tokens than tokens', () => {
    expect(costOf('openai', 'gpt-6-luna', usage(10, 0, 100, 100)).usd).toBeCloseTo(10 * 0.01e-6, 15);
  });
});
