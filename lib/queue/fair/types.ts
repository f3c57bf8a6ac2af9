import type { QueueName } from '../../jobs/define.ts';

/** Where a new job belongs. */
export interface Share {
  /** See `levelOf`. */
  level: number;
  /** Whose job it is. */
  key: string;
  /** Delayed jobs are counted apart: a job that may start now never waits for one that may not. */
  delayed: boolean;
}

/** Shares a queue out between keys, on the queue's backend (Lua on Redis, SQL functions on Postgres). How: docs/fairness.md. */
export interface FairShares {
  /**
   * BullMQ's priorities for new jobs, in the order asked; one round trip. The turns are taken whether or not the jobs are then added.
   * Rejects with `UnavailableError` while the backend is away.
   */
  priorities(queue: QueueName, shares: readonly Share[]): Promise<number[]>;
  /** Puts a job that found no free place into a line; resolves to how many stand before it. Smaller `order` first. */
  park(queue: QueueName, line: string, jobId: string, order: number): Promise<number>;
  /** Takes the first of a line out of it. */
  next(queue: QueueName, line: string): Promise<string | undefined>;
  /** Takes a job out of a line, wherever it stands. */
  unpark(queue: QueueName, line: string, jobId: string): Promise<void>;
}

/** The numbers of the sharing; only tests need others. */
export interface ShareOptions {
  /** Slots of a level. Smaller ones are re-based more often. Default 131,072. */
  width?: number;
  /** Turns that a key may catch up at once after it had nothing waiting. 0: none. Default 10. */
  catchUp?: number;
}
