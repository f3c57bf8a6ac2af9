import type { Job, Queue, QueueEvents, Worker, WorkerOptions } from 'bullmq';
import type { QueueName } from '../jobs/define.ts';
import type { FairShares } from './fair/types.ts';
import type { LookRequest, QueueLook } from './ready.ts';
import type { Store } from './store/types.ts';

/** What BullMQ tells of its workers' jobs; made by `lib/telemetry`. */
export type QueueTelemetry = NonNullable<WorkerOptions['telemetry']>;

export type BullProcessor = (job: Job, token: string | undefined, signal: AbortSignal | undefined) => Promise<unknown>;

/** One of the two places where queues live. Made by `createRedisBackend` or `createPostgresBackend`; nothing else in Hivepulse knows which. */
export interface QueueBackend {
  readonly kind: 'redis' | 'postgres';
  /** The same object for the same name; connects at first use. Its commands fail instead of queueing up while the connection is away. */
  queue(name: QueueName): Queue;
  /** A new BullMQ worker, not yet running (`autorun: false`). */
  worker(name: QueueName, process: BullProcessor, options: Omit<WorkerOptions, 'connection' | 'prefix' | 'autorun'>): Worker;
  /** The same object for the same name, listening. */
  events(name: QueueName): QueueEvents;
  /** Limits, semaphores, flags and single flight, shared by all processes on this backend. */
  readonly store: Store;
  /** Turns between the users or deals of a queue. */
  readonly fair: FairShares;
  /** In the order asked; one round trip per queue on Redis, one in all on Postgres, each reading a bounded number of jobs. */
  look(requests: readonly LookRequest[], nowMs: number): Promise<QueueLook[]>;
  /** What the queues take up: the memory of Redis (of a cluster: of its fullest primary) and its limit, or BullMQ's tables in Postgres. */
  size(): Promise<{ bytes: number; limitBytes?: number | undefined }>;
  /**
   * Resolves when a command can be sent now; rejects with `UnavailableError` after `timeoutMs`.
   * Producers call it before `add`: what is never sent cannot land later.
   */
  ready(timeoutMs: number): Promise<void>;
  /** One round trip. */
  ping(): Promise<void>;
  /** What would make jobs get lost or hang (eviction policy, versions, too few connections, missing migrations), each with its cure. Empty = good. */
  check(): Promise<{ level: 'error' | 'warning'; message: string }[]>;
  /** Whether `error` says that the connection was cut or timed out after the command may have been sent. */
  isConnectionError(error: unknown): boolean;
  close(): Promise<void>;
}
