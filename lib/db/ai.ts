import { z } from 'zod';
import type { AiLedger } from '../ai/contract.ts';
import { answer, type Client, callJson, parseRow } from './rest.ts';
import { jsonText, numeric } from './rows.ts';

const cached = z.object({ answer: z.object({ value: z.unknown() }), model: z.string() });

/** `ai_usage` and `ai_cache`, as the service role. */
export function createAiLedger(client: Client): AiLedger {
  return {
    async record({ durationMs, ...usage }) {
      await answer(client.rpc('record_ai_usage', { p_usage: jsonText({ ...usage, durationMs: Math.round(durationMs) }) }));
    },

    async spentTodayUsd(now) {
      const midnight = `${new Date(now).toISOString().slice(0, 10)}T00:00:00Z`;
      return parseRow(numeric, await answer(client.rpc('ai_spent_since', { p_since: midnight })), 'ai_spent_since');
    },

    async cached(key) {
      const found = await callJson(client, 'find_ai_answer', { p_key: key }, cached.nullable());
      return found === null ? undefined : { value: found.answer.value, model: found.model };
    },

    async store(key, entry) {
      await answer(client.rpc('store_ai_answer', { p_key: key, p_entry: jsonText(entry) }));
    },
  };
}
