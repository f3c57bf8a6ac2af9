import { type Clock, SECOND } from '../clock.ts';
import { messageOf, PermanentError, RateLimitedError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { noTracer, type Tracer } from '../telemetry/contract.ts';
import { createAnthropicProvider } from './anthropic.ts';
import { type AiCall, createBooks } from './books.ts';
import { createBudget } from './budget.ts';
import { type AiOptions, type Choice, chooseEmbedding, chooseGeneration, DEFAULT_MODELS } from './choose.ts';
import type { Ai, AiCaller, AiLedger, AiProvider, Limits, LocalTasks, ProviderName } from './contract.ts';
import { createEmbedder, type Encoder } from './embed.ts';
import { keyVariable } from './errors.ts';
import { type Answerer, createGenerator } from './generate.ts';
import { createLocalProvider } from './local.ts';
import type { LocalEmbeddings } from './local-embeddings.ts';
import { assertNotPaused, createMeter, sharePause } from './meter.ts';
import { createOpenAiProvider, type OpenAiProvider, type OpenAiSettings } from './openai.ts';

export interface AiDeps {
  options: AiOptions;
  /** Shared by all processes; `lib/queue/store`. */
  limits: Limits;
  /** Shared by all processes; `lib/db`. */
  ledger: AiLedger;
  localTasks: LocalTasks;
  localEmbeddings: LocalEmbeddings;
  clock: Clock;
  log: Logger;
  tracer?: Tracer;
  /** Told of every call and every answer from the cache; for metrics. */
  onCall?: (call: AiCall) => void;
}

export interface AiService {
  /** Cheap: nothing is loaded or asked before the job does. */
  forJob(caller: AiCaller): Ai;
  /** Who works for a queue. */
  providersFor(queue: string): { generate: Choice; embed: Choice };
  /** Whether OpenAI can be reached with the key. Costs nothing and never throws, unless `signal` aborts. */
  testOpenAi(signal?: AbortSignal): Promise<{ configured: boolean; ok: boolean; message: string }>;
  /** Ends the thread of the local embedding model; it starts again when it is needed. */
  close(): Promise<void>;
}

/** A question by hand waits no longer than this for its answer. */
const TEST_TIMEOUT_MS = 10 * SECOND;

/** Everything between jobs and models. Throws `PermanentError` `provider_not_configured` when a provider is forced without its key. */
export function createAi(deps: AiDeps): AiService {
  const { options } = deps;
  for (const queue of ['', ...Object.keys(options.perQueue)]) chooseGeneration(queue, options);
  const { providers, openai } = createProviders(deps);
  const budget = createBudget({ ...deps, dailyBudgetUsd: options.dailyBudgetUsd });
  const books = createBooks(deps);
  const meter = createMeter({ ...deps, budget, books });
  const { tracer = noTracer } = deps;
  const generate = createGenerator({ ...deps, tracer, meter, books, timeoutMs: options.timeoutMs });
  const embedder = createEmbedder({ meter, tracer, timeoutMs: options.timeoutMs });

  const answererFor = (queue: string): Answerer => {
    const { provider: name, model } = chooseGeneration(queue, options);
    return { provider: named(providers, name), model };
  };
  const encoderFor = (queue: string): Encoder => {
    const { provider, model } = chooseEmbedding(queue, options);
    const { embedding } = named(providers, provider);
    if (!embedding) throw new PermanentError(`the AI provider ${provider} has no embeddings (${model})`, { code: 'no_embedding_provider' });
    return { provider, embedding };
  };
  return {
    forJob: (caller) => {
      const answerer = answererFor(caller.queue);
      const encoder = encoderFor(caller.queue);
      return {
        provider: answerer.provider.name,
        model: answerer.model,
        embedding: { provider: encoder.provider, model: encoder.embedding.model },
        generate: (request, how) => generate(answerer, caller, request, how),
        embed: (texts) => embedder.embed(encoder, caller, texts),
        embedInBatches: (texts, onBatch) => embedder.embedInBatches(encoder, caller, texts, onBatch),
        clipForEmbedding: encoder.embedding.clip,
      };
    },
    providersFor: (queue) => ({ generate: chooseGeneration(queue, options), embed: chooseEmbedding(queue, options) }),
    testOpenAi: (signal = new AbortController().signal) => testOpenAi(deps, openai, signal),
    close: deps.localEmbeddings.close,
  };
}

function named(providers: readonly AiProvider[], name: ProviderName): AiProvider {
  const provider = providers.find((candidate) => candidate.name === name);
  if (!provider) throw new PermanentError(`the AI provider ${name} is not configured`, { code: 'provider_not_configured' });
  return provider;
}

/** Only those with a key; none of them loads its SDK before its first call. */
function createProviders({ options, localTasks, localEmbeddings, clock }: AiDeps): { providers: AiProvider[]; openai: OpenAiProvider | undefined } {
  const openai = options.openai && createOpenAiProvider(withModels(options.openai), clock);
  const anthropicSettings = options.anthropic && { ...options.anthropic, model: options.anthropic.model ?? DEFAULT_MODELS.anthropic };
  const anthropic = anthropicSettings && createAnthropicProvider(anthropicSettings, clock);
  const providers = [openai, anthropic, createLocalProvider(localTasks, localEmbeddings)].filter((provider) => provider !== undefined);
  return { providers, openai };
}

function withModels({ model, embeddingModel, ...rest }: NonNullable<AiOptions['openai']>): OpenAiSettings {
  return { ...rest, model: model ?? DEFAULT_MODELS.openai, embeddingModel: embeddingModel ?? DEFAULT_MODELS.openaiEmbedding };
}

async function testOpenAi(deps: AiDeps, openai: OpenAiProvider | undefined, signal: AbortSignal) {
  if (!openai) return { configured: false, ok: false, message: `${keyVariable('openai')} is not set` };
  try {
    await assertNotPaused(deps, 'openai');
    await openai.check({ signal, timeoutMs: Math.min(deps.options.timeoutMs, TEST_TIMEOUT_MS) });
    return { configured: true, ok: true, message: `OpenAI accepts the key and knows ${openai.model}` };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RateLimitedError) await sharePause(deps, error);
    return { configured: true, ok: false, message: messageOf(error) };
  }
}
