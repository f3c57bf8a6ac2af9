import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Ai, GenerateRequest, Generation } from '../../lib/ai/contract.ts';
import type { LocalScores } from '../../lib/db/types.ts';
import type { StoryJudgement } from '../../lib/scoring/refine.ts';

const story = z.object({
  url: z.url(),
  date: z.iso.date(),
  title: z.string(),
  content: z.string(),
  sectorTag: z.string(),
  impactTags: z.array(z.string()),
});

/** The real stories of the demo. */
export const exampleStories = z
  .array(story)
  .parse(JSON.parse(readFileSync(new URL('../../examples/data/stories/stories.json', import.meta.url), 'utf8')));

/** The sum of a score's reasons, clamped: what the score must be. */
export function sumOfReasons({ reasons }: LocalScores, score: 'hype' | 'ethics'): number {
  const sum = reasons.filter((reason) => reason.score === score).reduce((total, { effect }) => total + effect, 0);
  return Math.round(Math.min(10, Math.max(0, sum)) * 10) / 10;
}

export interface Asked {
  promptId: string;
  data: Readonly<Record<string, string>>;
  force: boolean;
}

/** An `Ai` that gives prepared answers, by prompt id, through the schema it was asked with; for what no HTTP server is needed to show. */
export function preparedAi(
  answers: Record<string, unknown>,
  settings: { provider?: Ai['provider']; model?: string } = {},
): { ai: Ai; asked: Asked[] } {
  const { provider = 'openai', model = 'gpt-6-luna' } = settings;
  const asked: Asked[] = [];
  const generate = async <T>({ prompt, schema, data }: GenerateRequest<T>, { force = false } = {}): Promise<Generation<T>> => {
    asked.push({ promptId: prompt.id, data, force });
    const usage = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0 };
    const value = schema.parse(answers[prompt.id]);
    return { value, provider, model: `${model}-2026-11-01`, promptVersion: prompt.version, cached: false, usage, costUsd: 0 };
  };
  const refuse = () => Promise.reject(new Error('not asked for here'));
  const embedding = { provider: 'local' as const, model: 'none' };
  return { ai: { provider, model, generate, embedding, embed: refuse, embedInBatches: refuse, clipForEmbedding: (text) => text }, asked };
}

export const judgement: StoryJudgement = {
  hypeScore: 7.2,
  ethicsScore: 4.8,
  realityCheck: 'The figure is not sourced.',
  claims: [],
  eli5Summary: 'A firm made a new tool. It may help.',
};
