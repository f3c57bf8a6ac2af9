import type { Ai, Prompt, Usage } from '../../ai/contract.ts';
import { NoAnswerError } from '../../ai/errors.ts';
import { loadPrompt } from '../../ai/prompts.ts';
import { PermanentError } from '../../errors.ts';
import type { Naming } from './naming.ts';
import { LOCAL_NAMING_VERSION, type NamedTheme, type NamingRequest, namingAnswer } from './naming-request.ts';

const OUTPUT_TOKENS = { base: 300, perTheme: 300 };

/** Where the model is asked. */
export interface Desk {
  stats: Naming['stats'];
  /** The themes of the answer; none where the model gave none that can be used. */
  ask(request: NamingRequest, options: { force: boolean }): Promise<NamedTheme[]>;
}

/** Keeps the accounts of all calls. */
export async function openDesk(ai: Ai): Promise<Desk> {
  const prompt = await loadPrompt('theme-naming');
  const stats = { provider: ai.provider, model: ai.model, promptVersion: versionOf(ai, prompt), ...NOTHING_SPENT };
  const spend = ({ inputTokens, outputTokens }: Usage, costUsd: number): void => {
    stats.calls += 1;
    stats.inputTokens += inputTokens;
    stats.outputTokens += outputTokens;
    stats.costUsd += costUsd;
  };
  const ask: Desk['ask'] = async ({ data, answers }, options) => {
    const maxOutputTokens = OUTPUT_TOKENS.base + OUTPUT_TOKENS.perTheme * answers.length;
    try {
      const generation = await ai.generate({ prompt, schema: namingAnswer, data, maxOutputTokens }, options);
      if (!generation.cached) spend(generation.usage, generation.costUsd);
      stats.model = generation.model;
      return generation.value.themes;
    } catch (error) {
      if (!isUnusable(error)) throw error;
      spend(error instanceof NoAnswerError ? error.usage : NO_USAGE, 0);
      return [];
    }
  };
  return { stats, ask };
}

const NOTHING_SPENT = { calls: 0, inputTokens: 0, outputTokens: 0, costUsd: 0, quotesDropped: 0 };
const NO_USAGE: Usage = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0 };

function versionOf({ provider }: Ai, { version }: Prompt): string {
  return provider === 'local' ? `${version} (rules ${LOCAL_NAMING_VERSION})` : version;
}

/** The model answered, but nothing to name a theme by: a refusal, half an answer, or twice one that does not fit. */
function isUnusable(error: unknown): boolean {
  return error instanceof NoAnswerError || (error instanceof PermanentError && error.code === 'invalid_answer');
}
