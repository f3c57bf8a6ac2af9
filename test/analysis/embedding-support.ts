import type { Ai } from '../../lib/ai/contract.ts';
import { createWorld } from '../ai/world.ts';

/** The AI layer of a process whose OpenAI is at `baseUrl`, as one job of an analysis sees it. */
export async function aiAt(baseUrl: string, signal = new AbortController().signal): Promise<Ai> {
  const { forQueue } = await createWorld({ openaiBaseUrl: baseUrl, anthropicBaseUrl: baseUrl });
  return forQueue('conversation-analysis', { signal });
}

export const numberedAnswers = (count: number, said = 'The buses are late'): string[] =>
  Array.from({ length: count }, (_, index) => `${said}, says number ${index}`);
