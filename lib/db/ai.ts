import { z } from 'zod';
import type { AiLedger } from '../ai/contract.ts';
import { answer, type Client, firstRow, parseRow } from './rest.ts';
import { numeric, storable } from './rows.ts';

const cached = z.object({ answer: z.object({ value: z.unknown() }), model: z.string() });

/** `ai_usage` and `ai_cache`, as the service role. */
export function createAiLedger(client: Client): AiLedger {
  return {
    async record(usage) {
      const row = {
        queue: usage.queue,
        job_id: usage.jobId,
        user_id: usage.userId ?? null,
        provider: usage.provider,
        model: usage.model,
        operation: usage.operation,
        prompt_id: usage.promptId ?? null,
        prompt_version: usage.promptVersion ?? null,
        input_tokens: usage.inputTokens,
        output_tokens: usage.outputTokens,
        cached_input_tokens: usage.cachedInputTokens,
        cost_usd: usage.costUsd,
        duration_ms: Math.round(usage.durationMs),
      };
      await answer(client.from('ai_usage').insert(row));
    },

    async spentTodayUsd(now) {
      const midnight = `${new Date(now).toISOString().slice(0, 10)}T00:00:00Z`;
      return parseRow(numeric, await answer(client.rpc('ai_spent_since', { p_since: midnight })), 'ai_spent_since');
    },

    async cached(key) {
      const found = firstRow(await answer(client.from('ai_cache').select('answer,model').eq('key', key).limit(1)));
      if (found === undefined) return undefined;
      const { answer: stored, model } = parseRow(cached, found, 'ai_cache');
      return { value: stored.value, model };
    },

    async store(key, { value, model, promptId, promptVersion, provider }) {
      const row = { key, answer: storable({ value }), model, prompt_id: promptId, prompt_version: promptVersion, provider };
      await answer(client.from('ai_cache').upsert(row, { onConflict: 'key' }));
    },
  };
}
