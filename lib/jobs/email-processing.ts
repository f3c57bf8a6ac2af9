import { z } from 'zod';
import { MINUTE, SECOND } from '../clock.ts';
import { defineJob, defineQueue, exponential, whileUnfinished } from './define.ts';

export const emailProcessing = defineQueue({
  queue: 'email-processing',
  concurrency: 10,
  attempts: 4,
  backoff: exponential(5 * SECOND, 5),
  timeoutMs: 2 * MINUTE,
  keep: { completed: 100, failed: 500 },
});

const payload = z.object({ emailId: z.uuid(), dealId: z.uuid() });
const origin = { provider: z.string(), model: z.string(), promptVersion: z.string() };

function emailJob<const N extends string, R>(name: N, result: z.ZodType<R>) {
  return defineJob({
    queue: 'email-processing',
    name,
    payload,
    result,
    once: whileUnfinished<z.infer<typeof payload>>(({ emailId }) => `email-${name}-${emailId}`),
    status: 'ready',
  });
}

export const EMAIL_OPERATIONS = ['analyze_sentiment', 'detect_blocker'] as const;
export type EmailOperation = (typeof EMAIL_OPERATIONS)[number];

export const MAIL_SENTIMENTS = ['positive', 'neutral', 'negative', 'mixed'] as const;
export type MailSentiment = (typeof MAIL_SENTIMENTS)[number];
export const URGENCIES = ['low', 'normal', 'high'] as const;
export type Urgency = (typeof URGENCIES)[number];

export const mailSentimentResult = z.object({
  emailId: z.uuid(),
  label: z.enum(MAIL_SENTIMENTS),
  /** -1 (hostile) to 1 (delighted). */
  score: z.number(),
  urgency: z.enum(URGENCIES),
  ...origin,
});
export type MailSentimentResult = z.infer<typeof mailSentimentResult>;

export const blockerResult = z.object({
  emailId: z.uuid(),
  threadId: z.string(),
  /** Of the thread, after its latest message. */
  blocker: z.enum(['open', 'resolved', 'none']),
  ...origin,
});
export type BlockerResult = z.infer<typeof blockerResult>;

export const analyzeSentiment = emailJob('analyze_sentiment', mailSentimentResult);
export const detectBlocker = emailJob('detect_blocker', blockerResult);
