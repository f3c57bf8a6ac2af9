import type { Provider } from '../db/mail-types.ts';
import { PermanentError } from '../errors.ts';

/** All that differs between the servers of Google, Microsoft, … in OAuth. */
export interface ProviderDescription {
  name: Provider;
  /** As people call it. */
  label: string;
  /** What its id tokens may name as their maker; the first is the usual one. */
  issuers: readonly [string, ...string[]];
  authUrl: string;
  tokenUrl: string;
  revokeUrl: string;
  clientId: string;
  clientSecret: string;
  /** Where client id and secret come from; for error messages. */
  variables: string;
  /** Asked for. */
  scopes: readonly string[];
  /** One of these must be granted; a user may untick single ones. */
  needed: readonly string[];
  /** What the needed scope lets us do, for the user who has unticked it. */
  neededFor: string;
  /** Added to the address of the consent page. */
  consent: Readonly<Record<string, string>>;
  /** Where a user takes back what was granted. */
  grantsUrl: string;
}

const GMAIL = 'https://www.googleapis.com/auth/gmail';

export interface GoogleOptions {
  clientId: string;
  clientSecret: string;
  /** Instead of Google's own. Plain HTTP only on this machine. */
  authUrl?: string | undefined;
  tokenUrl?: string | undefined;
}

/** Throws `PermanentError` `insecure_url` for a server elsewhere over plain HTTP: tokens would travel in the open. */
export function describeGoogle(options: GoogleOptions): ProviderDescription {
  const authUrl = secure('GOOGLE_AUTH_URL', options.authUrl ?? 'https://accounts.google.com/o/oauth2/v2/auth');
  const tokenUrl = secure('GOOGLE_TOKEN_URL', options.tokenUrl ?? 'https://oauth2.googleapis.com/token');
  return {
    name: 'google',
    label: 'Google',
    // Google documents both; a server that stands in for it may name itself.
    issuers: ['https://accounts.google.com', 'accounts.google.com', ...(options.authUrl === undefined ? [] : namesOf(authUrl))],
    authUrl: authUrl.href,
    tokenUrl: tokenUrl.href,
    // Beside the token endpoint: https://oauth2.googleapis.com/revoke.
    revokeUrl: new URL('revoke', tokenUrl).href,
    clientId: options.clientId,
    clientSecret: options.clientSecret,
    variables: 'GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET',
    scopes: ['openid', 'email', `${GMAIL}.readonly`],
    needed: [`${GMAIL}.readonly`, `${GMAIL}.modify`, 'https://mail.google.com/'],
    neededFor: 'read your mail',
    // A refresh token comes only with offline access, and the second time only when consent is asked for again.
    consent: { access_type: 'offline', prompt: 'consent', include_granted_scopes: 'true' },
    grantsUrl: 'https://myaccount.google.com/permissions',
  };
}

function secure(variable: string, written: string): URL {
  const url = new URL(written);
  if (url.protocol === 'https:' || isLoopback(url)) return url;
  throw new PermanentError(`${variable} must be https: over plain HTTP only a server on this machine (127.0.0.1, localhost) may be used`, {
    code: 'insecure_url',
  });
}

/** A server on this machine goes by more than one name. */
function namesOf(url: URL): string[] {
  return isLoopback(url) ? [url.origin, `${url.protocol}//localhost:${url.port}`] : [url.origin];
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}
