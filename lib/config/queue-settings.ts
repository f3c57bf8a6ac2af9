import type { Backoff, QueueDefinition, QueueName } from '../jobs/define.ts';
import { queueNames, queues } from '../jobs/index.ts';
import type { ProducerValues } from './variables/producer.ts';

/** The numbers of one queue, after the environment has had its say. Attempts, backoff, retention and fairness are read where a job is added, the rest in the worker. */
export interface QueueConfig {
  concurrency: number;
  /** Including the first run. */
  attempts: number;
  backoff: Backoff;
  timeoutMs: number;
  keep: { completed: number; failed: number };
  /** Whether users and deals take turns. */
  fairness: boolean;
  /** Jobs of one user or deal that run at a time, over all processes; 0 = any number. */
  maxPerKey: number;
  /** Jobs that run at a time, over all processes; 0 = any number. */
  maxActive: number;
}

/** The most specific wins: the queue's own variable, then the one for all queues, then the catalogue. */
export function queueConfigs(values: ProducerValues): Record<QueueName, QueueConfig> {
  const entries = queueNames.map((queue): [QueueName, QueueConfig] => [queue, queueConfig(queue, values)]);
  // Object.fromEntries forgets which keys there were.
  return Object.fromEntries(entries) as Record<QueueName, QueueConfig>;
}

function queueConfig(queue: QueueName, values: ProducerValues): QueueConfig {
  const own = values.queues[queue];
  const table: QueueDefinition = queues[queue];
  const retries = values.MAX_RETRIES;
  return {
    concurrency: own.CONCURRENCY ?? values.WORKER_CONCURRENCY ?? table.concurrency,
    attempts: own.ATTEMPTS ?? values.WORKER_MAX_ATTEMPTS ?? (retries === undefined ? undefined : retries + 1) ?? table.attempts,
    backoff: { ...table.backoff, delayMs: own.BACKOFF_DELAY ?? values.WORKER_BACKOFF_DELAY ?? table.backoff.delayMs },
    timeoutMs: own.TIMEOUT_MS ?? table.timeoutMs,
    keep: { completed: own.KEEP_COMPLETED ?? table.keep.completed, failed: own.KEEP_FAILED ?? table.keep.failed },
    fairness: own.FAIRNESS ?? values.FAIRNESS,
    maxPerKey: own.MAX_PER_KEY ?? 0,
    maxActive: own.MAX_ACTIVE ?? 0,
  };
}
