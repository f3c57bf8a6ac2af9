import type { z } from 'zod';
import type { Generation, Prompt } from '../../ai/contract.ts';
import { loadPrompt } from '../../ai/prompts.ts';
import type { InsightContext } from './document.ts';

export interface Question<T> {
  prompt: string;
  schema: z.ZodType<T>;
  data: Readonly<Record<string, string>>;
  maxOutputTokens: number;
}

/**
 * One question of a job. An answer that was paid for is found again, however often the job is put off or tried again; a forced job pays for each of
 * its questions once, and not anew after every pause that a provider asks for: with many questions it would never come to its end.
 */
export async function ask<T>({ ai, job, meta, signal }: InsightContext, { prompt: id, ...question }: Question<T>): Promise<Generation<T>> {
  signal.throwIfAborted();
  const prompt = await loadPrompt(id);
  const generation = await ai.generate({ ...question, prompt: meta.force ? ofItsOwn(prompt, `${job.id} ${meta.run ?? 1}`) : prompt });
  return { ...generation, promptVersion: prompt.version };
}

/** The version is part of the key that answers are kept under. */
function ofItsOwn(prompt: Prompt, job: string): Prompt {
  return { ...prompt, version: `${prompt.version} forced by ${job}` };
}
