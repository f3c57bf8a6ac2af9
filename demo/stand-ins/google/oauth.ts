/** Tokens: POST /token and /revoke, GET /oauth2/v3/certs. Errors as RFC 6749 and Google have them. */
import { createHash, randomBytes } from 'node:crypto';
import type { StandInClock } from './clock.ts';
import type { ConsentRequest } from './consent.ts';
import type { Grants, IssuedTokens } from './grants.ts';
import { type Call, json, type Reply } from './http.ts';
import type { SigningKey } from './keys.ts';

export interface Client {
  id: string;
  secret: string;
  /** Left out: any. */
  redirectUris?: readonly string[] | undefined;
}

export interface OAuthDeps {
  client: Client;
  grants: Grants;
  key(): SigningKey;
  clock: StandInClock;
  subOf(email: string): string;
  /** Scopes that the account's owner does not allow, whatever is asked for. */
  withheld(): readonly string[];
}

export interface OAuth {
  /** A code, good for one use within ten minutes. */
  allow(request: ConsentRequest): string;
  token(call: Call): Reply;
  revoke(call: Call): Reply;
  certs(): Reply;
}

const ISSUER = 'https://accounts.google.com';
const CODE_LASTS_MS = 600_000;
const ID_TOKEN_LASTS_SECONDS = 3_600;

const NO_STORE = { 'cache-control': 'no-cache, no-store, max-age=0, must-revalidate', pragma: 'no-cache' };

const oauthError = (status: number, error: string, description: string): Reply => json(status, { error, error_description: description }, NO_STORE);

interface Code {
  request: ConsentRequest;
  expiresAt: number;
}

interface IdClaims {
  email: string;
  scopes: readonly string[];
  nonce?: string | undefined;
}

export function createOAuth({ client, grants, key, clock, subOf, withheld }: OAuthDeps): OAuth {
  const codes = new Map<string, Code>();

  function idToken({ email, nonce }: IdClaims, accessToken: string): string {
    const iat = Math.floor(clock.now() / 1_000);
    const at_hash = createHash('sha256').update(accessToken).digest().subarray(0, 16).toString('base64url');
    const claims = { iss: ISSUER, azp: client.id, aud: client.id, sub: subOf(email), email, email_verified: true, at_hash };
    return key().sign({ ...claims, ...(nonce === undefined ? {} : { nonce }), iat, exp: iat + ID_TOKEN_LASTS_SECONDS });
  }
  function answer(tokens: IssuedTokens, about: IdClaims): Reply {
    const body = {
      access_token: tokens.accessToken,
      expires_in: tokens.expiresInSeconds,
      ...(tokens.refreshToken === undefined ? {} : { refresh_token: tokens.refreshToken }),
      scope: about.scopes.join(' '),
      token_type: 'Bearer',
      ...(about.scopes.includes('openid') ? { id_token: idToken(about, tokens.accessToken) } : {}),
    };
    return json(200, body, NO_STORE);
  }
  function exchange(form: URLSearchParams): Reply {
    const code = codes.get(form.get('code') ?? '');
    codes.delete(form.get('code') ?? '');
    if (!code || clock.now() >= code.expiresAt) return oauthError(400, 'invalid_grant', 'Bad Request');
    const { request } = code;
    if (form.get('redirect_uri') !== request.redirectUri) return oauthError(400, 'redirect_uri_mismatch', 'Bad Request');
    if (!isVerified(request.codeChallenge, form.get('code_verifier'))) return oauthError(400, 'invalid_grant', 'Invalid code verifier.');
    const granted = new Set([...request.scopes, ...(request.incremental ? grants.scopesOf(request.email) : [])]);
    const scopes = [...granted].filter((scope) => !withheld().includes(scope));
    const wantsRefreshToken = request.offline && (request.forced || !grants.isKnown(request.email));
    return answer(grants.issue(request.email, scopes, wantsRefreshToken), { email: request.email, scopes, nonce: request.nonce });
  }
  function refresh(form: URLSearchParams): Reply {
    const renewed = grants.refresh(form.get('refresh_token') ?? '');
    return renewed ? answer(renewed, renewed.grant) : oauthError(400, 'invalid_grant', 'Token has been expired or revoked.');
  }
  return {
    allow(request) {
      const code = `4/0A${randomBytes(40).toString('base64url')}`;
      codes.set(code, { request, expiresAt: clock.now() + CODE_LASTS_MS });
      return code;
    },
    token(call) {
      const form = new URLSearchParams(call.body);
      if (!isClient(call, form, client)) return oauthError(401, 'invalid_client', 'The OAuth client was not found.');
      const type = form.get('grant_type');
      if (type === 'authorization_code') return exchange(form);
      if (type === 'refresh_token') return refresh(form);
      return oauthError(400, 'unsupported_grant_type', `Invalid grant_type: ${type}`);
    },
    revoke(call) {
      const token = new URLSearchParams(call.body).get('token') ?? call.query.get('token') ?? '';
      return grants.revokeToken(token) ? json(200, {}) : oauthError(400, 'invalid_token', 'Token expired or revoked');
    },
    certs: () => json(200, { keys: [key().jwk] }, { 'cache-control': 'public, max-age=3600' }),
  };
}

/** Without a challenge nothing has to match. */
function isVerified(challenge: string | undefined, verifier: string | null): boolean {
  if (challenge === undefined) return true;
  return verifier !== null && createHash('sha256').update(verifier).digest('base64url') === challenge;
}

/** In the body or as basic authentication. */
function isClient({ headers }: Call, form: URLSearchParams, client: Client): boolean {
  const basic = /^Basic (.+)$/i.exec(headers.authorization ?? '')?.[1];
  if (basic === undefined) return form.get('client_id') === client.id && form.get('client_secret') === client.secret;
  const [id = '', secret = ''] = Buffer.from(basic, 'base64').toString().split(':');
  return decodeURIComponent(id) === client.id && decodeURIComponent(secret) === client.secret;
}
