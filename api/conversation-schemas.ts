import { z } from 'zod';
import { MAX_ANSWER_CHARACTERS, MAX_EXTERNAL_ID_CHARACTERS } from '../lib/conversations/limits.ts';
import type { Conversation, NewAnswer } from '../lib/db/conversation-types.ts';
import type { JobRow } from '../lib/db/types.ts';
import { jobView } from './schemas.ts';

export const tags = ['conversations'];
export const conversationParams = z.object({ id: z.guid('must be the uuid of a conversation') });
export const themeParams = conversationParams.extend({ themeId: z.guid('must be the uuid of a theme') });

/** More come as CSV, or in several calls. */
const MAX_ANSWERS_PER_CALL = 5_000;

const answerText = z.string().max(MAX_ANSWER_CHARACTERS);
const newAnswer = z.strictObject({ text: answerText, externalId: z.string().min(1).max(MAX_EXTERNAL_ID_CHARACTERS).exactOptional() });
const problem = `must be a text of at most ${MAX_ANSWER_CHARACTERS} characters, or { text, externalId? } with an id of at most ${MAX_EXTERNAL_ID_CHARACTERS}`;

/** Texts, or `{ text, externalId? }`. */
export const newAnswers = z
  .array(z.union([answerText, newAnswer], problem))
  .max(MAX_ANSWERS_PER_CALL, `at most ${MAX_ANSWERS_PER_CALL} answers in one call: send more in several calls, or as text/csv`);

export function toNewAnswers(given: z.infer<typeof newAnswers>): NewAnswer[] {
  return given.map((answer) => (typeof answer === 'string' ? { text: answer } : answer));
}

export const conversationSummary = z.object({
  id: z.string(),
  userId: z.string().nullable(),
  title: z.string(),
  analysisStatus: z.enum(['idle', 'queued', 'processing', 'succeeded', 'failed', 'cancelled']),
  analysisError: z.string().nullable(),
  analysisJobId: z.string().nullable().describe('The job whose themes and map are shown'),
  analysedAt: z.string().nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
});

export const conversationCounts = z.object({
  total: z.number(),
  counted: z.number().describe('Distinct answers that the latest analysis counted'),
  duplicates: z.number(),
  notAnalysed: z.number().describe('Empty, or newer than the analysis'),
  outliers: z.number(),
  themes: z.number(),
});

export const analysisJob = z.object({
  id: z.string(),
  status: z.enum(['queued', 'processing', 'succeeded', 'failed', 'cancelled']).catch('queued'),
  attempts: z.number(),
  progress: jobView.shape.progress,
  error: z.string().nullable(),
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
});

export const theme = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  keywords: z.array(z.object({ term: z.string(), score: z.number() })),
  size: z.number().describe('Distinct answers'),
  responses: z.number().describe('With equal answers counted each'),
  share: z.number().describe('Of all distinct answers, 0 to 1'),
  sentiment: z.enum(['positive', 'neutral', 'negative', 'mixed']),
  sentimentScore: z.number(),
  representatives: z.array(z.object({ responseId: z.string(), text: z.string() })),
  quotes: z.array(z.object({ responseId: z.string(), quote: z.string() })),
  x: z.number().nullable(),
  y: z.number().nullable(),
  stability: z.number().nullable(),
  renamedAt: z.string().nullable().describe('A user gave it its name, which stays'),
});

export function viewJob(row: JobRow): z.input<typeof analysisJob> {
  const { id, attempts, progress, error, createdAt, startedAt, finishedAt } = row;
  const { status } = analysisJob.pick({ status: true }).parse(row);
  return { id, status, attempts, ...(progress ? { progress } : {}), error, createdAt, startedAt, finishedAt };
}

export function viewSummary({ analysis: _, ...summary }: Conversation): z.infer<typeof conversationSummary> {
  return summary;
}
