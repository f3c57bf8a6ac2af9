import type { Clock } from '../../lib/clock.ts';
import type { Config } from '../../lib/config.ts';
import { messageOf } from '../../lib/errors.ts';
import { error, type Finding, ok } from './finding.ts';

const ANSWER_WITHIN_MS = 10_000;

/** Whether OpenAI takes the key and knows the model: asks for the model's description, which costs nothing. */
export async function examineOnline({ ai }: Config, clock: Clock): Promise<Finding[]> {
  if (!ai.openai) return [];
  const { createOpenAiProvider } = await import('../../lib/ai/openai.ts');
  const provider = createOpenAiProvider(ai.openai, clock);
  try {
    await provider.check({ signal: AbortSignal.timeout(2 * ANSWER_WITHIN_MS), timeoutMs: ANSWER_WITHIN_MS });
    return [ok('keys', `OpenAI takes the key and knows ${ai.openai.model}`)];
  } catch (problem) {
    return [error('keys', `OpenAI says: ${messageOf(problem)}`, 'Check OPENAI_API_KEY, OPENAI_MODEL and OPENAI_BASE_URL.')];
  }
}
