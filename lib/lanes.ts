import { UnavailableError } from './errors.ts';

/** Runs work in lanes; see {@link createLanes}. */
export type InLane = <T>(work: () => Promise<T>, signal?: AbortSignal) => Promise<T>;

export interface LanesOptions {
  /** Who comes when so many wait already is turned away with an `UnavailableError` (`too_many_waiting`). Default: no bound. */
  mostWaiting?: number;
}

/** `count` at a time, in the order asked. Who is aborted while waiting leaves the queue at once, with the signal's reason, and holds up nobody. */
export function createLanes(count: number, { mostWaiting = Number.POSITIVE_INFINITY }: LanesOptions = {}): InLane {
  const waiting = new Set<() => void>();
  let free = count;

  async function enter(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (free > 0) {
      free -= 1;
      return;
    }
    if (waiting.size >= mostWaiting) throw new UnavailableError(`${waiting.size} are waiting already`, { code: 'too_many_waiting' });
    const { promise: admitted, resolve, reject } = Promise.withResolvers<void>();
    const leave = (): void => {
      if (waiting.delete(resolve)) reject(signal?.reason);
    };
    waiting.add(resolve);
    signal?.addEventListener('abort', leave, { once: true });
    await admitted.finally(() => signal?.removeEventListener('abort', leave));
  }

  /** The lane goes to whoever has waited longest. */
  function leave(): void {
    const [next] = waiting;
    if (!next) {
      free += 1;
      return;
    }
    waiting.delete(next);
    next();
  }

  return async (work, signal) => {
    await enter(signal);
    try {
      return await work();
    } finally {
      leave();
    }
  };
}
