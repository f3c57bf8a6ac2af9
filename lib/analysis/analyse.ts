/**
 * The whole of a conversation's analysis: read, embed, reduce, cluster, name. Saving is the job's record step: all or nothing.
 * Only embedding and naming cost money, and both are remembered (`embedding_cache`, `ai_cache`): a run after a crash pays for what is missing.
 */
import type { Ai } from '../ai/contract.ts';
import type { Clock } from '../clock.ts';
import type { NewTheme, PlacedAnswer } from '../db/conversation-types.ts';
import type { Db } from '../db/types.ts';
import type { AnalysisParams, AnalysisResult } from '../jobs/conversation-analysis.ts';
import type { Progress } from '../queue/processor.ts';
import { createEmbedding } from './embedding.ts';
import { nameThemes } from './name.ts';
import { notesOf } from './notes.ts';
import { placeAnswers } from './place.ts';
import type { Compute } from './pool.ts';
import { readAnswers } from './read.ts';
import { chooseSample } from './sample.ts';
import { createSteps, type Steps } from './steps.ts';

export interface AnalyseDeps {
  db: Pick<Db, 'conversations' | 'embeddings'>;
  compute: Compute;
  clock: Pick<Clock, 'monotonic'>;
  /** `ANALYSIS_SAMPLE_LIMIT`: so many distinct answers form the themes at most; the rest joins the nearest. */
  sampleLimit: number;
}

export interface AnalyseContext {
  deps: AnalyseDeps;
  ai: Ai;
  signal: AbortSignal;
  steps: Steps;
}

/** All that is to be saved. */
export interface Analysed {
  result: AnalysisResult;
  themes: NewTheme[];
  answers: PlacedAnswer[];
}

const DEFAULT_SEED = 42;

/** Throws `NotFoundError` when the conversation is gone, and whatever the AI layer throws. */
export async function analyseConversation(
  conversationId: string,
  params: AnalysisParams,
  { progress, ...given }: Omit<AnalyseContext, 'steps'> & { progress(progress: Progress): void },
): Promise<Analysed> {
  const steps = createSteps(progress, given.deps.clock);
  const context: AnalyseContext = { ...given, steps };
  const seed = params.seed ?? DEFAULT_SEED;
  const read = await readAnswers(conversationId, context);
  const { distinct, counts } = read;
  const { sample, rest } = chooseSample(distinct.length, context.deps.sampleLimit, seed);
  const embedding = createEmbedding(distinct, context);
  const placed = await placeAnswers({ sample, rest, options: { ...params, seed } }, embedding, context);
  const named = await nameThemes({ read, placed, renameThemes: params.renameThemes ?? false }, context);
  const milliseconds = steps.milliseconds();
  steps.begin('saving');
  const { stats, clipped } = embedding.totals();
  const result: AnalysisResult = {
    conversationId,
    outcome: placed.outcome,
    ...counts,
    distinct: distinct.length,
    sampled: sample.length,
    themes: named.themes.length,
    outliers: placed.labels.reduce((sum, label) => sum + (label < 0 ? 1 : 0), 0),
    silhouette: placed.silhouette,
    stability: placed.stability,
    candidates: placed.candidates,
    seed,
    embeddings: stats,
    naming: named.naming,
    milliseconds,
    notes: [...notesOf({ read, placed, params, clipped, provider: stats.provider }), ...named.notes],
  };
  return { result, themes: named.themes, answers: placesOf(read, placed) };
}

function placesOf(
  { places, distinct }: Awaited<ReturnType<typeof readAnswers>>,
  { labels, map }: Awaited<ReturnType<typeof placeAnswers>>,
): PlacedAnswer[] {
  return places.map(({ id, distinct: at }) => {
    const first = distinct[at]?.id ?? id;
    return { id, cluster: labels[at] ?? -1, x: rounded(map[2 * at]), y: rounded(map[2 * at + 1]), duplicateOf: first === id ? null : first };
  });
}

/** Four decimals are finer than any picture, and half the bytes. */
export const rounded = (value = 0): number => Math.round(value * 10_000) / 10_000;
