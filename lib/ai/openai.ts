import type OpenAI from 'openai';
import type { Response, ResponseCreateParamsNonStreaming } from 'openai/resources/responses/responses';
import type { Clock } from '../clock.ts';
import type { AiProvider, CallOptions, EmbeddingProvider, GenerateRequest, RawGeneration, Usage } from './contract.ts';
import { withDeadline } from './deadline.ts';
import { failedResponse, modelRefused, modelTruncated, toAiError } from './errors.ts';
import { DEFAULT_MAX_OUTPUT_TOKENS, parseAnswer, repairTurns, systemText, userText } from './message.ts';
import { readEmbeddings } from './openai-embeddings.ts';
import { strictJsonSchema } from './schema.ts';
import { clipToTokens, estimateTokens } from './tokens.ts';

export interface OpenAiSettings {
  apiKey: string;
  /** Any server that speaks OpenAI's Responses and embeddings API. Default: the vendor's. */
  baseUrl?: string | undefined;
  model: string;
  embeddingModel: string;
}

export interface OpenAiProvider extends AiProvider {
  readonly embedding: EmbeddingProvider;
  /** Asks for the model's description, which costs nothing. Throws what any call would. */
  check(options: CallOptions): Promise<void>;
}

type GenerateOptions = Parameters<AiProvider['generate']>[1];

/** Models that think first spend `max_output_tokens` on it as well: this much is added for it. */
const ROOM_FOR_REASONING = 4_096;
/**
 * The vendor's limits, with a tenth of the request's total left over for the difference between estimate and count. Four at once: full
 * ones are a million tokens, all that OpenAI's first paying tier takes in a minute, and their answers are 70 MB that wait to be parsed.
 */
const EMBEDDING_LIMITS = { inputs: 2_048, tokensPerInput: 8_192, tokensPerRequest: 270_000, requestsAtOnce: 4 };

/** The body of an answer that has none. */
async function* nothing(): AsyncGenerator<Uint8Array> {}

/** OpenAI over its own SDK: the Responses API with strict structured output, and embeddings. The SDK is loaded by the first call. */
export function createOpenAiProvider(settings: OpenAiSettings, clock: Clock): OpenAiProvider {
  const client = lazyClient(settings);
  /** Our own deadline covers the body too; the SDK's timeout, which does not, must never be the first to fire. */
  const call = <T>(options: CallOptions, work: (openai: OpenAI, request: { signal: AbortSignal; timeout: number }) => Promise<T>) =>
    withDeadline(options, 'OpenAI', async (signal) => {
      const openai = await client();
      return work(openai, { signal, timeout: 2 * options.timeoutMs }).catch((error: unknown) => {
        throw toAiError(error, 'openai', clock.now());
      });
    });
  return {
    name: 'openai',
    model: settings.model,
    generate: async (request, options) => {
      const body = responseBody(request, options, options.model ?? settings.model);
      return readResponse(await call(options, (openai, http) => openai.responses.create(body, http)), body);
    },
    embedding: {
      model: settings.embeddingModel,
      limits: EMBEDDING_LIMITS,
      clip: (text) => clipToTokens(text, EMBEDDING_LIMITS.tokensPerInput),
      embed: async (texts, options) => {
        const body: OpenAI.EmbeddingCreateParams = { model: settings.embeddingModel, input: [...texts], encoding_format: 'base64' };
        return call(options, async (openai, http) => {
          const response = await openai.embeddings.create(body, http).asResponse();
          return readEmbeddings(response.body ?? nothing(), texts, settings.embeddingModel);
        });
      },
    },
    check: async (options) => {
      await call(options, (openai, http) => openai.models.retrieve(settings.model, http));
    },
  };
}

/** Everything the SDK would otherwise take from the environment is given: `lib/config.ts` is the only reader of it. */
function lazyClient({ apiKey, baseUrl }: OpenAiSettings): () => Promise<OpenAI> {
  let client: Promise<OpenAI> | undefined;
  const create = async () => {
    const { default: Client } = await import('openai');
    return new Client({
      apiKey,
      baseURL: baseUrl ?? 'https://api.openai.com/v1',
      organization: null,
      project: null,
      adminAPIKey: null,
      webhookSecret: null,
      maxRetries: 0,
      logLevel: 'off',
    });
  };
  return () => {
    client ??= create();
    return client;
  };
}

function responseBody<T>(request: GenerateRequest<T>, { repair }: GenerateOptions, model: string): ResponseCreateParamsNonStreaming {
  const answerTokens = request.maxOutputTokens ?? DEFAULT_MAX_OUTPUT_TOKENS;
  const reasoning = reasoningOf(model);
  return {
    model,
    instructions: systemText(request.prompt),
    input: [{ role: 'user', content: userText(request.data) }, ...repairTurns(repair)],
    text: { format: { type: 'json_schema', name: request.prompt.id, strict: true, schema: strictJsonSchema(request.schema) } },
    max_output_tokens: answerTokens + (reasoning === 'low' ? ROOM_FOR_REASONING : 0),
    store: false,
    ...(reasoning ? { reasoning: { effort: reasoning } } : {}),
  };
}

/**
 * Our prompts sort, score and summarise: the small models do that without thinking first, at a fraction of the price and with an
 * answer that fits its limit. The larger ones cannot all be told to stop, but all but the `pro` ones take `low`.
 */
function reasoningOf(model: string): 'none' | 'low' | undefined {
  if (/^gpt-(5\.6|6(\.\d+)?)-luna\b/.test(model)) return 'none';
  return /^(gpt-[5-9]|o\d)/.test(model) && !/-(pro|chat)\b/.test(model) ? 'low' : undefined;
}

function readResponse(response: Response, body: ResponseCreateParamsNonStreaming): RawGeneration {
  const { text, refused } = readOutput(response);
  const spent = { model: response.model || String(body.model), usage: usageOf(response, body, text) };
  if (response.status === 'failed') throw failedResponse('openai', response.error?.code);
  if (refused || response.incomplete_details?.reason === 'content_filter') throw modelRefused('openai', spent);
  if (response.status === 'incomplete') throw modelTruncated('openai', spent);
  return { value: parseAnswer(text), ...spent };
}

function readOutput(response: Response): { text: string; refused: boolean } {
  const parts = (response.output ?? []).flatMap((item) => (item.type === 'message' ? item.content : []));
  const text = parts.map((part) => (part.type === 'output_text' ? part.text : '')).join('');
  return { text, refused: parts.some((part) => part.type === 'refusal') };
}

/** Compatible servers may leave usage out, or count in words of their own: then it is estimated, so that the daily budget still sees the call. */
function usageOf({ usage }: Response, body: ResponseCreateParamsNonStreaming, text: string): Usage {
  if (!usage || !Number.isFinite(usage.input_tokens) || !Number.isFinite(usage.output_tokens)) {
    return { inputTokens: estimateTokens(JSON.stringify(body)), outputTokens: estimateTokens(text), cachedInputTokens: 0 };
  }
  return {
    inputTokens: usage.input_tokens,
    outputTokens: usage.output_tokens,
    cachedInputTokens: usage.input_tokens_details?.cached_tokens ?? 0,
    cacheWriteTokens: usage.input_tokens_details?.cache_write_tokens ?? 0,
  };
}
