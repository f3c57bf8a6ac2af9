import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { messageOf, PermanentError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Tracer } from '../telemetry/contract.ts';
import type { Books, Question } from './books.ts';
import type { AiCaller, AiLedger, AiProvider, GenerateRequest, Generation, RawGeneration, Usage } from './contract.ts';
import { DEFAULT_MAX_OUTPUT_TOKENS, systemText, userText } from './message.ts';
import type { Meter } from './meter.ts';
import { strictJsonSchema } from './schema.ts';
import { estimateTokens } from './tokens.ts';
import { tellOfCachedAnswer, tracedCall } from './traced.ts';

export interface GeneratorDeps {
  ledger: AiLedger;
  meter: Meter;
  books: Books;
  log: Logger;
  tracer: Tracer;
  timeoutMs: number;
}

export interface Answerer {
  provider: AiProvider;
  model: string;
}

export type Generate = <T>(
  answerer: Answerer,
  caller: AiCaller,
  request: GenerateRequest<T>,
  options?: { force?: boolean },
) => Promise<Generation<T>>;

/** How many problems of an answer are told to the model, and to whoever reads the dead letter. */
const PROBLEMS_TOLD = 10;

/**
 * One question, in this order: the stored answer, else a call, else one more call with what was wrong with the first answer.
 * Throws `PermanentError` `invalid_answer` when the second does not fit either; only answers that fit are stored.
 */
export function createGenerator(deps: GeneratorDeps): Generate {
  return async (answerer, caller, request, { force = false } = {}) => {
    const question: Question = { caller, provider: answerer.provider.name, model: answerer.model, operation: 'generate', prompt: request.prompt };
    // The local provider is free and its rules change with our releases, not with the prompt's version: never stored.
    const key = answerer.provider.name === 'local' ? undefined : cacheKey(answerer, request);
    const stored = key === undefined || force ? undefined : await lookUp(deps, key, request);
    if (stored) {
      tellOfCachedAnswer(deps.tracer, question, stored.model);
      await deps.books.enter(question, { outcome: 'ok', model: stored.model, cached: true, durationMs: 0 });
      return { ...described(answerer, request), ...stored, cached: true, usage: NOTHING, costUsd: 0 };
    }
    const keep = async (value: z.infer<typeof request.schema>, model: string): Promise<void> => {
      if (key !== undefined) await store(deps, key, answerer, request, { value, model });
    };
    const answer = await ask(deps, answerer, question, request, keep);
    return { ...described(answerer, request), ...answer, cached: false };
  };
}

const NOTHING: Usage = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0 };

interface Answer<T> {
  value: T;
  model: string;
  usage: Usage;
  costUsd: number;
}

async function ask<T>(
  deps: GeneratorDeps,
  { provider, model }: Answerer,
  question: Question,
  request: GenerateRequest<T>,
  keep: (value: T, model: string) => Promise<void>,
): Promise<Answer<T>> {
  const call = (repair?: { answer: string; problem: string }) => {
    const options = { signal: question.caller.signal, timeoutMs: deps.timeoutMs, model, ...(repair ? { repair } : {}) };
    return deps.meter.run(question, estimate(request, repair), async () => {
      const answered = await tracedCall(deps.tracer, question, () => provider.generate(request, options));
      const checked = request.schema.safeParse(answered.value);
      // Kept while the books are written.
      return { ...answered, checked, kept: checked.success ? keep(checked.data, answered.model) : undefined };
    });
  };
  const first = await call();
  await first.kept;
  if (first.checked.success) return { value: first.checked.data, model: first.model, usage: first.usage, costUsd: first.costUsd };
  // A local task gives the same answer again.
  if (provider.name === 'local') throw invalidAnswer(request, first, first.checked.error);
  const second = await call({ answer: textOf(first.value), problem: problemsOf(first.checked.error) });
  await second.kept;
  if (!second.checked.success) throw invalidAnswer(request, second, second.checked.error);
  return { value: second.checked.data, model: second.model, usage: sum(first.usage, second.usage), costUsd: first.costUsd + second.costUsd };
}

/** A stored answer that no longer fits its schema is asked for again. */
async function lookUp<T>({ ledger }: GeneratorDeps, key: string, { schema }: GenerateRequest<T>): Promise<{ value: T; model: string } | undefined> {
  const stored = await ledger.cached(key);
  if (!stored) return undefined;
  const checked = schema.safeParse(stored.value);
  return checked.success ? { value: checked.data, model: stored.model } : undefined;
}

/** A paid answer is not thrown away because it could not be stored. */
async function store<T>(
  { ledger, log }: GeneratorDeps,
  key: string,
  { provider }: Answerer,
  { prompt }: GenerateRequest<T>,
  answer: Pick<Answer<T>, 'value' | 'model'>,
): Promise<void> {
  const entry = { value: answer.value, model: answer.model, promptId: prompt.id, promptVersion: prompt.version, provider: provider.name };
  await ledger.store(key, entry).catch((error: unknown) => {
    log.warn({ event: 'ai.answer_not_stored', promptId: prompt.id, error: messageOf(error) }, 'an answer could not be stored');
  });
}

/** Everything the answer depends on; the data's names are sorted, so that their order does not matter. */
function cacheKey<T>({ provider, model }: Answerer, { prompt, schema, data }: GenerateRequest<T>): string {
  const sorted = Object.entries(data).sort(([one], [other]) => (one < other ? -1 : 1));
  const parts = [provider.name, model, prompt.id, prompt.version, strictJsonSchema(schema), sorted];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

function estimate<T>({ prompt, data, schema, maxOutputTokens }: GenerateRequest<T>, repair?: { answer: string; problem: string }): Usage {
  const text = systemText(prompt) + userText(data) + JSON.stringify(strictJsonSchema(schema)) + (repair ? repair.answer + repair.problem : '');
  return { inputTokens: estimateTokens(text), outputTokens: maxOutputTokens ?? DEFAULT_MAX_OUTPUT_TOKENS, cachedInputTokens: 0 };
}

function described<T>({ provider }: Answerer, { prompt }: GenerateRequest<T>) {
  return { provider: provider.name, promptVersion: prompt.version };
}

function problemsOf(error: z.ZodError): string {
  return error.issues
    .slice(0, PROBLEMS_TOLD)
    .map((issue) => `${issue.path.join('.') || 'the answer'}: ${issue.message}`)
    .join('; ');
}

/** Names fields and kinds of problem, never what the model wrote: the message ends in logs and dead letters. */
function invalidAnswer<T>({ prompt }: GenerateRequest<T>, { model }: Pick<RawGeneration, 'model'>, error: z.ZodError): PermanentError {
  const issues = error.issues.slice(0, PROBLEMS_TOLD).map(({ path, code }) => ({ path: path.join('.') || '(root)', code }));
  const named = issues.map(({ path, code }) => `${path} (${code})`).join(', ');
  const message = `the answer of ${model} to "${prompt.id}" does not fit its schema: ${named}`;
  return new PermanentError(message, { code: 'invalid_answer', details: { promptId: prompt.id, model, issues } });
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

function sum(one: Usage, other: Usage): Usage {
  return {
    inputTokens: one.inputTokens + other.inputTokens,
    outputTokens: one.outputTokens + other.outputTokens,
    cachedInputTokens: one.cachedInputTokens + other.cachedInputTokens,
    cacheWriteTokens: (one.cacheWriteTokens ?? 0) + (other.cacheWriteTokens ?? 0),
  };
}
