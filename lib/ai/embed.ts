import { PermanentError } from '../errors.ts';
import { planEmbeddings } from './batches.ts';
import type { Question } from './books.ts';
import type { AiCaller, AiProvider, Embeddings } from './contract.ts';
import type { Meter } from './meter.ts';

export interface EmbedderDeps {
  meter: Meter;
  timeoutMs: number;
  /** Undefined when no configured provider has embeddings. */
  provider: AiProvider | undefined;
}

export type Embed = (caller: AiCaller, texts: readonly string[]) => Promise<Embeddings>;

/** Embeds texts of any number, one request after the other; equal texts are paid for once, and the order asked is kept. */
export function createEmbedder({ meter, timeoutMs, provider }: EmbedderDeps): Embed {
  return async (caller, texts) => {
    if (!provider?.embedding) throw noProvider();
    const { embedding } = provider;
    const question: Question = { caller, provider: provider.name, model: embedding.model, operation: 'embed' };
    const { batches, places } = planEmbeddings(texts, embedding.limits);
    const answers: Embeddings[] = [];
    for (const batch of batches) {
      const estimate = { inputTokens: batch.tokens, outputTokens: 0, cachedInputTokens: 0 };
      const answer = await meter.run(question, estimate, () => embedding.embed(batch.texts, { signal: caller.signal, timeoutMs }));
      answers.push(answer);
    }
    return assemble(answers, places, embedding.model);
  };
}

function assemble(answers: readonly Embeddings[], places: readonly number[], model: string): Embeddings {
  const distinct = answers.flatMap(({ vectors }) => vectors);
  const vectors = places.map((place) => {
    const vector = distinct[place];
    if (!vector) throw new PermanentError(`no vector came back for text ${place}`, { code: 'bad_embeddings' });
    return vector;
  });
  const dimensions = answers[0]?.dimensions ?? 0;
  if (answers.some((answer) => answer.dimensions !== dimensions)) {
    throw new PermanentError('the embedding model changed its dimensions between two requests', { code: 'bad_embeddings' });
  }
  const inputTokens = answers.reduce((sum, { usage }) => sum + usage.inputTokens, 0);
  return { vectors, model: answers[0]?.model ?? model, dimensions, usage: { inputTokens, outputTokens: 0, cachedInputTokens: 0 } };
}

function noProvider(): PermanentError {
  return new PermanentError('no configured AI provider has embeddings: set OPENAI_API_KEY', { code: 'no_embedding_provider' });
}
