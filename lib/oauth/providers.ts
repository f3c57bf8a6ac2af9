import type { Config } from '../config.ts';
import type { Provider } from '../db/mail-types.ts';
import { PermanentError } from '../errors.ts';
import { createOAuthClient, type OAuthClient } from './client.ts';
import { describeGoogle } from './provider.ts';

/** Those that the environment names. */
export type Providers = Readonly<Partial<Record<Provider, OAuthClient>>>;

export interface ProviderSettings {
  google: Pick<Config['google'], 'clientId' | 'clientSecret' | 'authUrl' | 'tokenUrl'>;
}

/** Throws `PermanentError` `insecure_url`. */
export function createProviders({ google }: ProviderSettings): Providers {
  const { clientId, clientSecret, authUrl, tokenUrl } = google;
  if (clientId === undefined || clientSecret === undefined) return {};
  return { google: createOAuthClient(describeGoogle({ clientId, clientSecret, authUrl, tokenUrl })) };
}

const VARIABLES = {
  google: 'GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET',
  microsoft: 'MICROSOFT_CLIENT_ID and MICROSOFT_CLIENT_SECRET',
} as const;

/** Throws `PermanentError`: `not_there_yet`, `provider_not_configured`. */
export function providerOf(providers: Providers, name: Provider): OAuthClient {
  const provider = providers[name];
  if (provider) return provider;
  if (name === 'microsoft') throw new PermanentError('Microsoft accounts cannot be connected yet; Google accounts can', { code: 'not_there_yet' });
  throw new PermanentError(`Nobody can connect a ${name} account here: set ${VARIABLES[name]}`, { code: 'provider_not_configured' });
}
