/** What accounts have allowed to clients, and the tokens that stand for it. */
import { randomBytes } from 'node:crypto';

/** One consent of one account. */
export interface Grant {
  email: string;
  /** As they were asked for. */
  scopes: readonly string[];
  revoked: boolean;
}

export interface IssuedTokens {
  grant: Grant;
  accessToken: string;
  expiresIn: number;
  /** Only with `offline_access`. */
  refreshToken: string | undefined;
}

export interface Grants {
  issue(email: string, scopes: readonly string[]): IssuedTokens;
  /** Another refresh token each time; the one before works for some minutes more. */
  refresh(refreshToken: string): IssuedTokens | 'revoked' | 'unknown';
  /** Undefined when unknown, expired or revoked. */
  check(accessToken: string): Grant | undefined;
  /** All grants of an account. */
  revoke(email: string): void;
  /** All access tokens end now. */
  expireAll(): void;
}

const ROTATED_LASTS_MS = 5 * 60_000;

/** Such as `Mail.Read`, whatever it was called. */
export const shortScope = (scope: string): string => scope.replace(/^https:\/\/graph\.microsoft\.com\//i, '');

export const hasScope = ({ scopes }: Grant, ...wanted: readonly string[]): boolean =>
  scopes.some((scope) => wanted.some((one) => one.toLowerCase() === shortScope(scope).toLowerCase()));

export function createGrants(now: () => number, expiresInSeconds: number): Grants {
  const access = new Map<string, { grant: Grant; expiresAt: number }>();
  const refresh = new Map<string, { grant: Grant; expiresAt: number }>();

  function issueFor(grant: Grant): IssuedTokens {
    // As long as real ones.
    const accessToken = `eyJ0eXAiOiJKV1QiLCJub25jZSI6.${randomBytes(1_100).toString('base64url')}.${randomBytes(256).toString('base64url')}`;
    access.set(accessToken, { grant, expiresAt: now() + expiresInSeconds * 1_000 });
    const refreshToken = hasScope(grant, 'offline_access') ? `1.AVYA.${randomBytes(600).toString('base64url')}` : undefined;
    if (refreshToken !== undefined) refresh.set(refreshToken, { grant, expiresAt: Number.POSITIVE_INFINITY });
    return { grant, accessToken, expiresIn: expiresInSeconds, refreshToken };
  }
  return {
    issue: (email, scopes) => issueFor({ email, scopes, revoked: false }),
    refresh(refreshToken) {
      const found = refresh.get(refreshToken);
      if (!found || now() >= found.expiresAt) return 'unknown';
      if (found.grant.revoked) return 'revoked';
      found.expiresAt = Math.min(found.expiresAt, now() + ROTATED_LASTS_MS);
      return issueFor(found.grant);
    },
    check(accessToken) {
      const found = access.get(accessToken);
      return found && !found.grant.revoked && now() < found.expiresAt ? found.grant : undefined;
    },
    revoke(email) {
      for (const { grant } of [...refresh.values(), ...access.values()]) grant.revoked ||= grant.email === email;
    },
    expireAll() {
      for (const token of access.values()) token.expiresAt = 0;
    },
  };
}
