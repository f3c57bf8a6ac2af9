import { SECOND } from '../../clock.ts';

/** Durations in milliseconds. */
export interface GmailTimings {
  /** Longest wait for one answer. Too short: slow answers are paid for and thrown away. Default 10,000. */
  timeoutMs: number;
  /** The same for a batch, whose answer may have many MB. Default 30,000. */
  batchTimeoutMs: number;
  /** A call waits so long for its account's quota before it gives the job's place to another account. Default 3,000. */
  patienceMs: number;
  /** How often a call is repeated after 5xx or a broken connection. Default 3. */
  retries: number;
  /** Pause before the first repetition; doubles with each. Default 500. */
  retryMs: number;
  /** Pause of an account that Google limits without saying for how long; doubles while it goes on. Default 1,000. */
  limitMs: number;
  /** Longest of these pauses. Default 60,000. */
  longestLimitMs: number;
  /** Largest answer that is read, in bytes; a larger batch is asked for in halves. Default 64 MiB. */
  maxBytes: number;
}

export const DEFAULT_TIMINGS: GmailTimings = {
  timeoutMs: 10 * SECOND,
  batchTimeoutMs: 30 * SECOND,
  patienceMs: 3 * SECOND,
  retries: 3,
  retryMs: SECOND / 2,
  limitMs: SECOND,
  longestLimitMs: 60 * SECOND,
  maxBytes: 64 * 1_048_576,
};

/** The key under which all processes share an account's quota and its pauses. */
export const accountKey = (connectionId: string): string => `account:gmail:${connectionId}`;
