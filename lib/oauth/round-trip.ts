/**
 * The way to a provider's consent page and back. It is bound on all sides: a state that is good once and for ten minutes (its hash is stored), PKCE,
 * a nonce in the id token, and, where a user's browser set out, a cookie of that browser. Without the cookie anybody could hand out the link of
 * his own round trip and receive the mailbox of whoever follows it.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { generateRandomCodeVerifier, generateRandomNonce, generateRandomState } from 'oauth4webapi';
import { type Clock, MINUTE } from '../clock.ts';
import type { Connection, ConnectionSecrets, ConnectionsTable, OAuthState, Provider } from '../db/mail-types.ts';
import { HivepulseError, messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { ACCESS, type Access, allows } from './access.ts';
import type { Grant, OAuthClient } from './client.ts';
import { refusalOf, tokenFailure } from './failure.ts';
import { type Providers, providerOf } from './providers.ts';
import { createReturnCheck } from './return-address.ts';
import type { TripFailure } from './trip-failures.ts';
import { openTrip, sealTrip } from './trip-secrets.ts';
import { tokenContext, type Vault } from './vault.ts';

export interface RoundTripDeps {
  connections: Pick<ConnectionSecrets, 'saveState' | 'takeState' | 'save' | 'read'> & Pick<ConnectionsTable, 'list'>;
  vault: Vault;
  providers: Providers;
  /** Without a trailing slash. */
  publicUrl: string;
  /** Browsers may be sent back there, and to `publicUrl`; `*` counts for nothing. */
  returnOrigins: readonly string[];
  clock: Clock;
  log: Logger;
  /** A new account, or one connected again. Not waited for. */
  onConnected?: (connection: Connection) => Promise<void>;
}

export interface Departure {
  userId: string;
  provider: Provider;
  /** What the account is to be connected for; not empty. Default: the provider's. */
  access?: readonly Access[] | undefined;
  returnTo?: string | undefined;
  /** The address to be offered by the consent page. */
  loginHint?: string | undefined;
  /** The cookie of the browser that sets out; null where an app's server asks, which answers for its browser. */
  browser: string | null;
}

export type Arrival = { returnTo: string | null } & (
  | { outcome: 'connected'; connection: Connection }
  /** `missing`: with `scope_missing`, what the account was to be connected for and was not. */
  | { outcome: 'failed'; failure: TripFailure; missing?: readonly Access[] }
);

export interface RoundTrip {
  /** The address of the consent page. Throws `InvalidInputError` for a foreign `returnTo`, `PermanentError` where this cannot be done here. */
  depart(departure: Departure): Promise<{ url: string }>;
  /** What came back. Never rejects: a person waits for the answer. */
  arrive(provider: Provider, parameters: URLSearchParams, browser: string | undefined): Promise<Arrival>;
}

export const TRIP_MS = 10 * MINUTE;
const RANDOM_BYTES = 32;

/** A new cookie. */
export const newBrowserKey = (): string => randomBytes(RANDOM_BYTES).toString('base64url');
/** 256 bits in base64url, as we make cookies and states. */
export const isRandomKey = (text: string): boolean => /^[\w-]{43}$/.test(text);

export function createRoundTrip(deps: RoundTripDeps): RoundTrip {
  const { connections, vault, providers, clock, log } = deps;
  const allowedReturn = createReturnCheck(deps);
  const redirectUri = (provider: Provider): string => `${deps.publicUrl}/api/connections/${provider}/callback`;

  async function depart({ userId, provider, returnTo, loginHint, browser, ...departure }: Departure): Promise<{ url: string }> {
    const client = providerOf(providers, provider);
    const back = returnTo === undefined ? null : allowedReturn(returnTo);
    const { access = client.defaultAccess } = departure;
    const kept = client.addsToGrants ? [] : await grantedBefore({ userId, provider, loginHint });
    const scopes = scopesFor(client, new Set([...access, ...kept]));
    const trip = { state: generateRandomState(), verifier: generateRandomCodeVerifier(), nonce: generateRandomNonce() };
    const id = hashOf(trip.state);
    await connections.saveState({
      id,
      userId,
      provider,
      secrets: sealTrip(vault, { id, userId, provider }, { verifier: trip.verifier, nonce: trip.nonce, access: [...access], asked: scopes }),
      browser: browser === null ? null : hashOf(browser),
      returnTo: back,
      expiresAt: new Date(clock.now() + TRIP_MS).toISOString(),
    });
    return { url: await client.consentUrl({ ...trip, redirectUri: redirectUri(provider), scopes, loginHint }) };
  }

  /** What the user's accounts there are connected for; of the hinted one alone, where it is known. Whichever is chosen in the end loses nothing. */
  async function grantedBefore({ userId, provider, loginHint }: Pick<Departure, 'userId' | 'provider' | 'loginHint'>): Promise<Access[]> {
    const known = await connections.list({ userId, provider });
    const hinted = known.filter(({ email }) => email.toLowerCase() === loginHint?.toLowerCase());
    const accounts = hinted.length > 0 ? hinted : known;
    return ACCESS.filter((access) => accounts.some((account) => allows(account, access)));
  }

  async function arrive(provider: Provider, parameters: URLSearchParams, browser: string | undefined): Promise<Arrival> {
    const [state = '', ...more] = parameters.getAll('state');
    const taken = isRandomKey(state) && more.length === 0 ? await take(state) : undefined;
    if (taken === 'unavailable') return { outcome: 'failed', failure: 'internal_error', returnTo: null };
    if (taken === undefined || taken.provider !== provider) return { outcome: 'failed', failure: 'link_expired', returnTo: null };
    const { returnTo } = taken;
    const failure = (reason: TripFailure, detail?: string, missing?: readonly Access[]): Arrival => {
      log.warn({ event: 'oauth.not_connected', provider, userId: taken.userId, reason, detail }, 'account not connected');
      return { outcome: 'failed', failure: reason, ...(missing === undefined ? {} : { missing }), returnTo };
    };
    if (taken.browser !== null && !isHashOf(browser ?? '', taken.browser)) return failure('wrong_browser');
    try {
      const connected = await receive(taken, state, parameters);
      if (typeof connected === 'string') return failure(connected);
      if ('missing' in connected) return failure('scope_missing', connected.missing.join(), connected.missing);
      announce(connected);
      return { outcome: 'connected', connection: connected, returnTo };
    } catch (error) {
      return failure(...explain(error, providers[provider]));
    }
  }

  async function take(state: string): Promise<OAuthState | 'unavailable' | undefined> {
    try {
      return await connections.takeState(hashOf(state));
    } catch (error) {
      log.warn({ event: 'oauth.not_connected', reason: 'internal_error', error: messageOf(error) }, 'account not connected');
      return 'unavailable';
    }
  }

  async function receive(taken: OAuthState, state: string, parameters: URLSearchParams): Promise<Connection | TripFailure | { missing: Access[] }> {
    const { userId, provider } = taken;
    const { verifier, nonce, access, asked } = openTrip(vault, taken);
    const grant = await providerOf(providers, provider).exchange(parameters, { state, verifier, nonce, redirectUri: redirectUri(provider) });
    if (grant.email === undefined) return 'identity_refused';
    const scopes = grant.scopes ?? asked;
    const missing = access.filter((one) => !allows({ provider, scopes }, one));
    if (missing.length > 0) return { missing };
    const owner = { userId, provider, accountId: grant.accountId };
    if (grant.refreshToken === undefined && !(await hasRefreshToken(owner))) return 'no_refresh_token';
    return save({ ...owner, email: grant.email, scopes }, grant);
  }

  async function hasRefreshToken({ userId, provider, accountId }: Pick<Connection, 'userId' | 'provider' | 'accountId'>): Promise<boolean> {
    const known = (await connections.list({ userId, provider })).find((connection) => connection.accountId === accountId);
    // One that has been refused before is of no use.
    return known?.status === 'active' && (await connections.read(known.id))?.tokens.refreshToken != null;
  }

  function save(account: Pick<Connection, 'userId' | 'provider' | 'accountId' | 'email' | 'scopes'>, grant: Grant): Promise<Connection> {
    return connections.save({
      ...account,
      accessToken: vault.seal(grant.accessToken, tokenContext(account, 'access')),
      ...(grant.refreshToken === undefined ? {} : { refreshToken: vault.seal(grant.refreshToken, tokenContext(account, 'refresh')) }),
      accessExpiresAt: grant.accessExpiresAt,
    });
  }

  function announce(connection: Connection): void {
    const { id, userId, provider } = connection;
    log.info({ event: 'oauth.connected', connectionId: id, userId, provider }, 'account connected');
    deps.onConnected?.(connection).catch((error: unknown) => {
      log.warn({ event: 'oauth.after_connecting_failed', connectionId: id, error: messageOf(error) }, 'a step after connecting failed');
    });
  }

  return { depart, arrive };
}

const scopesFor = ({ identityScopes, scopes }: OAuthClient, wanted: ReadonlySet<Access>): string[] => [
  ...identityScopes,
  ...ACCESS.filter((access) => wanted.has(access)).flatMap((access) => scopes[access]),
];

function explain(error: unknown, client: OAuthClient | undefined): [TripFailure, string?] {
  const refusal = refusalOf(error);
  if (refusal !== undefined) return [refusal === 'access_denied' ? 'access_denied' : 'provider_refused', refusal];
  if (error instanceof HivepulseError) return [error.retryable ? 'internal_error' : 'not_configured', error.code];
  if (client === undefined) return ['internal_error'];
  const failure = tokenFailure(error, client);
  if (failure.kind === 'refused') return ['code_refused', failure.reason];
  return [BY_CODE[failure.error.code] ?? 'internal_error', failure.error.code];
}

const BY_CODE: Readonly<Record<string, TripFailure>> = {
  provider_unavailable: 'provider_unavailable',
  provider_auth: 'not_configured',
  provider_rejected: 'code_refused',
  provider_malformed: 'identity_refused',
};

const hashOf = (text: string): string => createHash('sha256').update(text).digest('base64url');

function isHashOf(text: string, hash: string): boolean {
  const [one, other] = [Buffer.from(hashOf(text)), Buffer.from(hash)];
  return one.length === other.length && timingSafeEqual(one, other);
}
