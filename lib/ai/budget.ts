import { EventEmitter, once } from 'node:events';
import type { Clock } from '../clock.ts';
import { PermanentError } from '../errors.ts';
import type { AiLedger } from './contract.ts';

export interface Reservation {
  /** The call is over. `unrecordedUsd` is what it cost without the ledger knowing: this process goes on counting it. */
  settle(unrecordedUsd?: number): void;
}

export interface Budget {
  /**
   * Call before each paid call. Throws `PermanentError` `budget_exceeded` once the day's money is spent. While calls in flight may
   * use up what is left, waits for one of them to end, so that a process oversteps the cap by one call at most.
   */
  reserve(estimateUsd: number, signal: AbortSignal): Promise<Reservation>;
}

export interface BudgetDeps {
  /** Undefined: no cap, and no question to the ledger. */
  dailyBudgetUsd: number | undefined;
  ledger: AiLedger;
  clock: Clock;
}

export function createBudget({ dailyBudgetUsd, ledger, clock }: BudgetDeps): Budget {
  if (dailyBudgetUsd === undefined) return { reserve: async () => ({ settle: () => {} }) };
  const settled = new EventEmitter().setMaxListeners(0);
  const inFlight = new Set<{ estimateUsd: number }>();
  let settlements = 0;
  let unrecorded = { day: '', usd: 0 };

  const unrecordedToday = () => (unrecorded.day === dayOf(clock.now()) ? unrecorded.usd : 0);
  const reservedUsd = () => [...inFlight].reduce((sum, { estimateUsd }) => sum + estimateUsd, 0);

  const admit = (estimateUsd: number): Reservation => {
    const call = { estimateUsd };
    inFlight.add(call);
    return {
      settle: (unrecordedUsd = 0) => {
        if (!inFlight.delete(call)) return;
        if (unrecordedUsd > 0) unrecorded = { day: dayOf(clock.now()), usd: unrecordedToday() + unrecordedUsd };
        settlements += 1;
        settled.emit('settled');
      },
    };
  };

  return {
    reserve: async (estimateUsd, signal) => {
      for (;;) {
        signal.throwIfAborted();
        const before = settlements;
        const spentUsd = (await ledger.spentTodayUsd(clock.now())) + unrecordedToday();
        if (spentUsd >= dailyBudgetUsd) throw exceeded(spentUsd, dailyBudgetUsd);
        // A call that ended while the ledger was read may be missing from what it said.
        if (settlements !== before) continue;
        if (inFlight.size === 0 || spentUsd + reservedUsd() + estimateUsd <= dailyBudgetUsd) return admit(estimateUsd);
        await once(settled, 'settled', { signal }).catch(() => signal.throwIfAborted());
      }
    },
  };
}

const dayOf = (now: number): string => new Date(now).toISOString().slice(0, 10);

function exceeded(spentUsd: number, dailyBudgetUsd: number): PermanentError {
  const message = `the AI budget of the day is spent: $${spentUsd.toFixed(4)} of $${dailyBudgetUsd} since 00:00 UTC; raise AI_DAILY_BUDGET_USD or wait for tomorrow`;
  return new PermanentError(message, { code: 'budget_exceeded', details: { spentUsd, dailyBudgetUsd } });
}
