/** Who is behind a JWT: asked of the Supabase Auth server, or checked here when the project's secret or public keys are known. */
import type { JWTPayload, JWTVerifyOptions } from 'jose';
import { messageOf, PermanentError, UnavailableError } from '../errors.ts';
import type { Client } from './rest.ts';
import { isUuid } from './rows.ts';

/**
 * Checking here saves a round trip per request. What it cannot see: a user deleted or signed out since the token was issued
 * passes until the token expires (an hour by default).
 */
export type JwtVerification =
  /** `SUPABASE_JWT_SECRET`: HS256. */
  | { secret: string; issuer?: string }
  /** The project's `/auth/v1/.well-known/jwks.json`. */
  | { jwksUrl: string; issuer?: string };

/** Undefined for a token that is not valid; throws `UnavailableError` when that could not be found out. */
export type UserOf = (jwt: string) => Promise<{ id: string } | undefined>;

export function askAuthServer(auth: Pick<Client['auth'], 'getUser'>): UserOf {
  return async (jwt) => {
    if (!looksLikeJwt(jwt)) return undefined;
    const { data, error } = await auth.getUser(jwt);
    if (!error) return isUuid(data.user.id) ? { id: data.user.id } : undefined;
    // A refusal has a 4xx status; without one there was no answer.
    if (error.status === undefined || error.status === 0 || error.status === 429 || error.status >= 500) {
      throw new UnavailableError(`The auth server did not answer: ${error.message}`, { cause: error });
    }
    return undefined;
  };
}

export function verifyHere(settings: JwtVerification, timeoutMs: number): UserOf {
  const options: JWTVerifyOptions = { audience: 'authenticated', ...(settings.issuer ? { issuer: settings.issuer } : {}) };
  let verify: Promise<(jwt: string) => Promise<JWTPayload>> | undefined;
  return async (jwt) => {
    if (!looksLikeJwt(jwt)) return undefined;
    verify ??= verifier(settings, options, timeoutMs);
    const check = await verify;
    const { errors } = await import('jose');
    try {
      const { sub } = await check(jwt);
      return sub !== undefined && isUuid(sub) ? { id: sub } : undefined;
    } catch (error) {
      // No key of the set fits: somebody else's token. Any other failure to get the set is the network's.
      const refused = error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout) && error.code !== 'ERR_JOSE_GENERIC';
      if (refused) return undefined;
      throw new UnavailableError(`The keys for checking tokens could not be read: ${messageOf(error)}`, { cause: error });
    }
  };
}

async function verifier(settings: JwtVerification, options: JWTVerifyOptions, timeoutMs: number) {
  const { createRemoteJWKSet, jwtVerify } = await import('jose');
  if ('secret' in settings) {
    const key = new TextEncoder().encode(settings.secret);
    return async (jwt: string) => (await jwtVerify(jwt, key, { ...options, algorithms: ['HS256'] })).payload;
  }
  const keys = createRemoteJWKSet(new URL(settings.jwksUrl), { timeoutDuration: timeoutMs });
  return async (jwt: string) => (await jwtVerify(jwt, keys, { ...options, algorithms: ['ES256', 'RS256', 'EdDSA'] })).payload;
}

/** A service key in a JWT's place would be answered as the service role. */
export function requireJwt(jwt: string): string {
  if (looksLikeJwt(jwt)) return jwt;
  throw new PermanentError('Not a JSON Web Token', { code: 'unauthorized' });
}

function looksLikeJwt(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);
}
