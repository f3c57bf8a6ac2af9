import { MINUTE, SECOND } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import type { QueueName } from '../lib/jobs/define.ts';
import type { Service } from '../lib/lifecycle.ts';
import type { Logger } from '../lib/log.ts';
import type { QueueStats } from '../lib/queue/types.ts';

export interface StatusReportDeps {
  queues: readonly QueueName[];
  stats: () => Promise<QueueStats>;
  isRunning: () => boolean;
  log: Logger;
}

/** What an operator who only reads logs gets to see: the worker's status every minute, the queues' every 30 s. */
export function createStatusReport({ queues, stats, isRunning, log }: StatusReportDeps): Service {
  const timers: NodeJS.Timeout[] = [];

  async function logStats(): Promise<void> {
    try {
      const counted = await stats();
      for (const queue of queues) log.info({ queue, ...counted[queue] }, 'queue stats');
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'queue stats could not be read');
    }
  }

  return {
    name: 'status-report',
    start: async () => {
      timers.push(setInterval(() => void logStats(), 30 * SECOND));
      timers.push(setInterval(() => log.info({ running: isRunning(), queues }, 'worker status'), MINUTE));
    },
    stop: async () => {
      for (const timer of timers) clearInterval(timer);
    },
  };
}
