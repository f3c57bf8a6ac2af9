/** Tokens: POST /{tenant}/oauth2/v2.0/token, GET /{tenant}/discovery/v2.0/keys. */
import { createHash, randomBytes } from 'node:crypto';
import type { SigningKey } from '../google/keys.ts';
import type { ConsentRequest } from './consent.ts';
import { type Grants, hasScope, type IssuedTokens, shortScope } from './grants.ts';
import { type Call, json, type Reply } from './http.ts';
import { guidOf, TENANT_ID } from './ids.ts';
import { NO_STORE, type OAuthFailure, refuseToken } from './oauth-errors.ts';

export interface OAuthDeps {
  client: { id: string; secret: string };
  grants: Grants;
  key(): SigningKey;
  now(): number;
  /** Scopes that the account's owner does not allow, whatever is asked for. */
  withheld(): readonly string[];
}

export interface OAuth {
  /** A code, good for one use within ten minutes. */
  allow(request: ConsentRequest): string;
  token(call: Call): Reply;
  keys(): Reply;
}

export const ISSUER = `https://login.microsoftonline.com/${TENANT_ID}/v2.0`;
const CODE_LASTS_MS = 600_000;
const ID_TOKEN_LASTS_SECONDS = 3_600;

const invalidGrant = (number: number, text: string, suberror?: string): OAuthFailure => ({
  error: 'invalid_grant',
  number,
  text,
  ...(suberror === undefined ? {} : { suberror }),
});

const REVOKED = invalidGrant(50173, 'The provided grant has expired due to it being revoked, a fresh auth token is needed.', 'bad_token');
const UNKNOWN_TOKEN = invalidGrant(70000, 'The provided value for the input parameter refresh_token is not valid.', 'bad_token');

interface Code {
  request: ConsentRequest;
  expiresAt: number;
  used: boolean;
}

export function createOAuth({ client, grants, key, now, withheld }: OAuthDeps): OAuth {
  const codes = new Map<string, Code>();

  function idToken(email: string, scopes: readonly string[], nonce: string | undefined): string {
    const seconds = Math.floor(now() / 1_000);
    return key().sign({
      ver: '2.0',
      iss: ISSUER,
      aud: client.id,
      sub: createHash('sha256').update(`${client.id}\n${email}`).digest('base64url'),
      tid: TENANT_ID,
      // All of these need `profile`.
      ...(scopes.includes('profile') ? { oid: guidOf('user', email), name: nameOf(email), preferred_username: email } : {}),
      ...(scopes.includes('email') ? { email } : {}),
      ...(nonce === undefined ? {} : { nonce }),
      rh: '0.AVYA.',
      uti: randomBytes(16).toString('base64url'),
      iat: seconds,
      nbf: seconds,
      exp: seconds + ID_TOKEN_LASTS_SECONDS,
    });
  }
  function answer({ grant, accessToken, refreshToken, expiresIn }: IssuedTokens, nonce?: string): Reply {
    const names = grant.scopes.map(shortScope);
    const body = {
      token_type: 'Bearer',
      scope: grant.scopes.filter((scope) => !OIDC.has(scope)).join(' '),
      expires_in: expiresIn,
      ext_expires_in: expiresIn,
      access_token: accessToken,
      ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
      ...(names.includes('openid') ? { id_token: idToken(grant.email, names, nonce) } : {}),
    };
    return json(200, body, NO_STORE);
  }
  function exchange(form: URLSearchParams): Reply | OAuthFailure {
    const code = codes.get(form.get('code') ?? '');
    if (!code) return invalidGrant(9002313, 'Invalid request. Request is malformed or invalid.');
    if (code.used)
      return invalidGrant(
        54005,
        'OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.',
      );
    if (now() >= code.expiresAt) return invalidGrant(70008, 'The provided authorization code or refresh token has expired due to inactivity.');
    const { request } = code;
    if (form.get('redirect_uri') !== request.redirectUri)
      return invalidGrant(500112, 'The reply address does not match the reply address provided when requesting Authorization code.');
    const unproved = challengeFailure(request.codeChallenge, form.get('code_verifier'));
    if (unproved) return unproved;
    code.used = true;
    return answer(
      grants.issue(
        request.email,
        request.scopes.filter((scope) => !withheld().includes(shortScope(scope))),
      ),
      request.nonce,
    );
  }
  function refresh(form: URLSearchParams): Reply | OAuthFailure {
    const renewed = grants.refresh(form.get('refresh_token') ?? '');
    if (renewed === 'revoked') return REVOKED;
    if (renewed === 'unknown') return UNKNOWN_TOKEN;
    const asked = (form.get('scope') ?? '').split(' ').filter((scope) => scope !== '' && shortScope(scope) !== '.default');
    const more = asked.find((scope) => !OIDC.has(scope) && !hasScope(renewed.grant, shortScope(scope)));
    if (more !== undefined) return invalidGrant(65001, 'The user or administrator has not consented to use the application.', 'consent_required');
    return answer(renewed);
  }
  function clientFailure(call: Call, form: URLSearchParams): OAuthFailure | undefined {
    const { id, secret } = clientOf(call, form);
    if (id !== client.id)
      return { error: 'unauthorized_client', number: 700016, text: `Application with identifier '${id}' was not found in the directory.` };
    if (secret === '')
      return {
        error: 'invalid_client',
        number: 7000218,
        text: "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        status: 401,
      };
    return secret === client.secret ? undefined : { error: 'invalid_client', number: 7000215, text: 'Invalid client secret provided.', status: 401 };
  }
  function grant(call: Call): Reply | OAuthFailure {
    const form = new URLSearchParams(call.body);
    const stranger = clientFailure(call, form);
    if (stranger) return stranger;
    const type = form.get('grant_type');
    if (type === 'authorization_code') return exchange(form);
    if (type === 'refresh_token') return refresh(form);
    if (type === null)
      return { error: 'invalid_request', number: 900144, text: "The request body must contain the following parameter: 'grant_type'." };
    return { error: 'unsupported_grant_type', number: 70003, text: `The app requested an unsupported grant type '${type}'.` };
  }
  return {
    allow(request) {
      const code = `1.AVYA.${randomBytes(500).toString('base64url')}`;
      codes.set(code, { request, expiresAt: now() + CODE_LASTS_MS, used: false });
      return code;
    },
    token(call) {
      const outcome = grant(call);
      return 'error' in outcome ? refuseToken(outcome, now()) : outcome;
    },
    keys: () => json(200, { keys: [{ ...key().jwk, issuer: ISSUER }] }),
  };
}

const OIDC = new Set(['openid', 'profile', 'email', 'offline_access']);

const nameOf = (email: string): string => email.replace(/@.*/, '');

function challengeFailure(challenge: string | undefined, verifier: string | null): OAuthFailure | undefined {
  if (challenge === undefined) return undefined;
  if (verifier === null)
    return invalidGrant(50148, 'The code_verifier does not match the code_challenge supplied in the authorization request for PKCE.');
  if (createHash('sha256').update(verifier).digest('base64url') === challenge) return undefined;
  return invalidGrant(501481, 'The Code_Verifier does not match the code_challenge supplied in the authorization request.');
}

/** In the body or as basic authentication. */
function clientOf({ headers }: Call, form: URLSearchParams): { id: string; secret: string } {
  const basic = /^Basic (.+)$/i.exec(headers.authorization ?? '')?.[1];
  if (basic === undefined) return { id: form.get('client_id') ?? '', secret: form.get('client_secret') ?? '' };
  const [id = '', secret = ''] = Buffer.from(basic, 'base64').toString().split(':');
  return { id: decodeURIComponent(id), secret: decodeURIComponent(secret) };
}
