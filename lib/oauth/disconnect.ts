import type { ConnectionSecrets, ConnectionsTable } from '../db/mail-types.ts';
import { HivepulseError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Account } from './account.ts';
import type { Providers } from './providers.ts';
import { tokenContext, type Vault } from './vault.ts';

export interface DisconnectDeps {
  connections: Pick<ConnectionSecrets, 'remove'> & Pick<ConnectionsTable, 'list'>;
  vault: Vault;
  providers: Providers;
  log: Logger;
}

export interface Disconnected {
  /** The provider has forgotten the grant as well. False where it could not be asked, or another user here has the same account. */
  revoked: boolean;
  /** Where the provider leaves that to its user: the page for it. */
  grantsUrl?: string;
}

export type Disconnect = (id: string, options: { userId?: string; keepMessages: boolean }) => Promise<Disconnected | undefined>;

/** Forgets an account here first, whatever its provider says; undefined where there is none. */
export function createDisconnect({ connections, vault, providers, log }: DisconnectDeps): Disconnect {
  /** A provider takes back all that an account has given to this OAuth client, whoever it was given to. */
  async function isSharedStill({ provider, email, accountId }: Account): Promise<boolean> {
    // Not known: the access of a user who still wants it weighs more.
    const others = await connections.list({ provider, email }).catch(() => undefined);
    return others?.some((other) => other.accountId === accountId) ?? true;
  }

  function tokenToRevoke(account: Account): string | undefined {
    const { refreshToken, accessToken } = account.tokens;
    try {
      if (refreshToken !== null) return vault.open(refreshToken, tokenContext(account, 'refresh'));
      return accessToken === null ? undefined : vault.open(accessToken, tokenContext(account, 'access'));
    } catch (error) {
      if (error instanceof HivepulseError) return undefined;
      throw error;
    }
  }

  return async (id, options) => {
    const account = await connections.remove(id, options);
    if (account === undefined) return undefined;
    const provider = providers[account.provider];
    const token = (await isSharedStill(account)) ? undefined : tokenToRevoke(account);
    const revoked = token !== undefined && ((await provider?.revoke(token)) ?? false);
    const { keepMessages } = options;
    log.info(
      { event: 'oauth.disconnected', connectionId: id, userId: account.userId, provider: account.provider, revoked, keepMessages },
      'account disconnected',
    );
    return { revoked, ...(provider && provider.revokeUrl === undefined ? { grantsUrl: provider.grantsUrl(account.accountId) } : {}) };
  };
}
