import { z } from 'zod';
import { MINUTE, SECOND } from '../clock.ts';
import { defineJob, defineQueue, exponential, forEver } from './define.ts';

export const reviewAi = defineQueue({
  queue: 'review-ai',
  concurrency: 5,
  attempts: 3,
  backoff: exponential(2 * SECOND),
  timeoutMs: 2 * MINUTE,
  keep: { completed: 100, failed: 500 },
});

/** Longest review, prompt or text, in UTF-16 units: about 5,000 tokens. */
const LONGEST_REVIEW = 20_000;
/** A reply's length when `max_length` does not say, and the bounds of `max_length`; in characters (code points). Fewer say nothing civil. */
export const REPLY_LENGTH = { default: 1_000, least: 80, most: 5_000 } as const;

/** Postgres cannot store NUL or half a surrogate pair, and no reader needs the other control characters. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/gu, ' ').toWellFormed();
}

const text = (longest: number) =>
  z
    .string()
    .max(longest, `must not be longer than ${longest.toLocaleString('en')} characters`)
    .overwrite(printable)
    .refine((value) => value.trim() !== '', 'must not be empty');

const tag = z.string().regex(/^[a-z]{2,3}(?:-[a-z0-9]{2,8})*$/iu, 'must be a language tag such as "en" or "pt-BR"');

const score = z.number().min(-1).max(1);
export const sentimentLabel = z.enum(['positive', 'neutral', 'negative', 'mixed']);
export type SentimentLabel = z.infer<typeof sentimentLabel>;

/** Who answered, and with which prompt; `local` when no key is configured, with `notes` on what the local rules could not do. */
const origin = {
  provider: z.string(),
  model: z.string(),
  promptVersion: z.string(),
  /** Limits of this very answer, in English sentences; empty when there are none. */
  notes: z.array(z.string()),
};

export const replyResult = z.object({
  /** The reply to publish. */
  reply: z.string(),
  tone: z.string(),
  /** Of the review, as a language tag; `und` when it cannot be told. The reply is in it unless the payload names another. */
  language: z.string(),
  replyLanguage: z.string(),
  /** Code points of `reply`. */
  characters: z.int(),
  /** The rules that `reply` was checked against after it was written; all are met. */
  checks: z.array(z.object({ rule: z.string(), ok: z.boolean(), detail: z.string() })),
  /** The rules that a model's answers broke twice, so that the safe local reply was taken; empty otherwise. */
  rejected: z.array(z.string()),
  ...origin,
});
export type ReplyResult = z.infer<typeof replyResult>;

export const reviewResult = z.object({
  /** `quote` stands in the review, character for character. */
  topics: z.array(z.object({ topic: z.string(), label: sentimentLabel, score, quote: z.string() })),
  sentiment: z.object({ label: sentimentLabel, score }),
  urgency: z.object({ level: z.enum(['low', 'medium', 'high']), reason: z.string() }),
  /** A language tag; `und` when it cannot be told. */
  language: z.string(),
  /** Kinds only: the data itself is never stored a second time. */
  personalData: z.object({ present: z.boolean(), kinds: z.array(z.string()) }),
  ...origin,
});
export type ReviewResult = z.infer<typeof reviewResult>;

export const promptResult = z.object({
  /** Each from 0 (absent) to 10. */
  criteria: z.array(z.object({ criterion: z.string(), score: z.number().min(0).max(10), reason: z.string() })),
  /** Mean of the criteria, one decimal. */
  overall: z.number().min(0).max(10),
  improvedPrompt: z.string(),
  suggestions: z.array(z.string()),
  ...origin,
});
export type PromptResult = z.infer<typeof promptResult>;

export const sentimentResult = z.object({
  label: sentimentLabel,
  /** -1 = as negative as can be, 1 = as positive. */
  score,
  /** In the order of the text; each `text` stands in it as it is. */
  sentences: z.array(z.object({ text: z.string(), label: sentimentLabel, score })),
  language: z.string(),
  ...origin,
});
export type SentimentResult = z.infer<typeof sentimentResult>;

const common = { queue: 'review-ai', once: forEver('jobs'), status: 'ready' } as const;
const review = text(LONGEST_REVIEW);

const replyPayload = z.object({
  review_text: review,
  /** For example `friendly`, `professional`, `apologetic`. */
  tone: text(100).optional(),
  /** How the business speaks, its facts and its sign-off: what a reply may say besides the review's own facts. */
  brand_voice: text(4_000).optional(),
  /** Of the reply; the review's own when absent. */
  language: tag.optional(),
  max_length: z.int().min(REPLY_LENGTH.least).max(REPLY_LENGTH.most).optional(),
});
export type ReplyPayload = z.infer<typeof replyPayload>;

export const aiGeneration = defineJob({ ...common, name: 'ai_generation', payload: replyPayload, result: replyResult });

export const reviewProcessing = defineJob({
  ...common,
  name: 'review_processing',
  payload: z.object({ review_text: review }),
  result: reviewResult,
});

const promptPayload = z.object({ prompt: text(LONGEST_REVIEW), goal: text(2_000).optional() });
export type PromptPayload = z.infer<typeof promptPayload>;

export const promptAnalysis = defineJob({ ...common, name: 'prompt_analysis', payload: promptPayload, result: promptResult });

const sentimentPayload = z.union([z.object({ text: review }), z.object({ review_text: review })], {
  error: 'must have text or review_text, a string',
});
export type SentimentPayload = z.infer<typeof sentimentPayload>;

export const sentimentAnalysis = defineJob({ ...common, name: 'sentiment_analysis', payload: sentimentPayload, result: sentimentResult });
