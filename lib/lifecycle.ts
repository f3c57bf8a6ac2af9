/** Every long-lived part of a process starts and stops the same way. Stopping twice is safe. */
export interface Service {
  readonly name: string;
  start(): Promise<void>;
  /** Ends by `deadline` (see {@link Deadline}), whatever remains to be done. */
  stop(deadline: Deadline): Promise<void>;
}

/** One absolute point on the monotonic clock, passed down a whole shutdown. */
export interface Deadline {
  /** Milliseconds left, never below 0. */
  remainingMs(): number;
}

export function deadlineIn(ms: number): Deadline {
  const end = performance.now() + ms;
  return { remainingMs: () => Math.max(0, end - performance.now()) };
}

/** Resolves to `fallback` when `work` has not ended by the deadline. The timer never keeps a process alive. */
export async function within<T, F>(work: Promise<T>, deadline: Deadline, fallback: F): Promise<T | F> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<F>((resolve) => {
    timer = setTimeout(() => resolve(fallback), deadline.remainingMs());
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    clearTimeout(timer);
  }
}

/** A chore done again `intervalMs` after its last round ended, whatever became of that round; stopping waits for a round under way. */
export function repeating(name: string, round: () => Promise<unknown>, intervalMs: number): Service {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<unknown> = Promise.resolve();
  const tick = (): void => {
    running = round().finally(() => {
      if (timer) timer = setTimeout(tick, intervalMs);
    });
  };
  return {
    name,
    start: async () => {
      timer = setTimeout(tick, intervalMs);
    },
    stop: async (deadline) => {
      clearTimeout(timer);
      timer = undefined;
      await within(running, deadline, undefined);
    },
  };
}

/** Starts in order; when one fails, stops those already started, in reverse, and rethrows. */
export async function startAll(services: readonly Service[], stopWithinMs = 5_000): Promise<void> {
  const started: Service[] = [];
  try {
    for (const service of services) {
      await service.start();
      started.push(service);
    }
  } catch (error) {
    await stopAll(started, deadlineIn(stopWithinMs));
    throw error;
  }
}

/** Stops in reverse order; one that fails to stop does not keep the others from stopping. Returns the failures. */
export async function stopAll(services: readonly Service[], deadline: Deadline): Promise<unknown[]> {
  const failures: unknown[] = [];
  for (const service of [...services].reverse()) {
    await service.stop(deadline).catch((error: unknown) => failures.push(error));
  }
  return failures;
}
