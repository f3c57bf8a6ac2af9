import type { z } from 'zod';

/** Which implementation answered. */
export type ProviderName = 'openai' | 'anthropic' | 'local';

/** A versioned prompt: a file under `lib/ai/prompts/`. The version is part of every cache key and stored with results. */
export interface Prompt {
  /** For example `story-enhancement`. */
  id: string;
  version: string;
  /** Our words to the model; never contains text from users. */
  instructions: string;
}

export interface Usage {
  inputTokens: number;
  outputTokens: number;
  /** Part of `inputTokens` that the vendor served from its prefix cache. */
  cachedInputTokens: number;
  /** Part of `inputTokens` that the vendor wrote into its prefix cache, at a price of its own. */
  cacheWriteTokens?: number;
}

/** One call's limits: every outside call has both. */
export interface CallOptions {
  signal: AbortSignal;
  timeoutMs: number;
}

export interface GenerateRequest<T> {
  prompt: Prompt;
  /** Root object, every field required (optional = nullable), no recursion, no numeric or length limits: the subset both vendors take. */
  schema: z.ZodType<T>;
  /** Text from users, by name; sent apart from the instructions, marked as data. */
  data: Readonly<Record<string, string>>;
  /** Upper bound of the answer, in tokens. Default 2,048. */
  maxOutputTokens?: number;
}

export interface RawGeneration {
  /** The answer as parsed JSON, or its text where that is not JSON; not yet validated against the schema. */
  value: unknown;
  model: string;
  usage: Usage;
}

/** What is known of embeddings besides their numbers. */
export interface EmbeddingTotals {
  model: string;
  /** Of every vector; 0 where there is none. */
  dimensions: number;
  usage: Usage;
}

export interface Embeddings extends EmbeddingTotals {
  /** One unit-length vector per text, in the order asked. */
  vectors: Float32Array[];
}

/** An answered part of a list of texts: `vectors[i]` is of the text at `places[i]`. Equal texts share one vector. */
export interface EmbeddingBatch {
  places: readonly number[];
  vectors: readonly Float32Array[];
}

/** What one `embed` call may hold; the AI layer splits longer lists. */
export interface EmbeddingLimits {
  inputs: number;
  tokensPerInput: number;
  tokensPerRequest: number;
  /** Calls in flight at a time, of one list of texts. */
  requestsAtOnce: number;
}

/** The part of a provider that embeds. */
export interface EmbeddingProvider {
  readonly model: string;
  readonly limits: EmbeddingLimits;
  /** The beginning of a text that is too long for one input; any other text as it is. */
  clip(text: string): string;
  embed(texts: readonly string[], options: CallOptions): Promise<Embeddings>;
}

/** The seam to one vendor: one HTTP call per method call, no retries, errors from `lib/ai/errors.ts`. */
export interface AiProvider {
  readonly name: ProviderName;
  /** The model that `generate` uses unless the caller names one. */
  readonly model: string;
  generate<T>(
    request: GenerateRequest<T>,
    options: CallOptions & { model?: string; repair?: { answer: string; problem: string } },
  ): Promise<RawGeneration>;
  /** Absent where the vendor has none (Anthropic). */
  readonly embedding?: EmbeddingProvider;
}

/** What a job sees: bound to its queue, job, user and signal. */
export interface Ai {
  /** The provider that `generate` will use for this queue. */
  readonly provider: ProviderName;
  readonly model: string;
  /** Who embeds for this queue. */
  readonly embedding: { readonly provider: ProviderName; readonly model: string };
  generate<T>(request: GenerateRequest<T>, options?: { force?: boolean }): Promise<Generation<T>>;
  /** For lists that fit into memory twice. Throws `PermanentError` `empty_text` or `text_too_long`, naming the place of the text. */
  embed(texts: readonly string[]): Promise<Embeddings>;
  /**
   * As `embed`, but each part is handed over once, as soon as it is answered, and not kept. What `onBatch` returns is awaited, so that no more
   * is asked for than is taken. After a failure, of a request or of `onBatch`, nothing more is asked; what is in flight is paid for
   * and therefore still waited for and handed over, and then the first failure is thrown.
   */
  embedInBatches(texts: readonly string[], onBatch: (batch: EmbeddingBatch) => void | Promise<void>): Promise<EmbeddingTotals>;
  /** The beginning of a text that is too long to be embedded; any other text as it is. */
  clipForEmbedding(text: string): string;
}

export interface Generation<T> {
  value: T;
  provider: ProviderName;
  model: string;
  promptVersion: string;
  /** Answered from `ai_cache`: cost nothing. */
  cached: boolean;
  usage: Usage;
  costUsd: number;
}

/** Who asks; goes into `ai_usage` and the log. */
export interface AiCaller {
  queue: string;
  jobId: string;
  userId?: string | undefined;
  signal: AbortSignal;
}

// What the AI layer needs from the rest, handed in by main.ts (ai, db and queue never import each other).

/** Pauses shared by all processes; implemented by `lib/queue/store`. */
export interface Limits {
  /** Milliseconds since the epoch until which `key` must not be called; 0 = free. */
  limitedUntil(key: string): Promise<number>;
  /** Never shortens a pause that is already longer. */
  limit(key: string, untilMs: number): Promise<void>;
}

export interface AiUsageRecord {
  queue: string;
  jobId: string;
  userId: string | undefined;
  provider: ProviderName;
  model: string;
  operation: 'generate' | 'embed';
  promptId: string | undefined;
  promptVersion: string | undefined;
  inputTokens: number;
  outputTokens: number;
  cachedInputTokens: number;
  costUsd: number;
  durationMs: number;
}

/** `ai_usage` and `ai_cache`; implemented by `lib/db/ai.ts`. */
export interface AiLedger {
  record(usage: AiUsageRecord): Promise<void>;
  /** Dollars spent since 00:00 UTC of the day of `now`, by all processes. */
  spentTodayUsd(now: number): Promise<number>;
  cached(key: string): Promise<{ value: unknown; model: string } | undefined>;
  store(key: string, entry: { value: unknown; model: string; promptId: string; promptVersion: string; provider: ProviderName }): Promise<void>;
}

/** What the local provider does for a prompt: deterministic, no network, no key. */
export type LocalTask = (data: Readonly<Record<string, string>>) => unknown | Promise<unknown>;
/** Prompt id -> lazy import of its task, so that a process loads only the NLP packages it uses. */
export type LocalTasks = Readonly<Record<string, () => Promise<LocalTask>>>;
