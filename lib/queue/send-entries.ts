import { HivepulseError, messageOf } from '../errors.ts';
import type { QueueName } from '../jobs/define.ts';
import { runOf } from './dead-letters.ts';
import { createEnqueue, type EnqueueDeps, type SendRequest } from './enqueue.ts';
import { cancelKey } from './keys.ts';
import { loadJob } from './view.ts';

/** A job that was asked for in the database, to be put on its queue under its own id. */
export interface Entry {
  queue: QueueName;
  name: string;
  jobId: string;
  payload: unknown;
  options: { priority?: number; userId?: string; correlationId?: string; force?: boolean; traceparent?: string };
  /** Dead letters are unique per (queue, job id, run). */
  run: number;
  /** An ended job of that id, or a flag that cancels it, may stand in the way. */
  replaces: boolean;
}

export type Sent =
  /** `jobId` differs from the asked one where an unfinished job does the work already. */
  | { outcome: 'sent'; jobId: string }
  /** An earlier run under the same id is still on its way out. */
  | { outcome: 'busy' }
  /** It can never be sent: the payload does not fit its kind. */
  | { outcome: 'refused'; error: string }
  /** The queue could not be reached, or did not answer: the entry may or may not be there, sending it again is harmless. */
  | { outcome: 'failed'; error: string };

/** Answers in the order given; never rejects. */
export type SendEntries = <E extends Entry>(entries: readonly E[]) => Promise<Sent[]>;

export function createSendEntries(deps: EnqueueDeps): SendEntries {
  const { backend } = deps;
  const enqueue = createEnqueue(deps);

  return async (entries) => {
    const outcomes = new Map<Entry, Sent>();
    for (const group of Map.groupBy(entries, ({ queue }) => queue).values()) {
      const sendable: Entry[] = [];
      for (const entry of group) {
        const problem = check(entry) ?? (entry.replaces ? await clearTheWay(entry) : undefined);
        if (problem) outcomes.set(entry, problem);
        else sendable.push(entry);
      }
      const sent = await sendGroup(sendable);
      for (const [index, entry] of sendable.entries()) outcomes.set(entry, sent[index] ?? { outcome: 'failed', error: 'not sent' });
    }
    return entries.map((entry) => outcomes.get(entry) ?? { outcome: 'failed', error: 'not sent' });
  };

  function check(entry: Entry): Sent | undefined {
    try {
      enqueue.check(requestOf(entry));
      return undefined;
    } catch (error) {
      return { outcome: 'refused', error: messageOf(error) };
    }
  }

  async function sendGroup(group: readonly Entry[]): Promise<Sent[]> {
    try {
      const sent = await enqueue.many(group.map(requestOf));
      return sent.map(({ jobId }) => ({ outcome: 'sent', jobId }));
    } catch (error) {
      if (group.length > 1 && !(error instanceof HivepulseError && error.retryable)) return sendOneByOne(group);
      return group.map(() => ({ outcome: 'failed', error: messageOf(error) }));
    }
  }

  /** The queue refused the batch: one bad entry must not keep the others. */
  async function sendOneByOne(group: readonly Entry[]): Promise<Sent[]> {
    const sent: Sent[] = [];
    for (const entry of group) sent.push(...(await sendGroup([entry])));
    return sent;
  }

  /** Undefined when the entry can be sent now. */
  async function clearTheWay({ queue, jobId, run }: Entry): Promise<Sent | undefined> {
    try {
      const stored = await loadJob(backend, queue, jobId);
      if (stored) {
        const { job, state } = stored;
        const unfinished = state === 'waiting' || state === 'delayed' || state === 'active';
        if (unfinished && runOf(job) >= run) return { outcome: 'sent', jobId };
        if (state === 'active') return { outcome: 'busy' };
        await job.remove();
      }
      await backend.store.clearFlag(cancelKey(queue, jobId));
      return undefined;
    } catch (error) {
      return { outcome: 'failed', error: messageOf(error) };
    }
  }
}

function requestOf({ queue, name, jobId, payload, options, run }: Entry): SendRequest {
  const { priority, userId, correlationId, force, traceparent } = options;
  return {
    queue,
    name,
    payload,
    run,
    own: true,
    traceparent,
    options: {
      jobId,
      ...(priority ? { priority } : {}),
      ...(userId ? { userId } : {}),
      ...(correlationId ? { correlationId } : {}),
      ...(force ? { force } : {}),
    },
  };
}
