import type { AnalysisResult } from '../jobs/conversation-analysis.ts';
import type { AnalyseContext } from './analyse.ts';
import type { DistinctAnswer, Vectors } from './contract.ts';
import { embedAnswers } from './embeddings.ts';
import { counted } from './steps.ts';

export interface Embedding {
  /** Vectors of these distinct answers, in this order. */
  embed(indices: readonly number[]): Promise<Vectors>;
  /** Of all calls so far. */
  totals(): { stats: AnalysisResult['embeddings']; clipped: number };
}

/** Embeds an analysis' answers part by part; progress counts all of them. */
export function createEmbedding(distinct: readonly DistinctAnswer[], { deps, ai, signal, steps }: AnalyseContext): Embedding {
  const stats = { ...ai.embedding, dimensions: 0, cached: 0, embedded: 0, tokens: 0 };
  let clipped = 0;
  let done = 0;

  async function embed(indices: readonly number[]): Promise<Vectors> {
    const texts = indices.map((index) => distinct[index]?.cleaned ?? '');
    const before = done;
    const onProgress = (part: number): void => {
      const now = before + part;
      steps.report('embedding', now / Math.max(1, distinct.length), counted('embedding', now, distinct.length));
    };
    const { vectors, stats: of } = await embedAnswers({ ai, cache: deps.db.embeddings, texts, signal, onProgress });
    done += texts.length;
    stats.dimensions = of.dimensions;
    stats.cached += of.cached;
    stats.embedded += of.embedded;
    stats.tokens += of.tokens;
    clipped += of.clipped;
    return vectors;
  }

  return { embed, totals: () => ({ stats, clipped }) };
}
