import type { Attributes, Tracer } from '../telemetry/contract.ts';
import type { Question } from './books.ts';
import type { ProviderName, Usage } from './contract.ts';
import { NoAnswerError } from './errors.ts';
import { costOf } from './prices.ts';

interface Spent {
  model: string;
  usage: Usage;
}

const OPERATIONS = { generate: 'chat', embed: 'embeddings' } as const;

/**
 * A span around one call of a provider, by OpenTelemetry's names for generative AI, with tokens and cost; no prompt and no answer.
 * https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
 */
export function tracedCall<R extends Spent>(tracer: Tracer, question: Question, work: () => Promise<R>): Promise<R> {
  const operation = OPERATIONS[question.operation];
  const kind = question.provider === 'local' ? 'internal' : 'client';
  return tracer.span(`${operation} ${question.model}`, { kind, attributes: asked(question) }, async (span) => {
    try {
      const answered = await work();
      span.set(spent(question.provider, answered));
      return answered;
    } catch (error) {
      if (error instanceof NoAnswerError) span.set(spent(question.provider, { model: error.model ?? question.model, usage: error.usage }));
      throw error;
    }
  });
}

/** An answer from the cache is no call: it is told of where it was wanted. */
export function tellOfCachedAnswer(tracer: Tracer, question: Question, model: string): void {
  tracer.current().event('hivepulse.ai.cached_answer', { ...asked(question), 'gen_ai.response.model': model });
}

function asked({ provider, model, operation, prompt }: Question): Attributes {
  return {
    'gen_ai.operation.name': OPERATIONS[operation],
    'gen_ai.provider.name': provider,
    'gen_ai.request.model': model,
    ...(prompt ? { 'hivepulse.ai.prompt.id': prompt.id, 'hivepulse.ai.prompt.version': prompt.version } : {}),
  };
}

function spent(provider: ProviderName, { model, usage }: Spent): Attributes {
  return {
    'gen_ai.response.model': model,
    'gen_ai.usage.input_tokens': usage.inputTokens,
    'gen_ai.usage.output_tokens': usage.outputTokens,
    'gen_ai.usage.cache_read.input_tokens': usage.cachedInputTokens,
    'hivepulse.ai.cost_usd': provider === 'local' ? 0 : costOf(provider, model, usage).usd,
  };
}
