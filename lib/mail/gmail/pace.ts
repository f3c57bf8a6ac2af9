import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../../clock.ts';
import { RateLimitedError } from '../../errors.ts';
import { jittered } from '../../provider-failure.ts';
import type { Store } from '../../queue/store/types.ts';
import type { Quota } from '../contract.ts';
import { isDailyLimit, type LimitNotice } from './failure.ts';
import { accountKey, type GmailTimings } from './settings.ts';

export interface PaceDeps {
  store: Pick<Store, 'limitedUntil' | 'limit' | 'takeTokens'>;
  quota: Quota;
  clock: Clock;
  timings: GmailTimings;
  /** Resolves after so many milliseconds, or rejects with the signal's reason. */
  pause?: Pause;
  /** 0 to 1; for tests. */
  random?: () => number;
}

export type Pause = (milliseconds: number, signal: AbortSignal) => Promise<void>;

/** Keeps an account within its quota and its pauses, which all processes share. */
export interface Pace {
  /**
   * Returns once `cost` units are taken. Throws `RateLimitedError` where that would be beyond the patience of a call; its wait is longer
   * the more units are `left` to spend afterwards, so that what comes back has something to do.
   */
  admit(connectionId: string, cost: number, left: number, signal: AbortSignal): Promise<void>;
  /** Google has asked this account for a pause: all processes heed it. */
  limit(connectionId: string, failure: LimitNotice): Promise<RateLimitedError>;
  /** A call went through: the next limit is a new one. */
  unlimited(connectionId: string): void;
}

/** A request counts when it reaches Google, a moment after it was paid for: spent to the last unit, the next one could come too soon. */
export const USABLE_SHARE = 0.98;

export function createPace({ store, quota, clock, timings, pause = pauseFor, random = Math.random }: PaceDeps): Pace {
  const bucket = { capacity: Math.max(1, quota.units * USABLE_SHARE), refillPerSecond: (quota.units * 1_000) / quota.perMs };
  /** How often in a row an account was limited. */
  const limits = new Map<string, number>();

  async function waitFor(key: string, cost: number, left: number): Promise<{ waitMs: number; worthwhileMs: number } | undefined> {
    const pausedMs = (await store.limitedUntil(key)) - clock.now();
    if (pausedMs > 0) return { waitMs: pausedMs, worthwhileMs: pausedMs };
    const answer = await store.takeTokens(key, bucket, Math.min(cost, bucket.capacity));
    if (answer.taken) return undefined;
    // A comeback lists the mailbox anew, which costs more the more of it there is: half a full bucket at a time is worth that.
    const more = Math.max(0, Math.min(left, bucket.capacity / 2, bucket.capacity - cost));
    return { waitMs: answer.waitMs, worthwhileMs: answer.waitMs + (more / bucket.refillPerSecond) * 1_000 };
  }

  return {
    async admit(connectionId, cost, left, signal) {
      const key = accountKey(connectionId);
      const until = clock.monotonic() + timings.patienceMs;
      for (;;) {
        signal.throwIfAborted();
        const short = await waitFor(key, cost, left);
        if (!short) return;
        if (clock.monotonic() + short.waitMs > until) throw new RateLimitedError(key, Math.ceil(short.worthwhileMs));
        await pause(short.waitMs, signal);
      }
    },
    async limit(connectionId, failure) {
      const before = limits.get(connectionId) ?? 0;
      limits.set(connectionId, before + 1);
      const backoffMs = isDailyLimit(failure) ? timings.longestLimitMs : Math.min(timings.longestLimitMs, timings.limitMs * 2 ** before);
      const pauseMs = Math.ceil(failure.retryAfterMs ?? jittered(backoffMs, random));
      const key = accountKey(connectionId);
      await store.limit(key, clock.now() + pauseMs);
      return new RateLimitedError(key, pauseMs);
    },
    unlimited(connectionId) {
      limits.delete(connectionId);
    },
  };
}

export const pauseFor: Pause = async (milliseconds, signal) => {
  await wait(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted());
};
