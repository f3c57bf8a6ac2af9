import { PermanentError } from '../errors.ts';
import type { Tracer } from '../telemetry/contract.ts';
import { eachAtOnce } from './at-once.ts';
import { type PlannedText, planEmbeddings, tokensOf } from './batches.ts';
import type { Question } from './books.ts';
import type { Ai, AiCaller, EmbeddingBatch, EmbeddingProvider, Embeddings, EmbeddingTotals, ProviderName } from './contract.ts';
import { isTooLarge } from './errors.ts';
import type { Meter } from './meter.ts';
import { tracedCall } from './traced.ts';

export interface EmbedderDeps {
  meter: Meter;
  tracer: Tracer;
  timeoutMs: number;
}

/** Who embeds. */
export interface Encoder {
  provider: ProviderName;
  embedding: EmbeddingProvider;
}

export interface Embedder {
  embed(encoder: Encoder, caller: AiCaller, ...asked: Parameters<Ai['embed']>): Promise<Embeddings>;
  embedInBatches(encoder: Encoder, caller: AiCaller, ...asked: Parameters<Ai['embedInBatches']>): Promise<EmbeddingTotals>;
}

/** Embeds texts of any number, several requests at a time; equal texts are paid for once, and the order asked is kept. */
export function createEmbedder({ meter, tracer, timeoutMs }: EmbedderDeps): Embedder {
  /** A list that the vendor finds too large after all is asked for in halves. */
  const ask = async (encoder: Encoder, caller: AiCaller, batch: readonly PlannedText[], take: Take): Promise<void> => {
    const { provider, embedding } = encoder;
    const question: Question = { caller, provider, model: embedding.model, operation: 'embed' };
    const estimate = { inputTokens: tokensOf(batch), outputTokens: 0, cachedInputTokens: 0 };
    const texts = batch.map(({ text }) => text);
    let answer: Embeddings;
    try {
      const call = () => embedding.embed(texts, { signal: caller.signal, timeoutMs });
      answer = await meter.run(question, estimate, () => tracedCall(tracer, question, call));
    } catch (error) {
      if (batch.length === 1 || !isTooLarge(error)) throw error;
      const middle = Math.ceil(batch.length / 2);
      await ask(encoder, caller, batch.slice(0, middle), take);
      await ask(encoder, caller, batch.slice(middle), take);
      return;
    }
    await take(batch, answer);
  };

  const embedInBatches: Embedder['embedInBatches'] = async (encoder, caller, texts, onBatch) => {
    const { limits, model } = encoder.embedding;
    const totals = createTotals(model);
    const take: Take = async (batch, answer) => {
      totals.add(answer);
      await onBatch(spread(batch, answer));
    };
    await eachAtOnce(await planEmbeddings(texts, limits), limits.requestsAtOnce, (batch) => ask(encoder, caller, batch, take));
    return totals.sum();
  };

  return {
    embedInBatches,
    embed: async (encoder, caller, texts) => {
      const vectors: Float32Array[] = Array.from(texts, () => NO_VECTOR);
      const totals = await embedInBatches(encoder, caller, texts, (batch) => {
        batch.vectors.forEach((vector, index) => {
          vectors[batch.places[index] ?? 0] = vector;
        });
      });
      return { vectors, ...totals };
    },
  };
}

type Take = (batch: readonly PlannedText[], answer: Embeddings) => Promise<void>;

const NO_VECTOR = new Float32Array();

function createTotals(model: string): { add(answer: Embeddings): void; sum(): EmbeddingTotals } {
  const totals = { model, dimensions: 0, usage: { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0 } };
  return {
    add: ({ model: answered, dimensions, usage }) => {
      if (totals.dimensions !== 0 && totals.dimensions !== dimensions) {
        throw new PermanentError('the embedding model changed its dimensions between two requests', { code: 'bad_embeddings' });
      }
      totals.model = answered;
      totals.dimensions = dimensions;
      totals.usage.inputTokens += usage.inputTokens;
    },
    sum: () => totals,
  };
}

/** One vector to every place where its text stands. */
function spread(batch: readonly PlannedText[], { vectors }: Embeddings): EmbeddingBatch {
  const pairs = batch.flatMap(({ places }, index) => places.map((place) => ({ place, vector: vectors[index] ?? NO_VECTOR })));
  return { places: pairs.map(({ place }) => place), vectors: pairs.map(({ vector }) => vector) };
}
