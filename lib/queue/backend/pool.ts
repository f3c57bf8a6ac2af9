import type { PgPoolClient, PgQueryable } from 'bullmq';
import type { Finding } from './redis-check.ts';

/** The schema of BullMQ's tables. */
export const QUEUE_SCHEMA = 'bullmq';

/** What BullMQ's Postgres backend and the store need of a database: a `pg.Pool` with multiplexed LISTEN, or one PGlite of the same shape. */
export interface QueuePool extends PgQueryable {
  /** To be told of what happens on one queue, on the one connection that listens. */
  listener(queueName: string): PgPoolClient;
  /** Read by BullMQ: with keep-alive a waiting worker trusts the connection to tell when it is cut. */
  readonly options: { keepAlive: boolean };
  /** Resolves when a query can be sent now; rejects with `UnavailableError` after `timeoutMs`. */
  ready(timeoutMs: number): Promise<void>;
  /** Whether a query failed without an answer after it may have been sent. */
  isConnectionError(error: unknown): boolean;
  /** What would make this pool too small or deaf, each with its cure. */
  check(): Promise<Finding[]>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  end(): Promise<void>;
}
