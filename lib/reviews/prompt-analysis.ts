import { loadPrompt } from '../ai/prompts.ts';
import type { PromptPayload, PromptResult } from '../jobs/review-ai.ts';
import { PROMPT_CRITERIA, type PromptAnswer, promptAnswer } from './answers.ts';
import { originOf, type ReviewContext, stepper } from './context.ts';

const STEPS = ['judging'] as const;
const MOST_SUGGESTIONS = 5;
/** The improved prompt is longer than the prompt, and 20,000 characters are 5,000 tokens. */
const MOST_OUTPUT_TOKENS = 9_000;

const LOCAL_NOTE =
  'Judged by word rules, without a language model: they see whether a prompt says something of each kind, not whether it is right. Their words are English.';

/** Scores a prompt on seven criteria and rewrites it. `overall` is their mean: a model's own total would not add up. */
export async function analysePrompt({ prompt, goal = '' }: PromptPayload, context: ReviewContext): Promise<PromptResult> {
  const step = stepper(context, STEPS);
  step('judging');
  const request = { prompt: await loadPrompt('prompt-analysis'), schema: promptAnswer, data: { goal, prompt }, maxOutputTokens: MOST_OUTPUT_TOKENS };
  const generation = await context.ai.generate(request, { force: context.meta.force === true });
  const criteria = inOrder(generation.value);
  step('done');
  return {
    criteria,
    overall: oneDecimal(criteria.reduce((sum, { score }) => sum + score, 0) / criteria.length),
    improvedPrompt: generation.value.improvedPrompt,
    suggestions: generation.value.suggestions.slice(0, MOST_SUGGESTIONS),
    notes: generation.provider === 'local' ? [LOCAL_NOTE] : [],
    ...originOf(generation),
  };
}

function inOrder({ criteria }: PromptAnswer): PromptAnswer['criteria'] {
  return PROMPT_CRITERIA.flatMap((name) => criteria.filter(({ criterion }) => criterion === name)).map((each) => ({
    ...each,
    score: oneDecimal(each.score),
  }));
}

function oneDecimal(value: number): number {
  return Math.round(value * 10) / 10;
}
