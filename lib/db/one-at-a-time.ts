import type { Fetch } from './bounded-fetch.ts';

/**
 * PGlite has one session, and lite's transactions on it do not keep each other out: two that begin at once are one transaction, with the rights
 * of whoever came last. Here each request waits for the one before it.
 */
export function oneAtATime(fetch: Fetch): { fetch: Fetch; idle(): Promise<unknown> } {
  let last: Promise<unknown> = Promise.resolve();
  return {
    fetch: (input, init) => {
      const next = last.then(() => fetch(input, init));
      last = next.catch(() => {});
      return next;
    },
    idle: () => last,
  };
}
