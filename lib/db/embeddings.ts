import { z } from 'zod';
import type { EmbeddingsTable } from './conversation-types.ts';
import { answer, type Client, callJson } from './rest.ts';
import { jsonText } from './rows.ts';

interface Embedding {
  hash: string;
  vector: Float32Array;
}

/** Of 1,536 numbers each: half a megabyte of base64. Larger pages, or several at once, are hardly faster and hold up the event loop. */
const PAGE = 64;
/** Of a vector's length from 1: rounding. */
const TOLERANCE = 0.001;

const hashes = z.array(z.string());
const foundPage = z.object({ hashes, dimensions: z.array(z.int()), embeddings: z.string(), broken: hashes });

/** `embedding_cache`, as the service role. */
export function createEmbeddingsTable(client: Client): EmbeddingsTable {
  async function findPage(model: string, asked: readonly string[]): Promise<Embedding[]> {
    const page = await callJson(client, 'find_embeddings', { p_model: model, p_hashes: jsonText(asked) }, foundPage);
    const { true: whole = [], false: junk = [] } = Object.groupBy(unpack(page), ({ vector }) => `${isUnit(vector)}`);
    const broken = [...page.broken, ...junk.map(({ hash }) => hash)];
    // Gone, they make room for new ones; kept, they would be paid for at each run.
    if (broken.length > 0) await answer(client.rpc('drop_embeddings', { p_model: model, p_hashes: jsonText(broken) }));
    return whole;
  }

  function storePage(model: string, dimensions: number, page: readonly Embedding[]): Promise<unknown> {
    const hashes = jsonText(page.map(({ hash }) => hash));
    return answer(client.rpc('store_embeddings', { p_model: model, p_dimensions: dimensions, p_hashes: hashes, p_embeddings: pack(page) }));
  }

  return {
    async find(model, asked) {
      const found: Embedding[] = [];
      for (const page of pagesOf([...new Set(asked)])) found.push(...(await findPage(model, page)));
      return new Map(ofUsualLength(found).map(({ hash, vector }) => [hash, vector]));
    },

    async store(model, embeddings) {
      const directed = embeddings.map(({ hash, vector }) => ({ hash, vector: toUnit(vector) }));
      for (const [dimensions, alike] of Map.groupBy(directed, ({ vector }) => vector.length)) {
        if (dimensions > 0) for (const page of pagesOf(alike)) await storePage(model, dimensions, page);
      }
    },
  };
}

function* pagesOf<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < all.length; start += PAGE) yield all.slice(start, start + PAGE);
}

/** One after another, in base64: little-endian, as on every machine with WebAssembly SIMD. */
function pack(embeddings: readonly Embedding[]): string {
  const parts = embeddings.map(({ vector }) => Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength));
  return Buffer.concat(parts).toString('base64');
}

/** Views of one copy: a buffer of Node's pool need not start where a float may, and thousands of small arrays cost more than their bytes. */
function unpack({ hashes, dimensions, embeddings }: z.infer<typeof foundPage>): Embedding[] {
  const values = new Float32Array(new Uint8Array(Buffer.from(embeddings, 'base64')).buffer);
  let end = 0;
  return hashes.map((hash, index) => {
    const start = end;
    end += dimensions[index] ?? 0;
    return { hash, vector: values.subarray(start, end) };
  });
}

function squaresOf(vector: Float32Array): number {
  let squares = 0;
  // `for of` takes four times as long over millions of numbers.
  for (let index = 0; index < vector.length; index += 1) squares += (vector[index] ?? 0) ** 2;
  return squares;
}

/** False for a vector with NaN in it as well. */
function isUnit(vector: Float32Array): boolean {
  return Math.abs(Math.sqrt(squaresOf(vector)) - 1) < TOLERANCE;
}

/** Empty where it points nowhere: NaN, infinite, zero. */
function toUnit(vector: Float32Array): Float32Array {
  if (isUnit(vector)) return vector;
  const length = Math.sqrt(squaresOf(vector));
  return Number.isFinite(length) && length > 0 ? vector.map((value) => value / length) : new Float32Array();
}

/** A model that was set to another number of dimensions meanwhile has rows of both: the most common stay. */
function ofUsualLength(found: Embedding[]): Embedding[] {
  const groups = [...Map.groupBy(found, ({ vector }) => vector.length).values()];
  return groups.sort((a, b) => b.length - a.length)[0] ?? [];
}
