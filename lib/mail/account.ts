import type { Connection } from '../db/mail-types.ts';
import type { Db } from '../db/types.ts';
import { PermanentError } from '../errors.ts';
import { hasAccess } from '../oauth/access.ts';

/** Whose mailbox a fetch is about: the account it names, or the user's only one. Throws `PermanentError` with what mends it. */
export async function chooseAccount(
  { userId, connectionId }: { userId: string; connectionId?: string | undefined },
  connections: Pick<Db['connections'], 'get' | 'list'>,
): Promise<Connection> {
  const found = connectionId === undefined ? await onlyOne(userId, connections) : await connections.get(connectionId);
  if (found?.userId !== userId || found.provider !== 'google') throw notConnected(connectionId);
  if (found.status === 'reauth_required') {
    const message = `The account ${found.id} must be connected again: Google no longer accepts its grant. Open /api/connections/google/start`;
    throw new PermanentError(message, { code: 'reauth_required', details: { connectionId: found.id } });
  }
  if (!hasAccess(found, 'mail')) throw notForMail(found.id);
  return found;
}

async function onlyOne(userId: string, connections: Pick<Db['connections'], 'list'>): Promise<Connection | undefined> {
  const all = await connections.list({ userId, provider: 'google' });
  const mailboxes = all.filter((account) => hasAccess(account, 'mail'));
  const accounts = mailboxes.length > 0 ? mailboxes : all.slice(0, 1);
  if (accounts.length > 1) {
    throw new PermanentError('The user has connected several Google accounts: name one in connectionId', {
      code: 'connection_needed',
      details: { connectionIds: accounts.map(({ id }) => id) },
    });
  }
  return accounts[0];
}

function notConnected(connectionId: string | undefined): PermanentError {
  const what = connectionId === undefined ? 'The user has not connected a Google account' : `The user has no Google account ${connectionId}`;
  return new PermanentError(`${what}: open /api/connections/google/start`, { code: 'not_connected' });
}

function notForMail(connectionId: string): PermanentError {
  const message = `The Google account ${connectionId} was not connected for mail: open /api/connections/google/start?access=mail`;
  return new PermanentError(message, { code: 'not_connected', details: { connectionId } });
}
