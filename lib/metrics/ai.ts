import type { AiCall } from '../ai/books.ts';
import type { Kit } from './kit.ts';
import type { Source } from './source.ts';

const MODEL = ['provider', 'model', 'operation'] as const;
const PAID = ['openai', 'anthropic'] as const;

/** Calls of this process to models; what the caches answer is no call. */
export function createAiMetrics(kit: Kit): (call: AiCall) => void {
  const calls = kit.counter('hivepulse_ai_calls_total', 'Calls to models by outcome: ok, or the code of the error.', [...MODEL, 'outcome']);
  const duration = kit.histogram('hivepulse_ai_call_seconds', 'Time of a call to a model.', MODEL);
  const tokens = kit.counter('hivepulse_ai_tokens_total', 'Tokens by direction: input or output.', [...MODEL, 'direction']);
  const cost = kit.counter('hivepulse_ai_cost_usd_total', 'Dollars spent on calls to models.', MODEL);
  const limits = kit.counter('hivepulse_ai_rate_limits_total', 'Calls that the vendor answered with 429.', ['provider']);
  for (const provider of PAID) limits.inc({ provider }, 0);

  return ({ provider, model, operation, outcome, cached, durationMs, inputTokens, outputTokens, costUsd }) => {
    if (cached) return;
    const labels = { provider, model, operation };
    calls.inc({ ...labels, outcome });
    duration.observe(labels, durationMs / 1_000);
    if (inputTokens > 0) tokens.inc({ ...labels, direction: 'input' }, inputTokens);
    if (outputTokens > 0) tokens.inc({ ...labels, direction: 'output' }, outputTokens);
    if (costUsd > 0) cost.inc(labels, costUsd);
    if (outcome === 'rate_limited') limits.inc({ provider });
  };
}

/** What the ledger says all processes have spent, and what they may. */
export function readSpending(kit: Kit, spent: Source<number>, dailyBudgetUsd: number | undefined): void {
  kit.reading(spent, 'hivepulse_ai_spent_today_usd', 'Dollars spent since 00:00 UTC by all processes, by the ledger.', [], (usd) => [[{}, usd]]);
  if (dailyBudgetUsd === undefined) return;
  kit
    .gauge('hivepulse_ai_daily_budget_usd', 'Dollars that may be spent in a day (AI_DAILY_BUDGET_USD); absent where there is no cap.')
    .set(dailyBudgetUsd);
}
