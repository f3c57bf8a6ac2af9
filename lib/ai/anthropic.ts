import type Anthropic from '@anthropic-ai/sdk';
import type { Message, MessageCreateParamsNonStreaming } from '@anthropic-ai/sdk/resources/messages';
import type { Clock } from '../clock.ts';
import type { AiProvider, GenerateRequest, RawGeneration, Usage } from './contract.ts';
import { withDeadline } from './deadline.ts';
import { modelRefused, modelTruncated, toAiError } from './errors.ts';
import { DEFAULT_MAX_OUTPUT_TOKENS, parseAnswer, repairTurns, systemText, userText } from './message.ts';
import { strictJsonSchema } from './schema.ts';
import { estimateTokens } from './tokens.ts';

export interface AnthropicSettings {
  apiKey: string;
  /** Any server that speaks Anthropic's Messages API. Default: the vendor's. */
  baseUrl?: string | undefined;
  model: string;
}

type GenerateOptions = Parameters<AiProvider['generate']>[1];

/** Models that always think spend `max_tokens` on it as well: this much is added for it. */
const ROOM_FOR_THINKING = 4_096;

/** Anthropic over its own SDK: the Messages API with structured output. It has no embeddings. The SDK is loaded by the first call. */
export function createAnthropicProvider(settings: AnthropicSettings, clock: Clock): AiProvider {
  const client = lazyClient(settings);
  return {
    name: 'anthropic',
    model: settings.model,
    generate: async (request, options) => {
      const body = messageBody(request, options, options.model ?? settings.model);
      const message = await withDeadline(options, 'Anthropic', async (signal) => {
        const anthropic = await client();
        // Our own deadline covers the body too; the SDK's timeout, which does not, must never be the first to fire.
        return anthropic.messages.create(body, { signal, timeout: 2 * options.timeoutMs }).catch((error: unknown) => {
          throw toAiError(error, 'anthropic', clock.now());
        });
      });
      return readMessage(message, body);
    },
  };
}

/** Everything the SDK would otherwise take from the environment is given: `lib/config.ts` is the only reader of it. */
function lazyClient({ apiKey, baseUrl }: AnthropicSettings): () => Promise<Anthropic> {
  let client: Promise<Anthropic> | undefined;
  const create = async () => {
    const { default: Client } = await import('@anthropic-ai/sdk');
    return new Client({
      apiKey,
      authToken: null,
      baseURL: baseUrl ?? 'https://api.anthropic.com',
      webhookKey: null,
      maxRetries: 0,
      logLevel: 'off',
      openTelemetry: false,
    });
  };
  return () => {
    client ??= create();
    return client;
  };
}

/** No `temperature`: the 5.5 models reject it. */
function messageBody<T>(request: GenerateRequest<T>, { repair }: GenerateOptions, model: string): MessageCreateParamsNonStreaming {
  const answerTokens = request.maxOutputTokens ?? DEFAULT_MAX_OUTPUT_TOKENS;
  const thinks = /^claude-(opus|sonnet|fable|mythos)-5/.test(model);
  return {
    model,
    max_tokens: answerTokens + (thinks ? ROOM_FOR_THINKING : 0),
    system: systemText(request.prompt),
    messages: [{ role: 'user', content: userText(request.data) }, ...repairTurns(repair)],
    output_config: { format: { type: 'json_schema', schema: strictJsonSchema(request.schema) }, ...(thinks ? { effort: 'low' } : {}) },
    // The one model that thinks unless told not to, and can be told: its work here is sorting, scoring and summarising.
    ...(/^claude-haiku-5/.test(model) ? { thinking: { type: 'disabled' } } : {}),
  };
}

function readMessage(message: Message, body: MessageCreateParamsNonStreaming): RawGeneration {
  // By type, not by place: a thinking block may come first.
  const text = (message.content ?? []).map((block) => (block.type === 'text' ? block.text : '')).join('');
  const spent = { model: message.model || body.model, usage: usageOf(message, body, text) };
  if (message.stop_reason === 'refusal') throw modelRefused('anthropic', spent);
  if (message.stop_reason === 'max_tokens' || message.stop_reason === 'model_context_window_exceeded') throw modelTruncated('anthropic', spent);
  return { value: parseAnswer(text), ...spent };
}

/** Anthropic counts what it read from and wrote to its cache apart from `input_tokens`. Compatible servers may leave usage out: then it is estimated. */
function usageOf({ usage }: Message, body: MessageCreateParamsNonStreaming, text: string): Usage {
  if (!usage) return { inputTokens: estimateTokens(JSON.stringify(body)), outputTokens: estimateTokens(text), cachedInputTokens: 0 };
  const cachedInputTokens = usage.cache_read_input_tokens ?? 0;
  const cacheWriteTokens = usage.cache_creation_input_tokens ?? 0;
  return {
    inputTokens: usage.input_tokens + cachedInputTokens + cacheWriteTokens,
    outputTokens: usage.output_tokens,
    cachedInputTokens,
    cacheWriteTokens,
  };
}
