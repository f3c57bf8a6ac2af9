import type { Provider } from '../db/mail-types.ts';
import { PermanentError } from '../errors.ts';
import type { Access } from './access.ts';

/** Of an id token; checked by nobody yet. */
export type IdClaims = Readonly<Record<string, unknown>>;

/** All that differs between the servers of Google, Microsoft, … in OAuth. */
export interface ProviderDescription {
  name: Provider;
  /** As people call it. */
  label: string;
  /** Whether `issuer` is one of its names. With the id token that it stands in; without, where it came back with a code (RFC 9207). */
  isIssuer(issuer: string, claims?: IdClaims): boolean;
  /** The account of an id token that was checked: an id that stays, and an address for people. Undefined: it does not say who it is about. */
  identify(claims: IdClaims): { accountId: string; email: string | undefined } | undefined;
  authUrl: string;
  tokenUrl: string;
  /** Undefined: what was granted stays until its user takes it back. */
  revokeUrl: string | undefined;
  clientId: string;
  clientSecret: string;
  /** Where client id and secret come from; for error messages. */
  variables: string;
  /** Asked for always: who it is, and for longer than an hour. */
  identityScopes: readonly string[];
  /** Asked for by what the account is connected for. */
  scopes: Readonly<Record<Access, readonly string[]>>;
  /** What an account is connected for unless something is named. */
  defaultAccess: readonly Access[];
  /** A new grant holds what the account has granted before as well. Else all that is to stay must be asked for again. */
  addsToGrants: boolean;
  /** Added to the address of the consent page. */
  consent: Readonly<Record<string, string>>;
  /** Where its user takes back what was granted. */
  grantsUrl(accountId: string): string;
}

/** Throws `PermanentError` `insecure_url` for a server elsewhere over plain HTTP: tokens would travel in the open. */
export function secure(variable: string, written: string): URL {
  const url = new URL(written);
  if (url.protocol === 'https:' || isLoopback(url)) return url;
  throw new PermanentError(`${variable} must be https: over plain HTTP only a server on this machine (127.0.0.1, localhost) may be used`, {
    code: 'insecure_url',
  });
}

/** A server on this machine goes by more than one name. */
export function namesOf(url: URL): string[] {
  return isLoopback(url) ? [url.origin, `${url.protocol}//localhost:${url.port}`] : [url.origin];
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

export const textOf = (claim: unknown): string | undefined => (typeof claim === 'string' && claim !== '' ? claim : undefined);
