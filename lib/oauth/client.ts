import { setTimeout as wait } from 'node:timers/promises';
import {
  type AuthorizationServer,
  allowInsecureRequests,
  authorizationCodeGrantRequest,
  type Client,
  ClientSecretPost,
  calculatePKCECodeChallenge,
  getValidatedIdTokenClaims,
  OperationProcessingError,
  processAuthorizationCodeResponse,
  processRefreshTokenResponse,
  refreshTokenGrantRequest,
  revocationRequest,
  type TokenEndpointResponse,
  validateAuthResponse,
} from 'oauth4webapi';
import { z } from 'zod';
import { type Clock, MINUTE, SECOND, systemClock } from '../clock.ts';
import { type TokenFailure, tokenFailure } from './failure.ts';
import type { IdClaims, ProviderDescription } from './provider.ts';

export interface Tokens {
  accessToken: string;
  /** Absent: the one before stays good. */
  refreshToken?: string;
  /** ISO. */
  accessExpiresAt: string;
  /** Absent: those that were asked for. */
  scopes?: string[];
}

export interface Grant extends Tokens {
  accountId: string;
  email: string | undefined;
}

/** What a round trip must bring back as it took it out. */
export interface Trip {
  state: string;
  verifier: string;
  nonce: string;
  redirectUri: string;
}

export interface ConsentRequest extends Trip {
  scopes: readonly string[];
  loginHint?: string | undefined;
}

/** One provider's OAuth server. */
export interface OAuthClient extends ProviderDescription {
  consentUrl(asked: ConsentRequest): Promise<string>;
  /** Exchanges the code that came back with `parameters`, and checks id token and nonce. Throws as oauth4webapi does; not tried twice: a code is good once. */
  exchange(parameters: URLSearchParams, trip: Trip): Promise<Grant>;
  /** Tried up to three times, for 20 s at most. Never rejects. */
  refresh(refreshToken: string): Promise<{ kind: 'tokens'; tokens: Tokens } | TokenFailure>;
  /** Whether the provider has forgotten the token; false without a call where it has no address for that. Within 5 s; never rejects. */
  revoke(token: string): Promise<boolean>;
}

export interface OAuthClientOptions {
  clock?: Clock;
  /** Between tries; ms. */
  pause?: (ms: number) => Promise<unknown>;
  /** Of one call; ms. Default 10,000. */
  timeoutMs?: number;
}

const TRIES = 3;
/** For all tries together. */
export const REFRESH_WITHIN_MS = 20 * SECOND;
const REVOKE_WITHIN_MS = 5 * SECOND;
const FIRST_PAUSE_MS = 250;
/** For an answer that does not name its tokens' life; RFC 6749 lets it. */
const UNNAMED_LIFE_MS = 5 * MINUTE;

export function createOAuthClient(description: ProviderDescription, options: OAuthClientOptions = {}): OAuthClient {
  const { clock = systemClock, pause = (ms) => wait(ms), timeoutMs = 10 * SECOND } = options;
  const { clientId, clientSecret, authUrl, tokenUrl, revokeUrl } = description;
  const server: AuthorizationServer = {
    // Another one for each answer that names its maker: see `namedIn`.
    issuer: new URL(authUrl).origin,
    authorization_endpoint: authUrl,
    token_endpoint: tokenUrl,
    ...(revokeUrl === undefined ? {} : { revocation_endpoint: revokeUrl }),
  };
  const client: Client = { client_id: clientId };
  const secret = ClientSecretPost(clientSecret);
  /** The description has made sure that only loopback is plain HTTP. */
  const http = (ms: number) => ({ signal: AbortSignal.timeout(ms), [allowInsecureRequests]: tokenUrl.startsWith('http:') });

  /** `server` by the name that it gives itself; throws where that is none of its names. */
  function named(issuer: string, claims?: IdClaims): AuthorizationServer {
    if (!description.isIssuer(issuer, claims)) throw new OperationProcessingError('The answer was not made by this provider');
    return { ...server, issuer };
  }

  /** By the name in the id token of an answer; what is wrong with one that cannot be read, oauth4webapi says. */
  async function namedIn(answer: Response): Promise<AuthorizationServer> {
    const claims = await claimsIn(answer.clone());
    return claims === undefined ? server : named(claims.iss, claims);
  }

  function toTokens(answer: TokenEndpointResponse, askedAt: number): Tokens {
    const lifeMs = answer.expires_in === undefined ? UNNAMED_LIFE_MS : answer.expires_in * SECOND;
    return {
      accessToken: answer.access_token,
      ...(answer.refresh_token ? { refreshToken: answer.refresh_token } : {}),
      accessExpiresAt: new Date(askedAt + lifeMs).toISOString(),
      ...(answer.scope === undefined ? {} : { scopes: answer.scope.split(' ').filter(Boolean) }),
    };
  }

  async function consentUrl({ state, verifier, nonce, redirectUri, scopes, loginHint }: ConsentRequest): Promise<string> {
    const url = new URL(authUrl);
    const asked = {
      response_type: 'code',
      client_id: clientId,
      redirect_uri: redirectUri,
      scope: scopes.join(' '),
      state,
      nonce,
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...description.consent,
      ...(loginHint === undefined ? {} : { login_hint: loginHint }),
    };
    for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
    return url.href;
  }

  async function exchange(parameters: URLSearchParams, { state, verifier, nonce, redirectUri }: Trip): Promise<Grant> {
    const maker = parameters.get('iss');
    const checked = validateAuthResponse(maker === null ? server : named(maker), client, parameters, state);
    const askedAt = clock.now();
    const response = await authorizationCodeGrantRequest(server, client, secret, checked, redirectUri, verifier, http(timeoutMs));
    // The id token comes straight from the token endpoint, over TLS: that stands for its signature (OpenID Connect Core, 3.1.3.7).
    const answer = await processAuthorizationCodeResponse(await namedIn(response), client, response, {
      expectedNonce: nonce,
      requireIdToken: true,
    });
    const account = description.identify({ ...getValidatedIdTokenClaims(answer) });
    if (account === undefined) throw new OperationProcessingError('The id token does not say whose it is');
    return { ...toTokens(answer, askedAt), ...account };
  }

  async function askForTokens(refreshToken: string, withinMs: number): Promise<{ kind: 'tokens'; tokens: Tokens } | TokenFailure> {
    try {
      const askedAt = clock.now();
      const response = await refreshTokenGrantRequest(server, client, secret, refreshToken, http(Math.min(timeoutMs, withinMs)));
      return { kind: 'tokens', tokens: toTokens(await processRefreshTokenResponse(await namedIn(response), client, response), askedAt) };
    } catch (error) {
      return tokenFailure(error, description);
    }
  }

  async function refresh(refreshToken: string): Promise<{ kind: 'tokens'; tokens: Tokens } | TokenFailure> {
    const end = clock.monotonic() + REFRESH_WITHIN_MS;
    for (let tried = 1; ; tried += 1) {
      const answer = await askForTokens(refreshToken, Math.max(1, end - clock.monotonic()));
      // Half of the pause is chance, so that the accounts of a server that has just come back do not all ask at once.
      const pauseMs = FIRST_PAUSE_MS * 3 ** (tried - 1) * (0.5 + Math.random() / 2);
      const again = answer.kind === 'failed' && answer.again && tried < TRIES && clock.monotonic() + pauseMs < end;
      if (!again) return answer;
      await pause(pauseMs);
    }
  }

  async function revoke(token: string): Promise<boolean> {
    if (revokeUrl === undefined) return false;
    try {
      const response = await revocationRequest(server, client, secret, token, http(REVOKE_WITHIN_MS));
      await response.body?.cancel();
      // 400: it does not know the token (any more).
      return response.status === 200 || response.status === 400;
    } catch {
      return false;
    }
  }

  return { ...description, consentUrl, exchange, refresh, revoke };
}

/** What the id token in an answer says, not checked in any way; undefined where there is none that can be read. */
async function claimsIn(answer: Response): Promise<(IdClaims & { iss: string }) | undefined> {
  try {
    const { id_token: token } = idTokenIn.parse(await answer.json());
    return withIssuer.parse(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')));
  } catch {
    return undefined;
  }
}

const idTokenIn = z.object({ id_token: z.string() });
const withIssuer = z.looseObject({ iss: z.string() });
