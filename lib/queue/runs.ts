import { randomUUID } from 'node:crypto';
import { type AbortKind, JobAbortedError } from '../errors.ts';

/** One attempt under way in this process. */
export interface ActiveRun {
  readonly runId: string;
  readonly signal: AbortSignal;
  close(): void;
}

/** The attempts under way in this process: where cancel, lost locks and shutdown find them. */
export interface ActiveRuns {
  open(queue: string, jobId: string, timeoutMs: number): ActiveRun;
  abort(queue: string, jobId: string, kind: AbortKind, message: string): boolean;
  abortAll(kind: AbortKind, message: string): void;
  list(): { queue: string; jobId: string }[];
  readonly size: number;
  /** Resolves when none is under way. */
  idle(): Promise<void>;
}

interface Entry {
  queue: string;
  jobId: string;
  controller: AbortController;
}

export function createActiveRuns(): ActiveRuns {
  const entries = new Map<string, Entry>();
  let waiters: (() => void)[] = [];

  function open(queue: string, jobId: string, timeoutMs: number): ActiveRun {
    const runId = randomUUID();
    const controller = new AbortController();
    entries.set(runId, { queue, jobId, controller });
    const timer = setTimeout(() => controller.abort(new JobAbortedError('timeout', `Timed out after ${timeoutMs} ms`)), timeoutMs);
    return {
      runId,
      signal: controller.signal,
      close() {
        clearTimeout(timer);
        entries.delete(runId);
        if (entries.size === 0) wake();
      },
    };
  }

  function wake(): void {
    const woken = waiters;
    waiters = [];
    for (const resolve of woken) resolve();
  }

  function abort(queue: string, jobId: string, kind: AbortKind, message: string): boolean {
    const matching = [...entries.values()].filter((entry) => entry.queue === queue && entry.jobId === jobId);
    for (const { controller } of matching) controller.abort(new JobAbortedError(kind, message));
    return matching.length > 0;
  }

  return {
    open,
    abort,
    abortAll: (kind, message) => {
      for (const { controller } of entries.values()) controller.abort(new JobAbortedError(kind, message));
    },
    list: () => [...entries.values()].map(({ queue, jobId }) => ({ queue, jobId })),
    get size() {
      return entries.size;
    },
    idle: () => (entries.size === 0 ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve))),
  };
}
