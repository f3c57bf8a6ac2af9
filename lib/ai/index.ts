import { type Clock, SECOND } from '../clock.ts';
import { messageOf, PermanentError, RateLimitedError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { createAnthropicProvider } from './anthropic.ts';
import { type AiCall, createBooks } from './books.ts';
import { createBudget } from './budget.ts';
import { type AiOptions, type Choice, chooseEmbedding, chooseGeneration, DEFAULT_MODELS } from './choose.ts';
import type { Ai, AiCaller, AiLedger, AiProvider, Limits, LocalTasks } from './contract.ts';
import { createEmbedder } from './embed.ts';
import { keyVariable } from './errors.ts';
import { type Answerer, createGenerator } from './generate.ts';
import { createLocalProvider } from './local.ts';
import { assertNotPaused, createMeter, sharePause } from './meter.ts';
import { createOpenAiProvider, type OpenAiProvider, type OpenAiSettings } from './openai.ts';

export interface AiDeps {
  options: AiOptions;
  /** Shared by all processes; `lib/queue/store`. */
  limits: Limits;
  /** Shared by all processes; `lib/db`. */
  ledger: AiLedger;
  localTasks: LocalTasks;
  clock: Clock;
  log: Logger;
  /** Told of every call and every answer from the cache; for metrics. */
  onCall?: (call: AiCall) => void;
}

export interface AiService {
  /** Cheap: nothing is loaded or asked before the job does. */
  forJob(caller: AiCaller): Ai;
  /** Who works for a queue; `embed` is undefined where nobody can. */
  providersFor(queue: string): { generate: Choice; embed: Choice | undefined };
  /** Whether OpenAI can be reached with the key. Costs nothing and never throws, unless `signal` aborts. */
  testOpenAi(signal?: AbortSignal): Promise<{ configured: boolean; ok: boolean; message: string }>;
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
  const generate = createGenerator({ ...deps, meter, books, timeoutMs: options.timeoutMs });
  const embedding = chooseEmbedding(options);
  const embed = createEmbedder({ meter, timeoutMs: options.timeoutMs, provider: embedding && openai });

  const answererFor = (queue: string): Answerer => {
    const { provider: name, model } = chooseGeneration(queue, options);
    const provider = providers.find((candidate) => candidate.name === name);
    if (!provider) throw new PermanentError(`the AI provider ${name} is not configured`, { code: 'provider_not_configured' });
    return { provider, model };
  };
  return {
    forJob: (caller) => {
      const answerer = answererFor(caller.queue);
      return {
        provider: answerer.provider.name,
        model: answerer.model,
        generate: (request, how) => generate(answerer, caller, request, how),
        embed: (texts) => embed(caller, texts),
      };
    },
    providersFor: (queue) => ({ generate: chooseGeneration(queue, options), embed: embedding }),
    testOpenAi: (signal = new AbortController().signal) => testOpenAi(deps, openai, signal),
  };
}

/** Only those with a key; none of them loads its SDK before its first call. */
function createProviders({ options, localTasks, clock }: AiDeps): { providers: AiProvider[]; openai: OpenAiProvider | undefined } {
  const openai = options.openai && createOpenAiProvider(withModels(options.openai), clock);
  const anthropicSettings = options.anthropic && { ...options.anthropic, model: options.anthropic.model ?? DEFAULT_MODELS.anthropic };
  const anthropic = anthropicSettings && createAnthropicProvider(anthropicSettings, clock);
  const providers = [openai, anthropic, createLocalProvider(localTasks)].filter((provider) => provider !== undefined);
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
