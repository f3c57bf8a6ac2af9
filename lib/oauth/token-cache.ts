import { type Clock, SECOND } from '../clock.ts';

/** So long a token is handed out without a look at its row: a disconnected account is noticed after that. */
const LOOK_AGAIN_AFTER_MS = 10 * SECOND;
const MOST = 1_000;

export interface TokenCache {
  find(id: string): string | undefined;
  /** `until`: wall clock, ms. */
  keep(id: string, token: string, until: number): void;
  forget(id: string): void;
}

/** Opened tokens in memory, for a moment each: a fetch asks for its token with every call. */
export function createTokenCache(clock: Clock): TokenCache {
  const kept = new Map<string, { token: string; until: number; lookAgainAt: number }>();
  return {
    find(id) {
      const entry = kept.get(id);
      if (entry === undefined || clock.monotonic() >= entry.lookAgainAt || clock.now() >= entry.until) return undefined;
      return entry.token;
    },
    keep(id, token, until) {
      kept.delete(id);
      kept.set(id, { token, until, lookAgainAt: clock.monotonic() + LOOK_AGAIN_AFTER_MS });
      const [oldest] = kept.keys();
      if (kept.size > MOST && oldest !== undefined) kept.delete(oldest);
    },
    forget: (id) => void kept.delete(id),
  };
}
