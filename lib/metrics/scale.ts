import type { AllQueueFacts, QueueFacts } from '../queue/ready.ts';
import type { Outbox } from './relay.ts';

/** What an autoscaler wants to know; see `GET /metrics/scale`. */
export interface Scale {
  queues: Record<string, { ready: number; oldestSeconds: number }>;
  ready: number;
  oldestSeconds: number;
}

/** What waits in a queue: in the queue itself, and in the outbox while no relay has moved it. */
export function loadOf(
  { ready, oldestReadyMs }: Pick<QueueFacts, 'ready' | 'oldestReadyMs'>,
  unsent: { waiting: number; oldestSeconds: number } | undefined,
): { ready: number; oldestMs: number } {
  const { waiting, oldestSeconds } = unsent ?? { waiting: 0, oldestSeconds: 0 };
  return { ready: ready + waiting, oldestMs: Math.max(oldestReadyMs, oldestSeconds * 1_000) };
}

/** Jobs that a worker could start now, those included that no relay has moved yet. Of a paused queue none could: more workers would not help. */
export function toScale(facts: AllQueueFacts, outbox: Outbox): Scale {
  const queues = Object.fromEntries(
    Object.entries(facts).map(([queue, one]) => {
      if (one.paused) return [queue, { ready: 0, oldestSeconds: 0 }];
      const { ready, oldestMs } = loadOf(one, outbox.get(queue));
      return [queue, { ready, oldestSeconds: rounded(oldestMs / 1_000) }];
    }),
  );
  const all = Object.values(queues);
  return {
    queues,
    ready: all.reduce((sum, { ready }) => sum + ready, 0),
    oldestSeconds: Math.max(0, ...all.map(({ oldestSeconds }) => oldestSeconds)),
  };
}

const rounded = (seconds: number): number => Math.round(seconds * 10) / 10;
