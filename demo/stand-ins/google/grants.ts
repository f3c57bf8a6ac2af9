/** What accounts have allowed to clients, and the tokens that stand for it. */
import { randomBytes } from 'node:crypto';
import type { StandInClock } from './clock.ts';

/** One consent of one account. */
export interface Grant {
  email: string;
  scopes: readonly string[];
  revoked: boolean;
}

export interface IssuedTokens {
  accessToken: string;
  expiresInSeconds: number;
  /** Only where one was asked for. */
  refreshToken?: string;
}

interface AccessToken {
  grant: Grant;
  expiresAt: number;
}

export interface Grants {
  /** Whether the account has given this client a refresh token before. */
  isKnown(email: string): boolean;
  /** What the account has granted so far, with refresh tokens. */
  scopesOf(email: string): string[];
  issue(email: string, scopes: readonly string[], offline: boolean): IssuedTokens;
  /** Undefined for a token that is unknown or revoked. */
  refresh(refreshToken: string): (IssuedTokens & { grant: Grant }) | undefined;
  /** Undefined when unknown, expired or revoked. */
  check(accessToken: string): Grant | undefined;
  /** By any of its tokens; false when it is unknown. */
  revokeToken(token: string): boolean;
  /** All grants of an account. */
  revoke(email: string): void;
  /** All access tokens end now. */
  expireAll(): void;
}

export function createGrants(clock: StandInClock, expiresInSeconds: () => number): Grants {
  const access = new Map<string, AccessToken>();
  const refresh = new Map<string, Grant>();

  function issueAccess(grant: Grant): IssuedTokens {
    const accessToken = `ya29.a0${randomBytes(60).toString('base64url')}`;
    access.set(accessToken, { grant, expiresAt: clock.now() + expiresInSeconds() * 1_000 });
    return { accessToken, expiresInSeconds: expiresInSeconds() };
  }
  return {
    isKnown: (email) => [...refresh.values()].some((grant) => grant.email === email && !grant.revoked),
    scopesOf: (email) => [...refresh.values()].flatMap((grant) => (grant.email === email && !grant.revoked ? grant.scopes : [])),
    issue(email, scopes, offline) {
      const grant: Grant = { email, scopes, revoked: false };
      if (!offline) return issueAccess(grant);
      const refreshToken = `1//0${randomBytes(48).toString('base64url')}`;
      refresh.set(refreshToken, grant);
      return { ...issueAccess(grant), refreshToken };
    },
    refresh(refreshToken) {
      const grant = refresh.get(refreshToken);
      return grant && !grant.revoked ? { ...issueAccess(grant), grant } : undefined;
    },
    check(accessToken) {
      const found = access.get(accessToken);
      return found && !found.grant.revoked && clock.now() < found.expiresAt ? found.grant : undefined;
    },
    revokeToken(token) {
      const grant = refresh.get(token) ?? access.get(token)?.grant;
      if (!grant || grant.revoked) return false;
      grant.revoked = true;
      return true;
    },
    revoke(email) {
      for (const grant of [...refresh.values(), ...[...access.values()].map((token) => token.grant)]) grant.revoked ||= grant.email === email;
    },
    expireAll() {
      for (const token of access.values()) token.expiresAt = 0;
    },
  };
}
