import type { Config } from '../config.ts';
import type { Provider } from '../db/mail-types.ts';
import { PermanentError } from '../errors.ts';
import { createOAuthClient, type OAuthClient } from './client.ts';
import { describeGoogle } from './providers/google.ts';
import { describeMicrosoft } from './providers/microsoft.ts';

/** Those that the environment names. */
export type Providers = Readonly<Partial<Record<Provider, OAuthClient>>>;

export interface ProviderSettings {
  google: Pick<Config['google'], 'clientId' | 'clientSecret' | 'authUrl' | 'tokenUrl'>;
  microsoft: Pick<Config['microsoft'], 'clientId' | 'clientSecret' | 'tenantId' | 'authUrl' | 'tokenUrl'>;
}

/** Throws `PermanentError` `insecure_url`. */
export function createProviders({ google, microsoft }: ProviderSettings): Providers {
  return {
    ...(isNamed(google) ? { google: createOAuthClient(describeGoogle(google)) } : {}),
    ...(isNamed(microsoft) ? { microsoft: createOAuthClient(describeMicrosoft(microsoft)) } : {}),
  };
}

interface OAuthClientNames {
  clientId?: string;
  clientSecret?: string;
}

const isNamed = <S extends OAuthClientNames>(settings: S): settings is S & Required<OAuthClientNames> =>
  settings.clientId !== undefined && settings.clientSecret !== undefined;

const VARIABLES = {
  google: 'GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET',
  microsoft: 'MICROSOFT_CLIENT_ID and MICROSOFT_CLIENT_SECRET',
} as const;

/** Throws `PermanentError` `provider_not_configured`. */
export function providerOf(providers: Providers, name: Provider): OAuthClient {
  const provider = providers[name];
  if (provider) return provider;
  throw new PermanentError(`Nobody can connect a ${name} account here: set ${VARIABLES[name]}`, { code: 'provider_not_configured' });
}
