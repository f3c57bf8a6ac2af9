import type { Clock } from '../clock.ts';
import { HivepulseError, messageOf, RateLimitedError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Books, Question } from './books.ts';
import type { Budget } from './budget.ts';
import type { Limits, Usage } from './contract.ts';
import { limitKey, NoAnswerError, type Vendor } from './errors.ts';
import { costOf } from './prices.ts';

export interface MeterDeps {
  limits: Limits;
  budget: Budget;
  books: Books;
  clock: Clock;
  log: Logger;
}

/** What every answer of a provider carries. */
interface Spent {
  model: string;
  usage: Usage;
}

export interface Meter {
  /**
   * Runs one call of a provider: heeds the vendor's pause and the day's budget before it, keeps the books after it.
   * `estimate` is the most it is thought to use; that much of the budget is reserved while it runs.
   */
  run<R extends Spent>(question: Question, estimate: Usage, work: () => Promise<R>): Promise<R & { costUsd: number }>;
}

export function createMeter(deps: MeterDeps): Meter {
  /** Runs and books; `settle` is told what the ledger could not be. */
  const runAndBook = async <R extends Spent>(question: Question, work: () => Promise<R>, settle: (unrecordedUsd: number) => void) => {
    const started = deps.clock.monotonic();
    const book = async (ending: { outcome: string } & Partial<Spent>) => {
      const durationMs = Math.round(deps.clock.monotonic() - started);
      const { costUsd, unrecordedUsd } = await deps.books.enter(question, { ...ending, durationMs });
      settle(unrecordedUsd);
      return costUsd;
    };
    const result = await work().catch(async (error: unknown) => {
      if (error instanceof RateLimitedError) await sharePause(deps, error);
      const spent = error instanceof NoAnswerError ? { model: error.model, usage: error.usage } : {};
      await book({ outcome: error instanceof HivepulseError ? error.code : 'unknown', ...spent });
      throw error;
    });
    return { ...result, costUsd: await book({ outcome: 'ok', model: result.model, usage: result.usage }) };
  };

  const runPaid = async <R extends Spent>(question: Question, vendor: Vendor, estimate: Usage, work: () => Promise<R>) => {
    const reservation = await deps.budget.reserve(costOf(vendor, question.model, estimate).usd, question.caller.signal);
    try {
      await assertNotPaused(deps, vendor);
      return await runAndBook(question, work, reservation.settle);
    } finally {
      reservation.settle();
    }
  };

  return {
    run: (question, estimate, work) => {
      // The local provider costs nothing and asks nobody: no pause and no cap stop it.
      if (question.provider === 'local') return runAndBook(question, work, () => {});
      return runPaid(question, question.provider, estimate, work);
    },
  };
}

/** Throws `RateLimitedError` while `vendor` has told any queue or process to wait. */
export async function assertNotPaused({ limits, clock }: Pick<MeterDeps, 'limits' | 'clock'>, vendor: Vendor): Promise<void> {
  const remainingMs = (await limits.limitedUntil(limitKey(vendor))) - clock.now();
  if (remainingMs > 0) throw new RateLimitedError(limitKey(vendor), remainingMs);
}

/** Makes a 429 known to everybody. When that fails this job waits all the same, and the next caller finds out for itself. */
export async function sharePause({ limits, clock, log }: Pick<MeterDeps, 'limits' | 'clock' | 'log'>, error: RateLimitedError): Promise<void> {
  await limits.limit(error.key, clock.now() + error.retryAfterMs).catch((failure: unknown) => {
    log.error({ event: 'ai.limit_not_shared', key: error.key, error: messageOf(failure) }, 'a rate limit could not be shared');
  });
}
