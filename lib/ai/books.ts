import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { AiCaller, AiLedger, Prompt, ProviderName, Usage } from './contract.ts';
import { costOf } from './prices.ts';

/** One finished question to a provider or to the answer cache; for metrics. Carries no text. */
export interface AiCall {
  queue: string;
  provider: ProviderName;
  model: string;
  operation: 'generate' | 'embed';
  /** `ok`, or the code of the error. */
  outcome: string;
  /** Answered from the cache: nothing was asked or paid. */
  cached: boolean;
  inputTokens: number;
  outputTokens: number;
  cachedInputTokens: number;
  costUsd: number;
  durationMs: number;
}

/** What is known of a call before it is made. */
export interface Question {
  caller: AiCaller;
  provider: ProviderName;
  model: string;
  operation: 'generate' | 'embed';
  prompt?: Prompt;
}

/** How a call ended; `usage` is absent where nothing was used or reported. */
export interface Ending {
  outcome: string;
  /** The model that answered, which may be a dated version of the one asked for. */
  model?: string;
  usage?: Usage;
  durationMs: number;
  cached?: boolean;
}

export interface Books {
  /** Writes usage and cost to the ledger, the log and the metrics. Never throws: `unrecordedUsd` is what the ledger could not be told. */
  enter(question: Question, ending: Ending): Promise<{ costUsd: number; unrecordedUsd: number }>;
}

export interface BooksDeps {
  ledger: AiLedger;
  log: Logger;
  onCall?: ((call: AiCall) => void) | undefined;
}

/** The waits before the cost of a paid call is written down again, when the ledger is away. */
const RECORD_AGAIN_AFTER_MS = [100, 400];
const NOTHING: Usage = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0 };

export function createBooks({ ledger, log, onCall }: BooksDeps): Books {
  const record = async (question: Question, call: AiCall): Promise<number> => {
    const failure = await persistently(() => ledger.record(ledgerEntry(question, call)));
    if (failure === undefined) return 0;
    log.error({ event: 'ai.usage_lost', ...call, error: messageOf(failure) }, 'ai usage could not be recorded');
    return call.costUsd;
  };
  return {
    enter: async (question, ending) => {
      const { usage } = ending;
      const { provider } = question;
      const model = ending.model ?? question.model;
      const cost = provider === 'local' || !usage ? FREE : costOf(provider, model, usage);
      const call = measured(question, ending, model, cost.usd);
      const unrecordedUsd = provider === 'local' || !usage ? 0 : await record(question, call);
      write(log, question, call, cost.known);
      onCall?.(call);
      return { costUsd: cost.usd, unrecordedUsd };
    },
  };
}

const FREE = { usd: 0, known: true };

function measured({ caller, provider, operation }: Question, { outcome, cached, usage, durationMs }: Ending, model: string, costUsd: number): AiCall {
  const { inputTokens, outputTokens, cachedInputTokens } = usage ?? NOTHING;
  const tokens = { inputTokens, outputTokens, cachedInputTokens };
  return { queue: caller.queue, provider, model, operation, outcome, cached: cached ?? false, ...tokens, costUsd, durationMs };
}

function ledgerEntry({ caller, prompt }: Question, { outcome: _, cached: __, ...call }: AiCall): Parameters<AiLedger['record']>[0] {
  return { ...call, jobId: caller.jobId, userId: caller.userId, promptId: prompt?.id, promptVersion: prompt?.version };
}

function write(log: Logger, { prompt }: Question, call: AiCall, priceKnown: boolean): void {
  const { durationMs, ...rest } = call;
  const fields = { event: 'ai.call', ...rest, ms: durationMs, promptId: prompt?.id, ...(priceKnown ? {} : { priceKnown }) };
  if (call.outcome === 'ok' && priceKnown) log.info(fields, 'ai call');
  else log.warn(fields, 'ai call');
}

/** Undefined when `work` went through at last, else its last failure. */
async function persistently(work: () => Promise<void>): Promise<unknown> {
  let failure: unknown;
  for (const waitMs of [0, ...RECORD_AGAIN_AFTER_MS]) {
    if (waitMs > 0) await pause(waitMs);
    try {
      await work();
      return undefined;
    } catch (error) {
      failure = error;
    }
  }
  return failure;
}
