import { z } from 'zod';
import { MINUTE, SECOND } from '../clock.ts';
import { defineJob, defineQueue, exponential, forEver } from './define.ts';

export const conversationAnalysis = defineQueue({
  queue: 'conversation-analysis',
  concurrency: 2,
  attempts: 3,
  backoff: exponential(5 * SECOND),
  timeoutMs: 15 * MINUTE,
  keep: { completed: 100, failed: 500 },
});

/** Bounds of the number of themes. More than the most cannot be told apart on a map, and each is named by a model. */
const THEME_COUNT = { least: 1, most: 100 } as const;

const themeCount = z.int().min(THEME_COUNT.least).max(THEME_COUNT.most);

/** What may be asked for besides the conversation; the row's `params`. */
export const analysisParams = z.object({
  /** Exactly so many themes (fewer where there are fewer distinct answers), instead of the number that the data suggests. */
  k: themeCount.optional(),
  /** Bounds of the number that the data suggests. */
  minK: themeCount.optional(),
  maxK: themeCount.optional(),
  /** The same seed gives the same themes and map. Default 42. */
  seed: z.int().min(0).max(4_294_967_295).optional(),
  /** Name themes anew that were there before; names given by users stay. */
  renameThemes: z.boolean().optional(),
});
export type AnalysisParams = z.infer<typeof analysisParams>;

const count = z.int().min(0);

export const analysisResult = z.object({
  conversationId: z.uuid(),
  /** `empty`: no answer says anything; `too_few`: too few distinct answers to tell themes apart, so that all are one; `themes`: the rest. */
  outcome: z.enum(['empty', 'too_few', 'themes']),
  /** Rows read. */
  answers: count,
  /** Rows without a word; kept, in no theme. */
  empty: count,
  /** Rows that say the same as an earlier one; placed with it, counted once. */
  duplicates: count,
  /** What the figures below count. */
  distinct: count,
  /** Distinct answers that formed the themes; the rest was assigned to the nearest (`ANALYSIS_SAMPLE_LIMIT`). */
  sampled: count,
  themes: count,
  /** Distinct answers in no theme. */
  outliers: count,
  /** Mean silhouette of the chosen clustering, -1 to 1; null where there is one theme or none. */
  silhouette: z.number().nullable(),
  /** 0 to 1: agreement (adjusted Rand index) with the clusterings of other starts; null where there is one theme or none. */
  stability: z.number().nullable(),
  /** What was tried, and how well it separated. */
  candidates: z.array(z.object({ k: count, silhouette: z.number() })),
  seed: z.int(),
  embeddings: z.object({
    provider: z.string(),
    model: z.string(),
    dimensions: count,
    /** Found in `embedding_cache`. */
    cached: count,
    /** Asked of the provider in this run. */
    embedded: count,
    tokens: count,
  }),
  naming: z.object({
    provider: z.string(),
    model: z.string(),
    promptVersion: z.string(),
    calls: count,
    /** Themes that kept the name of the analysis before. */
    kept: count,
    inputTokens: count,
    outputTokens: count,
    costUsd: z.number(),
    /** Quotes that no answer holds, and so were dropped. */
    quotesDropped: count,
  }),
  /** Milliseconds of each step. */
  milliseconds: z.record(z.string(), z.number()),
  /** Limits of this very analysis, in English sentences. */
  notes: z.array(z.string()),
});
export type AnalysisResult = z.infer<typeof analysisResult>;

export const analyze = defineJob({
  queue: 'conversation-analysis',
  name: 'analyze',
  payload: analysisParams.extend({ conversationId: z.uuid() }),
  result: analysisResult,
  once: forEver('conversation_analysis_jobs'),
  status: 'ready',
});
