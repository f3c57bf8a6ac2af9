import { randomUUID } from 'node:crypto';
import type { Job } from 'bullmq';
import { z } from 'zod';
import { systemClock } from '../../../lib/clock.ts';
import { defineJob, exponential, forEver, type JobDefinition, type QueueName } from '../../../lib/jobs/define.ts';
import type { QueueBackend } from '../../../lib/queue/backend.ts';
import { createEnqueue } from '../../../lib/queue/enqueue.ts';
import type { ShareOptions } from '../../../lib/queue/fair/types.ts';
import type { EnqueueOptions } from '../../../lib/queue/types.ts';

export const QUEUE: QueueName = 'story-enhancement';

/** Where a suite runs. */
export interface FairPlace {
  /** A backend as another process would have it, on the same data. */
  connect(sharing?: ShareOptions): Promise<QueueBackend>;
  /** Turns, lines and places are forgotten, the jobs are not. */
  forget(): Promise<void>;
  close(): Promise<void>;
}

const payload = z.object({ name: z.string(), dealId: z.string().optional(), team: z.string().optional() });
const common = { queue: QUEUE, payload, result: z.unknown(), once: forEver('jobs'), status: 'ready' } as const;
const definitions = [
  defineJob({ ...common, queue: 'story-enhancement', name: 'row' }),
  defineJob({ ...common, queue: 'story-enhancement', name: 'team', fairness: { key: ({ team }) => team } }),
];

function findFair(_queue: string, name: string): JobDefinition | undefined {
  // As in the catalogue: a lookup by name cannot know the payload's type.
  return definitions.find((definition) => definition.name === name) as unknown as JobDefinition | undefined;
}

type Options = EnqueueOptions & { kind?: string; dealId?: string; team?: string };

/** Adds jobs named after their user (`a0`, `a1`, …) and takes them one at a time, as workers would: no timing decides anything. */
export function createTurns(backend: QueueBackend, { fairness = true } = {}) {
  const settings = { attempts: 3, backoff: exponential(1), keep: { completed: 0, failed: 0 }, fairness };
  const enqueue = createEnqueue({ backend, settings: () => settings, clock: systemClock, find: findFair });
  const worker = backend.worker(QUEUE, async () => undefined, {});
  const added = new Map<string, number>();

  function request(user: string, { kind = 'row', dealId, team, ...options }: Options = {}) {
    const number = added.get(user) ?? 0;
    added.set(user, number + 1);
    const about = { name: `${user}${number}`, ...(dealId ? { dealId } : {}), ...(team ? { team } : {}) };
    return { queue: QUEUE, name: kind, payload: about, options: { ...(dealId || team ? {} : { userId: user }), ...options } };
  }

  async function take(): Promise<Job | undefined> {
    return (await worker.getNextJob(randomUUID(), { block: false })) ?? undefined;
  }

  async function serve(count = Number.POSITIVE_INFINITY): Promise<string> {
    const served: string[] = [];
    while (served.length < count) {
      const job = await take();
      if (!job) break;
      served.push(nameOf(job));
      await job.moveToCompleted('done', job.token ?? '', false);
    }
    return served.join(' ');
  }

  return {
    add: async (user: string, count = 1, options?: Options) => {
      await enqueue.many(Array.from({ length: count }, () => request(user, options)));
    },
    addOne: async (user: string, options?: Options) => {
      await enqueue.one(request(user, options));
    },
    addMixed: async (...users: string[]) => {
      await enqueue.many(users.map((user) => request(user)));
    },
    take,
    /** The next jobs in the order they come; all of them without a count. */
    serve,
    close: () => worker.close(),
  };
}

export function nameOf(job: Job): string {
  return String(job.data.payload.name);
}
