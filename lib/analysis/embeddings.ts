/**
 * Vectors of answers, paid for once: what `embedding_cache` has is not asked for, and what is answered is stored before the rest is in, so
 * that a crash or a re-run pays for what is missing. Rows are handled by the page, so that the event loop has its turn.
 */
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Ai, EmbeddingBatch } from '../ai/contract.ts';
import type { EmbeddingsTable } from '../db/conversation-types.ts';
import type { Vectors } from './contract.ts';
import { createRows, type Rows } from './vector-rows.ts';

export interface EmbedRequest {
  ai: Pick<Ai, 'embedding' | 'embedInBatches' | 'clipForEmbedding'>;
  cache: EmbeddingsTable;
  /** None may be empty: `PermanentError` `empty_text`. */
  texts: readonly string[];
  signal: AbortSignal;
  /** Told how many of all texts have a vector. */
  onProgress?: (done: number, total: number) => void;
}

export interface EmbeddedAnswers {
  /** A unit-length row per text, in order, in a `SharedArrayBuffer`. */
  vectors: Vectors;
  stats: {
    provider: string;
    model: string;
    dimensions: number;
    /** Distinct texts that were found in the cache. */
    cached: number;
    /** Distinct texts that were asked of the provider. */
    embedded: number;
    /** What the provider counted for them. */
    tokens: number;
    /** Texts that are too long for the model, and stand for their beginning. */
    clipped: number;
  };
}

interface Wanted {
  text: string;
  hash: string;
  /** Everywhere it stands among the texts. */
  rows: number[];
}

/** What the steps share. */
interface Work extends EmbedRequest {
  /** Of the cache's key: provider and model. */
  model: string;
  rows: Rows;
}

/** Vectors found, or stored, in one call: 2 MB for a model of 1,536 dimensions. */
const PAGE = 256;
/** Hashing so many ordinary answers takes a few milliseconds. */
const HASHED_AT_ONCE = 1_000;

/** Throws what the AI layer and the cache throw; all that was answered until then has been stored. */
export async function embedAnswers(request: EmbedRequest): Promise<EmbeddedAnswers> {
  const { provider, model } = request.ai.embedding;
  const work: Work = { ...request, model: `${provider}/${model}`, rows: createRows(request.texts.length) };
  const { wanted, clipped } = await distinctTexts(work);
  const missing = await findCached(work, wanted);
  let tokens = await embedMissing(work, missing);
  // The model answers vectors of another length than those of before, which were dropped for it.
  const outdated = wanted.filter(({ rows: [first = 0] }) => !work.rows.has(first));
  tokens += await embedMissing(work, outdated);
  const vectors = work.rows.vectors();
  const embedded = missing.length + outdated.length;
  return { vectors, stats: { provider, model, dimensions: vectors.dimensions, cached: wanted.length - embedded, embedded, tokens, clipped } };
}

async function distinctTexts({ ai, texts, model, signal }: Work): Promise<{ wanted: Wanted[]; clipped: number }> {
  const found = new Map<string, Wanted>();
  let clipped = 0;
  for (const [row, whole] of texts.entries()) {
    if (row % HASHED_AT_ONCE === 0) {
      await nextTurn();
      signal.throwIfAborted();
    }
    const text = ai.clipForEmbedding(whole);
    if (text !== whole) clipped += 1;
    const known = found.get(text);
    if (known) known.rows.push(row);
    else found.set(text, { text, hash: embeddingHash(model, text), rows: [row] });
  }
  return { wanted: [...found.values()], clipped };
}

/** The key of a text in `embedding_cache`. `model` is `<provider>/<model>`, as in the row. */
export function embeddingHash(model: string, text: string): string {
  return createHash('sha256').update(`${model}\n${text}`).digest('hex');
}

/** Fills the rows that the cache has; answers the texts that it has not, or with another length than the rest. */
async function findCached({ cache, model, rows, signal, texts, onProgress }: Work, wanted: readonly Wanted[]): Promise<Wanted[]> {
  const missing: Wanted[] = [];
  for (const page of pagesOf(wanted)) {
    signal.throwIfAborted();
    const hashes = page.map(({ hash }) => hash);
    const found = await cache.find(model, hashes);
    for (const one of page) {
      const vector = found.get(one.hash);
      if (!vector || !rows.put(one.rows, vector)) missing.push(one);
    }
    onProgress?.(rows.filled(), texts.length);
  }
  return missing;
}

/** Answers the tokens that were paid. */
async function embedMissing({ ai, cache, model, rows, texts, onProgress }: Work, missing: readonly Wanted[]): Promise<number> {
  if (missing.length === 0) return 0;
  const keeper = createKeeper(cache, model);
  const take = async (batch: EmbeddingBatch): Promise<void> => {
    const answered = withVectors(missing, batch);
    if (answered[0]?.vector.length !== rows.dimensions()) rows.restart();
    for (const { rows: places, vector } of answered) rows.put(places, vector);
    onProgress?.(rows.filled(), texts.length);
    await keeper.keep(answered);
  };
  const asked = missing.map(({ text }) => text);
  try {
    const { usage } = await ai.embedInBatches(asked, take);
    return usage.inputTokens;
  } catch (error) {
    await keeper.keepRest();
    throw error;
  }
}

type Answered = Wanted & { vector: Float32Array };

function withVectors(asked: readonly Wanted[], { places, vectors }: EmbeddingBatch): Answered[] {
  return places.flatMap((place, index) => {
    const [wanted, vector] = [asked[place], vectors[index]];
    return wanted && vector ? [{ ...wanted, vector }] : [];
  });
}

interface Keeper {
  /** Stores all pages it can; throws the first failure. */
  keep(answered: readonly Answered[]): Promise<void>;
  /** Tries once more what could not be stored: it is paid for, and the job is tried again. */
  keepRest(): Promise<void>;
}

function createKeeper(cache: EmbeddingsTable, model: string): Keeper {
  const unkept: (readonly Answered[])[] = [];
  return {
    async keep(answered) {
      const failures: unknown[] = [];
      for (const page of pagesOf(answered)) {
        await cache
          .store(
            model,
            page.map(({ hash, vector }) => ({ hash, vector })),
          )
          .catch((error: unknown) => {
            failures.push(error);
            unkept.push(page);
          });
      }
      if (failures.length > 0) throw failures[0];
    },
    async keepRest() {
      await Promise.allSettled(
        unkept.map((page) =>
          cache.store(
            model,
            page.map(({ hash, vector }) => ({ hash, vector })),
          ),
        ),
      );
    },
  };
}

function* pagesOf<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < all.length; start += PAGE) yield all.slice(start, start + PAGE);
}
