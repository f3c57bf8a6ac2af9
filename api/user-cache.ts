import { createHash } from 'node:crypto';
import { decodeJwt } from 'jose';
import type { Clock } from '../lib/clock.ts';
import { SECOND } from '../lib/clock.ts';

/** How long a user who signed out, or was removed, may still be let in. */
const REMEMBER_MS = 30 * SECOND;
const MAX_ENTRIES = 5_000;

/** Users behind JWTs, asked for once per 30 s and token. Refusals are not remembered. */
export interface UserCache {
  remembered(jwt: string): { id: string } | undefined;
  /** Throws `UnavailableError` when the Auth server does not answer. */
  find(jwt: string): Promise<{ id: string } | undefined>;
}

export function createUserCache(deps: { userOf(jwt: string): Promise<{ id: string } | undefined>; clock: Clock; maxEntries?: number }): UserCache {
  const maxEntries = deps.maxEntries ?? MAX_ENTRIES;
  // Keyed by hash: a dump of the memory holds no token longer than its request.
  const entries = new Map<string, { id: string; until: number }>();

  function remembered(jwt: string): { id: string } | undefined {
    const key = keyOf(jwt);
    const entry = entries.get(key);
    if (!entry) return undefined;
    if (entry.until > deps.clock.now()) return { id: entry.id };
    entries.delete(key);
    return undefined;
  }

  async function find(jwt: string): Promise<{ id: string } | undefined> {
    const user = await deps.userOf(jwt);
    if (!user) return undefined;
    entries.set(keyOf(jwt), { id: user.id, until: Math.min(deps.clock.now() + REMEMBER_MS, expiryOf(jwt)) });
    const [oldest] = entries.keys();
    if (entries.size > maxEntries && oldest !== undefined) entries.delete(oldest);
    return user;
  }

  return { remembered, find };
}

function keyOf(jwt: string): string {
  return createHash('sha256').update(jwt).digest('base64url');
}

/** Milliseconds since the epoch. The Auth server has checked the token; this only keeps it from being remembered for too long. */
function expiryOf(jwt: string): number {
  try {
    const { exp } = decodeJwt(jwt);
    return exp === undefined ? Number.POSITIVE_INFINITY : exp * SECOND;
  } catch {
    return 0;
  }
}
