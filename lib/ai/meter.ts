import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import { HivepulseError, messageOf, RateLimitedError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Budget } from './budget.ts';
import type { AiCaller, AiLedger, Limits, Prompt, ProviderName, Usage } from './contract.ts';
import { limitKey, NoAnswerError, type Vendor } from './errors.ts';
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
  usage: Usage;
  costUsd: number;
  durationMs: number;
}

export interface MeterDeps {
  limits: Limits;
  ledger: AiLedger;
  budget: Budget;
  clock: Clock;
  log: Logger;
  onCall?: ((call: AiCall) => void) | undefined;
}

export interface MeteredCall {
  caller: AiCaller;
  provider: ProviderName;
  model: string;
  operation: 'generate' | 'embed';
  prompt?: Prompt;
  /** The most the call is thought to use: reserved from the day's budget while it runs. */
  estimate: Usage;
}

export interface Meter {
  /** Runs one call of a provider: heeds pauses and the budget before it, keeps the books after it. */
  run<R extends { model: string; usage: Usage }>(call: MeteredCall, work: () => Promise<R>): Promise<R & { costUsd: number }>;
  /** Logs and reports an answer that came from the cache. */
  cached(call: Omit<MeteredCall, 'estimate'>): void;
}

/** How often and after which waits the cost of a call is written down again when the ledger is away. */
const RECORD_WAITS_MS = [100, 400];

export function createMeter(deps: MeterDeps): Meter {
  const report = (call: Omit<MeteredCall, 'estimate'>, end: Omit<AiCall, 'queue' | 'provider' | 'operation'> & { priceKnown?: boolean }) => {
    logCall(deps.log, call, end);
    const { priceKnown: _, ...measured } = end;
    deps.onCall?.({ queue: call.caller.queue, provider: call.provider, operation: call.operation, ...measured });
  };

  /** Books what the vendor reported. Resolves to the dollars that the ledger could not be told of. */
  const keepBooks = async (call: MeteredCall & { provider: Vendor }, spent: { model: string; usage: Usage }, costUsd: number, durationMs: number) => {
    const { inputTokens, outputTokens, cachedInputTokens } = spent.usage;
    const { queue, jobId, userId } = call.caller;
    const { provider, operation } = call;
    const promptOf = { promptId: call.prompt?.id, promptVersion: call.prompt?.version };
    const tokens = { inputTokens, outputTokens, cachedInputTokens };
    const entry = { queue, jobId, userId, provider, model: spent.model, operation, ...promptOf, ...tokens, costUsd, durationMs };
    const failure = await persist(() => deps.ledger.record(entry));
    if (failure === undefined) return 0;
    deps.log.error({ event: 'ai_usage_lost', ...entry, error: messageOf(failure) }, 'ai usage could not be recorded');
    return costUsd;
  };

  const runVendor = async <R extends { model: string; usage: Usage }>(call: MeteredCall & { provider: Vendor }, work: () => Promise<R>) => {
    const estimateUsd = costOf(call.provider, call.model, call.estimate).usd;
    const reservation = await deps.budget.reserve(estimateUsd, call.caller.signal);
    let unrecordedUsd = 0;
    const book = async (spent: { model: string; usage: Usage }, outcome: string, durationMs: number) => {
      const cost = costOf(call.provider, spent.model, spent.usage);
      unrecordedUsd = await keepBooks(call, spent, cost.usd, durationMs);
      report(call, { ...spent, outcome, cached: false, costUsd: cost.usd, durationMs, priceKnown: cost.known });
      return cost.usd;
    };
    try {
      await assertNotPaused(deps, call.provider);
      const started = deps.clock.monotonic();
      const elapsed = () => Math.round(deps.clock.monotonic() - started);
      const result = await work().catch(async (error: unknown) => {
        if (error instanceof RateLimitedError) await sharePause(deps, error);
        if (error instanceof NoAnswerError) await book({ model: error.model, usage: error.usage }, error.code, elapsed());
        else report(call, { model: call.model, usage: NOTHING, outcome: codeOf(error), cached: false, costUsd: 0, durationMs: elapsed() });
        throw error;
      });
      return { ...result, costUsd: await book({ model: result.model, usage: result.usage }, 'ok', elapsed()) };
    } finally {
      reservation.settle(unrecordedUsd);
    }
  };

  /** Costs nothing: no pause, no cap, no entry in the ledger. */
  const runLocal = async <R extends { model: string; usage: Usage }>(call: MeteredCall, work: () => Promise<R>) => {
    const started = deps.clock.monotonic();
    const end = (outcome: string) => ({ model: call.model, usage: NOTHING, outcome, cached: false, costUsd: 0, durationMs: Math.round(deps.clock.monotonic() - started) });
    const result = await work().catch((error: unknown) => {
      report(call, end(codeOf(error)));
      throw error;
    });
    report(call, end('ok'));
    return { ...result, costUsd: 0 };
  };

  return {
    run: (call, work) => {
      const { provider } = call;
      return provider === 'local' ? runLocal(call, work) : runVendor({ ...call, provider }, work);
    },
    cached: (call) => report(call, { model: call.model, usage: NOTHING, outcome: 'ok', cached: true, costUsd: 0, durationMs: 0 }),
  };
}

const NOTHING: Usage = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0 };

/** Throws `RateLimitedError` while any queue or process has been told by `vendor` to wait. */
export async function assertNotPaused({ limits, clock }: Pick<MeterDeps, 'limits' | 'clock'>, vendor: Vendor): Promise<void> {
  const remainingMs = (await limits.limitedUntil(limitKey(vendor))) - clock.now();
  if (remainingMs > 0) throw new RateLimitedError(limitKey(vendor), remainingMs);
}

/** Makes a 429 known to everybody. When that fails this job still waits, and the next caller asks for itself. */
export async function sharePause({ limits, clock, log }: Pick<MeterDeps, 'limits' | 'clock' | 'log'>, error: RateLimitedError): Promise<void> {
  await limits.limit(error.key, clock.now() + error.retryAfterMs).catch((failure: unknown) => {
    log.error({ event: 'limit_not_shared', key: error.key, error: messageOf(failure) }, 'a rate limit could not be shared');
  });
}

/** Undefined when `write` went through at last, else its last failure. */
async function persist(write: () => Promise<void>): Promise<unknown> {
  for (const waitMs of [...RECORD_WAITS_MS, undefined]) {
    try {
      await write();
      return undefined;
    } catch (error) {
      if (waitMs === undefined) return error ?? new Error('unknown failure');
      await pause(waitMs);
    }
  }
  return undefined;
}

function logCall(log: Logger, call: Omit<MeteredCall, 'estimate'>, end: Omit<AiCall, 'queue' | 'provider' | 'operation'> & { priceKnown?: boolean }): void {
  const { usage, durationMs, priceKnown, ...rest } = end;
  const { inputTokens, outputTokens, cachedInputTokens } = usage;
  const about = { event: 'ai_call', provider: call.provider, operation: call.operation, promptId: call.prompt?.id, ms: durationMs };
  const fields = { ...about, ...rest, inputTokens, outputTokens, cachedInputTokens };
  if (priceKnown === false) log.warn({ ...fields, priceKnown }, 'ai call of a model without a price: the dearest known one was taken');
  else if (end.outcome === 'ok') log.info(fields, 'ai call');
  else log.warn(fields, 'ai call');
}

function codeOf(error: unknown): string {
  return error instanceof HivepulseError ? error.code : 'unknown';
}
