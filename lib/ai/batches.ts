import { PermanentError } from '../errors.ts';
import type { EmbeddingLimits } from './contract.ts';
import { estimateTokens } from './tokens.ts';

export interface EmbeddingPlan {
  /** Each distinct text once, in lists that the vendor takes. */
  batches: { texts: string[]; tokens: number }[];
  /** For every text asked for, its place among the distinct ones in order. */
  places: number[];
}

/**
 * Splits texts into requests by number and tokens; equal texts are asked for once.
 * Throws `PermanentError` `empty_text` or `text_too_long`, naming the place of the text, never its words.
 */
export function planEmbeddings(texts: readonly string[], limits: EmbeddingLimits): EmbeddingPlan {
  const seen = new Map<string, number>();
  const places = texts.map((text, index) => {
    if (text.trim() === '') throw new PermanentError(`text ${index} is empty: nothing can be embedded`, { code: 'empty_text', details: { index } });
    const place = seen.get(text) ?? seen.size;
    seen.set(text, place);
    return place;
  });
  const batches: EmbeddingPlan['batches'] = [];
  for (const text of seen.keys()) {
    const tokens = estimateTokens(text);
    if (tokens > limits.tokensPerInput) throw tooLong(texts.indexOf(text), tokens, limits.tokensPerInput);
    const last = batches.at(-1);
    if (last && last.texts.length < limits.inputs && last.tokens + tokens <= limits.tokensPerRequest) {
      last.texts.push(text);
      last.tokens += tokens;
    } else {
      batches.push({ texts: [text], tokens });
    }
  }
  return { batches, places };
}

function tooLong(index: number, tokens: number, limit: number): PermanentError {
  const message = `text ${index} has about ${tokens} tokens and the embedding model takes ${limit}: split it first`;
  return new PermanentError(message, { code: 'text_too_long', details: { index, tokens, limit } });
}
