import { z } from 'zod';
import { answerSchema } from '../ai/schema.ts';
import { URGENCIES } from '../jobs/email-processing.ts';

/** Models send NUL where they have lost the thread; Postgres stores none. */
const plain = z.string().refine((text) => !text.includes('\0') && text.isWellFormed(), 'must be plain text');
const words = plain.refine((text) => text.trim() !== '', 'must not be empty');

/** What is answered to the prompt `email-sentiment`; the label follows from it, so that they never contradict each other. */
export const sentimentAnswer = answerSchema(z.object({ score: z.number().min(-1).max(1), mixed: z.boolean(), urgency: z.enum(URGENCIES) }));
export type SentimentAnswer = z.infer<typeof sentimentAnswer>;

const item = z.object({
  what: words,
  owedBy: plain.nullable(),
  owedTo: plain.nullable(),
  /** As asked for: `2026-11-30`. What is none is dropped afterwards. */
  dueDate: plain.nullable(),
  /** Labels: m1, m2, … */
  messages: z.array(plain),
});

/** To `email-blocker`. */
export const blockerAnswer = answerSchema(
  z.object({ status: z.enum(['open', 'resolved', 'none']), summary: plain, items: z.array(item), resolvedBy: z.array(plain) }),
);
export type BlockerAnswer = z.infer<typeof blockerAnswer>;
