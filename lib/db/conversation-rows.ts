/** How conversations, themes and answers look in the database, and how an analysis goes there. */
import { z } from 'zod';
import type { AnalysisStatus, AnalysisToSave, Answer, Conversation, Theme, ThemeSentiment } from './conversation-types.ts';
import { parseRow } from './rest.ts';
import { integer, jsonText, numeric, timestamp } from './rows.ts';

const ANALYSIS_STATUSES = ['idle', 'queued', 'processing', 'succeeded', 'failed', 'cancelled'] as const satisfies readonly AnalysisStatus[];
const SENTIMENTS = ['positive', 'neutral', 'negative', 'mixed'] as const satisfies readonly ThemeSentiment[];

const text = z.string().nullable();
/** Adopted tables allow null where ours have a default. */
const textOr = (fallback: string) => text.transform((value) => value ?? fallback);
const numberOr = (fallback: number) => numeric.nullable().transform((value) => value ?? fallback);

const conversation = z.object({
  id: z.string(),
  user_id: text,
  title: textOr(''),
  analysis_status: z.enum(ANALYSIS_STATUSES).catch('idle'),
  analysis_error: text,
  analysis: z.unknown(),
  analysis_job_id: text,
  analysed_at: timestamp.nullable(),
  created_at: timestamp,
  updated_at: timestamp,
});

export function parseConversation(value: unknown): Conversation {
  const found = parseRow(conversation, value, 'conversations');
  return {
    id: found.id,
    userId: found.user_id,
    title: found.title,
    analysisStatus: found.analysis_status,
    analysisError: found.analysis_error,
    analysis: found.analysis ?? null,
    analysisJobId: found.analysis_job_id,
    analysedAt: found.analysed_at,
    createdAt: found.created_at,
    updatedAt: found.updated_at,
  };
}

/** Adopted tables may hold the bare terms. */
const keyword = z.union([z.object({ term: z.string(), score: z.number() }), z.string().transform((term) => ({ term, score: 0 }))]);

const theme = z.object({
  id: z.string(),
  conversation_id: z.string(),
  name: textOr(''),
  description: textOr(''),
  keywords: z.array(keyword).catch([]),
  size: integer.nullable().transform((size) => size ?? 0),
  responses: integer,
  share: numberOr(0),
  sentiment: z.enum(SENTIMENTS).catch('neutral'),
  sentiment_score: numberOr(0),
  representatives: z.array(z.object({ responseId: z.string(), text: z.string() })).catch([]),
  quotes: z.array(z.object({ responseId: z.string(), quote: z.string() })).catch([]),
  x: numeric.nullable(),
  y: numeric.nullable(),
  position: integer,
  stability: numeric.nullable(),
  renamed_at: timestamp.nullable(),
  created_at: timestamp,
  updated_at: timestamp,
});

export function parseTheme(value: unknown): Theme {
  const { conversation_id, sentiment_score, renamed_at, created_at, updated_at, ...found } = parseRow(theme, value, 'conversation_themes');
  return {
    ...found,
    conversationId: conversation_id,
    sentimentScore: sentiment_score,
    renamedAt: renamed_at,
    createdAt: created_at,
    updatedAt: updated_at,
  };
}

const number = z.number().nullable();
/** As `conversation_responses_page` answers them. */
export const answerRow = z.tuple([z.string(), z.int(), textOr(''), text, number, number, z.int().nullable(), text, text]).transform(
  ([id, position, words, themeId, x, y, cluster, duplicateOf, externalId]): Answer => ({
    id,
    position,
    text: words,
    themeId,
    x,
    y,
    cluster,
    duplicateOf,
    externalId,
  }),
);

/**
 * What `save_conversation_analysis` takes. The answers go as columns, each a Postgres array written out: read several times faster than
 * tens of thousands of little JSON arrays.
 */
export function analysisText({ conversationId, result, themes, answers }: AnalysisToSave): string {
  const columns = {
    ids: arrayText(answers, ({ id }) => id),
    clusters: arrayText(answers, ({ cluster }) => cluster),
    xs: arrayText(answers, ({ x }) => x),
    ys: arrayText(answers, ({ y }) => y),
    duplicatesOf: arrayText(answers, ({ duplicateOf }) => duplicateOf),
  };
  return jsonText({ conversationId, result, themes, ...columns });
}

/** Ids and numbers need no quotes. */
function arrayText<T>(rows: readonly T[], value: (row: T) => string | number | null): string {
  return `{${rows.map((row) => literal(value(row))).join(',')}}`;
}

function literal(value: string | number | null): string | number {
  const missing = value === null || (typeof value === 'number' && !Number.isFinite(value));
  return missing ? 'null' : value;
}
