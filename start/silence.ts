import type { QueueName } from '../lib/jobs/define.ts';

/** From the worker of a process, which has gone silent, to its probes and to whoever ends it. */
export interface Silence {
  tell(queues: readonly QueueName[]): void;
  /** Empty as long as all is well. */
  readonly queues: readonly QueueName[];
  readonly told: Promise<void>;
}

export function createSilence(): Silence {
  const { promise, resolve } = Promise.withResolvers<void>();
  let queues: readonly QueueName[] = [];
  return {
    tell(silent) {
      queues = silent;
      resolve();
    },
    get queues() {
      return queues;
    },
    told: promise,
  };
}
