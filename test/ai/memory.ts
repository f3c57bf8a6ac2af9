import type { AiLedger, AiUsageRecord, Limits } from '../../lib/ai/contract.ts';
import type { Clock } from '../../lib/clock.ts';

/** The pauses of one process; the real ones, shared by all, are tested with lib/queue/store. */
export function createMemoryLimits(): Limits {
  const until = new Map<string, number>();
  return {
    limitedUntil: async (key) => until.get(key) ?? 0,
    limit: async (key, untilMs) => {
      until.set(key, Math.max(until.get(key) ?? 0, untilMs));
    },
  };
}

export interface MemoryLedger extends AiLedger {
  readonly records: readonly AiUsageRecord[];
  readonly stored: ReadonlyMap<string, { value: unknown; model: string }>;
  /** The next `times` calls of `operation` reject, as when the database is away. */
  failNext(operation: 'record' | 'store', times: number): void;
}

/** A ledger in memory; `spentTodayUsd` sums what was recorded since 00:00 UTC by `clock`. */
export function createMemoryLedger(clock: Clock): MemoryLedger {
  const records: (AiUsageRecord & { at: number })[] = [];
  const stored = new Map<string, { value: unknown; model: string }>();
  const failing = { record: 0, store: 0 };
  const maybeFail = (operation: 'record' | 'store') => {
    if (failing[operation] === 0) return;
    failing[operation] -= 1;
    throw new Error(`${operation}: the database is away`);
  };
  return {
    records,
    stored,
    record: async (usage) => {
      maybeFail('record');
      records.push({ ...usage, at: clock.now() });
    },
    spentTodayUsd: async (now) => {
      const day = now - (now % 86_400_000);
      return records.filter(({ at }) => at >= day).reduce((sum, { costUsd }) => sum + costUsd, 0);
    },
    cached: async (key) => stored.get(key),
    store: async (key, { value, model }) => {
      maybeFail('store');
      stored.set(key, { value, model });
    },
    failNext: (operation, times) => {
      failing[operation] = times;
    },
  };
}
