import type { AllQueueFacts } from '../queue/ready.ts';
import type { Outbox } from './relay.ts';

/** What an autoscaler wants to know; see `GET /metrics/scale`. */
export interface Scale {
  queues: Record<string, { ready: number; oldestSeconds: number }>;
  ready: number;
  oldestSeconds: number;
}

/** Jobs that a worker could start now, those included that no relay has moved yet. Of a paused queue none could: more workers would not help. */
export function toScale(facts: AllQueueFacts, outbox: Outbox): Scale {
  const queues = Object.fromEntries(
    Object.entries(facts).map(([queue, { paused, ready, oldestReadyMs }]) => {
      const unsent = outbox.get(queue) ?? { waiting: 0, oldestSeconds: 0 };
      if (paused) return [queue, { ready: 0, oldestSeconds: 0 }];
      return [queue, { ready: ready + unsent.waiting, oldestSeconds: rounded(Math.max(oldestReadyMs / 1_000, unsent.oldestSeconds)) }];
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
