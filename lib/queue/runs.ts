import { randomUUID } from 'node:crypto';
import { type AbortKind, JobAbortedError } from '../errors.ts';

/** One attempt under way in this process. */
export interface ActiveRun {
  /** Made, like the signal, when it is first asked for: a short job costs less than they do. */
  readonly runId: string;
  readonly signal: AbortSignal;
  /** Why the run was stopped, if it was. */
  readonly stopped: JobAbortedError | undefined;
  /** Called when the run is stopped; at once when it has been. One callback per run. */
  onStop(callback: (reason: JobAbortedError) => void): void;
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
  stop(reason: JobAbortedError): void;
}

export function createActiveRuns(): ActiveRuns {
  const entries = new Set<Entry>();
  let waiters: (() => void)[] = [];

  function open(queue: string, jobId: string, timeoutMs: number): ActiveRun {
    const { run, stop } = createRun(() => {
      clearTimeout(timer);
      entries.delete(entry);
      if (entries.size === 0) wake();
    });
    const entry: Entry = { queue, jobId, stop };
    entries.add(entry);
    const timer = setTimeout(() => stop(new JobAbortedError('timeout', `Timed out after ${timeoutMs} ms`)), timeoutMs);
    return run;
  }

  function wake(): void {
    const woken = waiters;
    waiters = [];
    for (const resolve of woken) resolve();
  }

  function abort(queue: string, jobId: string, kind: AbortKind, message: string): boolean {
    const matching = [...entries].filter((entry) => entry.queue === queue && entry.jobId === jobId);
    for (const { stop } of matching) stop(new JobAbortedError(kind, message));
    return matching.length > 0;
  }

  return {
    open,
    abort,
    abortAll: (kind, message) => {
      for (const { stop } of entries) stop(new JobAbortedError(kind, message));
    },
    list: () => [...entries].map(({ queue, jobId }) => ({ queue, jobId })),
    get size() {
      return entries.size;
    },
    idle: () => (entries.size === 0 ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve))),
  };
}

function createRun(close: () => void): { run: ActiveRun; stop: (reason: JobAbortedError) => void } {
  let runId: string | undefined;
  let controller: AbortController | undefined;
  let stopped: JobAbortedError | undefined;
  let callback: ((reason: JobAbortedError) => void) | undefined;
  const run: ActiveRun = {
    get runId() {
      runId ??= randomUUID();
      return runId;
    },
    get signal() {
      controller ??= new AbortController();
      if (stopped && !controller.signal.aborted) controller.abort(stopped);
      return controller.signal;
    },
    get stopped() {
      return stopped;
    },
    onStop(onStop) {
      callback = onStop;
      if (stopped) onStop(stopped);
    },
    close,
  };
  const stop = (reason: JobAbortedError): void => {
    if (stopped) return;
    stopped = reason;
    controller?.abort(reason);
    callback?.(reason);
  };
  return { run, stop };
}
