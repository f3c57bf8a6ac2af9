import { estimateTokens } from '../lib/ai/tokens.ts';
import { embeddingHash } from '../lib/analysis/embeddings.ts';
import { createCompute } from '../lib/analysis/pool.ts';
import { createAnalyses } from '../test/analysis/run.ts';
import { topicalAnswers } from '../test/support/answers.ts';
import { vectorOf } from '../test/support/embedding-server.ts';
import { type LlmRequest, startLlm } from '../test/support/llm.ts';
import { startEmbeddedDb } from '../test/support/pglite.ts';
import type { Bench, Figure } from './report.ts';

const FEW = 1_000;
const MANY = 4_000;
const THEMES = 12;
const MODEL = 'text-embedding-3-small';

/** A name for each theme that is asked about, as long as models make them. */
function nameThemes({ user }: LlmRequest): unknown {
  const numbers = new Set([...user.matchAll(/theme (\d+)/g)].map(([, number]) => Number(number)));
  const description = 'People ask for more of it, nearer to where they live, and say that it should cost less than it does now.';
  const themes = [...numbers].map((theme) => ({
    theme,
    name: `What people wish for ${theme}`,
    description,
    sentiment: 'neutral',
    sentimentScore: 0,
    quotes: [],
  }));
  return { themes };
}

/** What the naming of one analysis sends to the model: instructions, answers and the shape that is asked for, in estimated tokens. */
async function tokensOf(answers: number): Promise<number> {
  const [llm, embedded] = await Promise.all([startLlm(), startEmbeddedDb()]);
  const compute = createCompute();
  const analyses = createAnalyses(embedded.db, compute, llm);
  try {
    llm.answerWith(nameThemes);
    const topical = topicalAnswers();
    const texts = Array.from({ length: answers }, (_, row) => `${topical[row % topical.length]?.text} (${row})`);
    const id = await analyses.conversationOf(texts.slice(0, FEW));
    for (let from = FEW; from < answers; from += FEW) await analyses.add(id, texts.slice(from, from + FEW));
    // Meaning is not what is measured: made-up vectors stand in the cache.
    await embedded.db.embeddings.store(
      MODEL,
      texts.map((text) => ({ hash: embeddingHash(MODEL, text), vector: vectorOf(text, 64) })),
    );
    const { result } = await analyses.analyse(id, { params: { k: THEMES } });
    if (result.themes !== THEMES) throw new Error(`${result.themes} themes instead of ${THEMES}`);
    return llm
      .requests()
      .filter(({ schema }) => schema !== undefined)
      .reduce((sum, { system, user, schema }) => sum + estimateTokens(system) + estimateTokens(user) + estimateTokens(JSON.stringify(schema)), 0);
  } finally {
    await analyses.close();
    await compute.close();
    await embedded.stop();
    await llm.stop();
  }
}

async function namingCost(): Promise<Figure[]> {
  const few = await tokensOf(FEW);
  const many = await tokensOf(MANY);
  const baseline = `the same ${THEMES} themes of ${MANY} answers`;
  return [{ bench: `analysis.naming.${FEW}`, value: few, unit: 'tokens', baseline, baselineValue: many, ratio: many / few, n: 1 }];
}

export const namingBenches: Bench[] = [
  { name: 'analysis.naming', about: `Estimated tokens sent to name ${THEMES} themes: of ${FEW} answers against ${MANY}`, run: namingCost },
];
