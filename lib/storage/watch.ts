import { UnavailableError } from '../errors.ts';

/** Ends a transfer that no longer moves: it looks like a slow one, and would hold its job for ever. */
export interface Watch {
  /** Aborts when the caller's signal does, or when what was waited for did not come. */
  readonly signal: AbortSignal;
  /** From now on this is waited for, so long at most. */
  expect(what: 'source' | 'storage'): void;
  /** Nothing is waited for: whoever reads takes their time. */
  rest(): void;
  /** The promise, or the reason of the signal where that comes first. */
  unlessEnded<T>(promise: Promise<T>): Promise<T>;
}

/** Without a byte for so long a transfer counts as broken, in milliseconds. */
export const STALL_MS = 30_000;

export function createWatch(signal: AbortSignal, stallMs: number): Watch {
  const stalled = new AbortController();
  const both = AbortSignal.any([signal, stalled.signal]);
  let timer: NodeJS.Timeout | undefined;
  /** Of those who wait now: a race against one promise that outlives them all would keep each chunk of a file until its end. */
  const waiting = new Set<(reason: unknown) => void>();
  const end = (): void => {
    for (const leave of waiting) leave(both.reason);
  };
  both.addEventListener('abort', end, { once: true });
  return {
    signal: both,
    expect: (what) => {
      clearTimeout(timer);
      timer = setTimeout(() => stalled.abort(stallOf(what, stallMs)), stallMs);
    },
    rest: () => clearTimeout(timer),
    unlessEnded: async (promise) => {
      const { promise: ended, reject: leave } = Promise.withResolvers<never>();
      waiting.add(leave);
      if (both.aborted) leave(both.reason);
      try {
        return await Promise.race([promise, ended]);
      } finally {
        waiting.delete(leave);
      }
    },
  };
}

function stallOf(what: 'source' | 'storage', stallMs: number): UnavailableError {
  const seconds = stallMs / 1_000;
  return what === 'source'
    ? new UnavailableError(`The file stopped arriving: not a byte for ${seconds} s`, { code: 'source_stalled' })
    : new UnavailableError(`The file storage did not go on for ${seconds} s`, { code: 'storage_timeout' });
}

/** The source's bytes, for as long as both sides go on; `failed` is told why the source itself ended early. */
export async function* watched(source: AsyncIterable<Uint8Array>, watch: Watch, failed: (error: unknown) => void): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      watch.expect('source');
      const { done, value } = await watch.unlessEnded(iterator.next());
      watch.expect('storage');
      if (done) return;
      yield value;
    }
  } catch (error) {
    failed(error);
    throw error;
  } finally {
    // It may be the one that hangs.
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}
