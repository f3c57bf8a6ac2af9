import { z } from 'zod';
import { answerSchema } from '../ai/schema.ts';
import { PERSONAL_DATA_KINDS } from './personal-data.ts';

const score = z.number().min(-1).max(1);
/** Models send blanks where they have nothing to say, and NUL where they have lost the thread; Postgres stores no NUL. */
const words = z.string().refine((text) => text.trim() !== '' && !text.includes('\0') && text.isWellFormed(), 'must be plain text and not empty');

/** What is answered to the prompt `review-reply`. */
export const replyAnswer = answerSchema(z.object({ reply: words, reviewLanguage: words }));
export type ReplyAnswer = z.infer<typeof replyAnswer>;

/** To `review-processing`. */
export const reviewAnswer = answerSchema(
  z.object({
    topics: z.array(z.object({ topic: words, score, quote: words })),
    score,
    urgency: z.object({ level: z.enum(['low', 'medium', 'high']), reason: words }),
    language: words,
    personalData: z.array(z.enum(PERSONAL_DATA_KINDS)),
  }),
);
export type ReviewAnswer = z.infer<typeof reviewAnswer>;

const sentence = z.object({ number: z.int(), score });

/** To `review-sentiment`, about a text of `count` sentences: each of them once, in order. */
export function sentimentAnswer(count: number) {
  const inOrder = (entries: readonly { number: number }[]) => entries.length === count && entries.every(({ number }, index) => number === index + 1);
  return answerSchema(
    z.object({ sentences: z.array(sentence).refine(inOrder, `must be one entry for each of the ${count} sentences, in order`), score }),
  );
}
export type SentimentAnswer = z.infer<ReturnType<typeof sentimentAnswer>>;

export const PROMPT_CRITERIA = ['clarity', 'specificity', 'context', 'output_format', 'constraints', 'examples', 'safety'] as const;
export type PromptCriterion = (typeof PROMPT_CRITERIA)[number];

const criterion = z.object({ criterion: z.enum(PROMPT_CRITERIA), score: z.number().min(0).max(10), reason: words });
const eachOnce = (entries: readonly { criterion: string }[]) =>
  entries.length === PROMPT_CRITERIA.length && PROMPT_CRITERIA.every((name) => entries.some((entry) => entry.criterion === name));

/** To `prompt-analysis`. */
export const promptAnswer = answerSchema(
  z.object({
    criteria: z.array(criterion).refine(eachOnce, `must name each of ${PROMPT_CRITERIA.join(', ')} once`),
    improvedPrompt: words,
    suggestions: z.array(words),
  }),
);
export type PromptAnswer = z.infer<typeof promptAnswer>;
