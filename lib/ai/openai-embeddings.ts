import { PermanentError } from '../errors.ts';
import type { Embeddings } from './contract.ts';
import { readJsonList } from './json-list.ts';
import { estimateTokens } from './tokens.ts';
import { toUnitLength } from './unit.ts';

/** What is used of the answer; any of it may be missing or of another type. */
interface Answer {
  model?: unknown;
  usage?: { prompt_tokens?: unknown } | null;
}
interface Item {
  index?: unknown;
  embedding?: unknown;
}

/**
 * Vectors in the order of `texts`, at unit length, read while they arrive. They may come as base64 of little-endian float32, as asked for, or
 * as plain numbers, which is all that some compatible servers know. Throws `PermanentError` `bad_embeddings` for JSON that is not one direction
 * per text, and whatever reading `body` throws.
 */
export async function readEmbeddings(body: AsyncIterable<Uint8Array>, texts: readonly string[], model: string): Promise<Embeddings> {
  const byIndex = new Map<unknown, Float32Array>();
  let count = 0;
  const rest = await readJsonList(body, 'data', (item) => {
    const { index, embedding } = (item ?? {}) as Item;
    byIndex.set(index, decode(embedding));
    count += 1;
  });
  if (count !== texts.length) throw badEmbeddings(`${count} vectors for ${texts.length} texts`);
  const vectors = texts.map((_, index) => byIndex.get(index) ?? missing(index));
  const dimensions = vectors[0]?.length ?? 0;
  if (vectors.some((vector) => vector.length !== dimensions)) throw badEmbeddings('vectors of different lengths');
  const { model: answered, usage } = (rest ?? {}) as Answer;
  const counted = usage?.prompt_tokens;
  const inputTokens = typeof counted === 'number' && counted > 0 ? counted : texts.reduce((sum, text) => sum + estimateTokens(text), 0);
  const used = { inputTokens, outputTokens: 0, cachedInputTokens: 0 };
  return { vectors, model: typeof answered === 'string' ? answered : model, dimensions, usage: used };
}

function decode(values: unknown): Float32Array {
  const vector = Array.isArray(values) && values.every((value) => typeof value === 'number') ? Float32Array.from(values) : fromBase64(values);
  // Distances are compared as cosines everywhere: unit length makes that a dot product, whatever the server sent.
  if (!toUnitLength(vector)) throw badEmbeddings('a vector that is no direction');
  return vector;
}

function fromBase64(values: unknown): Float32Array {
  const bytes = Buffer.from(typeof values === 'string' ? values : '', 'base64');
  if (bytes.length === 0 || bytes.length % Float32Array.BYTES_PER_ELEMENT !== 0) throw badEmbeddings('a vector that is no list of numbers');
  // Its own, aligned memory: small buffers share a pool.
  return new Float32Array(Uint8Array.from(bytes).buffer);
}

function missing(index: number): never {
  throw badEmbeddings(`no vector for text ${index}`);
}

function badEmbeddings(what: string): PermanentError {
  const message = `the server behind OPENAI_BASE_URL answered with ${what}: it does not speak OpenAI's embeddings API`;
  return new PermanentError(message, { code: 'bad_embeddings', details: { provider: 'openai' } });
}
