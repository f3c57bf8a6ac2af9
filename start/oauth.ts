import type { Alerts } from '../lib/alerts/contract.ts';
import { systemClock } from '../lib/clock.ts';
import type { Config } from '../lib/config.ts';
import type { Connection } from '../lib/db/mail-types.ts';
import type { Logger } from '../lib/log.ts';
import { createAccounts } from '../lib/oauth/accounts.ts';
import type { Accounts } from '../lib/oauth/contract.ts';
import { createDisconnect, type Disconnect } from '../lib/oauth/disconnect.ts';
import { createProviders, type ProviderSettings } from '../lib/oauth/providers.ts';
import { createRoundTrip, type RoundTrip } from '../lib/oauth/round-trip.ts';
import { createVault } from '../lib/oauth/vault.ts';
import type { Connections } from './connections.ts';

/** Connected accounts: for those who call their provider, and for the routes that connect and disconnect them. */
export interface OAuthParts {
  accounts: Accounts;
  roundTrip: RoundTrip;
  disconnect: Disconnect;
}

export type OAuthConfig = ProviderSettings & Pick<Config, 'tokenKeys'> & { api: Pick<Config['api'], 'publicUrl' | 'corsOrigins'> };

/** `onConnected`: what is to follow on a new account; not waited for. Throws `PermanentError` for keys and addresses that cannot be used. */
export function createOAuth(
  config: OAuthConfig,
  { backend, db, alerts }: Pick<Connections, 'backend' | 'db'> & { alerts: Pick<Alerts, 'stored'> },
  log: Logger,
  onConnected?: (connection: Connection) => Promise<void>,
): OAuthParts {
  const vault = createVault(config.tokenKeys);
  const providers = createProviders(config);
  const shared = { connections: db.connections, vault, providers, clock: systemClock, log };
  const { publicUrl, corsOrigins: returnOrigins } = config.api;
  return {
    accounts: createAccounts({ ...shared, store: backend.store, alerts }),
    roundTrip: createRoundTrip({ ...shared, publicUrl, returnOrigins, ...(onConnected ? { onConnected } : {}) }),
    disconnect: createDisconnect(shared),
  };
}
