import { AsyncLocalStorage } from 'node:async_hooks';

/** What every log line written below a job or request carries. */
export interface LogContext {
  correlationId?: string;
  queue?: string;
  jobId?: string;
  attempts?: number;
  userId?: string;
  [key: string]: unknown;
}

const storage = new AsyncLocalStorage<LogContext>();

/** Runs `work` with `context` added to the surrounding one. */
export function runWithContext<T>(context: LogContext, work: () => T): T {
  return storage.run({ ...storage.getStore(), ...context }, work);
}

export function currentContext(): Readonly<LogContext> {
  return storage.getStore() ?? {};
}
