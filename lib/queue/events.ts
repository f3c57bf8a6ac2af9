import type { QueueEvents } from 'bullmq';
import type { QueueName } from '../jobs/define.ts';
import type { QueueBackend } from './backend.ts';
import type { JobEvent } from './types.ts';
import { toProgress } from './view.ts';

type Listener = (event: JobEvent) => void;

export interface JobEvents {
  /** Returns the function that ends the subscription. */
  on(queue: QueueName, listener: Listener): () => void;
  /** Resolves when events of the queue arrive from now on. */
  ready(queue: QueueName): Promise<void>;
}

/** One subscription per queue and process, shared by all listeners, opened with the first. */
export function createJobEvents(backend: QueueBackend): JobEvents {
  const listeners = new Map<QueueName, Set<Listener>>();

  function open(queue: QueueName): Set<Listener> {
    const existing = listeners.get(queue);
    if (existing) return existing;
    const created = new Set<Listener>();
    listeners.set(queue, created);
    listen(backend.events(queue), queue, (event) => {
      for (const listener of [...created]) listener(event);
    });
    return created;
  }

  return {
    on(queue, listener) {
      const set = open(queue);
      set.add(listener);
      return () => set.delete(listener);
    },
    async ready(queue) {
      open(queue);
      await backend.events(queue).waitUntilReady();
    },
  };
}

function listen(events: QueueEvents, queue: QueueName, emit: Listener): void {
  for (const type of ['waiting', 'active', 'delayed', 'stalled', 'removed'] as const) {
    events.on(type, ({ jobId }: { jobId: string }) => emit({ type, queue, jobId }));
  }
  events.on('completed', ({ jobId, returnvalue }) => emit({ type: 'completed', queue, jobId, result: returnvalue }));
  events.on('failed', ({ jobId, failedReason }) => emit({ type: 'failed', queue, jobId, error: failedReason }));
  events.on('progress', ({ jobId, data }) => {
    const progress = toProgress(data);
    if (progress) emit({ type: 'progress', queue, jobId, progress });
  });
}
