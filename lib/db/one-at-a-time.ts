import type { Fetch } from './bounded-fetch.ts';

/** Other work on the same session, when the requests before it have ended. */
type InTurn = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * PGlite has one session, and lite's transactions on it do not keep each other out: two that begin at once are one transaction, with the rights
 * of whoever came last. Here each request waits for the one before it.
 */
export function oneAtATime(fetch: Fetch): { fetch: Fetch; inTurn: InTurn; idle(): Promise<unknown> } {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn: InTurn = (work) => {
    const next = last.then(work);
    last = next.catch(() => {});
    return next;
  };
  return { fetch: (input, init) => inTurn(() => fetch(input, init)), inTurn, idle: () => last };
}
